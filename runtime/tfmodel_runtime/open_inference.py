"""What the Open Inference Protocol says of server and models, and its inference, for REST and gRPC alike (contract section 17).

A model that is configured but has no version yet is not ready, where TensorFlow Serving's API says that it was not found.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tfmodel.wire.dtypes import name as type_name
from tfmodel.wire.oip_datatypes import DATATYPES
from tfmodel_runtime.engine.signature import DEFAULT_SIGNATURE, TensorSpec
from tfmodel_runtime.errors import ModelNotFoundError, NotReadyError, SignatureNotFoundError
from tfmodel_runtime.lifecycle_state import Readiness
from tfmodel_runtime.predict import Call, Decode, Encode, Predictor
from tfmodel_runtime.servables.manager import Manager
from tfmodel_runtime.servables.states import State

Told = TypeVar("Told")
SERVER_NAME = "tfmodel"
EXTENSIONS = ("binary_tensor_data",)
PLATFORM = "tensorflow_savedmodel"
_DIGITS_OF_A_VERSION = 19
_ON_THE_WAY = {State.NEW.wire_name, State.LOADING.wire_name}


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """An input or output of a signature; -1 is a variable dimension, and the only one if the rank is unknown."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model: the versions that can be asked, and one signature of one of them."""

    name: str
    versions: Sequence[str]
    inputs: Sequence[TensorInfo]
    outputs: Sequence[TensorInfo]


class OpenInference:
    """Answers for both protocols' shells."""

    def __init__(self, manager: Manager, predictor: Predictor, readiness: Readiness, *, version: str) -> None:
        self._manager = manager
        self._predictor = predictor
        self._readiness = readiness
        self.version = version

    @property
    def is_draining(self) -> bool:
        """Whether connections should end with their next answer."""
        return self._readiness.is_draining

    def objection(self) -> str | None:
        """Why requests should not be sent here; None if they should."""
        return self._readiness.objection()

    def models(self) -> list[str]:
        """Names of the models, loaded or not."""
        return sorted(self._manager.names())

    def model(self, name: str, version: str, signature_name: str = "") -> ModelInfo:
        """What is told of a model; an empty version is the newest that is loaded.

        Raises:
            ModelNotFoundError: there is no such model or version.
            NotReadyError: it is not loaded yet.
            SignatureNotFoundError: it has no such signature.
        """
        number = version_of(name, version)
        try:
            with self._manager.acquire(name, number) as handle:
                signature = handle.model.signatures.get(signature_name or DEFAULT_SIGNATURE)
        except ModelNotFoundError as error:
            raise self._cause(name, number) from error
        if signature is None:
            raise SignatureNotFoundError(signature_name or DEFAULT_SIGNATURE)
        inputs = [_tensor(spec) for spec in signature.inputs.values()]
        outputs = [_tensor(spec) for spec in signature.outputs.values()]
        return ModelInfo(name, self._versions(name), inputs, outputs)

    def model_objection(self, name: str, version: str) -> str | None:
        """Why a model should not be asked; None if it should.

        Raises:
            ModelNotFoundError: there is no such model or version.
        """
        number = version_of(name, version)
        try:
            with self._manager.acquire(name, number):
                available = self._manager.available(name)
        except ModelNotFoundError as error:
            cause = self._cause(name, number)
            if isinstance(cause, NotReadyError):
                return str(cause)
            raise cause from error
        if available and number in (None, *available):
            return None
        return f"model {name} is not ready: another process on the same ports has not loaded it yet"

    async def read(self, call: Call, reader: Callable[[], Told]) -> Told:
        """What a reader makes of a body, before the model is looked up.

        Raises:
            RuntimeFault: the body is not what it should be.
        """
        return await self._predictor.read(call, reader)

    async def infer(self, call: Call, decode: Decode, encode: "Encode[Told]") -> Told:
        """The answer to an inference.

        Raises:
            RuntimeFault: a cause that the caller is told of.
        """
        try:
            return await self._predictor.predict(call, decode, encode)
        except ModelNotFoundError as error:
            raise self._cause(call.model, call.version) from error

    def _versions(self, name: str) -> list[str]:
        return [str(version) for version in self._manager.available(name)]

    def _cause(self, name: str, version: int | None) -> ModelNotFoundError | NotReadyError:
        """Why a model that was not found was not found."""
        if name not in self._manager.names():
            return ModelNotFoundError(name, version)
        if version is None:
            return NotReadyError(f"model {name} is not ready: no version of it is loaded and warmed up")
        try:
            state = self._manager.states(name, version)[0].state
        except ModelNotFoundError:
            return ModelNotFoundError(name, version)
        if state not in _ON_THE_WAY:
            return ModelNotFoundError(name, version)
        return NotReadyError(f"version {version} of model {name} is not ready: it is not loaded and warmed up yet")


def version_of(name: str, version: str) -> int | None:
    """The version that is asked for; None for the newest, which an empty text asks for.

    Raises:
        ModelNotFoundError: it is no number, so that there is no such version.
    """
    if not version:
        return None
    if not (version.isascii() and version.isdecimal() and len(version) <= _DIGITS_OF_A_VERSION):
        raise ModelNotFoundError(name, version)
    return int(version)


def _tensor(spec: TensorSpec) -> TensorInfo:
    """A type that the protocol cannot pass is told by TensorFlow's name."""
    datatype = DATATYPES.get(spec.data_type, type_name(spec.data_type).upper())
    return TensorInfo(spec.alias, datatype, (-1,) if spec.shape is None else spec.shape)
