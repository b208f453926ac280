"""What was seen last: never older than what is known."""

from typing import Any

from tfmodel_operator.cache import Cache
from tfmodel_operator.values import Key

KEY = Key("lab", "iris")


def a_job(version: int, uid: str = "u", owner: str = "o", **more: Any) -> dict[str, Any]:
    metadata = {
        "namespace": "lab",
        "name": "iris-1",
        "uid": uid,
        "resourceVersion": str(version),
        "labels": {"tfmodel.dev/model": "iris"},
        "ownerReferences": [{"uid": owner}],
        "managedFields": ["long"],
    }
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, **more}


def test_an_event_that_lags_behind_does_not_undo_what_a_write_returned() -> None:
    cache = Cache()
    cache.put(a_job(9, status="new"))
    cache.put(a_job(5, status="old"))
    assert (cache.get("Job", "lab", "iris-1") or {})["status"] == "new"


def test_versions_are_compared_as_numbers() -> None:
    cache = Cache()
    cache.put(a_job(9, status="old"))
    cache.put(a_job(10, status="new"))
    assert (cache.get("Job", "lab", "iris-1") or {})["status"] == "new"


def test_a_delete_of_the_one_before_leaves_its_successor() -> None:
    cache = Cache()
    cache.put(a_job(9, uid="second"))
    cache.drop(a_job(8, uid="first"))
    assert cache.get("Job", "lab", "iris-1") is not None
    cache.drop(a_job(10, uid="second"))
    assert cache.get("Job", "lab", "iris-1") is None


def test_what_is_not_in_a_full_list_is_forgotten() -> None:
    cache = Cache()
    cache.put(a_job(9))
    cache.replace_all("Job", [], as_of=9)
    assert cache.get("Job", "lab", "iris-1") is None


def test_children_of_an_earlier_tfmodel_of_the_same_name_are_not_ours() -> None:
    cache = Cache()
    cache.put(a_job(9, owner="earlier"))
    assert cache.owned("Job", KEY, "now") == ()
    assert len(cache.of_model("Job", KEY)) == 1


def test_what_is_never_read_is_not_kept() -> None:
    cache = Cache()
    cache.put(a_job(9))
    assert "managedFields" not in (cache.get("Job", "lab", "iris-1") or {})["metadata"]


def test_what_was_made_while_a_list_was_on_its_way_is_kept() -> None:
    cache = Cache()
    cache.put(a_job(12))
    cache.replace_all("Job", [], as_of=10)
    assert cache.get("Job", "lab", "iris-1") is not None


def test_what_was_deleted_while_a_list_was_on_its_way_does_not_come_back() -> None:
    cache = Cache()
    cache.put(a_job(5))
    cache.drop(a_job(13))
    cache.replace_all("Job", [a_job(5)], as_of=10)
    assert cache.get("Job", "lab", "iris-1") is None


def test_a_late_answer_to_a_write_does_not_bring_back_what_was_deleted() -> None:
    cache = Cache()
    cache.drop(a_job(13))
    cache.put(a_job(12))
    assert cache.get("Job", "lab", "iris-1") is None
    cache.put(a_job(14, uid="successor"))
    assert cache.get("Job", "lab", "iris-1") is not None


def test_ends_that_a_list_confirms_are_forgotten() -> None:
    cache = Cache()
    cache.drop(a_job(13))
    cache.replace_all("Job", [], as_of=13)
    assert cache._deleted == {"Job": {}}


def test_what_left_the_watch_without_being_deleted_comes_back_when_it_is_seen_newer() -> None:
    cache = Cache()
    cache.put(a_job(9))
    cache.drop(a_job(10))
    assert cache.put(a_job(11))
    assert cache.owned("Job", KEY, "o") == (cache.get("Job", "lab", "iris-1"),)


def test_it_is_told_whether_an_object_is_news() -> None:
    cache = Cache()
    assert cache.put(a_job(9))
    assert not cache.put(a_job(9))
    assert not cache.put(a_job(8))
    assert cache.put(a_job(10))
    assert cache.put(a_job(10, uid="successor"))


def test_children_are_found_by_their_model_until_they_are_gone() -> None:
    cache = Cache()
    cache.put(a_job(9))
    assert cache.of_model("Job", Key("lab", "other")) == ()
    cache.replace_all("Job", [], as_of=9)
    assert cache.of_model("Job", KEY) == ()
    assert cache._of_model == {}


def test_a_list_tells_what_it_changed() -> None:
    cache = Cache()
    gone = a_job(9)
    cache.put(gone)
    listed = [a_job(10, uid="successor")]
    assert [one["metadata"]["uid"] for one in cache.replace_all("Job", listed, as_of=10)] == ["successor"]
    assert cache.replace_all("Job", listed, as_of=11) == []
    assert [one["metadata"]["uid"] for one in cache.replace_all("Job", [], as_of=12)] == ["successor"]
