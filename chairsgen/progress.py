"""Progress of long work: one bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

SECONDS_A_LINE = 10.0
"""How often a plain line is printed."""


@runtime_checkable
class Progress(Protocol):
    """Takes note of how far a task is."""

    def advance(self, steps: int, note: str = "") -> None:
        """``steps`` more are done; ``note`` says how it goes."""
        ...


@contextmanager
def progress(task: str, total: int, unit: str, *, done: int = 0, quiet: bool = False) -> Iterator[Progress]:
    """Shows how far a task is on standard error, with its rate and the time that remains.

    Args:
        task: What is being done.
        total: Steps in all.
        unit: What a step is, in the plural.
        done: Steps that were done before.
        quiet: Show nothing.
    """
    if quiet or done == total:
        yield _Silent()
    elif sys.stderr.isatty():
        # rich takes a tenth of a second to import, which `--help` need not wait for.
        from rich import progress as bars
        from rich.console import Console

        columns = (
            bars.TextColumn("{task.description}"),
            bars.BarColumn(bar_width=None),
            bars.TextColumn("{task.completed:,}/{task.total:,} {task.fields[unit]}"),
            bars.TextColumn("{task.fields[rate]}"),
            bars.TimeRemainingColumn(),
            bars.TextColumn("{task.fields[note]}"),
        )
        # Of what else is printed meanwhile, rich would send to the terminal even what is to go to a file.
        console, redirect = Console(stderr=True), sys.stdout.isatty()
        with bars.Progress(*columns, console=console, redirect_stdout=redirect) as bar:
            shown = bar.add_task(task, total=total, completed=done, unit=unit, rate="", note="")
            yield _Bar(bar, shown, done)
    else:
        lines = _Lines(task, total, unit, done, done)
        yield lines
        lines.end()


class _Silent:
    def advance(self, steps: int, note: str = "") -> None:
        pass


class _Bar:
    def __init__(self, bar: object, task: object, before: int) -> None:
        self._bar, self._task, self._before = bar, task, before

    def advance(self, steps: int, note: str = "") -> None:
        self._bar.update(self._task, advance=steps, note=note)  # type: ignore[attr-defined]
        shown = self._bar.tasks[0]  # type: ignore[attr-defined]
        if shown.elapsed:
            rate = f"{(shown.completed - self._before) / shown.elapsed:,.1f}/s"
            self._bar.update(self._task, rate=rate)  # type: ignore[attr-defined]


@dataclass
class _Lines:
    task: str
    total: int
    unit: str
    done: int
    before: int
    note: str = ""
    started: float = field(default_factory=time.monotonic)
    printed: float = field(default_factory=time.monotonic)

    def advance(self, steps: int, note: str = "") -> None:
        self.done += steps
        self.note = note
        if time.monotonic() - self.printed >= SECONDS_A_LINE and self.done < self.total:
            self._print()

    def end(self) -> None:
        self._print()

    def _print(self) -> None:
        self.printed = time.monotonic()
        rate = (self.done - self.before) / max(self.printed - self.started, 1e-9)
        left = (
            f", {duration((self.total - self.done) / rate)} left" if rate and self.done < self.total else ""
        )
        note = f"; {self.note}" if self.note else ""
        text = f"{self.task}: {self.done:,}/{self.total:,} {self.unit}, {rate:,.1f}/s{left}{note}"
        print(text, file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """Seconds in words: 45 s, 12 min, 3.2 h."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5940 else f"{seconds / 3600:.1f} h"
