"""What goes wrong in training, and what is said of it: in one line, with advice."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from chairsgen.errors import InputError, WorkerDied
from trainer.devices import lacks_memory
from trainer.monitor import Measured
from trainer.runs import latest
from trainer.settings import TrainConfig

STUCK_SHARE = 0.02
"""An error that differs from the flow's mean length by no more than this share of it is that of zero flow."""


class Diverged(RuntimeError):
    """Too many steps had gradients that were not finite."""


@dataclass(kw_only=True)
class StuckAtZero:
    """Notices a network that predicts zero flow, as PWC-Net and FlowNetC now and then do from the start.

    Attributes:
        after: Steps in a row whose error is that of zero flow; then it says so.
        row: How many there were by now.
    """

    after: int
    row: int = 0

    def watch(self, step: Measured) -> str:
        """Takes a step in; what there is to say."""
        alike = abs(step.epe - step.length) <= STUCK_SHARE * step.length
        self.row = self.row + 1 if alike else 0
        if self.row != self.after:
            return ""
        return (
            f"for {self.after:,} steps the error was that of zero flow: the network seems to predict nothing "
            "else. Begin again with another --seed, or with --set schedule.warmup=0.05"
        )


def skip(network: nn.Module, step: int, skipped: int, limit: int) -> str:
    """What to say of a step whose gradient is not finite, the ``skipped``-th of its kind.

    Raises:
        Diverged: There were more than ``limit``.
    """
    names = (
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is not None and not parameter.grad.isfinite().all()
    )
    what = f"step {step:,}: the gradient of {next(names, 'the loss')} is not finite"
    if skipped > limit:
        raise Diverged(
            f"{what}, after {limit} such steps that were skipped: stopped. Lower optimiser.lr, set "
            "optimiser.clip or schedule.warmup, or use --precision fp32"
        )
    return f"{what}: skipped ({skipped} of at most {limit})"


@contextmanager
def memory_named(config: TrainConfig) -> Iterator[None]:
    """Turns a lack of memory, or of a compiler, into one line that says what to change."""
    try:
        yield
    except WorkerDied:
        raise
    except (RuntimeError, MemoryError) as error:
        if lacks_memory(error):
            raise InputError(
                f"out of memory: lower --batch-size (now {config.batch_size}) or --crop (now "
                f"{config.crop.height} {config.crop.width}), or use --precision bf16"
            ) from None
        if type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            cause = str(error).partition("\n")[0]
            raise InputError(f"--compile: {cause}: install a C++ compiler, or leave it out") from None
        raise


def checkpoint_kept(folder: Path) -> str:
    """What stays of a training, and how to go on."""
    last = latest(folder)
    return f"the same command goes on from {last}" if last else "no checkpoint was due yet"
