"""How much memory processes take, as Linux tells it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

INTERVAL = 0.25
"""Seconds between looks."""


@dataclass(frozen=True)
class Peak:
    """The most that a process took, in MB.

    Attributes:
        resident: All of its pages in memory, files that it maps included: VmHWM.
        proportional: The same, pages shared by k processes counted 1/k: Pss.
        own: Its own pages, which belong to no file: RssAnon.
    """

    resident: float = 0.0
    proportional: float = 0.0
    own: float = 0.0

    def max(self, other: "Peak") -> "Peak":
        """The larger of each."""
        return Peak(
            max(self.resident, other.resident),
            max(self.proportional, other.proportional),
            max(self.own, other.own),
        )


def watch(process: BaseProcess) -> tuple[Peak, Peak]:
    """Waits for a process to end; its own peak, and the highest of all its descendants'."""
    assert process.pid is not None
    own = others = Peak()
    while process.is_alive():
        own = own.max(_read(process.pid))
        for child in _descendants(process.pid):
            others = others.max(_read(child))
        process.join(INTERVAL)
    return own, others


def _descendants(pid: int) -> Iterator[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return
    for child in children:
        yield child
        yield from _descendants(child)


def _read(pid: int) -> Peak:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return Peak()
    return Peak(_field(status, "VmHWM"), _field(rollup, "Pss"), _field(status, "RssAnon"))


def _field(text: str, name: str) -> float:
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) / 1e3 if found else 0.0
