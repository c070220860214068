"""The page of a study: a table, its pictures, and what went wrong; in the family of ``chairsgen view``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from statistics import fmean

from chairsgen.aside import write_aside
from chairsgen.page.template import fill
from trainer import __version__
from trainer.plots import EPE
from trainer.studies import importance, plots
from trainer.studies.answers import HEADINGS, Answer, note, row
from trainer.studies.importance import Importance
from trainer.studies.plan import BASE, Plan, levels, points
from trainer.studies.running import RUNS, Point, curves

INDEX = "index.html"
STYLES = (("chairsgen.page", "page.css"), ("trainer", "plots.css"))


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of texts.

    Attributes:
        title: What stands above it.
        headings: Of its columns.
        rows: Its cells.
        bold: The rows that stand out.
    """

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    bold: frozenset[int] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A plot.

    Attributes:
        title: What it shows.
        svg: The plot itself.
    """

    title: str
    svg: str


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a page shows, from top to bottom.

    Attributes:
        title: The study's name.
        about: What it asks.
        facts: In a few words.
        tables: Those.
        notes: Lines below them.
        pictures: Those.
        files: What lies beside the page: name -> what it is.
    """

    title: str
    about: str
    facts: Sequence[str]
    tables: Sequence[Table]
    notes: Sequence[str]
    pictures: Sequence[Picture]
    files: Mapping[str, str]


def write_content(folder: Path, content: Content) -> Path:
    """Writes a page with its styles and, as files of their own, its pictures; the index last."""
    for package, name in STYLES:
        write_aside(folder / name, resources.files(package).joinpath(name).read_bytes())
    for number, picture in enumerate(content.pictures, 1):
        write_aside(folder / f"plot-{number}.svg", picture.svg.encode())
    html = fill("trainer.studies", "study.html.jinja", version=__version__, content=content)
    write_aside(folder / INDEX, html.encode())
    return folder / INDEX


def write_page(
    plan: Plan,
    found: Sequence[Answer],
    explained: Sequence[Importance],
    failures: Mapping[str, str],
    idle: Sequence[str],
) -> Path:
    """Writes an ablation's page.

    Args:
        plan: What was run.
        found: What came of it.
        explained: What every axis explains.
        failures: Why runs failed, by their names.
        idle: Axes that change nothing.
    """
    options = plan.study.options
    data = list(plan.evaluated.values())
    tables = []
    for name in data:
        rows = [row(answer) for answer in found if answer.data == name]
        bold = frozenset(i for i, cells in enumerate(rows) if cells["beyond noise"] == "yes")
        tables.append(
            Table(title=name, headings=HEADINGS, rows=[list(cells.values()) for cells in rows], bold=bold)
        )
    shares = {name: [one for one in explained if one.data == name] for name in data}
    tables += [_importance_table(name, those) for name, those in shares.items() if those]
    errors = {(answer.case, answer.data): list(answer.errors.values()) for answer in found}
    base = {name: fmean(values) if (values := errors[plan.cases[0].name, name]) else None for name in data}
    pictures = [
        Picture(
            title=f"Error against {axis.name}",
            svg=plots.against_axis(
                {
                    name: [
                        (label, [error for case in cases for error in errors[case, name]])
                        for label, cases in points(plan, axis)
                    ]
                    for name in data
                },
                base,
            ),
        )
        for axis in plan.study.axes
        if axis.name not in idle
    ]
    pictures += [
        Picture(
            title=f"{importance.TITLE}: {name}",
            svg=plots.bars(
                {one.axis: 100 * one.share for one in those},
                "share of the variance, %",
                {one.axis: 100 * one.share_error for one in those},
            ),
        )
        for name, those in shares.items()
        if those and len(plan.study.axes) > 1
    ]
    pictures += _parallel(plan, found, idle)
    learned: dict[str, dict[str, list[Sequence[Point]]]] = {name: {} for name in data}
    for run in plan.runs:
        for spec, line in curves(plan.folder / RUNS / run.name).items():
            learned[plan.evaluated[spec]].setdefault(run.case, []).append(line)
    if any(len(line) > 1 for settings in learned.values() for runs in settings.values() for line in runs):
        pictures.append(Picture(title="Learning curves", svg=plots.learning_curves(learned)))
    train = plan.cases[0].setting.train
    return write_content(
        plan.folder,
        Content(
            title=plan.study.name,
            about=options.about,
            facts=[
                options.mode,
                f"{len(plan.cases)} settings, {options.seeds} seeds each",
                f"{train.model}, {train.steps:,} steps of {train.batch_size} pairs",
            ],
            tables=tables,
            notes=[
                note(found),
                importance.note(explained, options.mode),
                *idle_notes(idle),
                *(f"failed: {run}: {why}" for run, why in failures.items()),
            ],
            pictures=pictures,
            files={
                "table.txt": "the table as text",
                "table.csv": "as CSV",
                "table.md": "as Markdown",
                "table.json": "as JSON, with every run's error",
                "importance.csv": "what each axis explains",
                "importance.json": "as JSON",
                "study.json": "what was asked",
            },
        ),
    )


def _importance_table(name: str, explained: Sequence[Importance]) -> Table:
    rows = [importance.row(one) for one in explained]
    return Table(
        title=f"{importance.TITLE}: {name}",
        headings=importance.HEADINGS,
        rows=[list(cells.values()) for cells in rows],
        bold=frozenset(i for i, one in enumerate(explained) if one.beyond_noise),
    )


def _parallel(plan: Plan, found: Sequence[Answer], idle: Sequence[str]) -> list[Picture]:
    """Every setting as a line through its values, where more than one axis matters at all."""
    axes = [axis for axis in plan.study.axes if axis.name not in idle]
    if len(axes) < 2:
        return []
    cases = levels(plan)
    words = {}
    for axis in axes:
        used = {case[axis.name] for case in cases.values()}
        words[axis.name] = [
            label for label in (BASE, *(value.label for value in axis.values)) if label in used
        ]
    pictures = []
    for name in plan.evaluated.values():
        lines = [
            {axis.name: cases[answer.case][axis.name] for axis in axes} | {EPE: answer.mean}
            for answer in found
            if answer.data == name and answer.case in cases and answer.mean is not None
        ]
        if len(lines) > 1:
            title = f"Settings, the best standing out: {name}"
            pictures.append(Picture(title=title, svg=plots.parallel_coordinates(lines, EPE, words)))
    return pictures


def idle_notes(idle: Sequence[str]) -> list[str]:
    """A line for each axis that changes nothing."""
    return [f"{name}: none of its values changes what a network learns, or from what" for name in idle]
