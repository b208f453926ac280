"""What takes long to make is made anew when, and only when, something that it is made from changes."""

from pathlib import Path

import pytest

from testkit import artefacts


class Repository:
    """A repository of two files, and what is made from one of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made = 0
        (folder / "requirements").mkdir()
        (folder / "requirements" / "dev.txt").write_text("a==1")
        (folder / "recipe").write_text("1")

    def make(self, to: Path) -> None:
        self.made += 1
        to.mkdir()
        (to / "model").write_text(str(self.made))

    def get(self, name: str) -> str:
        to = self.folder / name
        return (artefacts.artefact("a", [self.folder / "recipe"], self.make, to) / "model").read_text()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setattr(artefacts, "REPOSITORY", tmp_path)
    monkeypatch.setenv("TFMODEL_CACHE", str(tmp_path / "cache"))
    return Repository(tmp_path)


def test_it_is_made_once_and_no_reader_changes_it_for_the_next(repository: Repository) -> None:
    assert repository.get("first") == "1"
    (repository.folder / "first" / "model").write_text("spoilt")
    assert repository.get("second") == "1"


@pytest.mark.parametrize("changed", ["recipe", "requirements/dev.txt"])
def test_it_is_made_anew_from_what_changed(repository: Repository, changed: str) -> None:
    assert repository.get("first") == "1"
    (repository.folder / changed).write_text("2")
    assert repository.get("second") == "2"


def test_what_could_not_be_made_leaves_nothing(repository: Repository) -> None:
    def fail(to: Path) -> None:
        to.mkdir()
        raise AssertionError("no")

    with pytest.raises(AssertionError, match="no"):
        artefacts.artefact("a", [], fail, repository.folder / "to")
    assert list((repository.folder / "cache" / "artefacts").iterdir()) == []


def test_a_few_are_kept(repository: Repository) -> None:
    for number in range(5):
        (repository.folder / "recipe").write_text(str(number))
        repository.get(f"made-{number}")
    assert len(list((repository.folder / "cache" / "artefacts").iterdir())) == 3
