"""Batches on their way: read by other processes into slots, taken in order, copied to the device one ahead."""

import ctypes
import functools
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from numpy import random

from chairsgen.errors import WorkerDied
from chairsgen.workers import IN_FLIGHT, Workers
from trainer.batch import Pairs, Transport
from trainer.data.order import Picks
from trainer.data.slots import Slots, collate, fill
from trainer.data.source import Source

PAIRS_PER_CALL = 8
"""Few, so that all processes share a large batch, and an interruption soon takes hold."""

Prepare = Callable[[int, random.Generator, tuple[int, int], int], Any]
"""``prepare(source, rng, size, step)``: draws for a pair of source number ``source``, (height, width) its size."""

Stack = Callable[[Sequence[Any]], Transport]
"""What was drawn for the pairs of a batch, as one."""


# --- what the processes that read do


@dataclass(frozen=True, kw_only=True)
class _Reader:
    """What all of them know."""

    sources: Sequence[Source]
    slots: Slots
    seed: int
    prepare: Prepare | None


@dataclass(frozen=True, kw_only=True)
class _Call:
    """The rows of a batch that one of them reads, and the slot to write them into, if there is one."""

    batch: Picks
    rows: range
    slot: int | None


@dataclass(frozen=True, kw_only=True)
class _Answer:
    """What was drawn for the pairs; and the pairs themselves, where they have no slot."""

    drawn: list[Any]
    pairs: Pairs | None


def _read(reader: _Reader, call: _Call) -> _Answer:
    keep_memory()
    batch, number = call.batch, call.batch.source
    source = reader.sources[number]
    room = None if call.slot is None else reader.slots.room(call.slot, number, len(batch.pairs))
    pairs, drawn = [], []
    for row in call.rows:
        epoch, index = batch.pairs[row]
        pair = source.read(index)
        if reader.prepare:
            sequence = random.SeedSequence(reader.seed, spawn_key=(number, epoch, index))
            rng = random.Generator(random.PCG64(sequence))
            drawn.append(reader.prepare(number, rng, pair.size, batch.step))
        if room is None:
            pairs.append(pair)
        else:
            fill(room, row, pair, source)
    return _Answer(drawn=drawn, pairs=collate(pairs, source) if pairs else None)


@functools.cache
def keep_memory() -> None:
    """Lets this process keep the memory of one pair's arrays for the next one's.

    By default glibc gives them back to the system and gets new pages, all zeroed, for every image: up to half the
    time of reading it.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option:
        trim_threshold, mmap_threshold = -1, -3  # malloc.h
        set_option(mmap_threshold, 32 << 20)
        set_option(trim_threshold, 256 << 20)


# --- what this process does


@dataclass(frozen=True, kw_only=True)
class _Begun:
    """A batch that is being read."""

    batch: Picks
    slot: int | None
    calls: int


@dataclass(frozen=True, kw_only=True)
class _Host:
    """A batch that was read."""

    step: int
    pairs: Pairs
    drawn: Transport | None
    slot: int | None


@functools.cache
def _copying(device: torch.device) -> torch.cuda.Stream:
    """A GPU's stream for copies, one for all: what memory a stream has had, PyTorch keeps for it alone."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


