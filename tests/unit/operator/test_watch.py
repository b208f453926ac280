"""What kopf tells, as it is taken in: when something may have been missed."""

import asyncio

import pytest

from tfmodel_operator import watch
from tfmodel_operator.values import Manifest

FOUND: Manifest = {"kind": "Job", "metadata": {"name": "a"}}


async def test_what_was_deleted_before_a_life_watches_may_have_been_missed() -> None:
    gap = asyncio.Event()
    watch._receiver(lambda *_: None, gap)
    assert gap.is_set()


@pytest.mark.parametrize(
    ("listing_is_over", "kind", "may_have_missed"),
    [(False, None, False), (True, "ADDED", False), (True, None, True)],
)
async def test_a_listing_may_hide_deletes_and_each_of_its_objects_does_not_ask_for_another_look(
    monkeypatch: pytest.MonkeyPatch, *, listing_is_over: bool, kind: str | None, may_have_missed: bool
) -> None:
    monkeypatch.setattr(watch, "_LISTING_SECONDS", -1.0 if listing_is_over else 3600.0)
    seen: list[tuple[str | None, Manifest]] = []
    gap = asyncio.Event()
    received = watch._receiver(lambda *event: seen.append(event), gap)
    received(None, FOUND)
    await asyncio.sleep(0)
    gap.clear()
    received(kind, FOUND)
    await asyncio.sleep(0)
    assert seen == [(None, FOUND), (kind, FOUND)]
    assert gap.is_set() is may_have_missed


async def test_the_first_listing_of_a_kind_may_hide_deletes() -> None:
    gap = asyncio.Event()
    received = watch._receiver(lambda *_: None, gap)
    gap.clear()
    received(None, FOUND)
    await asyncio.sleep(0)
    assert gap.is_set()


async def test_a_gap_is_filled_once_the_listing_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "AFTER_LISTING_SECONDS", 0.0)
    gap, filled = asyncio.Event(), asyncio.Semaphore(0)

    async def fill() -> None:
        filled.release()

    filling = asyncio.create_task(watch._fill_gaps(gap, fill))
    gap.set()
    await asyncio.wait_for(filled.acquire(), 10)
    filling.cancel()
    assert not gap.is_set()


def test_kopf_copies_no_objects() -> None:
    storage = watch.settings().persistence.diffbase_storage
    assert storage.build(body={"spec": {"a": 1}}) == {}  # type: ignore[arg-type]
    assert storage.fetch(body={}) is None  # type: ignore[arg-type]


async def test_an_event_is_handed_on_without_what_no_plan_reads() -> None:
    seen: list[Manifest] = []
    handler = watch._handler(lambda _, found: seen.append(found), "batch", "v1", "Job")
    metadata = {"name": "a", "managedFields": ["long"]}
    await handler(event={"type": "ADDED", "object": {"metadata": metadata, "spec": {"template": "long"}}})
    assert seen == [{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}, "spec": {}}]
