"""From sources to batches on the device: read by other processes, handed over in order, copied ahead."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import torch

from chairsgen.errors import InputError
from chairsgen.workers import NoWorkers, Workers, start_workers
from trainer.batch import Pairs
from trainer.data.order import Order, Part, Picks
from trainer.data.reading import Prepare, Reading, Stack
from trainer.data.source import Source


def start_readers(count: int) -> Workers:
    """Starts ``count`` processes that read, for training and validation alike; 0: this one does.

    They are spawned: some sources need OpenGL, and a process that uses CUDA must not be forked.
    """
    return start_workers("local", count) if count else NoWorkers()


class Loader:
    """The batches of training, step by step.

    Each is (step, pairs, what was drawn for them), on the device. What a step gets depends on the seed, the
    parts, the batch size and its own number alone: not on the processes that read, nor on where the steps begin.

    Attributes:
        waited: Seconds that whoever iterates has spent waiting for batches.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        batch_size: int,
        steps: range,
        seed: int,
        device: torch.device,
        readers: Workers,
        prepare: Prepare | None = None,
        stack: Stack | None = None,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        """Checks the call; nothing is read yet.

        Args:
            parts: The mix of datasets.
            batch_size: Pairs a step, of all processes together.
            steps: Which ones.
            seed: Of the order, and of what is drawn.
            device: Where batches are to be.
            readers: Of :func:`start_readers`.
            prepare: Draws for a pair, where it is read; it must be picklable. Its generator depends on the
                seed, the source's number, the epoch and the pair's index alone.
            stack: Makes one of what was drawn for a batch.
            rank: This process's number among those that train together.
            world: How many these are: each gets its share of every batch.

        Raises:
            InputError: A step has no dataset, or the batch does not go into ``world`` equal shares.
        """
        if batch_size % world:
            raise InputError(
                f"--batch-size {batch_size}: must be a multiple of the {world} processes that train"
            )
        self._order = Order(parts, batch_size=batch_size, seed=seed)
        self._order.check(steps)
        self._sources, self._batch_size = [part.source for part in parts], batch_size // world
        self._steps, self._seed, self._device, self._readers = steps, seed, device, readers
        self._prepare, self._stack, self._share = prepare, stack, slice(rank, None, world)
        self.waited = 0.0

    def __iter__(self) -> Iterator[tuple[int, Pairs, Any]]:
        picks = (
            Picks(step=picks.step, source=picks.source, pairs=picks.pairs[self._share])
            for picks in self._order.batches(self._steps)
        )
        reading = Reading(
            self._readers,
            self._sources,
            self._batch_size,
            self._device,
            seed=self._seed,
            prepare=self._prepare,
            stack=self._stack,
        )
        with closing(reading.batches(picks)) as batches:
            while True:
                start = time.perf_counter()
                batch = next(batches, None)
                self.waited += time.perf_counter() - start
                if batch is None:
                    return
                yield batch


def ordered(
    source: Source,
    batch_size: int,
    device: torch.device,
    *,
    limit: int | None = None,
    readers: Workers | None = None,
) -> Iterator[Pairs]:
    """A source's pairs in their order, in batches; one by one where frames vary in size.

    Args:
        source: What to read.
        batch_size: Pairs a batch; the last one may hold fewer.
        device: Where batches are to be.
        limit: How many pairs at most.
        readers: Of :func:`start_readers`; this process, if None.

    Raises:
        InputError: The source is endless, and there is no limit; or a file is damaged.
    """
    if limit is None and source.endless:
        raise InputError(f"{source.name}: has no end: set a limit")
    count = sys.maxsize if source.endless else len(source)
    count = count if limit is None else min(count, limit)
    batch_size = batch_size if source.size else 1
    rows = (range(first, min(first + batch_size, count)) for first in range(0, count, batch_size))
    picks = (
        Picks(step=step, source=0, pairs=tuple((0, index) for index in indices))
        for step, indices in enumerate(rows)
    )
    reading = Reading(readers or NoWorkers(), [source], batch_size, device)
    with closing(reading.batches(picks)) as batches:
        for _, pairs, _ in batches:
            yield pairs
