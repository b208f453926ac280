"""The table."""

from collections.abc import Iterable
from dataclasses import dataclass

from testkit.audit import Calls

_HEAD = (
    "phase",
    "took, s",
    "CPU, s",
    "RSS (peak), MiB",
    "PSS, MiB",
    "reconciles",
    "p50, ms",
    "p99, ms",
    "API calls beyond watches and Lease",
    "per TFModel",
)


@dataclass
class Row:
    """What one phase took. `models` is how many TFModels it was about."""

    title: str
    models: int
    seconds: float
    calls: Calls
    cpu_seconds: float
    rss_mib: float
    peak_mib: float
    pss_mib: float
    reconciles: float
    p50: float
    p99: float
    asked: int = 0
    """Requests to runtime pods."""

    def cells(self) -> tuple[str, ...]:
        calls = self.calls.beyond_watches
        return (
            self.title,
            f"{self.seconds:.1f}",
            f"{self.cpu_seconds:.1f}",
            f"{self.rss_mib:.0f} ({self.peak_mib:.0f})",
            f"{self.pss_mib:.0f}",
            f"{self.reconciles:.0f}",
            f"{1000 * self.p50:.1f}",
            f"{1000 * self.p99:.1f}",
            f"{calls}",
            f"{calls / self.models:.1f}" if self.models else "",
        )


def table(rows: Iterable[Row], machine: str) -> str:
    """The rows as Markdown, and what the calls were."""
    rows = list(rows)
    lines = [_HEAD, ("---",) * len(_HEAD), *(row.cells() for row in rows)]
    text = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    calls = "\n".join(f"- {row.title}: {row.calls}" for row in rows)
    asked = "\n".join(
        f"{row.asked} requests to runtime pods {row.title}, in {row.seconds:.0f} s." for row in rows if row.asked
    )
    return f"{text}\n\n{machine}.\n{asked}\n\nAll calls:\n\n{calls}\n"
