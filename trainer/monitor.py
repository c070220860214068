"""What a training tells while it runs: each step's figures, and their means since the last line of the log."""

import math
import time
from dataclasses import dataclass, field
from statistics import fmean

import torch
from jaxtyping import Float
from torch import Tensor

from trainer.batch import Batch
from trainer.devices import Place
from trainer.losses import end_point_error


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One step, over all processes.

    Attributes:
        loss: Before the step.
        epe: End-point error, in pixels, over the pixels whose flow is known.
        length: The flow's mean length there, in pixels: the error of zero flow.
        gradient: Length of the gradient.
    """

    loss: float
    epe: float
    length: float
    gradient: float

    @property
    def finite(self) -> bool:
        """Whether the network may learn from it."""
        return math.isfinite(self.loss) and math.isfinite(self.gradient)


def measure(
    loss: Float[Tensor, ""], gradient: Float[Tensor, ""], flow: Tensor, batch: Batch, place: Place
) -> Measured:
    """What a step came to; waits for the device once."""
    with torch.no_grad():
        error = end_point_error(flow, batch.flow)
        length = end_point_error(batch.flow, torch.zeros_like(batch.flow))
        sums = [torch.where(batch.valid, values, 0.0).sum(dtype=torch.float64) for values in (error, length)]
        shares = [loss / place.world, gradient / place.world, *sums, batch.valid.sum()]
        totals = place.sum(torch.stack([share.double() for share in shares])).tolist()
    pixels = max(totals[4], 1.0)
    return Measured(loss=totals[0], gradient=totals[1], epe=totals[2] / pixels, length=totals[3] / pixels)


@dataclass(kw_only=True)
class Window:
    """The steps since the last line of the log.

    Attributes:
        pairs: A step's.
        waited: Seconds spent waiting for data until the window began.
    """

    pairs: int
    waited: float = 0.0
    steps: list[Measured] = field(default_factory=list)
    began: float = field(default_factory=time.perf_counter)

    def values(self, waited: float) -> dict[str, float | None]:
        """Means over the steps, and speed; ``waited``: seconds spent waiting for data until now."""
        seconds = max(time.perf_counter() - self.began, 1e-9)
        means = {
            name: fmean(getattr(step, name) for step in self.steps) if self.steps else None
            for name in ("loss", "epe", "gradient")
        }
        speed = {
            "pairs_per_second": self.pairs * len(self.steps) / seconds,
            "waiting": (waited - self.waited) / seconds,
        }
        return means | speed

    def note(self, waited: float) -> str:
        """The same for the progress bar."""
        values = self.values(waited)
        speed = f"{values['pairs_per_second']:.3g} pairs/s, {values['waiting']:.0%} waiting for data"
        if not self.steps:
            return speed
        return f"loss {values['loss']:.4g}, EPE {values['epe']:.2f} px, {speed}"
