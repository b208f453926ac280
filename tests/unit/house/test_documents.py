"""The table of the documents' ways names, in each row, an example, a manifest and a test that are there."""

import re
from pathlib import Path

import pytest
import yaml

from tfmodel.api.v1alpha1 import TFModel

REPOSITORY = Path(__file__).resolve().parents[3]
PAGE = (REPOSITORY / "docs" / "from-the-documents.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if re.match(r"\| \d{3} ", line)
]
CODE = re.compile(r"`([^`]+)`")


DEFINED = {
    name
    for file in (REPOSITORY / "tests").rglob("test_*.py")
    for name in re.findall(r"^(?:async )?def (test_\w+)\(", file.read_text(), re.MULTILINE)
}


def named(cell: str, pattern: str) -> list[str]:
    """What a cell names in code's font and the pattern fits."""
    return [text for text in CODE.findall(cell) if re.fullmatch(pattern, text)]


def test_each_document_has_its_sections_in_rows_of_four_cells() -> None:
    assert {row[0][:3] for row in ROWS} == {"000", "001", "002", "003", "004"}
    assert [row for row in ROWS if len(row) != 4 or not all(row)] == []
    assert len({row[0] for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_names_a_manifest_that_is_valid_and_tests_that_are_there(row: list[str]) -> None:
    _section, here, manifest, tests = row
    assert [name for name in named(here, r"examples/\S+") if not (REPOSITORY / name).exists()] == []
    (file,) = named(manifest, r"examples/[\w-]+/tfmodel\.yaml")
    TFModel.model_validate(yaml.safe_load((REPOSITORY / file).read_text()))
    found = named(tests, r"test_\w+")
    assert found
    assert [name for name in found if name not in DEFINED] == []


def test_every_path_that_the_page_names_is_there() -> None:
    paths = [text for text in CODE.findall(PAGE) if re.match(r"(examples|tests|hack|docs)/", text)]
    assert paths
    assert [path for path in paths if not (REPOSITORY / path).exists()] == []
