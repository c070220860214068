"""Batches in memory: how pairs are put together, and room that all processes share.

A batch of 64 pairs is 100 MB. To map such memory anew for every batch, in the process that reads and again in the
one that learns, may take as long as to unpack the pairs. So readers write into slots that stay where they are:
mapped once and, for a GPU, pinned once.
"""

import math
import mmap
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from chairsgen.errors import InputError
from trainer.batch import DenseTruth, LayeredTruth, Pairs
from trainer.data.source import Layers, Pair, Source, Vectors

Take = Callable[[torch.dtype, tuple[int, ...]], Tensor]

_Form = tuple[tuple[int, int], int | None]
"""The size of a source's frames, and the length of its motions."""

ALIGNMENT = 64
"""Bytes, of every tensor in a slot."""

_PORTABLE = 1
"""CUDA's flag for memory that is pinned for all devices."""


def lay_out(batch_size: int, size: tuple[int, int], num_layers: int | None, take: Take) -> Pairs:
    """Room for a batch.

    Args:
        batch_size: How many pairs.
        size: (height, width) of their frames.
        num_layers: The length of their motions; None: their flow comes as vectors.
        take: Gives memory for a tensor of a type and shape.
    """
    image1, image2 = (take(torch.uint8, (batch_size, 3, *size)) for _ in range(2))
    truth: LayeredTruth | DenseTruth
    if num_layers is None:
        flow = take(torch.float32, (batch_size, 2, *size))
        truth = DenseTruth(flow=flow, valid=take(torch.bool, (batch_size, 1, *size)))
    else:
        motions = take(torch.float64, (batch_size, num_layers, 3, 3))
        truth = LayeredTruth(layer_id=take(torch.uint8, (batch_size, *size)), motions=motions)
    return Pairs(image1=image1, image2=image2, truth=truth, occ=take(torch.bool, (batch_size, 1, *size)))


def fill(batch: Pairs, row: int, pair: Pair, source: Source) -> None:
    """Writes a pair into its row: here, and nowhere else, channels come first.

    Raises:
        InputError: Its frames are not of the batch's size.
    """
    height, width = batch.image1.shape[-2:]
    if pair.size != (height, width):
        raise InputError(
            f"{source.name}: {pair.name} is {pair.size[0]} x {pair.size[1]}, others are {height} x {width}: "
            "take it out, or unpack the dataset again"
        )
    occ = np.False_ if pair.occ is None else pair.occ
    rows: list[tuple[Tensor, Any]] = [
        (batch.image1, _channels_first(pair.image1)),
        (batch.image2, _channels_first(pair.image2)),
        (batch.occ, occ),
    ]
    if isinstance(pair.truth, Layers):
        assert isinstance(batch.truth, LayeredTruth)
        rows += [(batch.truth.layer_id, pair.truth.layer_id), (batch.truth.motions, pair.truth.motions)]
    else:
        assert isinstance(batch.truth, DenseTruth)
        rows += [(batch.truth.flow, _channels_first(pair.truth.flow)), (batch.truth.valid, pair.truth.valid)]
    for tensor, value in rows:
        tensor[row].numpy()[...] = value


def _channels_first(array: np.ndarray) -> np.ndarray:
    return np.moveaxis(array, -1, 0)


def collate(pairs: Sequence[Pair], source: Source) -> Pairs:
    """Pairs of a source, at least one, as a batch of their own memory.

    Where frames differ in size, as KITTI's do, the smaller ones are widened: what is drawn for a pair lies within
    its own frame, and nothing is known outside it.

    Raises:
        InputError: Frames of layers differ in size.
    """
    truth = pairs[0].truth
    num_layers = len(truth.motions) if isinstance(truth, Layers) else None
    height, width = (max(sides) for sides in zip(*(pair.size for pair in pairs), strict=True))
    batch = lay_out(
        len(pairs), (height, width), num_layers, lambda dtype, shape: torch.empty(shape, dtype=dtype)
    )
    for row, pair in enumerate(pairs):
        fill(batch, row, _widened(pair, height, width), source)
    return batch


def _widened(pair: Pair, height: int, width: int) -> Pair:
    """A pair whose edges go on to the right and below; there its flow is not known."""
    more = ((0, height - pair.size[0]), (0, width - pair.size[1]))
    if pair.size == (height, width) or isinstance(pair.truth, Layers):
        return pair
    image1, image2, flow = (
        np.pad(each, (*more, (0, 0)), mode="edge") for each in (pair.image1, pair.image2, pair.truth.flow)
    )
    truth = Vectors(flow=flow, valid=np.pad(pair.truth.valid, more))
    occ = None if pair.occ is None else np.pad(pair.occ, more)
    return replace(pair, image1=image1, image2=image2, truth=truth, occ=occ)


class _Arena:
    """Hands out pieces of memory one after the other; without memory it only counts their bytes."""

    def __init__(self, memory: mmap.mmap | None = None, start: int = 0) -> None:
        self._memory, self.end = memory, start

    def take(self, dtype: torch.dtype, shape: tuple[int, ...]) -> Tensor:
        start, count = -(-self.end // ALIGNMENT) * ALIGNMENT, math.prod(shape)
        self.end = start + count * dtype.itemsize
        if self._memory is None:
            return torch.empty(shape, dtype=dtype, device="meta")
        return torch.frombuffer(self._memory, dtype=dtype, count=count, offset=start).view(shape)


class Slots:
    """Room for batches that this process shares with those that it hands the slots to.

    The memory has no name and is no file: it ends with the last process that has it, however that ends.
    """

    def __init__(self, sources: Sequence[Source], batch_size: int, count: int) -> None:
        """Makes ``count`` slots, each large enough for a batch of any source whose frames' size is known."""
        self.count = count
        self._forms = [
            None if source.size is None else (source.size, source.num_layers) for source in sources
        ]
        self._bytes = max(_num_bytes(batch_size, form) for form in self._forms)
        self._file = os.memfd_create("batches")
        os.truncate(self._file, max(count * self._bytes, 1))
        self._memory = mmap.mmap(self._file, 0)
        self._pinned = 0

    def __getstate__(self) -> dict[str, Any]:
        there = f"/proc/{os.getpid()}/fd/{self._file}"
        return self.__dict__ | {"_file": there, "_memory": None, "_pinned": 0}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        with open(state["_file"], "r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)

    def room(self, slot: int, source: int, num_pairs: int) -> Pairs | None:
        """A slot as a batch of source number ``source``; None if its frames' size is not known."""
        form = self._forms[source]
        if form is None:
            return None
        return lay_out(num_pairs, *form, _Arena(self._memory, slot * self._bytes).take)

    def pin(self) -> None:
        """Locks the slots' pages, so that copies to a GPU run beside its work."""
        self._pinned = torch.frombuffer(self._memory, dtype=torch.uint8).data_ptr()
        runtime = torch.cuda.cudart()  # type: ignore[no-untyped-call]
        torch.cuda.check_error(runtime.cudaHostRegister(self._pinned, len(self._memory), _PORTABLE))

    def close(self) -> None:
        """Gives their memory back, also what others still have of it; nothing may be under way to a GPU."""
        if self._pinned:
            runtime = torch.cuda.cudart()  # type: ignore[no-untyped-call]
            torch.cuda.check_error(runtime.cudaHostUnregister(self._pinned))
        self._memory.madvise(mmap.MADV_REMOVE)
        os.close(self._file)


def _num_bytes(batch_size: int, form: _Form | None) -> int:
    arena = _Arena()
    if form is not None:
        lay_out(batch_size, *form, arena.take)
    return -(-arena.end // ALIGNMENT) * ALIGNMENT
