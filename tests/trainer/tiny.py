"""A tiny dataset, sources that are no dataset, and what spawned processes of the tests run."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import made
import numpy as np
import torch
from numpy.random import Generator

from chairsgen.recipe import Recipe
from chairsgen.sample import FlowSample
from trainer.batch import Transport
from trainer.data.source import Layers, Pair, Source, Vectors

SIZE = (18, 25)
NUM_LAYERS = 8


def samples(count: int, seed: int = 0) -> list[FlowSample]:
    """Pairs of pictures, with layers and motions that are not theirs."""
    rng = np.random.default_rng(seed)
    middle = (SIZE[1] / 2, SIZE[0] / 2)
    return [
        FlowSample(
            image1=made.photo(2 * index + seed, *SIZE),
            image2=made.photo(2 * index + seed + 1, *SIZE),
            layer_id1=rng.integers(0, 5, SIZE, dtype=np.uint8),
            layer_id2=rng.integers(0, 5, SIZE, dtype=np.uint8),
            occ_fw=rng.random(SIZE) < 0.2,
            occ_bw=rng.random(SIZE) < 0.2,
            motions=np.stack([made.similarity(rng, middle, 1.0) for _ in range(5)]),
            index=index,
        )
        for index in range(count)
    ]


def dataset(
    folder: Path, count: int, *, seed: int = 0, shard_size: int = 4, val: tuple[int, ...] = ()
) -> Path:
    """A dataset as `chairsgen build` leaves it."""
    folder.mkdir()
    pairs = samples(count, seed)
    sizes = (f"frame.height={SIZE[0]}", f"frame.width={SIZE[1]}")
    recipe = Recipe().override([*sizes, "chair.count_min=1", f"chair.count_max={NUM_LAYERS - 1}"])
    shards = tuple(
        made.write_shard(
            folder / f"shard-{start // shard_size:05d}.h5",
            pairs[start : start + shard_size],
            start,
            layers=NUM_LAYERS,
        )
        for start in range(0, count, shard_size)
    )
    made.manifest(
        num_samples=count, shard_size=shard_size, shards=shards, val=val, recipe=recipe.to_toml()
    ).save(folder)
    return folder


class Numbers(Source):
    """Pairs whose every pixel is their index."""

    def __init__(
        self,
        count: int,
        *,
        name: str = "numbers",
        size: tuple[int, int] | None = (2, 3),
        dense: bool = False,
        dies_at: int = -1,
    ) -> None:
        self.count, self.name, self.dense, self.dies_at = count, name, dense, dies_at
        self._size = size

    def __len__(self) -> int:
        return self.count

    @property
    def size(self) -> tuple[int, int] | None:
        return self._size

    @property
    def num_layers(self) -> int | None:
        return None if self.dense else 2

    def read(self, index: int) -> Pair:
        if index == self.dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        size = self._size or (2 + index % 2, 3)
        frame = np.full((*size, 3), index, np.uint8)
        truth: Layers | Vectors = Layers(
            layer_id=np.zeros(size, np.uint8), motions=np.tile(np.diag([1.0, 1.0, index]), (2, 1, 1))
        )
        if self.dense:
            truth = Vectors(flow=np.full((*size, 2), index, np.float32), valid=np.ones(size, bool))
        return Pair(name=f"{index}", image1=frame, image2=frame, truth=truth)


class Endless(Numbers):
    """The same without an end."""

    endless = True

    def __len__(self) -> int:
        raise TypeError("endless")


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn(Transport):
    """What the tests draw."""

    values: torch.Tensor


def prepare(source: int, rng: Generator, size: tuple[int, int], step: int) -> list[float]:
    """Tells what it was given, and the generator's first number."""
    return [source, *size, step, rng.random()]


def stack(draws: list[list[float]]) -> Drawn:
    """One row a pair."""
    return Drawn(values=torch.tensor(draws, dtype=torch.float64))
