"""The grammar of the Open Inference Protocol's URLs (contract section 17): matched undecoded, then decoded."""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

_PATH = re.compile(
    r"/v2(?:/health/(?P<health>live|ready)"
    r"|(?P<models>/models)(?:/(?P<name>[^/]+)(?:/versions/(?P<version>[^/]+))?(?:/(?P<action>ready|infer))?)?)?",
    re.ASCII,
)
Action = Literal["server", "live", "ready", "models", "model", "model_ready", "infer"]


@dataclass(frozen=True, slots=True)
class Target:
    """What a path asks for. The version is what stands there, which may be no number; empty if none does."""

    action: Action
    name: str = ""
    version: str = ""

    @property
    def method(self) -> Literal["GET", "POST"]:
        """The one method that it can be asked with."""
        return "POST" if self.action == "infer" else "GET"


def parse(path: str) -> Target | None:
    """What a path asks for; None if it is no path of this API."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    if found["name"]:
        return Target(_of_model(found["action"]), unquote(found["name"]), unquote(found["version"] or ""))
    if found["health"]:
        return Target("live" if found["health"] == "live" else "ready")
    return Target("models" if found["models"] else "server")


def _of_model(action: str | None) -> Action:
    if action is None:
        return "model"
    return "infer" if action == "infer" else "model_ready"
