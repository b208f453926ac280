"""A client over gRPC. It keeps one channel, made at once and closed by `close` or the end of a `with`; threads may share it."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import grpc
from numpy.typing import ArrayLike

from tfmodel.client import answers
from tfmodel.client.access import Access
from tfmodel.client.errors import AnswerError, ServingError, UnreachableError
from tfmodel.wire import messages
from tfmodel.wire.tensors import Array, as_array, to_array, to_proto

_UNLIMITED = -1
_OPTIONS = (("grpc.max_send_message_length", _UNLIMITED), ("grpc.max_receive_message_length", _UNLIMITED))
_PREDICTION = "/tensorflow.serving.PredictionService/"
_MODEL = "/tensorflow.serving.ModelService/"
_UNREACHED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


class GrpcClient:
    """Calls a served model. `target` is host:port; `secure` speaks TLS, as `access` says or by the system's authorities."""

    def __init__(
        self, target: str, *, timeout_seconds: float = 30.0, secure: bool = False, access: Access | None = None
    ) -> None:
        self._target = target
        self._timeout_seconds = timeout_seconds
        self._metadata = tuple(access.headers().items()) if access else ()
        if secure:
            credentials = (access or Access()).channel_credentials()
            self._channel = grpc.secure_channel(target, credentials, options=_OPTIONS)
        else:
            self._channel = grpc.insecure_channel(target, options=_OPTIONS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection."""
        self._channel.close()

    def predict(
        self,
        model: str,
        inputs: Mapping[str, ArrayLike],
        *,
        version: int | str | None = None,
        signature: str = "",
        outputs: Sequence[str] = (),
    ) -> dict[str, Array]:
        """The outputs by alias for the inputs by alias; `outputs` names the wanted ones, all if it is empty.

        `version` is a number or a label; the newest answers if it is None.

        Nothing is cast: an input must have the signature's dtype. Strings are bytes or str, in object or text arrays.

        Raises:
            ServingError: the server's refusal.
            UnreachableError: no answer came in time.
        """
        request = messages.PredictRequest(output_filter=outputs)
        _name(request.model_spec, model, version)
        request.model_spec.signature_name = signature
        for alias, value in inputs.items():
            request.inputs[alias].CopyFrom(to_proto(as_array(value)))
        response = self._call(_PREDICTION + "Predict", request, messages.PredictResponse)
        return {alias: to_array(proto) for alias, proto in response.outputs.items()}

    def metadata(self, model: str, *, version: int | str | None = None) -> answers.Metadata:
        """The version that answers and its signatures.

        Raises:
            ServingError: the server's refusal.
            UnreachableError: no answer came in time.
        """
        request = messages.GetModelMetadataRequest(metadata_field=["signature_def"])
        _name(request.model_spec, model, version)
        response = self._call(_PREDICTION + "GetModelMetadata", request, messages.GetModelMetadataResponse)
        found = messages.SignatureDefMap()
        if not response.metadata["signature_def"].Unpack(found):
            raise AnswerError("the metadata hold no signatures")
        return answers.Metadata(model, response.model_spec.version.value, answers.signatures(found))

    def status(self, model: str, *, version: int | None = None) -> list[answers.VersionStatus]:
        """The versions and their states, the newest first.

        Raises:
            ServingError: the server's refusal.
            UnreachableError: no answer came in time.
        """
        request = messages.GetModelStatusRequest()
        _name(request.model_spec, model, version)
        response = self._call(_MODEL + "GetModelStatus", request, messages.GetModelStatusResponse)
        return answers.version_statuses(response)

    def _call(self, method: str, request: Any, answer: Any) -> Any:
        call = self._channel.unary_unary(
            method,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        try:
            return call(request, timeout=self._timeout_seconds, metadata=self._metadata)
        except grpc.RpcError as error:
            if error.code() in _UNREACHED:
                raise UnreachableError(self._target, error.details()) from error
            raise ServingError(error.code().name, error.details()) from error


def _name(spec: Any, model: str, version: int | str | None) -> None:
    spec.name = model
    if isinstance(version, int):
        spec.version.value = version
    elif version is not None:
        spec.version_label = version
