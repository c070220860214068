"""A study's pictures, as SVG that takes the page's colours, light or dark."""

import io
import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

from chairsgen.errors import InputError
from trainer.studies.running import Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"#1b1d21": "ink", "#646870": "soft", "#dedfe0": "line", "#1f5fae": "accent", "#8fb2da": "bar"}
"""Those of the page, by the names of its variables."""

INK, SOFT, LINE, ACCENT, BAR = COLOURS
PALETTE = ("#3b7dd8", "#d9822b", "#3a9d5d", "#c2478f", "#8a6fd1", "#b3892b", "#2f9aa0", "#d1534f")
WIDTH, HEIGHT = 7.2, 3.0
MOST_LABEL = 28
LOG_FROM = 20
"""Errors of which the largest is so many times the least are shown in their logarithm."""


def against_axis(
    panels: Mapping[str, Sequence[tuple[str, Sequence[float]]]], base: Mapping[str, float | None]
) -> str:
    """Error against an axis: every run, and the mean of each value.

    Args:
        panels: For each dataset, the values in their order, each with the errors of its runs.
        base: For each dataset, the base's mean, if there is one.
    """
    figure, axes = _panels(list(panels))
    for plot, (name, values) in zip(axes, panels.items(), strict=True):
        shown = [(place, errors) for place, (_, errors) in enumerate(values) if errors]
        mean = base[name]
        if mean is not None:
            plot.axhline(mean, color=SOFT, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
            plot.annotate(
                "base", (1, mean), (4, 0), ("axes fraction", "data"), "offset points", color=SOFT, va="center"
            )
        means = [sum(errors) / len(errors) for _, errors in shown]
        plot.plot([place for place, _ in shown], means, color=ACCENT, linewidth=1.5, marker="o", markersize=6)
        for place, errors in shown:
            plot.plot([place] * len(errors), errors, ".", color=BAR, markersize=7, zorder=3)
        plot.set_xticks(range(len(values)), [_short(label) for label, _ in values])
        plot.set_xlim(-0.5, len(values) - 0.5)
        if max(len(label) for label, _ in values) * len(values) > 70:
            plot.tick_params(axis="x", labelrotation=25)
            for label in plot.get_xticklabels():
                label.set_horizontalalignment("right")
    return _svg(figure)


def learning_curves(panels: Mapping[str, Mapping[str, Sequence[Sequence[Point]]]]) -> str:
    """Error against steps: a line for each run, a colour for each setting.

    Args:
        panels: For each dataset and setting, the validations of its runs.
    """
    figure, axes = _panels(list(panels))
    from matplotlib.ticker import MaxNLocator

    for plot, settings in zip(axes, panels.values(), strict=True):
        for colour, (name, runs) in zip(cycle(PALETTE), settings.items(), strict=False):
            for number, run in enumerate(runs):
                plot.plot(
                    [point.step for point in run],
                    [point.epe for point in run],
                    color=colour,
                    linewidth=1.2,
                    marker="." if len(run) < 10 else "",
                    label="" if number else _short(name),
                )
        plot.set_xlabel("steps")
        plot.xaxis.set_major_locator(MaxNLocator(integer=True))
        heights = [point.epe for runs in settings.values() for run in runs for point in run]
        if heights and max(heights) > LOG_FROM * min(heights) > 0:
            plot.set_yscale("log")
            plot.yaxis.set_major_formatter("{x:g}")
            plot.yaxis.set_minor_formatter("")
        if any(settings.values()):
            plot.legend(frameon=False, labelcolor=INK, loc="upper left", bbox_to_anchor=(1.01, 1.02))
    return _svg(figure)


def bars(values: Mapping[str, float], label: str) -> str:
    """A bar for each value, the longest first."""
    figure, (plot,) = _panels([""], height=0.6 + 0.32 * max(len(values), 1))
    ordered = sorted(values.items(), key=lambda item: item[1])
    plot.barh([name for name, _ in ordered], [value for _, value in ordered], color=BAR, height=0.6)
    plot.set_xlabel(label)
    plot.set_ylabel("")
    return _svg(figure)


def history(values: Sequence[tuple[int, float]], label: str) -> str:
    """Every trial's value, and the best so far."""
    figure, (plot,) = _panels([""])
    plot.plot(*zip(*values, strict=True), ".", color=BAR, markersize=6)
    best, lowest = [], math.inf
    for number, value in values:
        lowest = min(lowest, value)
        best.append((number, lowest))
    plot.step(*zip(*best, strict=True), where="post", color=ACCENT, linewidth=1.5)
    plot.set_xlabel("trial")
    plot.set_ylabel(label)
    return _svg(figure)


def parallel_coordinates(trials: Sequence[Mapping[str, float]], last: str) -> str:
    """A line for each trial through its draws, each scaled to its range; the better half stands out.

    Args:
        trials: Values by name, those of ``last`` among them, by which trials are good or bad.
        last: The name of the objective.
    """
    names = [*(name for name in trials[0] if name != last), last]
    ends = {name: (min(t[name] for t in trials), max(t[name] for t in trials)) for name in names}
    figure, (plot,) = _panels([""], height=3.4)
    ordered = sorted(trials, key=lambda trial: -trial[last])
    for rank, trial in enumerate(ordered):
        heights = [(trial[name] - ends[name][0]) / ((ends[name][1] - ends[name][0]) or 1) for name in names]
        good = rank >= 0.9 * len(ordered)
        plot.plot(
            range(len(names)),
            heights,
            color=ACCENT if good else BAR,
            linewidth=1.4 if good else 0.7,
            alpha=1 if good else 0.5,
        )
    plot.set_xticks(
        range(len(names)), [_short(name.split(".", 1)[-1]) for name in names], rotation=25, ha="right"
    )
    plot.set_yticks([0, 1], ["least", "most"])
    plot.set_ylabel("")
    plot.grid(axis="x", color=LINE)
    return _svg(figure)


def _panels(names: Sequence[str], height: float = HEIGHT) -> "tuple[Figure, list[Axes]]":
    """A figure with a plot below another for each name."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError('studies need Matplotlib: run `pip install "chairsgen[studies]"`') from None
    figure = Figure(figsize=(WIDTH, height * len(names)), layout="constrained")
    axes = figure.subplots(len(names), squeeze=False)[:, 0].tolist()
    for plot, name in zip(axes, names, strict=True):
        plot.set_title(_short(name, 80), loc="left", fontsize=10, color=INK)
        plot.set_ylabel("EPE, px", color=INK)
        plot.set_axisbelow(True)
        plot.grid(axis="y", color=LINE)
        plot.spines[:].set_visible(False)
        plot.tick_params(colors=SOFT, length=0)
        for axis in (plot.xaxis, plot.yaxis):
            axis.label.set_color(INK)
    return figure, axes


def _svg(figure: "Figure") -> str:
    import matplotlib

    file = io.StringIO()
    # Text stays text, and the same study makes the same file.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "study"}):
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    for colour, name in COLOURS.items():
        text = text.replace(colour, f"var(--{name}, {colour})")
    return text[text.index("<svg") :]


def _short(text: str, most: int = MOST_LABEL) -> str:
    # A dollar sign would begin a formula.
    text = text.replace("$", "\N{FULLWIDTH DOLLAR SIGN}")
    return text if len(text) <= most else f"{text[: most - 1]}…"


def numeric(trials: Sequence[Mapping[str, Any]]) -> list[dict[str, float]]:
    """Trials whose words are replaced by their places among the words of their name."""
    words = {
        name: sorted({str(trial[name]) for trial in trials})
        for name in trials[0]
        if any(isinstance(trial[name], str) for trial in trials)
    }
    return [
        {
            name: float(words[name].index(str(value)) if name in words else value)
            for name, value in trial.items()
        }
        for trial in trials
    ]
