"""A reader of TensorFlow Serving's whole JSON dialect: RapidJSON 1.1, iterative, NaN and Inf accepted, stopping after the root.

It is slow and exact: `json_text.parse` asks it only about what faster readers refuse. Depth costs memory, never the stack. Bytes
that are no UTF-8 pass through strings, as lone surrogates (errors="surrogateescape").
"""

import math
import re
from typing import Any

from tfmodel_runtime.errors import InvalidInputError

_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(
    r"(?P<constant>-?(?:NaN|Infinity|Inf))|(?P<number>-?(?:0|[1-9][0-9]*)(?P<real>(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?))"
)
_STRING = re.compile(r'"((?:[^"\\\x00-\x1f]|\\[\s\S])*)"')
_HEX = "[0-9a-fA-F]"
_ESCAPE = re.compile(
    rf"\\u(?P<high>[dD][89abAB]{_HEX}{{2}})\\u(?P<low>[dD][c-fC-F]{_HEX}{{2}})|\\u(?P<code>{_HEX}{{4}})|\\(?P<plain>[\s\S])"
)
_PLAIN_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_LITERALS = {"true": True, "false": False, "null": None}
_CONSTANTS = {"NaN": math.nan, "Inf": math.inf, "Infinity": math.inf}
_CLOSING = {"{": "}", "[": "]"}
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1
_MOST_INTEGER_DIGITS = 20
_HIGH, _LOW, _PAST = 0xD800, 0xDC00, 0xE000


class Reader:
    """Reads one document. The texts of errors are RapidJSON's (rapidjson/error/en.h)."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def root(self) -> Any:
        """The root value; of two equal keys the first counts. What follows the root is not looked at.

        Raises:
            InvalidInputError: there is none; the text says what is wrong and at which byte.
        """
        if not self._peek():
            raise self._error("The document is empty.")
        opened: list[tuple[Any, str]] = []
        while True:
            value, is_open = self._begin()
            if is_open:
                opened.append((value, self._key() if isinstance(value, dict) else ""))
                continue
            if self._attach(value, opened):
                return opened[0][0] if opened else value

    def _attach(self, value: Any, opened: list[tuple[Any, str]]) -> bool:
        """Puts a value into the containers that are open, closing those that end; True once the root has ended."""
        while opened:
            container, key = opened[-1]
            if isinstance(container, list):
                container.append(value)
            else:
                container.setdefault(key, value)
            if self._continues(container):
                opened[-1] = (container, self._key() if isinstance(container, dict) else "")
                return False
            if len(opened) == 1:
                return True
            value = opened.pop()[0]
        return True

    def _continues(self, container: Any) -> bool:
        """Whether a comma follows, and not the container's end."""
        is_list = isinstance(container, list)
        found = self._peek()
        if found not in (",", "]" if is_list else "}"):
            place = "] after an array element" if is_list else "} after an object member"
            raise self._error(f"Missing a comma or {place}.")
        self._at += 1
        return found == ","

    def _begin(self) -> tuple[Any, bool]:
        """The scalar or empty container that stands here, or one that was opened and holds something."""
        first = self._peek()
        if first not in _CLOSING:
            return self._scalar(first), False
        self._at += 1
        container: Any = {} if first == "{" else []
        if self._peek() == _CLOSING[first]:
            self._at += 1
            return container, False
        return container, True

    def _key(self) -> str:
        if self._peek() != '"':
            raise self._error("Missing a name for object member.")
        key = self._string()
        if self._peek() != ":":
            raise self._error("Missing a colon after a name of object member.")
        self._at += 1
        return key

    def _scalar(self, first: str) -> Any:
        if first == '"':
            return self._string()
        for literal, value in _LITERALS.items():
            if self._text.startswith(literal, self._at):
                self._at += len(literal)
                return value
        return self._number()

    def _number(self) -> int | float:
        found = _NUMBER.match(self._text, self._at)
        if found is None:
            raise self._error("Invalid value.")
        self._at = found.end()
        if found["constant"]:
            sign = -1 if found["constant"].startswith("-") else 1
            return sign * _CONSTANTS[found["constant"].lstrip("-")]
        token = found["number"]
        if not found["real"] and len(token) <= _MOST_INTEGER_DIGITS and _SMALLEST <= int(token) <= _LARGEST:
            return int(token)
        value = float(token)
        if math.isinf(value):
            raise self._error("Number too big to be stored in double.")
        return value

    def _string(self) -> str:
        found = _STRING.match(self._text, self._at)
        if found is None:
            raise self._error("Missing a closing quotation mark in string.")
        self._at = found.end()
        return _ESCAPE.sub(self._unescaped, found[1]) if "\\" in found[1] else found[1]

    def _unescaped(self, found: re.Match[str]) -> str:
        if found["high"]:
            return chr(0x10000 + ((int(found["high"], 16) - _HIGH) << 10) + (int(found["low"], 16) - _LOW))
        if found["code"]:
            return self._character(int(found["code"], 16))
        if found["plain"] == "u":
            raise self._error("Incorrect hex digit after \\u escape in string.")
        if found["plain"] not in _PLAIN_ESCAPES:
            raise self._error("Invalid escape character in string.")
        return _PLAIN_ESCAPES[found["plain"]]

    def _character(self, code: int) -> str:
        """A character; the lower half of a surrogate pair as the three bytes that RapidJSON writes for it."""
        if _HIGH <= code < _LOW:
            raise self._error("The surrogate pair in string is invalid.")
        if _LOW <= code < _PAST:
            return chr(code).encode("utf-8", errors="surrogatepass").decode("utf-8", errors="surrogateescape")
        return chr(code)

    def _peek(self) -> str:
        """The next character that is no white space; empty at the end."""
        found = _SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return self._text[self._at : self._at + 1]

    def _error(self, told: str) -> InvalidInputError:
        offset = len(self._text[: self._at].encode("utf-8", errors="surrogateescape"))
        return InvalidInputError(f"JSON Parse error: {told} at offset: {offset}")
