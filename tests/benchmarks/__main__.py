"""What the project claims about speed and size, measured and printed as one table.

    python -m tests.benchmarks [--only NAME]... [--quick] [--photos DIR]

A benchmark says how fast; whether the results are right, the tests say.
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.benchmarks.report import Row
    from tests.benchmarks.workload import Workload

# Benchmarks are imported where they are called: the processes that builds spawn import this module too.

PHOTOS = Path(__file__).parents[3] / "shared" / "data" / "photos"
"""Photographs beside the repository, if there are any."""


def _sprites(_: "Workload") -> "list[Row]":
    from tests.benchmarks import bench_render
    from tests.benchmarks.report import Row, at_least

    rows = []
    for what, value in bench_render.rows():
        rate, unit, gl_name = value.split(" ", 2)
        if what.endswith("processes: 2"):
            rows.append(at_least(what, float(rate), unit, 60))
        else:
            rows.append(Row(what=what, measured=f"{rate} {unit}"))
    return [*rows, Row(what=f"render: OpenGL by {gl_name[1:-1]}", measured="")]


def _compose(workload: "Workload") -> "list[Row]":
    from tests.benchmarks import bench_compose

    return bench_compose.rows(workload)


def _build(workload: "Workload") -> "list[Row]":
    from tests.benchmarks import bench_build

    return bench_build.rows(workload)


def _size(workload: "Workload") -> "list[Row]":
    from tests.benchmarks import bench_build

    return bench_build.size_rows(workload)


def _read(workload: "Workload") -> "list[Row]":
    from tests.benchmarks import bench_build

    return bench_build.reading_rows(workload)


def _assets(workload: "Workload") -> "list[Row]":
    from tests.benchmarks import bench_assets

    return bench_assets.rows(workload)


def _reading(workload: "Workload") -> "list[Row]":
    from tests.benchmarks import bench_reading

    return bench_reading.rows(workload)


def _cost_volume(workload: "Workload") -> "list[Row]":
    from tests.benchmarks import bench_cost_volume

    return bench_cost_volume.rows(workload)


def _training(workload: "Workload") -> "list[Row]":
    from tests.benchmarks import bench_training

    return bench_training.rows(workload)


ROWS: "dict[str, Callable[[Workload], list[Row]]]" = {
    "assets": _assets,
    "sprites": _sprites,
    "compose": _compose,
    "build": _build,
    "size": _size,
    "read": _read,
    "reading": _reading,
    "cost_volume": _cost_volume,
    "training": _training,
}
"""What goes into the one table."""


def _profile(workload: "Workload") -> str:
    from tests.benchmarks import bench_compose
    from tests.benchmarks.report import table

    return table(bench_compose.HEADINGS, bench_compose.profile(workload))


def _filters(workload: "Workload") -> str:
    from tests.benchmarks import bench_filters
    from tests.benchmarks.report import table

    return table(bench_filters.HEADINGS, bench_filters.lines(workload))


TABLES = {"profile": _profile, "filters": _filters}
"""Small tables of their own, under it."""


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.split("\n")[0])
    names = [*ROWS, *TABLES]
    parser.add_argument("--only", action="append", choices=names, help="measure this; may be repeated")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, to try the benchmarks")
    parser.add_argument("--photos", type=Path, default=PHOTOS, help="a folder of photographs")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chairsgen-bench-") as folder:
        os.environ["CHAIRSGEN_CACHE"] = f"{folder}/cache"
        photos = arguments.photos if arguments.photos.is_dir() else None
        _measure(arguments.only or names, Path(folder), photos, quick=arguments.quick)


def _measure(names: list[str], folder: Path, photos: Path | None, *, quick: bool) -> None:
    from tests.benchmarks.report import HEADINGS, machine, table
    from tests.benchmarks.workload import Workload

    print(machine(), flush=True)
    workload = Workload(
        folder=folder,
        photos=photos,
        num_samples=16 if quick else 160,
        num_scenes=4 if quick else 24,
        share=0.025 if quick else 1.0,
        repeats=2 if quick else 7,
    )
    rows = [row for name, measure in ROWS.items() if name in names for row in measure(workload)]
    if rows:
        print(f"\n{table(HEADINGS, [row.cells for row in rows])}", flush=True)
    for name, measure in TABLES.items():
        if name in names:
            print(f"\n{measure(workload)}", flush=True)
    print(f"\n{machine()}")


if __name__ == "__main__":
    main()
