"""The export step's children are forked from a process that has imported what they need, and no more: no model, no TensorFlow in Python.

A hundred of them would each import for a second otherwise. That they can be spawned too is shown where `tfmodel run` is tested.
"""

import multiprocessing
from collections.abc import Iterator
from multiprocessing import forkserver
from multiprocessing.context import BaseContext

import pytest


@pytest.fixture(scope="session")
def forking() -> Iterator[BaseContext]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tfmodel_trainer.preflight", "tfmodel_trainer.formats.stage", "engine_opened"])
    yield context
    forkserver._forkserver._stop()  # type: ignore[attr-defined]


@pytest.fixture(scope="module", autouse=True)
def children_are_forked(forking: BaseContext) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multiprocessing, "get_context", lambda method: forking)
        yield
