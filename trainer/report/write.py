"""The report as one file: tables, plots and pictures are in it; it asks the network for nothing."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

import torch

from chairsgen.aside import write_aside
from chairsgen.errors import InputError
from chairsgen.flowviz import ERROR_BINS, ERROR_COLOURS, OUTLIER_PX, OUTLIER_SHARE
from chairsgen.page.pair import png, wheel
from chairsgen.page.template import fill
from chairsgen.progress import progress
from trainer import __version__
from trainer.data import Source, open_validation
from trainer.devices import pick_device
from trainer.evaluate import Evaluation, evaluate
from trainer.methods import Method, open_method
from trainer.report.pairs import Shown, data_uri, draw, extremes
from trainer.report.pictures import costs, learning
from trainer.report.plots import Style
from trainer.report.tables import FIGURES, TRAINING, figures, notes, trainings
from trainer.report.trained import Trained
from trainer.table import short_names

STYLES = (
    ("chairsgen.page", "page.css"),
    ("trainer", "plots.css"),
    ("trainer.report", "report.css"),
)
MARK = '<meta name="generator" content="chairsgen trainer report'


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """A run's worst and best pairs of a dataset."""

    run: Trained
    data: str
    worst: Sequence[Shown]
    best: Sequence[Shown]


def write_report(
    folders: Sequence[Path],
    out: Path,
    *,
    data: Sequence[str] = (),
    methods: Sequence[str] = (),
    pairs: int = 4,
    limit: int | None = None,
    batch_size: int = 1,
    published: bool = False,
    device: str = "auto",
) -> list[Evaluation]:
    """Judges runs, and writes a page about them, in place of an earlier one.

    Args:
        folders: The runs'.
        out: The page.
        data: What they are judged on; what they were validated on, if there is none.
        methods: Classical methods to judge beside them.
        pairs: How many of the worst, and of the best, are shown of each run on each dataset.
        limit: Pairs of each dataset at most; if None, all, or as many as runs were validated on where there is no
            end to them.
        batch_size: Pairs that a network gets at once.
        published: Whether to add published figures.
        device: Where networks compute.

    Returns:
        What was measured, by the names that the page calls runs by.

    Raises:
        InputError: A folder is no run with a checkpoint and a log, a dataset is not usable, or ``out`` cannot be
            written or is another's file.
    """
    _check_place(out)
    once = list({folder.resolve(): folder for folder in folders}.values())
    names = short_names([*(str(folder.resolve()) for folder in once), *methods])
    runs = [Trained.open(folder, names[i], Style.of(i)) for i, folder in enumerate(once)]
    specs = list(dict.fromkeys(data or (spec for run in runs for spec in run.config.val)))
    if not specs:
        place = runs[0].config.data[0].partition("?")[0]
        raise InputError(
            f"{once[0]}: was trained without --val: say what to judge it on, such as --data {place}"
        )
    sources = {spec: open_validation(spec) for spec in specs}
    if limit is None and any(source.endless for source in sources.values()):
        limit = max(run.config.validation.pairs for run in runs) or None
    opened = [open_method(checkpoint=run.checkpoint, device=device) for run in runs]
    opened += [open_method(name) for name in methods]
    curves = list(learning(runs))

    judged = list(evaluate(opened, specs, batch_size=batch_size, limit=limit))
    named = {method.name: name for method, name in zip(opened, names, strict=True)}
    found = [replace(one, method=named[one.method]) for one in judged]
    galleries = list(_galleries(runs, opened, sources, found, pairs))

    content = {
        "title": runs[0].name if len(runs) == 1 else f"{len(runs)} runs",
        "facts": _facts(found, device),
        "runs": runs,
        "labels": dict(zip(specs, short_names(specs), strict=True)),
        "columns": FIGURES,
        "figures": list(figures(runs, specs, found, published=published)),
        "notes": list(notes(runs, sources, limit)),
        "curves": curves,
        "training": TRAINING,
        "trainings": list(trainings(runs)),
        "costs": list(costs(runs, specs, found, published=published)),
        "galleries": galleries if pairs else [],
    }
    try:
        write_aside(out, _page(content).encode())
    except OSError as error:
        raise InputError(f"--out {out}: cannot be written: {error.strerror}: name another file") from None
    return found


def _check_place(out: Path) -> None:
    """Before the work, which may take long: whether the page may be written there."""
    there = next(path for path in (out, *out.absolute().parents) if path.exists())
    folder = out.absolute().parent if there == out else there
    if out.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"--out {out}: cannot be written: name a file in a folder of yours")
    if there == out and MARK not in out.read_text(encoding="utf-8", errors="replace"):
        raise InputError(f"--out {out}: is no report: name another file, or take it away")


def _galleries(
    runs: Sequence[Trained],
    methods: Sequence[Method],
    sources: Mapping[str, Source],
    found: Sequence[Evaluation],
    count: int,
) -> Iterator[Gallery]:
    """Every run's pairs on every dataset; pictures are made of these alone, when it is known which they are."""
    errors = {spec: {one.method: one.errors for one in found if one.data == spec} for spec in sources}
    chosen = {(spec, run.name): extremes(errors[spec][run.name], count) for spec in sources for run in runs}
    with progress("drawing", sum(len(half) for halves in chosen.values() for half in halves), "pairs") as bar:
        for spec, source in sources.items():
            for run, method in zip(runs, methods, strict=False):
                halves: list[list[Shown]] = [[], []]
                for half, indices in zip(halves, chosen[spec, run.name], strict=True):
                    for shown in draw(method, source, indices, errors[spec], run.name):
                        half.append(shown)
                        bar.advance(1)
                yield Gallery(run=run, data=spec, worst=halves[0], best=halves[1])


def _facts(found: Sequence[Evaluation], device: str) -> list[str]:
    place = pick_device(device)
    cpu = f"a CPU, {torch.get_num_threads()} threads"
    machine = torch.cuda.get_device_name(place) if place.type == "cuda" else cpu
    pairs = {one.data: one.pairs for one in found}
    return [*(f"{spec}: {count:,} pairs" for spec, count in pairs.items()), f"times on {machine}"]


def _page(content: Mapping[str, object]) -> str:
    bounds = [f"{OUTLIER_PX * bound:.2g}" for bound in ERROR_BINS]
    bins = [*(f"< {bound}" for bound in bounds), f"\N{GREATER-THAN OR EQUAL TO} {bounds[-1]}"]
    return fill(
        "trainer.report",
        "report.html.jinja",
        version=__version__,
        css="\n".join(resources.files(package).joinpath(name).read_text("utf-8") for package, name in STYLES),
        wheel=data_uri(png(wheel()), "png"),
        bins=list(zip(ERROR_COLOURS, bins, strict=True)),
        outlier=(OUTLIER_PX, OUTLIER_SHARE),
        **content,
    )
