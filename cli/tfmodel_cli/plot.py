"""`tfmodel plot`: the curves of a training, in the terminal and as a PNG."""

from collections.abc import Sequence
from pathlib import Path

from tfmodel.progress import Epoch
from tfmodel_cli.errors import CommandError

Curve = tuple[list[int], list[float]]
_ROWS = 18
_DOTS_PER_INCH = 120


def curves(epochs: Sequence[Epoch]) -> dict[str, dict[str, Curve]]:
    """Epochs and values by curve, in groups that share an axis: `val_loss` stands with `loss`."""
    groups: dict[str, dict[str, Curve]] = {}
    for one in epochs:
        for name, value in one.metrics.items():
            numbers, values = groups.setdefault(name.removeprefix("val_"), {}).setdefault(name, ([], []))
            numbers.append(one.epoch)
            values.append(value)
    return groups


def in_terminal(epochs: Sequence[Epoch], *, columns: int) -> str:
    """The curves as text, one plot a group."""
    import plotext

    plots = []
    for name, group in curves(epochs).items():
        plotext.clear_figure()
        plotext.theme("clear")
        plotext.plotsize(columns, _ROWS)
        plotext.title(name)
        for label, (numbers, values) in group.items():
            plotext.plot(numbers, values, label=label)
        plots.append(str(plotext.build()))
    return "\n".join(plots)


def as_png(epochs: Sequence[Epoch], file: Path, *, title: str) -> None:
    """Draws the curves into a PNG, a plot a group below each other.

    Raises:
        CommandError: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    groups = curves(epochs)
    figure = Figure(figsize=(7, 2.6 * len(groups) + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    for number, (name, group) in enumerate(groups.items(), 1):
        axes = figure.add_subplot(len(groups), 1, number)
        for label, (numbers, values) in group.items():
            axes.plot(numbers, values, label=label, marker="." if len(numbers) < 30 else "")
        axes.set_ylabel(name)
        axes.set_xlabel("epoch")
        axes.legend()
    try:
        figure.savefig(file, dpi=_DOTS_PER_INCH, format="png")
    except OSError as error:
        raise CommandError(f"--output {file}: {error}") from error
