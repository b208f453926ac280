"""The base class of a custom inference service.

Its methods have the names and meanings that services of hosted TensorFlow platforms give them, so that a service written for
one runs here when its import line is changed.
"""

from collections.abc import Mapping
from typing import Any

_LEAST_STATUS, _MOST_STATUS = 400, 599


class HandlerError(Exception):
    """Refuses a request. The client gets the message, with an HTTP status from 400 to 599."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        if not _LEAST_STATUS <= status <= _MOST_STATUS:
            raise ValueError(f"expected an HTTP status from {_LEAST_STATUS} to {_MOST_STATUS}, got {status}")
        self.status = status


class TfServingBaseService:
    """Subclass it once in the handler file and override `_preprocess`, `_postprocess` or both.

    One object answers all requests, several at a time, in threads. `model_name` is the name of the model, `model_path` the
    folder of its versions.
    """

    def __init__(self, model_name: str, model_path: str) -> None:
        self.model_name = model_name
        self.model_path = model_path

    def _preprocess(self, data: Any) -> Mapping[str, Any]:
        """The inputs of the model by name, made of a request.

        `data` is the JSON of the body; or for multipart/form-data a dict from the name of each field to a dict from the name of
        each file to an open binary file, and from the name of each other field to its text. Inputs are arrays, or lists of
        the shape that the model takes, its batch dimension included.

        Raises:
            HandlerError, ValueError, TypeError, KeyError: the request is not what it should be; the client gets the message
                and 400.
        """
        found: Mapping[str, Any] = data
        return found

    def _postprocess(self, data: Mapping[str, Any]) -> Any:
        """What the client gets as JSON, made of the model's outputs: by name, as numbers, text or nested lists of them.

        Raises:
            HandlerError: the client gets the message and its status.
        """
        return data
