"""Versions on disk: whole or not at all."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmodel.store import layout, manifest, prune, publish
from tfmodel.store.manifest import Manifest


def a_model(folder: Path, text: str = "graph") -> Path:
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_text(text)
    (folder / "variables" / "variables.index").write_text("index")
    return folder


def a_record(run_key: str = "1-a", owner: str = "uid") -> Manifest:
    return Manifest(
        model="m",
        owner=owner,
        run_id="1",
        run_key=run_key,
        created_at="2026-01-01T00:00:00+00:00",
        tensorflow_version="2.21.0",
        metrics={"accuracy": 0.9, "loss": float("nan")},
    )


def published(store: Path, source: Path, run_key: str = "1-a", owner: str = "uid") -> int:
    return publish.publish(publish.stage(source, store, "m", run_key), store, a_record(run_key, owner))


def test_a_published_version_is_complete_and_recorded(tmp_path: Path) -> None:
    store = tmp_path / "store"
    version = published(store, a_model(tmp_path / "model"))
    folder = layout.version_dir(store, "m", version)
    assert version == 1
    assert layout.complete_versions(store, "m") == [1]
    record = manifest.read(folder)
    assert set(record.files) == {"saved_model.pb", "variables/variables.index"}
    assert manifest.wrong_files(folder, record) == []
    assert record.digest.startswith("sha256:")
    assert record.metrics["loss"] != record.metrics["loss"]


def test_numbers_rise_and_are_never_given_twice(tmp_path: Path) -> None:
    store, source = tmp_path / "store", a_model(tmp_path / "model")
    assert [published(store, source, f"{number}-a") for number in range(3)] == [1, 2, 3]
    (store / "m" / "7").mkdir()
    assert published(store, source, "9-a") == 8


def test_a_crash_before_the_rename_leaves_no_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, source = tmp_path / "store", a_model(tmp_path / "model")
    staging = publish.stage(source, store, "m", "1-a")

    def crash(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", crash)
        with pytest.raises(KeyboardInterrupt):
            publish.publish(staging, store, a_record())
    assert layout.complete_versions(store, "m") == []
    assert layout.taken_numbers(store, "m") == []
    assert published(store, source) == 1


def test_a_run_that_published_before_is_found_again(tmp_path: Path) -> None:
    store = tmp_path / "store"
    version = published(store, a_model(tmp_path / "model"))
    assert publish.published_by(store, "m", owner="uid", run_key="1-a") == version
    assert publish.published_by(store, "m", owner="other", run_key="1-a") is None
    assert publish.published_by(store, "m", owner="uid", run_key="2-a") is None


def test_a_cut_or_changed_file_is_seen(tmp_path: Path) -> None:
    store = tmp_path / "store"
    folder = layout.version_dir(store, "m", published(store, a_model(tmp_path / "model")))
    record = manifest.read(folder)
    (folder / "saved_model.pb").write_text("grap")
    assert manifest.wrong_sizes(folder, record) == ["saved_model.pb"]
    (folder / "saved_model.pb").write_text("GRAPH")
    assert manifest.wrong_sizes(folder, record) == []
    assert manifest.wrong_files(folder, record) == ["saved_model.pb"]
    (folder / "variables" / "variables.index").unlink()
    assert manifest.wrong_sizes(folder, record) == ["variables/variables.index"]


def test_a_full_store_is_an_error_not_a_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, source = tmp_path / "store", a_model(tmp_path / "model")
    staging = publish.stage(source, store, "m", "1-a")

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OSError, match="No space left"):
        publish.publish(staging, store, a_record())


VERSIONS = st.sets(st.integers(1, 50))


@given(VERSIONS, st.integers(1, 10), VERSIONS)
def test_pruning_keeps_the_newest_and_what_is_protected(versions: set[int], keep: int, protected: set[int]) -> None:
    gone = set(prune.to_prune(versions, keep=keep, protected=protected))
    kept = versions - gone
    assert gone <= versions
    assert not gone & protected
    assert len(kept - protected) == min(keep, len(versions - protected))
    assert all(old < new for old in gone for new in kept - protected)


def test_pruned_versions_are_gone(tmp_path: Path) -> None:
    store, source = tmp_path / "store", a_model(tmp_path / "model")
    for number in range(4):
        published(store, source, f"{number}-a")
    assert prune.prune(store, "m", keep=1, protected={2, 4}) == [1]
    assert layout.complete_versions(store, "m") == [2, 3, 4]


def test_a_version_is_readable_by_another_user(tmp_path: Path) -> None:
    source = a_model(tmp_path / "model")
    source.chmod(0o700)
    (source / "saved_model.pb").chmod(0o600)
    folder = layout.version_dir(tmp_path / "store", "m", published(tmp_path / "store", source))
    assert folder.stat().st_mode & 0o777 == 0o755
    assert (folder / "saved_model.pb").stat().st_mode & 0o777 == 0o644


def test_the_mark_is_json_that_others_can_read(tmp_path: Path) -> None:
    folder = layout.version_dir(tmp_path / "store", "m", published(tmp_path / "store", a_model(tmp_path / "model")))
    found = json.loads((folder / layout.MARK).read_text())
    assert found["files"]["saved_model.pb"]["size"] == len("graph")
