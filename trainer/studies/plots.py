"""A study's pictures, as SVG that takes the page's colours, light or dark."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from trainer.plots import (
    ACCENT,
    BAR,
    INK,
    LINE,
    MOST_LABEL,
    PALETTE,
    PAPER,
    SOFT,
    new_figure,
    scale_by_span,
    short,
    svg,
)
from trainer.studies.answers import rounded
from trainer.studies.running import Point

LANE = 0.08
"""Of the height: how far the lines of a parallel plot that share a word lie apart, first to last."""


def against_axis(
    panels: Mapping[str, Sequence[tuple[str, Sequence[float]]]], base: Mapping[str, float | None]
) -> str:
    """Error against an axis: every run, and the mean of each value.

    Args:
        panels: For each dataset, the values in their order, each with the errors of its runs.
        base: For each dataset, the base's mean, if there is one.
    """
    figure, axes = new_figure(list(panels))
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
        plot.set_xticks(range(len(values)), [short(label) for label, _ in values])
        plot.set_xlim(-0.5, len(values) - 0.5)
        if max(len(label) for label, _ in values) * len(values) > 70:
            plot.tick_params(axis="x", labelrotation=25)
            for label in plot.get_xticklabels():
                label.set_horizontalalignment("right")
    return svg(figure)


def learning_curves(panels: Mapping[str, Mapping[str, Sequence[Sequence[Point]]]]) -> str:
    """Error against steps: a line for each run, a colour for each setting; of many, for a few that stand out.

    Args:
        panels: For each dataset and setting, the base first, the validations of its runs.
    """
    figure, axes = new_figure(list(panels))
    from matplotlib.ticker import MaxNLocator

    for plot, settings in zip(axes, panels.values(), strict=True):
        named = _outstanding(settings)
        colours = dict(zip(named, PALETTE, strict=False))
        for name, runs in sorted(settings.items(), key=lambda item: item[0] in named):
            for number, run in enumerate(runs):
                plot.plot(
                    [point.step for point in run],
                    [point.epe for point in run],
                    color=colours.get(name, LINE),
                    linewidth=1.2,
                    marker="." if len(run) < 10 else "",
                    label="" if number or name not in named else named[name],
                )
        plot.set_xlabel("steps")
        plot.xaxis.set_major_locator(MaxNLocator(integer=True))
        heights = [point.epe for runs in settings.values() for run in runs for point in run]
        scale_by_span(plot, heights)
        if any(settings.values()):
            plot.legend(frameon=False, labelcolor=INK, loc="upper left", bbox_to_anchor=(1.01, 1.02))
    return svg(figure)


def _outstanding(settings: Mapping[str, Sequence[Sequence[Point]]]) -> dict[str, str]:
    """The settings to tell apart, and what a legend calls them: all, or else the base, the best and the worst."""
    if len(settings) <= len(PALETTE):
        # Of a long name, the end tells: it is the value.
        return {
            name: short(name if len(name) <= MOST_LABEL else f"…{name[1 - MOST_LABEL :]}")
            for name in settings
        }
    ends = {name: sum(run[-1].epe for run in runs) / len(runs) for name, runs in settings.items()}
    best, worst = (choose(ends, key=ends.__getitem__) for choose in (min, max))
    return {best: "the best", worst: "the worst"} | {next(iter(settings)): "base"}


def bars(values: Mapping[str, float], label: str, errors: Mapping[str, float] | None = None) -> str:
    """A bar for each value, the longest first; with a line of their standard errors, where these are given."""
    figure, (plot,) = new_figure([""], height=0.6 + 0.32 * max(len(values), 1))
    ordered = sorted(values.items(), key=lambda item: item[1])
    plot.barh(
        [short(name, 36) for name, _ in ordered], [value for _, value in ordered], color=BAR, height=0.6
    )
    if errors:
        widths = [errors[name] for name, _ in ordered]
        middles = [value for _, value in ordered]
        plot.errorbar(
            middles, range(len(ordered)), xerr=widths, fmt="none", ecolor=INK, elinewidth=1, capsize=3
        )
        plot.set_xlim(left=0)
    plot.set_xlabel(label)
    plot.set_ylabel("")
    return svg(figure)


def history(values: Sequence[tuple[int, float]], label: str) -> str:
    """Every trial's value, and the best so far."""
    figure, (plot,) = new_figure([""])
    plot.plot(*zip(*values, strict=True), ".", color=BAR, markersize=6)
    best, lowest = [], math.inf
    for number, value in values:
        lowest = min(lowest, value)
        best.append((number, lowest))
    plot.step(*zip(*best, strict=True), where="post", color=ACCENT, linewidth=1.5)
    plot.set_xlabel("trial")
    plot.set_ylabel(label)
    return svg(figure)


