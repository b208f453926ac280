"""The report's picture: requests a second of each server, a panel for each model and protocol."""

from __future__ import annotations

from pathlib import Path

from comparison.ratios import best_cells
from comparison.results import OURS, Results


def draw(results: Results, path: Path) -> None:
    """Writes a PNG; nothing where nothing was measured."""
    import matplotlib as mpl  # noqa: PLC0415 - slow to import, and only wanted at the end

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after the backend is chosen

    best = best_cells(results.cells)
    panels = sorted({key[:2] for _, key in best})
    if not panels:
        return
    figure, axes = plt.subplots(1, len(panels), figsize=(4.5 * len(panels), 4), squeeze=False)
    names = sorted({server for server, _ in best}, key=lambda name: (name != OURS, name))
    for axis, (model, protocol) in zip(axes[0], panels, strict=True):
        for name in names:
            points = sorted(
                (key[2], cell.requests_per_second)
                for (server, key), cell in best.items()
                if server == name and key[:2] == (model, protocol)
            )
            if points:
                axis.plot(*zip(*points, strict=True), marker="o", label=name, linewidth=3 if name == OURS else 1.2)
        axis.set(title=f"{model} {protocol}", xlabel="connections", yscale="log")
        axis.set_xscale("log", base=2)
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel("requests/s")
    handles = {label: line for axis in axes[0] for line, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="lower center", ncols=len(handles))
    figure.tight_layout(rect=(0, 0.1, 1, 1))
    figure.savefig(path, dpi=120)
