"""Archives that are unpacked, and those that are refused."""

import io
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmodel.contract import FetchRequest
from tfmodel_trainer.errors import ExportError
from tfmodel_trainer.fetch import archives

REQUEST = FetchRequest(uri="https://host/a", target="/t")


def a_tar(file: Path, *members: tuple[str, bytes | tarfile.TarInfo]) -> Path:
    with tarfile.open(file, "w:gz" if file.name.endswith("gz") else "w") as opened:
        for name, content in members:
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.name = name
            info.size = len(content) if isinstance(content, bytes) else 0
            opened.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return file


def a_zip(file: Path, *members: tuple[str, bytes], mode: int = 0) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            opened.writestr(info, content)
    return file


def refusal(archive: Path, request: FetchRequest = REQUEST) -> tuple[str, str]:
    with pytest.raises(ExportError) as caught:
        archives.unpack(archive, archive.parent / "out", request)
    return caught.value.failure.reason, caught.value.failure.message


@pytest.mark.parametrize("name", ["m.tar", "m.tgz", "m.tar.gz", "m.zip"])
def test_regular_files_are_unpacked(tmp_path: Path, name: str) -> None:
    make = a_zip if name.endswith("zip") else a_tar
    archive = make(tmp_path / name, ("./saved_model.pb", b"graph"), ("variables/a", b""))
    assert archives.is_archive(name)
    archives.unpack(archive, tmp_path / "out", REQUEST)
    found = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert found == {"saved_model.pb", "variables/a"}
    assert (tmp_path / "out" / "saved_model.pb").read_bytes() == b"graph"
    assert (tmp_path / "out" / "saved_model.pb").stat().st_mode & 0o111 == 0


@pytest.mark.parametrize("name", ["../a", "/a", "a/../../b", "a\\b", "a" * 300, "/".join("a" * 40)])
def test_a_path_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    assert refusal(a_zip(tmp_path / "m.zip", (name, b"x")))[0] == "BadArchive"
    (tmp_path / "out").rmdir()
    assert refusal(a_tar(tmp_path / "m.tar", (name, b"x")))[0] == "BadArchive"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.tar", "m.zip", "out"]


@given(st.text(alphabet="./\\a\0~ ", max_size=12))
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    try:
        path = archives.member_path(name)
    except ExportError:
        return
    inside = Path("/t/u")
    assert (inside / path).resolve().is_relative_to(inside)
    assert isinstance(path, PurePosixPath)
    assert (inside / path) != inside


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_what_is_no_regular_file_is_refused(tmp_path: Path, kind: bytes) -> None:
    member = tarfile.TarInfo("link")
    member.type, member.linkname = kind, "/etc/passwd"
    assert refusal(a_tar(tmp_path / "m.tar", ("a", b"x"), ("link", member)))[0] == "BadArchive"


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    assert refusal(a_zip(tmp_path / "m.zip", ("a", b"/etc/passwd"), mode=0o120777))[0] == "BadArchive"


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("names", [("a", "a"), ("a", "a/b"), ("a/b", "a")])
def test_a_file_that_is_there_twice_is_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    assert refusal(a_zip(tmp_path / "m.zip", *((name, b"x") for name in names)))[0] == "BadArchive"


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    zeros = b"\0" * (30 << 20)
    reason, _ = refusal(a_zip(tmp_path / "m.zip", ("a", zeros)))
    assert reason == "SourceTooLarge"
    assert sum(path.stat().st_size for path in (tmp_path / "out").rglob("*")) <= 11 << 20


def test_too_many_files_and_bytes_are_refused(tmp_path: Path) -> None:
    archive = a_tar(tmp_path / "m.tar", *((f"{number}", b"xy") for number in range(4)))
    assert refusal(archive, REQUEST.model_copy(update={"max_files": 3}))[0] == "SourceTooLarge"
    (tmp_path / "again").mkdir()
    archive = archive.rename(tmp_path / "again" / "m.tar")
    assert refusal(archive, REQUEST.model_copy(update={"max_bytes": 7}))[0] == "SourceTooLarge"


@pytest.mark.parametrize("name", ["m.tar", "m.tgz", "m.zip"])
def test_what_is_no_archive_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"nothing of the kind" * 100)
    assert refusal(tmp_path / name)[0] == "BadArchive"


def test_a_cut_archive_is_refused(tmp_path: Path) -> None:
    whole = a_tar(tmp_path / "m.tgz", ("a", bytes(range(256)) * 999)).read_bytes()
    (tmp_path / "m.tgz").write_bytes(whole[: len(whole) // 2])
    assert refusal(tmp_path / "m.tgz")[0] == "BadArchive"
