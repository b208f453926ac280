"""What the wires of REST's lanes have in common: numbers of many bodies are read at once, and their answers written at once."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import simdjson

from tfmodel_runtime.codec import tfserving_json
from tfmodel_runtime.codec.plain_numbers import Form
from tfmodel_runtime.engine.tensors import Array


class JsonRows:
    """Reads numbers, and writes answers in the layout that the requests had."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._parser = simdjson.Parser()

    def doubles(self, text: bytes) -> Array | None:
        """The numbers in nested lists, flat; None if there is anything else in them."""
        try:
            document: Any = self._parser.parse(text)
            return np.frombuffer(document.as_buffer(of_type="d"), np.float64)
        except (ValueError, TypeError, RuntimeError, AttributeError):
            self._parser = simdjson.Parser()  # one that failed stays in use
            return None

    def write_all(
        self, outputs: Mapping[str, Array], count: int, _handle: object = None, _signature: object = None
    ) -> list[bytes] | None:
        """The bodies of so many answers, of outputs that have a row for each that was read.

        Raises:
            InvalidInputError: the outputs have no form in JSON.
        """
        return tfserving_json.answers(self._form, outputs, count)

    def write(self, outputs: Mapping[str, Array], _handle: object = None, _signature: object = None) -> bytes:
        """The body of one answer.

        Raises:
            InvalidInputError: the outputs have no form in the layout of the request.
        """
        return tfserving_json.answer(self._form, outputs)