def parallel_coordinates(
    trials: Sequence[Mapping[str, Any]], last: str, words: Mapping[str, Sequence[str]] | None = None
) -> str:
    """A line for each trial through its values, each scaled to its range; the best tenth stands out.

    Args:
        trials: Numbers and words by name, a number of ``last`` among them, by which trials are good or bad.
        last: The name of the objective.
        words: The order of the words of a name; the alphabet's for the others.
    """
    known = _words(trials) | dict(words or {})
    points = numeric(trials, known)
    names = [*(name for name in trials[0] if name != last), last]
    ends = {name: (min(p[name] for p in points), max(p[name] for p in points)) for name in names}
    figure, (plot,) = new_figure([""], height=3.6)
    ordered = sorted(points, key=lambda point: -point[last])
    for rank, point in enumerate(ordered):
        heights = [_height(point[name], ends[name]) for name in names]
        # Side by side, where many have the same word.
        aside = LANE * (rank / max(len(ordered) - 1, 1) - 0.5)
        good = rank >= len(ordered) - max(len(ordered) // 10, 1)
        plot.plot(
            range(len(names)),
            [height + aside * (name in known) for name, height in zip(names, heights, strict=True)],
            color=ACCENT if good else BAR,
            linewidth=2 if good else 1,
            alpha=1 if good else 0.6,
        )
    for place, name in enumerate(names):
        marks = (
            enumerate(known[name]) if name in known else [(end, rounded(end, None)) for end in {*ends[name]}]
        )
        for value, text in marks:
            plot.annotate(
                short(text, 16),
                (place, _height(value, ends[name])),
                (-5, 0) if place == len(names) - 1 else (5, 0),
                textcoords="offset points",
                ha="right" if place == len(names) - 1 else "left",
                va="center",
                fontsize=9,
                color=INK,
                zorder=4,
                bbox={"facecolor": PAPER, "edgecolor": "none", "alpha": 0.8, "pad": 1},
            )
    # Names that are longer than their axes lie apart stand on lines of their own.
    lines = math.ceil(0.6 * (len(names) - 1))
    texts = ["\n" * (place % lines) + short(name.split(".", 1)[-1]) for place, name in enumerate(names)]
    plot.set_xticks(range(len(names)), texts)
    plot.get_xticklabels()[0].set_horizontalalignment("left")
    plot.get_xticklabels()[-1].set_horizontalalignment("right")
    plot.set_xlim(0, len(names) - 1)
    plot.set_yticks([])
    plot.set_ylabel("")
    plot.grid(axis="x", color=LINE)
    return svg(figure)


def _height(value: float, ends: tuple[float, float]) -> float:
    low, high = ends
    return (value - low) / (high - low) if high > low else 0.5


def _words(trials: Sequence[Mapping[str, Any]]) -> dict[str, Sequence[str]]:
    """The words of every name that has some, in their alphabet's order."""
    return {
        name: sorted({str(trial[name]) for trial in trials})
        for name in trials[0]
        if any(isinstance(trial[name], str | bool) for trial in trials)
    }


def numeric(
    trials: Sequence[Mapping[str, Any]], words: Mapping[str, Sequence[str]]
) -> list[dict[str, float]]:
    """Trials whose words are replaced by their places among the words of their name."""
    return [
        {
            name: float(words[name].index(str(value)) if name in words else value)
            for name, value in trial.items()
        }
        for trial in trials
    ]
