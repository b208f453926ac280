"""What is told of a model that TensorFlow.js' converter cannot convert."""

from pathlib import Path

import pytest

from tfmodel_runtime.engine.saved_model import SavedModel
from tfmodel_trainer.formats import tfjs
from tfmodel_trainer.formats.model import FormatError, Model
from tfmodel_trainer.tfjs import conversion


def told_of(error: BaseException, saved_models: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    def convert(*_: object) -> None:
        raise error

    monkeypatch.setattr(conversion, "convert", convert)
    path = saved_models / "half_plus_two" / "1"
    with pytest.raises(FormatError) as caught:
        tfjs.write(Model(path, SavedModel.load(path).signatures["serving_default"], ()), folder)
    return caught.value.message.removeprefix("TensorFlow.js' converter cannot convert it: ")


def test_of_two_ways_to_freeze_the_failure_of_the_first_is_told(
    saved_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = AssertionError("Identity is not in graph")
    second.__context__ = ValueError("the graph holds\n  a resource")
    told = told_of(second, saved_models, tmp_path, monkeypatch)
    assert told == "its graph cannot be frozen: the graph holds a resource"


@pytest.mark.parametrize(
    ("error", "wanted"),
    [(ValueError("Unsupported Ops: Rint"), "Unsupported Ops: Rint"), (RuntimeError(), "RuntimeError")],
)
def test_any_other_failure_is_told_in_its_own_words(
    saved_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, wanted: str
) -> None:
    assert told_of(error, saved_models, tmp_path, monkeypatch) == wanted
