"""A client over REST, whose connections are kept until `close` or the end of a `with`.

JSON knows neither types nor, for a single output, its name: the client asks the signature for them. That is one more request,
made once for a version that is named, and each time for the newest, which may be another one by then. Where this counts, use
gRPC.
"""

import base64
import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import numpy as np
import urllib3
from google.protobuf import json_format
from numpy.typing import ArrayLike
from urllib3.exceptions import HTTPError

from tfmodel.client import answers
from tfmodel.client.access import Access
from tfmodel.client.errors import AnswerError, ServingError, UnreachableError
from tfmodel.wire import messages
from tfmodel.wire.dtypes import DataType, numpy_dtype, of_array
from tfmodel.wire.tensors import Array, as_array

_DEFAULT_SIGNATURE = "serving_default"
_OK = 200


class RestClient:
    """Calls a served model. `url` is the server's, such as http://127.0.0.1:8501; threads may share a client."""

    def __init__(self, url: str, *, timeout_seconds: float = 30.0, access: Access | None = None) -> None:
        self._url = url.rstrip("/")
        retries = urllib3.Retry(connect=2, read=0, redirect=0, status=0, other=0)
        self._headers = access.headers() if access else {}
        options = access.pool_options() if access else {}
        self._pool = urllib3.PoolManager(timeout=timeout_seconds, retries=retries, **options)
        self._known: dict[tuple[str, int], answers.Metadata] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connections."""
        self._pool.clear()

    def predict(
        self,
        model: str,
        inputs: Mapping[str, ArrayLike],
        *,
        version: int | str | None = None,
        signature: str = _DEFAULT_SIGNATURE,
    ) -> dict[str, Array]:
        """The outputs by alias, with the signature's dtypes, for the inputs by alias. Bytes are sent as base64, str as text.

        `version` is a number or a label; the newest answers if it is None.

        Raises:
            ServingError: the server's refusal.
            UnreachableError: no answer came in time.
        """
        body = {
            "signature_name": signature,
            "inputs": {alias: _told(as_array(value)) for alias, value in inputs.items()},
        }
        found = self._signature(model, version, signature)
        answer = self._ask("POST", f"{_path(model, version)}:predict", json.dumps(body).encode())
        return _outputs(answer, found)

    def metadata(self, model: str, *, version: int | str | None = None) -> answers.Metadata:
        """The version that answers and its signatures.

        Raises:
            ServingError: the server's refusal.
            UnreachableError: no answer came in time.
        """
        answer = self._ask("GET", f"{_path(model, version)}/metadata")
        found = messages.SignatureDefMap()
        try:
            json_format.ParseDict(answer["metadata"]["signature_def"], found, ignore_unknown_fields=True)
            return answers.Metadata(model, int(answer["model_spec"]["version"]), answers.signatures(found))
        except (KeyError, TypeError, ValueError, json_format.ParseError) as error:
            raise AnswerError(f"the metadata of {model} cannot be read") from error

    def status(self, model: str, *, version: int | None = None) -> list[answers.VersionStatus]:
        """The versions and their states, the newest first.

        Raises:
            ServingError: the server's refusal.
            UnreachableError: no answer came in time.
        """
        answer = self._ask("GET", _path(model, version))
        try:
            found = json_format.ParseDict(answer, messages.GetModelStatusResponse(), ignore_unknown_fields=True)
        except json_format.ParseError as error:
            raise AnswerError(f"the status of {model} cannot be read") from error
        return answers.version_statuses(found)

    def _signature(self, model: str, version: int | str | None, signature: str) -> answers.SignatureInfo | None:
        """The signature; None if the server has none of that name, which it will say itself."""
        if not isinstance(version, int):
            return self.metadata(model, version=version).signatures.get(signature)
        if (model, version) not in self._known:
            self._known[model, version] = self.metadata(model, version=version)
        return self._known[model, version].signatures.get(signature)

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Any:
        try:
            answer = self._pool.request(method, f"{self._url}{path}", body=body, headers=self._headers)
        except HTTPError as error:
            raise UnreachableError(self._url, str(error)) from error
        try:
            told = json.loads(answer.data)
        except ValueError as error:
            raise AnswerError(f"{self._url}{path} answered {answer.status} and no JSON") from error
        if answer.status != _OK:
            raise ServingError(str(answer.status), told.get("error", "") if isinstance(told, dict) else "")
        return told


def _path(model: str, version: int | str | None) -> str:
    path = f"/v1/models/{quote(model, safe='')}"
    if version is None:
        return path
    return f"{path}/versions/{version}" if isinstance(version, int) else f"{path}/labels/{quote(version, safe='')}"


def _told(array: Array) -> Any:
    """What JSON can say of an array; bytes become {"b64": ...}."""
    if of_array(array) is not DataType.STRING:
        return array.tolist()
    return _each(array.tolist(), _text)


def _each(value: Any, change: Any) -> Any:
    return [_each(one, change) for one in value] if isinstance(value, list) else change(value)


def _text(value: Any) -> Any:
    return {"b64": base64.b64encode(value).decode()} if isinstance(value, bytes) else str(value)


def _outputs(answer: Any, signature: answers.SignatureInfo | None) -> dict[str, Array]:
    if signature is None or not isinstance(answer, dict) or "outputs" not in answer:
        raise AnswerError("the answer has no outputs")
    told = answer["outputs"]
    aliases = list(signature.outputs)
    named = {aliases[0]: told} if len(aliases) == 1 else told
    if not isinstance(named, dict) or set(named) != set(aliases):
        raise AnswerError(f"the answer has other outputs than {', '.join(aliases)}")
    return {alias: _array(named[alias], signature.outputs[alias].data_type) for alias in aliases}


def _array(told: Any, data_type: DataType) -> Array:
    return np.asarray(_each(told, _bytes) if data_type is DataType.STRING else told, numpy_dtype(data_type))


def _bytes(value: Any) -> bytes:
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else str(value).encode()
