"""A report's plots, in the colours of the page: curves of runs, and points of methods."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from trainer.plots import EPE, INK, LINE, PALETTE, SOFT, new_figure, scale_by_span, short, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Curve = list[tuple[int, float]]
"""Steps that were learned by then, each with a value."""

SIZE_IN = (4.5, 2.7)
LABEL_PT = 10.0
MOST_POINTS = 400
"""Longer curves are drawn by means over as many groups of their lines."""

DASHES = ("", "6 3", "2 2", "8 2 2 2")
"""What tells runs of one colour apart, as SVG writes it."""


@dataclass(frozen=True, kw_only=True)
class Style:
    """How a run is drawn, everywhere on the page.

    Attributes:
        colour: As CSS writes it.
        dashes: One of :data:`DASHES`.
    """

    colour: str
    dashes: str

    @classmethod
    def of(cls, number: int) -> "Style":
        """That of run ``number``, from 0."""
        return cls(colour=PALETTE[number % len(PALETTE)], dashes=DASHES[number // len(PALETTE) % len(DASHES)])


@dataclass(frozen=True, kw_only=True)
class Line:
    """A run's curve.

    Attributes:
        style: The run's.
        curve: Its values.
        mark: The step that is marked; None for none.
    """

    style: Style
    curve: Curve
    mark: int | None = None


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A point of a scatter plot.

    Attributes:
        name: Written beside it, unless it has a style.
        x: Above 0.
        y: Above 0.
        style: The run's; None for what is no run here: a hollow point.
    """

    name: str
    x: float
    y: float
    style: Style | None = None


def curves(lines: Sequence[Line], label: str, *, base: float | None = None) -> str:
    """Values against steps, as SVG.

    Args:
        lines: One a run.
        label: Of the values, with their unit.
        base: End-point error of zero flow, drawn across.
    """
    plot = _plot("steps", label)
    if base is not None:
        plot.axhline(base, color=SOFT, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
        plot.annotate(
            "zero\nflow",
            (1, base),
            (4, 0),
            ("axes fraction", "data"),
            "offset points",
            color=SOFT,
            va="center",
        )
    for line in lines:
        shown = thinned(line.curve)
        plot.plot(
            *zip(*shown, strict=True),
            color=line.style.colour,
            linewidth=1.3,
            linestyle=_dashes(line.style),
            marker="." if len(shown) < 10 else "",
        )
        for step, value in line.curve:
            if step == line.mark:
                plot.plot([step], [value], "o", color=line.style.colour, markersize=5)
    values = [value for line in lines for _, value in line.curve if math.isfinite(value)]
    _scale(plot, [*values, *([base] if base else [])])
    plot.xaxis.set_major_formatter(lambda value, _: _count(value))
    plot.locator_params(axis="x", nbins=5)
    return _drawn(plot)


def scatter(spots: Sequence[Spot], label: str) -> str:
    """End-point error against something else, both in their logarithm where they span much, as SVG."""
    plot = _plot(label, EPE)
    from matplotlib.ticker import LogLocator

    for spot in spots:
        colour = spot.style.colour if spot.style else SOFT
        plot.plot(
            [spot.x],
            [spot.y],
            marker="o",
            markersize=7,
            color=colour,
            markerfacecolor=colour if spot.style else "none",
        )
    plot.set_xscale("log", subs=[])
    ends = [spot.x for spot in spots]
    plot.set_xlim(min(ends) / 3, max(ends) * 6)
    if max(ends) < 10 * min(ends):
        plot.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    plot.xaxis.set_major_formatter(lambda value, _: _count(value))
    plot.grid(color=LINE)
    _scale(plot, [spot.y for spot in spots])
    _name(plot, [spot for spot in spots if not spot.style])
    return _drawn(plot)


def _name(plot: "Axes", spots: Sequence[Spot]) -> None:
    """Writes names beside points, from the lowest up, each above those that it would cover.

    Figures of one network from several sources stand one above the other: one name is enough.
    """
    figure = plot.get_figure(root=True)
    assert figure
    figure.draw_without_rendering()
    lowest = {(spot.name, spot.x): spot for spot in sorted(spots, key=lambda spot: -spot.y)}
    placed: list[tuple[float, float, float]] = []
    for spot in sorted(lowest.values(), key=lambda spot: spot.y):
        x, y = (plot.transData.transform((spot.x, spot.y)) * 72 / figure.dpi).tolist()
        width, height = 5.5 * len(spot.name), y
        for left, right, low in sorted(placed, key=lambda one: one[2]):
            if x < right and left < x + width and abs(low - height) < LABEL_PT:
                height = low + LABEL_PT
        placed.append((x, x + width, height))
        plot.annotate(
            short(spot.name),
            (spot.x, spot.y),
            (6, height - y - 3),
            "data",
            "offset points",
            color=INK,
            fontsize=9,
        )


def thinned(curve: Curve) -> Curve:
    """A curve of :data:`MOST_POINTS` points at most: means over equal groups, each at its last step."""
    group = -(-len(curve) // MOST_POINTS)
    pieces = (curve[start : start + group] for start in range(0, len(curve), group))
    return [(piece[-1][0], fmean(value for _, value in piece)) for piece in pieces] if group > 1 else curve


def _plot(x: str, y: str) -> "Axes":
    figure, (plot,) = new_figure([""])
    figure.set_size_inches(SIZE_IN)
    plot.set_xlabel(x)
    plot.set_ylabel(y)
    return plot


def _scale(plot: "Axes", values: Sequence[float]) -> None:
    """Of the values' axis: logarithmic where they span much, else from 0 on."""
    plot.tick_params(which="minor", length=0)
    if not scale_by_span(plot, values):
        plot.set_ylim(0, 1.1 * max(values, default=0) or 1)


def _dashes(style: Style) -> tuple[int, tuple[float, ...]]:
    return 0, tuple(float(part) for part in style.dashes.split())


def _count(value: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g} {letter}"
    return f"{value:g}"


def _drawn(plot: "Axes") -> str:
    assert plot.figure
    # On a page of several plots, these names would not be unique, and nothing refers to them.
    return re.sub(r' id="[a-zA-Z0-9]+_\d+"', "", svg(plot.figure))  # type: ignore[arg-type]
