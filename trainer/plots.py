"""Figures as SVG that takes its page's colours, light or dark."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from chairsgen.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {
    "#1b1d21": "ink",
    "#646870": "soft",
    "#dedfe0": "line",
    "#1f5fae": "accent",
    "#8fb2da": "bar",
    "#fbfbf9": "paper",
}
"""Those of the page, by the names of its variables."""

INK, SOFT, LINE, ACCENT, BAR, PAPER = COLOURS
PALETTE = ("#3b7dd8", "#d9822b", "#3a9d5d", "#c2478f", "#8a6fd1", "#b3892b", "#2f9aa0", "#d1534f")
EPE = "EPE, px"
WIDTH, HEIGHT = 7.2, 3.0
MOST_LABEL = 28

LOG_FROM = 20
"""Errors of which the largest is so many times the least are shown in their logarithm."""


def new_figure(names: Sequence[str], height: float = HEIGHT) -> "tuple[Figure, list[Axes]]":
    """A figure with a plot below another for each name."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError('plots need Matplotlib: run `pip install "chairsgen[studies]"`') from None
    figure = Figure(figsize=(WIDTH, height * len(names)), layout="constrained")
    axes = figure.subplots(len(names), squeeze=False)[:, 0].tolist()
    for plot, name in zip(axes, names, strict=True):
        plot.set_title(short(name, 80), loc="left", fontsize=10, color=INK)
        plot.set_ylabel(EPE, color=INK, labelpad=8)
        plot.set_axisbelow(True)
        plot.grid(axis="y", color=LINE)
        plot.spines[:].set_visible(False)
        plot.tick_params(colors=SOFT, length=0)
        for axis in (plot.xaxis, plot.yaxis):
            axis.label.set_color(INK)
    return figure, axes


def scale_by_span(plot: "Axes", values: Sequence[float]) -> bool:
    """Makes the values' axis logarithmic where they span much, and says whether."""
    wide = bool(values) and max(values) > LOG_FROM * min(values) > 0
    if wide:
        plot.set_yscale("log")
        plot.yaxis.set_major_formatter("{x:g}")
        plot.yaxis.set_minor_formatter("")
    return wide


def svg(figure: "Figure") -> str:
    """A figure as an element for a page."""
    import matplotlib

    file = io.StringIO()
    # Text stays text, and the same figure makes the same file.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "chairsgen"}):
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    for colour, name in COLOURS.items():
        text = text.replace(colour, f"var(--{name}, {colour})")
    return text[text.index("<svg") :]


def short(text: str, most: int = MOST_LABEL) -> str:
    """A text's beginning, fit for a figure."""
    # A dollar sign would begin a formula.
    text = text.replace("$", "\N{FULLWIDTH DOLLAR SIGN}")
    return text if len(text) <= most else f"{text[: most - 1]}…"