class Reading:
    """Batches read by ``readers``."""

    def __init__(
        self,
        readers: Workers,
        sources: Sequence[Source],
        batch_size: int,
        device: torch.device,
        *,
        seed: int = 0,
        prepare: Prepare | None = None,
        stack: Stack | None = None,
    ) -> None:
        """Makes the slots.

        Args:
            readers: Who reads.
            sources: What from.
            batch_size: Pairs a batch at most.
            device: Where batches are to be.
            seed: Of what is drawn.
            prepare: Draws for a pair.
            stack: Makes one of what was drawn for a batch.
        """
        self._readers, self._sources, self._stack = readers, sources, stack
        self._stream = _copying(device) if device.type == "cuda" else None
        self._device = device
        calls = -(-batch_size // PAIRS_PER_CALL)
        # As many as what is being read can touch, which may begin and end within batches; and one to copy from.
        self._slots = Slots(sources, batch_size, -(-IN_FLIGHT * readers.count // calls) + 2)
        if self._stream:
            self._slots.pin()
        self._free: deque[tuple[int, torch.cuda.Event | None]] = deque(
            (slot, None) for slot in range(self._slots.count)
        )
        self._begun: deque[_Begun] = deque()
        self._shared = readers.share(_Reader(sources=sources, slots=self._slots, seed=seed, prepare=prepare))

    def batches(self, picks: Iterable[Picks]) -> Generator[tuple[int, Pairs, Any], None, None]:
        """(step, pairs, what was drawn for them) of every batch, on the device. Can be asked for once."""
        host = self._host(picks)
        try:
            yield from self._to_cpu(host) if self._stream is None else self._to_gpu(host, self._stream)
        except WorkerDied as died:
            raise WorkerDied(
                f"reading {', '.join(source.name for source in self._sources)}: {died}"
            ) from None
        finally:
            if self._stream:
                self._stream.synchronize()
            self._slots.close()

    def _calls(self, picks: Iterable[Picks]) -> Iterator[_Call]:
        for batch in picks:
            count, slot, share = len(batch.pairs), None, PAIRS_PER_CALL
            if self._sources[batch.source].size is None:
                share = count  # without a slot, what is read together stays together
            else:
                slot, copied = self._free.popleft()
                if copied:
                    copied.synchronize()
            calls = [
                _Call(batch=batch, rows=range(row, min(row + share, count)), slot=slot)
                for row in range(0, count, share)
            ]
            self._begun.append(_Begun(batch=batch, slot=slot, calls=len(calls)))
            yield from calls

    def _host(self, picks: Iterable[Picks]) -> Iterator[_Host]:
        """The batches in this machine's memory, each until the next is asked for, and its slot is free again."""
        answers: list[_Answer] = []
        for answer in self._readers.map(_read, self._shared, self._calls(picks)):
            answers.append(answer)
            begun = self._begun[0]
            if len(answers) < begun.calls:
                continue
            self._begun.popleft()
            pairs = answers[0].pairs
            if begun.slot is not None:
                pairs = self._slots.room(begun.slot, begun.batch.source, len(begun.batch.pairs))
            assert pairs is not None
            drawn = [draw for answer in answers for draw in answer.drawn]
            stacked = self._stack(drawn) if self._stack else None
            yield _Host(step=begun.batch.step, pairs=pairs, drawn=stacked, slot=begun.slot)
            answers = []

    def _to_cpu(self, batches: Iterable[_Host]) -> Iterator[tuple[int, Pairs, Any]]:
        for host in batches:
            pairs = host.pairs
            if host.slot is not None:
                pairs = pairs.clone()
                self._free.append((host.slot, None))
            yield host.step, pairs, host.drawn

    def _to_gpu(
        self, batches: Iterable[_Host], stream: torch.cuda.Stream
    ) -> Iterator[tuple[int, Pairs, Any]]:
        """Copies every batch while the one before is at work."""
        ahead: list[tuple[int, Pairs, Transport | None, torch.cuda.Event]] = []
        for host in batches:
            with torch.cuda.stream(stream):
                pairs = host.pairs if host.slot is not None else host.pairs.pin_memory()
                pairs = pairs.to(self._device, non_blocking=True)
                drawn = host.drawn and host.drawn.pin_memory().to(self._device, non_blocking=True)
                copied = stream.record_event()
            if host.slot is not None:
                self._free.append((host.slot, copied))
            ahead.append((host.step, pairs, drawn, copied))
            if len(ahead) > 1:
                yield self._received(*ahead.pop(0))
        for last in ahead:
            yield self._received(*last)

    def _received(
        self, step: int, pairs: Pairs, drawn: Transport | None, copied: torch.cuda.Event
    ) -> tuple[int, Pairs, Any]:
        """A batch whose memory belongs to the stream that works on it from now on."""
        stream = torch.cuda.current_stream(self._device)
        stream.wait_event(copied)
        for part in (pairs, drawn):
            if part is not None:
                part.record_stream(stream)
        return step, pairs, drawn
