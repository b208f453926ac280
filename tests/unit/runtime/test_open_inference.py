"""What the Open Inference Protocol says of models that are not there or not there yet."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from tfmodel.wire.dtypes import DataType
from tfmodel_runtime.engine.signature import Signature, TensorSpec
from tfmodel_runtime.errors import ModelNotFoundError, NotReadyError, RuntimeFault, SignatureNotFoundError
from tfmodel_runtime.open_inference import OpenInference, TensorInfo
from tfmodel_runtime.predict import Call
from tfmodel_runtime.servables.servable import Handle, VersionState


class Signatures:
    """A model of which only the signatures are asked."""

    def __init__(self) -> None:
        specs = {
            "known": TensorSpec("known", "k:0", DataType.FLOAT, (-1, 2)),
            "rankless": TensorSpec("rankless", "r:0", DataType.COMPLEX64, None),
        }
        self.signatures = {"serving_default": Signature("serving_default", specs, {}, "")}


class Versions:
    """A manager of the model m, whose versions are in given states."""

    def __init__(self, **states: str) -> None:
        self._states = {int(version[1:]): state for version, state in states.items()}

    def names(self) -> frozenset[str]:
        return frozenset({"m"})

    @contextmanager
    def acquire(self, name: str, version: int | None = None, label: str | None = None) -> Iterator[Handle]:
        available = self.available(name)
        found = max(available, default=None) if version is None else version
        if name != "m" or found not in available:
            raise ModelNotFoundError(name, version)
        yield Handle(name, found, cast(Any, Signatures()))

    def available(self, name: str) -> list[int]:
        return sorted(number for number, state in self._states.items() if state == "AVAILABLE")

    def states(self, name: str, version: int | None = None) -> list[VersionState]:
        found = [one for one in sorted(self._states, reverse=True) if version in (None, one)]
        if not found:
            raise ModelNotFoundError(name, version)
        return [VersionState(one, self._states[one], 0, "") for one in found]


class Asking:
    """A predictor that asks for the version and goes no further."""

    def __init__(self, manager: Versions) -> None:
        self._manager = manager

    async def predict(self, call: Call, decode: Any, encode: Any) -> str:
        with self._manager.acquire(call.model, call.version):
            return "answered"


def inference(**states: str) -> OpenInference:
    manager = Versions(**states)
    return OpenInference(cast(Any, manager), cast(Any, Asking(manager)), cast(Any, None), version="0")


CAUSES: list[tuple[dict[str, str], str, str, type[RuntimeFault]]] = [
    ({}, "none", "", ModelNotFoundError),
    ({}, "m", "", NotReadyError),
    ({"v1": "LOADING"}, "m", "", NotReadyError),
    ({"v1": "LOADING"}, "m", "1", NotReadyError),
    ({"v1": "START"}, "m", "1", NotReadyError),
    ({"v1": "END"}, "m", "1", ModelNotFoundError),
    ({"v1": "UNLOADING"}, "m", "1", ModelNotFoundError),
    ({"v1": "AVAILABLE"}, "m", "2", ModelNotFoundError),
    ({"v1": "AVAILABLE"}, "m", "x", ModelNotFoundError),
    ({"v1": "AVAILABLE"}, "m", "²", ModelNotFoundError),
    ({"v1": "AVAILABLE"}, "m", "9" * 5000, ModelNotFoundError),
]


@pytest.mark.parametrize(("states", "name", "version", "cause"), CAUSES)
async def test_why_a_model_cannot_be_asked(
    states: dict[str, str], name: str, version: str, cause: type[RuntimeFault]
) -> None:
    asked = inference(**states)
    with pytest.raises(cause):
        asked.model(name, version)
    if version.isascii() and version.isdecimal() and len(version) < 19:
        with pytest.raises(cause):
            await asked.infer(Call(name, int(version), None, "", "rest"), cast(Any, None), cast(Any, None))
    if cause is NotReadyError:
        assert "not ready" in str(asked.model_objection(name, version))
    else:
        with pytest.raises(ModelNotFoundError):
            asked.model_objection(name, version)


def test_what_is_told_of_a_model() -> None:
    found = inference(v1="END", v9="AVAILABLE", v10="AVAILABLE").model("m", "")
    assert list(found.versions) == ["9", "10"]
    assert list(found.inputs) == [TensorInfo("known", "FP32", (-1, 2)), TensorInfo("rankless", "COMPLEX64", (-1,))]
    assert inference(v1="AVAILABLE").model_objection("m", "1") is None
    with pytest.raises(SignatureNotFoundError):
        inference(v1="AVAILABLE").model("m", "1", "other")
