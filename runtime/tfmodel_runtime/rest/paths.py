"""The grammar of TensorFlow Serving's URLs (contract section 1; http_rest_api_util.cc): matched undecoded, then decoded.

Upper and lower case are the same in the fixed parts but for the verb; they are not in names and labels.
"""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

_PATH = re.compile(
    r"/(?i:v1/models)/(?P<name>[^/:]+)(?:/(?i:versions)/(?P<version>\d+)|/(?i:labels)/(?P<label>[^/:]+))?"
    r"(?P<rest>:(?P<verb>predict|classify|regress)|/(?i:metadata))?",
    re.ASCII,
)
_LARGEST = 2**63 - 1
_MOST_DIGITS = 19
Action = Literal["predict", "classify", "regress", "metadata", "status"]


@dataclass(frozen=True, slots=True)
class Target:
    """What a path asks for."""

    action: Action
    name: str
    version: int | None
    label: str | None


def is_of_api(path: str) -> bool:
    """Whether a path belongs to TensorFlow Serving's API, and so is answered by its rules even if it is malformed."""
    return path[:4].lower() == "/v1/"


def parse(method: str, path: str) -> Target | None:
    """What a request line asks for; None if it is no request of this API."""
    found = _PATH.fullmatch(path)
    if found is None or not _is_int64(found["version"]):
        return None
    action: Action = found["verb"] or ("metadata" if found["rest"] else "status")  # type: ignore[assignment] # the pattern allows no other
    if method != ("POST" if found["verb"] else "GET"):
        return None
    version = int(found["version"].lstrip("0") or 0) if found["version"] else None
    label = unquote(found["label"]) if found["label"] else None
    return Target(action, unquote(found["name"]), version, label)


def _is_int64(digits: str | None) -> bool:
    """Whether a version is one; digits are counted first, since Python reads no number of more than some thousand."""
    return digits is None or (len(digits.lstrip("0")) <= _MOST_DIGITS and int(digits.lstrip("0") or 0) <= _LARGEST)
