"""Which pairs a step sees: a function of the seed, the step, the datasets and the batch's size, and of no more.

A training that goes on at any step needs no replay, therefore, and every process finds its share by itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64
from numpy.random import PCG64, Generator, SeedSequence

from chairsgen.errors import InputError
from trainer.data.source import Source

BLOCK = 4096
"""Steps whose datasets are drawn at once."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A dataset as part of a mix.

    Attributes:
        source: Its pairs.
        weight: How often a batch comes from it, relative to the weights of the others.
        start: The first step that may see it.
        stop: The first step that may not any more; None: there is none.
    """

    source: Source
    weight: float = 1.0
    start: int = 0
    stop: int | None = None

    def weights(self, steps: Int64[np.ndarray, " steps"]) -> np.ndarray:
        """Its weight at every step: 0 before the first, and after the last."""
        stop = np.inf if self.stop is None else self.stop
        return np.where((steps >= self.start) & (steps < stop), self.weight, 0.0)


@dataclass(frozen=True, kw_only=True)
class Picks:
    """What a batch is made of.

    Attributes:
        step: The step that sees it.
        source: Its source's number in the mix.
        pairs: (epoch, index) of every pair.
    """

    step: int
    source: int
    pairs: tuple[tuple[int, int], ...]


class Order:
    """The batches of a mix of datasets, whole batches from one dataset each.

    The pairs of a dataset come in an order drawn for every epoch, whatever came between its batches; where the
    dataset's end is not a batch's end, the batch goes on with the next epoch. An endless source is not shuffled,
    since all its pairs are draws already.
    """

    def __init__(self, parts: Sequence[Part], *, batch_size: int, seed: int) -> None:
        self.parts, self.batch_size, self.seed = parts, batch_size, seed
        self._permutations: dict[int, tuple[int, Int64[np.ndarray, " pairs"]]] = {}

    def check(self, steps: range) -> None:
        """Sees to it that every step has a dataset.

        Raises:
            InputError: One has none.
        """
        edges = {steps.start, *(part.start for part in self.parts), *(part.stop or 0 for part in self.parts)}
        for step in sorted(edge for edge in edges if edge in steps):
            if not any(part.weights(np.array([step])).any() for part in self.parts):
                raise InputError(f"no dataset at step {step:,}: change from= and until= of {self._names}")

    @property
    def _names(self) -> str:
        return ", ".join(part.source.name for part in self.parts)

    def batches(self, steps: range) -> Iterator[Picks]:
        """The batches of consecutive steps."""
        seen, sources = self._count(steps.start), np.empty(0, np.int64)
        for step in steps:
            if not sources.size or not step % BLOCK:
                sources = self._draw(step // BLOCK)
            source = int(sources[step % BLOCK])
            yield Picks(step=step, source=source, pairs=self._pairs(source, seen[source]))
            seen[source] += self.batch_size

    def _count(self, step: int) -> list[int]:
        """How many pairs of each source were seen before a step."""
        batches = np.zeros(len(self.parts) + 1, np.int64)
        for block in range(-(-step // BLOCK)):
            batches += np.bincount(self._draw(block)[: step - block * BLOCK], minlength=len(batches))
        return (batches * self.batch_size).tolist()

    def _draw(self, block: int) -> Int64[np.ndarray, " steps"]:
        """The sources of a block's steps; the number of sources where there is none."""
        steps = np.arange(block * BLOCK, (block + 1) * BLOCK)
        bounds = np.cumsum([part.weights(steps) for part in self.parts], axis=0)
        level = Generator(PCG64(SeedSequence(self.seed, spawn_key=(block,)))).random(BLOCK) * bounds[-1]
        return (level >= bounds).sum(axis=0)

    def _pairs(self, number: int, first: int) -> tuple[tuple[int, int], ...]:
        """(epoch, index) of the pairs of a batch of a source of which ``first`` pairs were seen before."""
        source, positions = self.parts[number].source, range(first, first + self.batch_size)
        if source.endless:
            return tuple((0, position) for position in positions)
        places = (divmod(position, len(source)) for position in positions)
        return tuple((epoch, int(self._permutation(number, epoch)[place])) for epoch, place in places)

    def _permutation(self, number: int, epoch: int) -> Int64[np.ndarray, " pairs"]:
        if self._permutations.get(number, (-1,))[0] != epoch:
            rng = Generator(PCG64(SeedSequence(self.seed, spawn_key=(number, epoch))))
            self._permutations[number] = epoch, rng.permutation(len(self.parts[number].source))
        return self._permutations[number][1]
