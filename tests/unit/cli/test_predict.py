"""`tfmodel predict`: its inputs, its answers, and what it says to those that do not fit."""

from pathlib import Path

import numpy as np
import pytest

from tfmodel.wire import messages
from tfmodel_cli import main as cli
from tfmodel_cli import model_inputs
from tfmodel_cli.errors import CommandError


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    code = cli.main(["predict", *map(str, arguments)])
    found = capsys.readouterr()
    return code, found.out + found.err


@pytest.fixture
def half(saved_models: Path) -> Path:
    return saved_models / "half_plus_two" / "1"


def test_expressions_are_literals_and_a_few_functions() -> None:
    found = model_inputs.from_expressions("a=[[1.0, 2.0]]; b=np.ones((2, 3), dtype=np.float32) ;c='x;y'")
    assert found["a"] == [[1.0, 2.0]]
    assert (found["b"].shape, found["b"].dtype) == ((2, 3), np.float32)
    assert found["c"] == "x;y"


@pytest.mark.parametrize(
    "text",
    [
        "a=__import__('os').system('id')",
        "a=open('/etc/passwd').read()",
        "a=np.load('x')",
        "a=[x for x in range(3)]",
        "a=np.ones((100000, 100000))",
        "a=np.arange(1e12)",
        "a=(lambda: 1)()",
        "a=",
        "no assignment",
        "a=" + "[" * 5000,
    ],
)
def test_anything_else_is_refused_and_nothing_is_run(text: str) -> None:
    with pytest.raises(CommandError, match="--input_exprs"):
        model_inputs.from_expressions(text)


def test_examples_take_their_types_from_their_values() -> None:
    (serialized,) = model_inputs.from_examples("e=[{'age': [22], 'weight': [1.5, 2], 'name': ['Ann']}]")["e"]
    feature = messages.Example.FromString(serialized).features.feature
    assert list(feature["age"].int64_list.value) == [22]
    assert list(feature["weight"].float_list.value) == [1.5, 2.0]
    assert list(feature["name"].bytes_list.value) == [b"Ann"]
    with pytest.raises(CommandError, match="feature age must be numbers or texts"):
        model_inputs.from_examples("e=[{'age': [None]}]")
    with pytest.raises(CommandError, match="expected a list of features by name"):
        model_inputs.from_examples("e=[1]")


def test_files_hold_one_array_or_several(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.arange(3))
    np.savez(tmp_path / "two.npz", a=np.zeros(1), b=np.ones(2))
    found = model_inputs.from_files(f"x={tmp_path}/one.npy;y={tmp_path}/two.npz[b]")
    assert (found["x"].tolist(), found["y"].tolist()) == ([0, 1, 2], [1.0, 1.0])
    for wrong, told in (
        (f"x={tmp_path}/none.npy", "no .npy or .npz file"),
        (f"x={tmp_path}/two.npz", "holds a, b"),
        (f"x={tmp_path}/two.npz[c]", "holds a, b"),
        (f"x={tmp_path}/one.npy[a]", "holds one array"),
    ):
        with pytest.raises(CommandError, match=told):
            model_inputs.from_files(wrong)


def test_pickled_objects_are_not_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(CommandError, match="allow_pickle=False"):
        model_inputs.from_files(f"x={tmp_path}/objects.npy")


def test_the_answer_is_printed_and_saved(half: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    code, told = run(capsys, half, "--input_exprs", "x=[1.0, 2.0]", "--outdir", out)
    assert (code, "Result for output key y:\n[2.5 3. ]" in told) == (0, True), told
    assert np.load(out / "y.npy").tolist() == [2.5, 3.0]
    code, told = run(capsys, half, "--input_exprs", "x=[1.0]", "--outdir", out)
    assert (code, "--overwrite" in told) == (1, True)
    assert run(capsys, half, "--input-exprs", "x=[1.0]", "--outdir", out, "--overwrite")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--input_exprs", "x=[[1.0]]"), "input x: expected float of shape [?], got the shape [1, 1]"),
        (("--input_exprs", "x=['text']"), "input x: expected float of shape [?], got ['text']"),
        (("--input_exprs", "z=[1.0]"), "the signature takes the inputs x; x is missing; z is none"),
        ((), "the signature takes the inputs x; x is missing"),
        (("--signature_def", "none"), "there is no signature none; there is scalar, serving_default"),
        (("--tag_set", "mine"), "tag"),
    ],
)
def test_what_does_not_fit_is_told_in_a_sentence(
    half: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], told: str
) -> None:
    code, found = run(capsys, half, *arguments)
    assert (code, told in found, "Traceback" in found) == (1, True, False), found
