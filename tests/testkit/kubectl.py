"""A cluster as a user has it: kubectl and helm on the PATH, the cluster named by KUBECONFIG."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

Json = dict[str, Any]
_LOOK_SECONDS = 0.5  # each look starts a kubectl, which takes a tenth of a second of a core
_FORWARDING = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")


class KubectlError(Exception):
    """kubectl or helm ended with an error; the text is what it said."""


def run(*command: str, stdin: str | None = None, timeout: float = 120) -> str:
    """The standard output of a command.

    Raises:
        KubectlError: it ended with another code than 0.
    """
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode != 0:
        raise KubectlError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


class Namespace:
    """One namespace of the cluster, and what tests ask of it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def kubectl(self, *args: str, stdin: str | None = None, timeout: float = 120) -> str:
        """Output of kubectl in this namespace."""
        return run("kubectl", "-n", self.name, *args, stdin=stdin, timeout=timeout)

    def apply(self, *manifests: Mapping[str, Any]) -> None:
        """kubectl apply of objects."""
        items = {"apiVersion": "v1", "kind": "List", "items": [dict(one) for one in manifests]}
        self.kubectl("apply", "-f", "-", stdin=json.dumps(items))

    def get(self, kind: str, name: str) -> Json:
        """An object; {} if it does not exist."""
        text = self.kubectl("get", kind, name, "-o", "json", "--ignore-not-found")
        found: Json = json.loads(text) if text.strip() else {}
        return found

    def list(self, kind: str, selector: str = "", fields: str = "") -> list[Json]:
        """Objects of a kind, with labels and fields as the selectors say."""
        chosen = [("-l", selector)] * bool(selector) + [("--field-selector", fields)] * bool(fields)
        text = self.kubectl("get", kind, "-o", "json", *(part for one in chosen for part in one))
        items: list[Json] = json.loads(text)["items"]
        return items

    def patch_spec(self, name: str, spec: Mapping[str, Any]) -> None:
        """A merge patch of a TFModel's spec."""
        self.kubectl("patch", "tfmodel", name, "--type=merge", "-p", json.dumps({"spec": spec}))

    def status(self, name: str) -> Json:
        """Status of a TFModel."""
        found: Json = self.get("tfmodel", name).get("status", {})
        return found

    def conditions(self, name: str) -> Mapping[str, Json]:
        """Conditions of a TFModel by type."""
        return {one["type"]: one for one in self.status(name).get("conditions", [])}

    def wait_ready(self, name: str, seconds: int = 240) -> None:
        """kubectl wait, as the README says it."""
        arguments = ("wait", "--for=condition=Ready", f"tfmodel/{name}", f"--timeout={seconds}s")
        try:
            self.kubectl(*arguments, timeout=seconds + 30)
        except KubectlError as error:
            raise AssertionError(f"{error}\n{self.story()}") from error

    def wait_until(self, told: Callable[[], Any], what: str, seconds: float = 120) -> Any:
        """Asks `told` until it answers with something true; tells the story of the namespace if it never does."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = told()
            if found:
                return found
            time.sleep(_LOOK_SECONDS)
        raise AssertionError(f"not within {seconds:.0f} s: {what}\n{self.story()}")

    def story(self) -> str:
        """What a person would look at when something does not come true."""
        asked = (("get", "tfmodels,jobs,pods,pvc,deploy", "-o", "wide"), ("get", "tfmodels", "-o", "yaml"))
        return "\n".join(self.told(*one)[-12000:] for one in (*asked, ("get", "events", "--sort-by=.lastTimestamp")))

    def told(self, *args: str) -> str:
        """Output of kubectl, or what it said when it failed."""
        try:
            return self.kubectl(*args)
        except KubectlError as error:
            return str(error)

    @contextmanager
    def port_forward(self, target: str, port: int) -> Iterator[int]:
        """A local port that leads to `port` of the target."""
        command = ("kubectl", "-n", self.name, "port-forward", target, f":{port}")
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as forward:
            try:
                yield _local_port(forward)
            finally:
                forward.terminate()


def _local_port(forward: subprocess.Popen[str]) -> int:
    assert forward.stdout is not None
    for line in forward.stdout:
        found = _FORWARDING.search(line)
        if found:
            return int(found.group(1))
    raise KubectlError("port-forward ended before it forwarded")


def condition_reasons(conditions: Mapping[str, Json], kinds: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Status and reason of some conditions."""
    return {kind: (conditions[kind]["status"], conditions[kind]["reason"]) for kind in kinds if kind in conditions}
