"""Where a training runs: its device, and its place among the processes that ``torchrun`` started."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from chairsgen.errors import InputError

T = TypeVar("T")

PATIENCE = timedelta(hours=2)
"""How long other processes wait for the one that validates."""


NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "ALLOC_FAILED")
"""What a lack of memory is called where it is no ``OutOfMemoryError``."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """One process of a training.

    Attributes:
        device: Where it computes.
        rank: Its number; 0 writes the run's folder.
        world: How many there are.
    """

    device: torch.device
    rank: int = 0
    world: int = 1

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all processes."""
        if self.world > 1:
            dist.all_reduce(values)
        return values

    def first(self, function: Callable[[], T]) -> T | None:
        """What a function gives, which the first process alone calls; None in the others.

        Raises:
            InputError: It failed: in all processes, so that none waits for the first one in vain.
        """
        result, failure = None, [""]
        if self.rank == 0:
            try:
                result = function()
            except InputError as error:
                failure = [str(error)]
        if self.world > 1:
            dist.broadcast_object_list(failure)
        if failure[0]:
            raise InputError(failure[0])
        return result

    def tell(self, text: str) -> None:
        """Prints a line beside the progress bar, in the first process alone, unless there is nothing to say."""
        if text and self.rank == 0:
            print(f"trainer: {text}", file=sys.stderr, flush=True)

    def wait(self) -> None:
        """Waits until all processes are here."""
        if self.world > 1:
            dist.barrier()


def pick_device(name: str) -> torch.device:
    """The device for ``auto``, ``cpu`` or ``cuda``.

    Raises:
        InputError: CUDA is asked for where PyTorch has none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: PyTorch finds no CUDA device here: use --device cpu, or auto")
    if name == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    local = int(os.environ.get("LOCAL_RANK", "0"))
    if local >= torch.cuda.device_count():
        raise InputError(
            f"process {local} of this machine has no device: there are {torch.cuda.device_count()}: "
            "lower torchrun's --nproc-per-node"
        )
    return torch.device("cuda", local)


def lacks_memory(error: Exception) -> bool:
    """Whether an error, of PyTorch or the libraries below it, is for want of memory."""
    known = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return known or any(text in str(error) for text in NO_MEMORY)


@contextmanager
def joined(device: str) -> Iterator[Place]:
    """This process's place; under ``torchrun``, connected with the others.

    Raises:
        InputError: See :func:`pick_device`.
    """
    picked = pick_device(device)
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if picked.type == "cuda":
        torch.cuda.set_device(picked)
    if world == 1:
        yield Place(device=picked)
        return
    backend, bound = ("nccl", picked) if picked.type == "cuda" else ("gloo", None)
    dist.init_process_group(backend, timeout=PATIENCE, device_id=bound)
    yield Place(device=picked, rank=dist.get_rank(), world=world)
    # Not after a failure: the others may be anywhere then, and this would wait until they are here, too.
    dist.destroy_process_group()
