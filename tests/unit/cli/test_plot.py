"""`tfmodel plot`: which curves are drawn, from what."""

import json
from pathlib import Path

import pytest
from PIL import Image

from tfmodel.progress import Epoch
from tfmodel.store.layout import HISTORY
from tfmodel_cli import main as cli
from tfmodel_cli.plot import curves

EPOCHS = [
    Epoch(epoch=number, metrics={"loss": 1 / number, "val_loss": 1.5 / number, "accuracy": 1 - 0.5 / number})
    for number in range(1, 6)
]
LINES = "\n".join(one.to_json() for one in EPOCHS)


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    code = cli.main(["plot", *map(str, arguments)])
    found = capsys.readouterr()
    return code, found.out + found.err


def test_what_is_validated_stands_beside_what_is_trained() -> None:
    found = curves(EPOCHS)
    assert {name: list(group) for name, group in found.items()} == {
        "loss": ["loss", "val_loss"],
        "accuracy": ["accuracy"],
    }
    assert found["loss"]["loss"] == ([1, 2, 3, 4, 5], [1.0, 0.5, 1 / 3, 0.25, 0.2])


@pytest.mark.parametrize("form", ["lines", "list", "version"])
def test_the_curves_are_drawn_in_the_terminal_and_as_a_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    target = tmp_path / ("history.jsonl" if form == "lines" else HISTORY)
    target.parent.mkdir(exist_ok=True)
    target.write_text(LINES if form == "lines" else json.dumps([json.loads(line) for line in LINES.splitlines()]))
    picture = tmp_path / "curves.png"
    code, told = run(capsys, tmp_path if form == "version" else target, "--output", picture)
    assert code == 0, told
    assert "val_loss" in told
    assert "accuracy" in told
    with Image.open(picture) as image:
        assert image.size[0] == 840
        assert len(image.convert("RGB").getcolors(1 << 24) or ()) > 10


def test_what_is_no_history_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("nonsense")
    for path, told in ((tmp_path / "file", "tells of no epoch"), (tmp_path, "no history that can be read")):
        code, found = run(capsys, path)
        assert (code, told in found) == (1, True), found
    (tmp_path / "good").write_text(LINES)
    code, found = run(capsys, tmp_path / "good", "--output", tmp_path / "none" / "curves.png")
    assert (code, "--output" in found) == (1, True), found
