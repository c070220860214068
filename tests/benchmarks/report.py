"""Rows, tables, and ways to time that bear a busy machine."""

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")

HEADINGS = ("what", "measured", "baseline", "ratio", "target", "met")


@dataclass(frozen=True, kw_only=True)
class Row:
    """A measure, what it is compared with, and what was promised.

    Attributes:
        what: What was measured.
        measured: The measure, with its unit.
        baseline: The yardstick's, in the same unit.
        ratio: How many times better the measure is.
        target: What was promised.
        met: Whether it is kept; None where nothing was promised.
    """

    what: str
    measured: str
    baseline: str = ""
    ratio: str = ""
    target: str = ""
    met: bool | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as :func:`table` prints it."""
        met = "" if self.met is None else "yes" if self.met else "NO"
        return self.what, self.measured, self.baseline, self.ratio, self.target, met


def at_least(what: str, value: float, unit: str, target: float) -> Row:
    """A row whose measure should reach ``target``."""
    return Row(
        what=what, measured=f"{value:.1f} {unit}", target=f">= {target:g} {unit}", met=bool(value >= target)
    )


def at_most(what: str, value: float, unit: str, target: float) -> Row:
    """A row whose measure should not exceed ``target``."""
    return Row(
        what=what, measured=f"{value:.2f} {unit}", target=f"<= {target:g} {unit}", met=bool(value <= target)
    )


def beside(
    what: str, ours: float, theirs: float, show: Callable[[float], str], target: float | None = None
) -> Row:
    """A row of two times in seconds, as ``show`` writes them, of which ours should be ``target`` times shorter."""
    ratio = theirs / ours
    return Row(
        what=what,
        measured=show(ours),
        baseline=show(theirs),
        ratio=f"{ratio:.2f}",
        target="" if target is None else f"ratio >= {target:g}",
        met=None if target is None else bool(ratio >= target),
    )


def in_ms(seconds: float) -> str:
    """A time, in milliseconds."""
    return f"{1e3 * seconds:.2f} ms"


def in_pairs(seconds: float) -> str:
    """What a pair takes, as pairs a second."""
    return f"{1 / seconds:.1f} pairs/s"


def table(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Text columns under their headings."""
    rows = [tuple(headings), *map(tuple, lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def machine() -> str:
    """Processor, cores, load, system, and the code's commit."""
    cpu = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    cores = len(os.sched_getaffinity(0))
    return f"{cpu}, {cores} cores, load average {load}, Python {platform.python_version()}, {_commit()}"


def _commit(root: Path = Path(__file__).parents[2]) -> str:
    git = root / ".git"
    try:
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return f"commit {head[:12]}"
        name = head.removeprefix("ref: ")
        if (git / name).exists():
            return f"commit {(git / name).read_text()[:12]}"
        packed = (git / "packed-refs").read_text().splitlines()
        return next(f"commit {line[:12]}" for line in packed if line.endswith(f" {name}"))
    except (OSError, StopIteration):
        return "commit unknown"


def race(
    rivals: Mapping[str, Callable[[Item], object]],
    items: Sequence[Item],
    repeats: int,
    clock: Callable[[], float] = time.thread_time,
) -> dict[str, float]:
    """Seconds that each rival takes for one item, on average, by a clock: this thread's own processor time.

    They take turns on every item, and of a rival's turns on an item the best one counts: what else the
    machine does falls on all alike.
    """
    best = {name: np.full(len(items), np.inf) for name in rivals}
    for _ in range(repeats):
        for number, item in enumerate(items):
            for name, rival in rivals.items():
                start = clock()
                rival(item)
                best[name][number] = min(best[name][number], clock() - start)
    return {name: float(times.mean()) for name, times in best.items()}
