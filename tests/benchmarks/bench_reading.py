"""Batches from shards against batches from the same pairs as PPM and .flo files, all of them in the page cache.

Whoever reads, a pair ends in a row of a batch, channels first. The files are read in three ways: with Pillow and
NumPy, as most training code does; with the least work, bytes to arrays; and by this project's own reader of
FlyingChairs, which checks what it reads.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch
from PIL import Image as Pillow

from chairsgen.export import export
from chairsgen.flowio import read_ppm
from chairsgen.sample import Flow, Image
from chairsgen.workers import Workers
from tests.benchmarks.report import Row, beside, in_ms, race
from tests.benchmarks.workload import NUM_WORKERS, Workload
from trainer.data import Loader, Part, Source, open_training, start_readers
from trainer.data.reading import keep_memory
from trainer.data.slots import Slots, fill
from trainer.data.source import Pair, Vectors

MAX_PAIRS = 60
"""That the readers are raced on."""

BATCH_SIZE = 64
ROUNDS = 3


class Files(Source):
    """FlyingChairs' files without its split, read in the way of one's choice."""

    def __init__(self, source: Source, folder: Path, read_image: Callable[[Path], Image]) -> None:
        self.name, self._length, self._size = str(folder), len(source), source.size
        self._folder, self._read_image = folder / "data", read_image

    def __len__(self) -> int:
        return self._length

    @property
    def size(self) -> tuple[int, int] | None:
        return self._size

    def read(self, index: int) -> Pair:
        number = f"{index + 1:05d}"
        image1, image2 = (self._read_image(self._folder / f"{number}_img{i}.ppm") for i in (1, 2))
        flow = read_flo(self._folder / f"{number}_flow.flo")
        truth = Vectors(flow=flow, valid=np.ones(flow.shape[:2], bool))
        return Pair(name=number, image1=image1, image2=image2, truth=truth)


def read_flo(path: Path) -> Flow:
    """A .flo file's numbers, unchecked."""
    with path.open("rb") as file:
        _, width, height = np.fromfile(file, np.int32, 3)
        return np.fromfile(file, np.float32, 2 * width * height).reshape(height, width, 2)


def read_with_pillow(path: Path) -> Image:
    """An image as most training code reads it."""
    return np.array(Pillow.open(path))


def rows(workload: Workload) -> list[Row]:
    """Bytes and processor time a pair of one reader; then pairs a second of several."""
    folder = workload.folder / "flyingchairs"
    shards = open_training(f"{workload.dataset.folder}?split=all").source
    export(workload.dataset.folder, folder, "flyingchairs", workers=NUM_WORKERS, quiet=True)
    checked = open_training(f"chairs:{folder}?split=all").source
    common, least = Files(shards, folder, read_with_pillow), Files(shards, folder, read_ppm)
    rivals = {"Pillow": common, "unchecked": least, "checked": checked}
    return [
        _bytes(shards, workload.dataset.folder.glob("*.h5"), folder.glob("data/*")),
        *_times(shards, rivals, workload.repeats),
        *_rates(shards, common),
    ]


def _bytes(shards: Source, ours: Iterator[Path], theirs: Iterator[Path]) -> Row:
    here, there = (sum(path.stat().st_size for path in paths) / len(shards) / 1e6 for paths in (ours, theirs))
    return Row(
        what="reading, bytes a pair, shards beside PPM + .flo",
        measured=f"{here:.2f} MB",
        baseline=f"{there:.2f} MB",
        ratio=f"{there / here:.1f}",
        target="<= 30 %",
        met=here <= 0.3 * there,
    )


def _times(shards: Source, rivals: dict[str, Source], repeats: int) -> list[Row]:
    keep_memory()
    times = race(
        {name: _into_a_batch(source) for name, source in {"": shards, **rivals}.items()},
        range(min(len(shards), MAX_PAIRS)),
        repeats,
    )
    ours = times.pop("")
    return [
        beside(f"reading, processor time a pair, shards beside files ({name})", ours, theirs, in_ms)
        for name, theirs in times.items()
    ]


def _into_a_batch(source: Source) -> Callable[[int], None]:
    row = Slots([source], 1, 1).room(0, 0, 1)
    assert row is not None
    return lambda index: fill(row, 0, source.read(index), source)


def _rates(shards: Source, files: Source) -> list[Row]:
    """By other processes, through slots, to batches of this one's own memory."""
    best: dict[tuple[int, bool], float] = {}
    with ExitStack() as held:
        readers = [held.enter_context(start_readers(count)) for count in range(NUM_WORKERS + 1)]
        for _ in range(ROUNDS):
            # In turns, so that whatever else the machine does slows all alike; each one's first round warms up.
            for number, workers in enumerate(readers):
                for is_shards, source in ((True, shards), (False, files)):
                    rate = _pairs_a_second(source, workers)
                    best[number, is_shards] = max(best.get((number, is_shards), 0.0), rate)
    return [
        Row(
            what=f"reading, batches of {BATCH_SIZE}, {number or 'no'} readers, shards beside files (Pillow)",
            measured=f"{best[number, True]:.0f} pairs/s",
            baseline=f"{best[number, False]:.0f} pairs/s",
            ratio=f"{best[number, True] / best[number, False]:.2f}",
            target=">= 1",
            met=best[number, True] >= best[number, False],
        )
        for number in range(len(readers))
    ]


def _pairs_a_second(source: Source, readers: Workers) -> float:
    steps = range(max(3, len(source) // BATCH_SIZE))
    loader = Loader(
        [Part(source=source)],
        batch_size=BATCH_SIZE,
        steps=steps,
        seed=0,
        device=torch.device("cpu"),
        readers=readers,
    )
    start = time.perf_counter()
    for step, _, _ in loader:
        if not step:
            start = time.perf_counter()
    return (len(steps) - 1) * BATCH_SIZE / (time.perf_counter() - start)
