"""A report's tables, and what to keep in mind about them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from trainer.data import Source
from trainer.evaluate import Evaluation
from trainer.published import PUBLISHED
from trainer.report.plots import Style
from trainer.report.trained import Trained
from trainer.runs import BEST

TRAINING = (
    "learned from",
    "steps",
    "pairs a step",
    "crop, px",
    "augmentation",
    "optimiser, peak rate",
    "precision",
    "weights from",
    "seed",
)
"""The columns of :func:`trainings`."""

FIGURES = ("EPE, px", "Fl-all", "ms a pair", "pixels")
"""The columns of :func:`figures` for each dataset; before them stand network, parameters and steps, after them the
checkpoint."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of a table.

    Attributes:
        name: What it is about.
        cells: The others; of published figures, those from the first dataset on.
        style: The run's; None for what is no run.
        source: Where published figures stand; empty where they are measured.
        best: The cells that are the least of what was measured.
    """

    name: str
    cells: Sequence[str]
    style: Style | None = None
    source: str = ""
    best: frozenset[int] = frozenset()


def figures(
    runs: Sequence[Trained], specs: Sequence[str], found: Sequence[Evaluation], *, published: bool
) -> Iterator[Row]:
    """The main table: runs, then classical methods, then what is published."""
    known = {run.name: run for run in runs}
    at = {(one.method, one.data): one for one in found}
    methods = list(dict.fromkeys(one.method for one in found))
    least = {spec: [min(_values(at[name, spec])[i] for name in methods) for i in range(3)] for spec in specs}
    for name in methods:
        run, best = known.get(name), set()
        cells = [run.config.model, f"{run.parameters:,}", f"{run.step:,}"] if run else ["classical", "", ""]
        for spec in specs:
            for value, lowest, form in zip(
                _values(at[name, spec]), least[spec], (".2f", ".1%", ".1f"), strict=True
            ):
                if value == lowest and len(methods) > 1:
                    best.add(len(cells))
                cells.append(f"{value:{form}}" if math.isfinite(value) else "not finite")
            cells.append(f"{at[name, spec].result.pixels['all'].pixels:,}")
        cells.append(run.checkpoint.name if run else "")
        yield Row(name=name, cells=cells, style=run.style if run else None, best=frozenset(best))
    for other in PUBLISHED if published else ():
        epes = [other.on(spec) for spec in specs]
        if any(epes):
            blocks = ((f"{epe:.2f}" if epe else "", "", "", "") for epe in epes)
            cells = [*(cell for block in blocks for cell in block), ""]
            yield Row(name=other.method, cells=cells, source=other.source)


def trainings(runs: Sequence[Trained]) -> Iterator[Row]:
    """What runs learned from, and how."""
    for run in runs:
        config = run.config
        cells = [
            ", ".join(config.data),
            f"{config.steps:,}",
            f"{config.batch_size}",
            f"{config.crop.width} x {config.crop.height}",
            config.augment.name,
            f"{config.optimiser.name}, {config.optimiser.lr:g}",
            config.precision,
            config.init or "fresh",
            f"{config.seed}",
        ]
        yield Row(name=run.name, cells=cells, style=run.style)


def notes(runs: Sequence[Trained], sources: Mapping[str, Source], limit: int | None) -> Iterator[str]:
    """What to keep in mind when figures are compared.

    Args:
        runs: Those.
        sources: What they are judged on, by SPEC.
        limit: Pairs of each at most.
    """
    learned = {frozenset(run.data.get(spec) or spec for spec in run.config.data) for run in runs}
    if len(learned) > 1:
        yield (
            "The runs learned from different data (see How they were trained): "
            "what differs in error is not the networks' doing alone."
        )
    for run in runs:
        if run.log.step < run.config.steps:
            yield f"{run.name} has learned {run.log.step:,} of its {run.config.steps:,} steps so far."
        for spec, source in sources.items():
            before = run.data.get(spec)
            if before and source.fingerprint and before != source.fingerprint:
                yield f"{spec} is not what it was when {run.name} was trained: its pairs have changed since."
    if any(run.checkpoint.name == BEST and set(run.config.val) & set(sources) for run in runs):
        yield (
            f"{BEST} is the checkpoint with the least validation error of its run: "
            "on the pairs by which it was chosen, its error flatters a little."
        )
    if limit is not None:
        yield f"Judged on the first {limit:,} pairs of each dataset at most."


def _values(one: Evaluation) -> tuple[float, float, float]:
    """The first of :data:`FIGURES`."""
    return one.result.epe, one.result.fl_all, 1000 * one.seconds
