"""A report's plots, each with a title and with words for those who do not see it."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trainer.evaluate import Evaluation
from trainer.models import ENTRIES, num_parameters
from trainer.plots import EPE
from trainer.published import PUBLISHED
from trainer.report.plots import Line, Spot, curves, scatter
from trainer.report.trained import Trained

LEARNED = {
    "loss": ("Training loss", "loss"),
    "epe": ("Training error", "EPE of augmented crops, px"),
    "lr": ("Learning rate", "learning rate"),
}
"""What the log says of the steps: the plot's title, and its axis."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A plot.

    Attributes:
        title: What it shows.
        text: The same with its values, in words.
        svg: The plot itself.
    """

    title: str
    text: str
    svg: str


def learning(runs: Sequence[Trained]) -> Iterator[Picture]:
    """How runs learned: validation first, then what the steps said."""
    for spec in dict.fromkeys(spec for run in runs for spec in run.log.judged):
        judged = [run for run in runs if spec in run.log.judged]
        lines = [Line(style=run.style, curve=run.log.judged[spec], mark=run.step) for run in judged]
        # Runs may have been validated on unlike numbers of its pairs.
        zeros = {run.log.zero[spec] for run in judged}
        ends = ", ".join(f"{run.name} {run.log.judged[spec][-1][1]:.2f} px" for run in judged)
        title = f"Validation error on {spec}"
        yield Picture(
            title=title,
            text=f"{title} against steps; in the end: {ends}",
            svg=curves(lines, EPE, base=zeros.pop() if len(zeros) == 1 else None),
        )
    for name, (title, label) in LEARNED.items():
        lines = [Line(style=run.style, curve=curve) for run in runs if (curve := run.log.learned[name])]
        if lines:
            among = ", ".join(run.name for run in runs)
            yield Picture(title=title, text=f"{title} of {among} against steps", svg=curves(lines, label))


def costs(
    runs: Sequence[Trained], specs: Sequence[str], found: Sequence[Evaluation], *, published: bool
) -> Iterator[Picture]:
    """Error against parameters, and against time, for every dataset."""
    known = {run.name: run for run in runs}
    for spec in specs:
        here = [one for one in found if one.data == spec and math.isfinite(one.result.epe)]
        sizes, times = [], []
        for one in here:
            run, epe = known.get(one.method), one.result.epe
            style = run.style if run else None
            times.append(Spot(name=one.method, x=1000 * one.seconds, y=epe, style=style))
            if run:
                sizes.append(Spot(name=one.method, x=run.parameters, y=epe, style=style))
        others = list(_published(spec)) if published else []
        if sizes:
            hollow = "; hollow: published, not measured here" if others else ""
            yield _cost(f"Size against error on {spec}{hollow}", [*sizes, *others], "parameters")
        if times:
            hollow = "; hollow: classical methods" if len(times) > len(sizes) else ""
            yield _cost(f"Time against error on {spec}{hollow}", times, "ms a pair")


def _cost(title: str, spots: Sequence[Spot], label: str) -> Picture:
    points = ", ".join(f"{spot.name} {spot.x:,.4g} and {spot.y:.2f} px" for spot in spots)
    return Picture(title=title, text=f"{title}; {label} and error: {points}", svg=scatter(spots, label))


def _published(spec: str) -> Iterator[Spot]:
    for other in PUBLISHED:
        epe, model = other.on(spec), other.method.lower().replace("pwc-net", "pwcnet")
        if epe and model in ENTRIES:
            yield Spot(name=other.method, x=num_parameters(model), y=epe)
