"""What the API server was asked for, from its own audit log; the operator's word is not taken."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

OPERATOR = "operator"
POLICY = f"""
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - {{level: Metadata, users: [{OPERATOR}]}}
  - {{level: None}}
"""


@dataclass(frozen=True, slots=True)
class Calls:
    """Requests of a stretch of time, by verb and resource."""

    counted: Counter[str]

    def of(self, *verbs: str) -> int:
        """Requests with one of these verbs."""
        return sum(count for name, count in self.counted.items() if name.split()[0] in verbs)

    @property
    def beyond_watches(self) -> int:
        """All but watches, and but what is asked of the Lease."""
        return sum(n for name, n in self.counted.items() if name.split()[0] != "watch" and "leases" not in name)

    def __str__(self) -> str:
        return ", ".join(f"{count} {name}" for name, count in sorted(self.counted.items())) or "none"


class Audit:
    """The audit log, read on from where it was read last."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._policy, self._log = folder / "audit-policy.yaml", folder / "audit.log"
        self._policy.write_text(POLICY)
        self._read = 0

    @property
    def flags(self) -> tuple[str, ...]:
        """Flags with which the API server writes it."""
        return f"--audit-policy-file={self._policy}", f"--audit-log-path={self._log}", "--audit-log-maxsize=4000"

    def calls(self) -> Calls:
        """What the operator asked for since the last call of this."""
        with self._log.open() as file:
            file.seek(self._read)
            lines = file.read().rpartition("\n")[0].splitlines()
            self._read += sum(len(line.encode()) + 1 for line in lines)
        return Calls(Counter(_name(event) for event in map(json.loads, lines) if _counts(event)))


def _counts(event: dict[str, object]) -> bool:
    """A watch counts when it begins, all else when it is answered."""
    return event["stage"] == ("ResponseStarted" if event["verb"] == "watch" else "ResponseComplete")


def _name(event: dict[str, object]) -> str:
    target = event.get("objectRef")
    if not isinstance(target, dict):
        return f"{event['verb']} {str(event['requestURI']).partition('?')[0]}"
    part = f"/{target['subresource']}" if target.get("subresource") else ""
    return f"{event['verb']} {target.get('resource', 'discovery')}{part}"
