"""Evaluations as a table: methods down, datasets across; as text, Markdown, CSV or JSON."""

import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import chain
from pathlib import Path
from typing import Any

from chairsgen import __version__
from chairsgen.config import nearest
from chairsgen.errors import InputError
from trainer.evaluate import Evaluation
from trainer.metrics import REGIONS, Measures
from trainer.published import PUBLISHED, Published

TIME = "ms"
SHOWN = ("epe", "fl", TIME)
"""What a table shows unless told else."""

AVERAGES = ("pixels", "images")

_HEADINGS = {
    "epe": "EPE",
    "aae": "AAE",
    "over_1px": ">1px%",
    "over_3px": ">3px%",
    "over_5px": ">5px%",
    "fl": "Fl%",
    TIME: "ms",
}
_PUBLISHED = "by others, of networks trained on FlyingChairs alone; not measured here"

Row = tuple[str, list[list[str]]]
"""A method's name, and for each dataset a cell for each column."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """What a table shows of every dataset.

    Attributes:
        measure: One of :data:`trainer.metrics.ERRORS`, or :data:`TIME`.
        region: One of :data:`trainer.metrics.REGIONS`.
    """

    measure: str
    region: str = "all"

    @property
    def heading(self) -> str:
        """What stands above it."""
        return " ".join((_HEADINGS[self.measure], *([self.region] if self.region != "all" else [])))


def parse_columns(text: str) -> tuple[Column, ...]:
    """Columns from names such as ``epe,fl,epe@s40+,ms``.

    Raises:
        InputError: A name is unknown.
    """
    columns = []
    for name in filter(None, text.split(",")):
        measure, _, region = name.partition("@")
        region = region or "all"
        for word, known in ((measure, _HEADINGS), (region, REGIONS)):
            if word not in known:
                raise InputError(f"--show {name}: unknown {word!r}: {nearest(word, known)}")
        columns.append(Column(measure=measure, region=region))
    return tuple(columns)


@dataclass(frozen=True, kw_only=True)
class Table:
    """What is to be shown.

    Attributes:
        evaluations: Every method on every dataset.
        columns: What text and Markdown show of each; CSV and JSON hold all.
        average: Whether text and Markdown show means over ``pixels``, or over ``images``.
        published: Rows for comparison.
    """

    evaluations: Sequence[Evaluation]
    columns: Sequence[Column]
    average: str = "pixels"
    published: Sequence[Published] = ()

    def text(self) -> str:
        """With aligned columns."""
        measured, published = list(self._measured()), list(self._published())
        rule = [("published:", [[""] * len(self.columns) for _ in self._data()])] if published else []
        rows = [*measured, *rule, *published]
        blocks = [_padded(["", "method", *(name for name, _ in rows)], str.ljust)]
        headings = [column.heading for column in self.columns]
        for number, label in enumerate(short_names(self._data())):
            columns = zip(headings, *(cells[number] for _, cells in rows), strict=True)
            aligned = [_padded(column, str.rjust) for column in columns]
            blocks.append(_padded([label, *map("  ".join, zip(*aligned, strict=True))], str.rjust))
        lines = ["  ".join(parts).rstrip() for parts in zip(*blocks, strict=True)]
        return "\n".join([*lines, f"published: {_PUBLISHED}"] if published else lines)

    def markdown(self) -> str:
        """As a table in Markdown."""
        published = [(f"{name} *(published)*", cells) for name, cells in self._published()]
        headings = [
            f"{label} {column.heading}" for label in short_names(self._data()) for column in self.columns
        ]
        rows = [["method", *headings], ["---", *["---:"] * len(headings)]]
        rows += [[name, *chain.from_iterable(cells)] for name, cells in (*self._measured(), *published)]
        lines = [f"| {' | '.join(row)} |" for row in rows]
        return "\n".join([*lines, "", f"*(published)*: {_PUBLISHED}."] if published else lines)

    def csv(self) -> str:
        """A row for each method, dataset, average and region; published ones say so."""
        file = io.StringIO()
        names = [field.name for field in fields(Measures)]
        columns = ("kind", "method", "source", "data", "pairs", "ms", "average", "region", *names)
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        for found in self.evaluations:
            about = {"kind": "measured", "method": found.method, "data": found.data, "pairs": found.pairs}
            for average in AVERAGES:
                for region, measures in getattr(found.result, average).items():
                    row = about | {"ms": 1000 * found.seconds, "average": average, "region": region}
                    writer.writerow(row | _finite(asdict(measures), ""))
        for other, data, epe in self._figures():
            about = {"kind": "published", "method": other.method, "source": other.source, "data": data}
            writer.writerow(about | {"average": "pixels", "region": "all", "epe": epe})
        return file.getvalue().rstrip("\n")

    def json(self) -> str:
        """All that was measured, by method and dataset; what is published apart from it."""
        measured: dict[str, dict[str, Any]] = {}
        for found in self.evaluations:
            result = found.result
            measured.setdefault(found.method, {})[found.data] = {
                "epe": result.epe,
                "fl_all": result.fl_all,
                "pairs": found.pairs,
                "ms": 1000 * found.seconds,
                **{name: {k: asdict(v) for k, v in getattr(result, name).items()} for name in AVERAGES},
                "num_images": result.num_images,
            }
        published = [
            {"method": row.method, "source": row.source, "data": data, "epe": epe}
            for row, data, epe in self._figures()
        ]
        whole = {"version": __version__, "measured": measured, "published": published}
        return json.dumps(_finite(whole, None), indent=1)

    def _data(self) -> list[str]:
        return list(dict.fromkeys(found.data for found in self.evaluations))

    def _measured(self) -> Iterator[Row]:
        found = {(one.method, one.data): one for one in self.evaluations}
        for method in dict.fromkeys(one.method for one in self.evaluations):
            values = (
                [self._value(found[method, data], column) for column in self.columns] for data in self._data()
            )
            yield method, [list(map(_cell, self.columns, row)) for row in values]

    def _value(self, found: Evaluation, column: Column) -> float:
        if column.measure == TIME:
            return 1000 * found.seconds
        value: float = getattr(getattr(found.result, self.average)[column.region], column.measure)
        return value

    def _published(self) -> Iterator[Row]:
        epe = Column(measure="epe")
        for row in self.published:
            figures = [row.on(data) for data in self._data()]
            if any(figures):
                values = [
                    [figure if column == epe and figure else math.nan for column in self.columns]
                    for figure in figures
                ]
                yield (
                    f"{row.method} ({row.source})",
                    [list(map(_cell, self.columns, cells)) for cells in values],
                )

    def _figures(self) -> Iterator[tuple[Published, str, float]]:
        for row in self.published:
            for data in self._data():
                if epe := row.on(data):
                    yield row, data, epe


def make_table(
    evaluations: Sequence[Evaluation],
    show: str = ",".join(SHOWN),
    *,
    average: str = "pixels",
    published: bool = False,
) -> Table:
    """A table; arguments as its attributes, ``show`` as :func:`parse_columns` takes it."""
    return Table(
        evaluations=evaluations,
        columns=parse_columns(show),
        average=average,
        published=PUBLISHED if published else (),
    )


def short_names(specs: Sequence[str]) -> list[str]:
    """Datasets by the last part of their place, where that tells them apart."""
    names = [":".join(Path(part).name for part in spec.split(":")[-2:]) for spec in specs]
    return names if len(set(names)) == len(names) else list(specs)


def _cell(column: Column, value: float) -> str:
    if not math.isfinite(value):
        return "-"
    if column.measure in ("epe", "aae"):
        return f"{value:.2f}"
    return f"{value:.1f}" if column.measure == TIME else f"{100 * value:.1f}"


def _padded(lines: Sequence[str], pad: Callable[[str, int], str]) -> list[str]:
    """Lines of one length."""
    width = max(map(len, lines))
    return [pad(line, width) for line in lines]


def _finite(value: Any, otherwise: Any) -> Any:
    """Plain values, with ``otherwise`` for what is no finite number."""
    if isinstance(value, dict):
        return {key: _finite(entry, otherwise) for key, entry in value.items()}
    if isinstance(value, list):
        return [_finite(entry, otherwise) for entry in value]
    return otherwise if isinstance(value, float) and not math.isfinite(value) else value
