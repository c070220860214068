"""Losses between a network's flows and the truth, in float32.

Each is a penalty for the error of one vector, summed or averaged over a pair's pixels, averaged over pairs:

* FlowNet, FlowNet2, PWC-Net: ``sqrt(|d|^2 + 0.01)`` summed over the pixels of every pyramid level, levels
  weighted .005 .01 .02 .08 .32 from the finest, 1/4, to 1/64; flow and truth in units of 20 px (the original
  implementation). In means over pixels these weights are 4:2:1:1:1: a mean is another loss.
* PWC-Net, fine-tuning: ``(|d|_1 + 0.01)^0.4`` (Sun et al., section 3, "Training loss").
* SpyNet: the mean of ``|d|`` at the level that is trained, in that level's pixels. What its paper (section 3)
  states for the residual flow is the same: the flow before cancels.

Truth comes to a level by averaging what is known of each cell.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from chairsgen.config import Config, param
from chairsgen.errors import InputError
from trainer.batch import Batch
from trainer.ops import downsample_flow

Flow = Float[Tensor, "batch 2 height width"]
PerPixel = Float[Tensor, "batch 1 height width"]
Mask = Bool[Tensor, "batch 1 height width"]


@dataclass(frozen=True, kw_only=True)
class LossConfig(Config):
    """What is minimised."""

    penalty: str = param(
        "epe",
        "of an error d: sqrt(|d|^2 + epsilon), or (|d|_1 + epsilon)^exponent",
        choices=("epe", "robust"),
    )
    epsilon: float = param(0.01, "of the penalty", low=0.0)
    exponent: float = param(0.4, "of the robust penalty", low=0.01, high=1.0)
    levels: str = param(
        "pyramid",
        "all flows that the network makes, by their weights; or its finest alone, in pixels of its level",
        choices=("pyramid", "finest"),
    )
    weights: tuple[float, ...] = param(
        (0.005, 0.01, 0.02, 0.08, 0.32), "of the pyramid's flows, the finest first"
    )
    form: str = param(
        "sum",
        "over a pair's pixels; a mean bears no decay as strong as a sum (see optimiser.decay)",
        choices=("sum", "mean"),
    )
    matched: bool = param(False, "leave pixels out that are not seen in frame 2")

    def check(self) -> None:
        if self.penalty == "robust" and not self.epsilon:
            raise InputError(
                "epsilon = 0: must be above 0 where penalty = robust: there an error of 0 has no slope"
            )


def flow_loss(
    flows: Sequence[Tensor], batch: Batch, config: LossConfig, *, finest: int = 1, flow_unit: float = 1.0
) -> Float[Tensor, ""]:
    """The loss of a network's flows.

    Args:
        flows: As :class:`~trainer.models.base.FlowModel` returns them.
        batch: The truth.
        config: Which loss.
        finest: Scale of the finest flow that counts.
        flow_unit: Pixels a unit in which a pyramid's errors are measured.

    Raises:
        InputError: The pyramid has more levels than ``config`` has weights.
    """
    known = batch.matched if config.matched else batch.valid
    frame = batch.flow.shape[-2:]
    levels = [(flow, scale) for flow in flows if (scale := _scale(flow, frame)) >= finest]
    if config.levels == "finest":
        flow, scale = levels[0]
        return _at_level(flow, batch.flow, known, scale, float(scale), config)
    if len(levels) > len(config.weights):
        raise InputError(
            f"loss.weights has {len(config.weights)} values, the network's pyramid {len(levels)} levels: "
            "give as many, the finest level's first"
        )
    losses = [
        weight * _at_level(flow, batch.flow, known, scale, flow_unit, config)
        for (flow, scale), weight in zip(levels, config.weights, strict=False)
    ]
    return torch.stack(losses).sum()


def _scale(flow: Tensor, frame: Sequence[int]) -> int:
    """The power of two by which a flow's grid is coarser than the frame's."""
    scale = 1
    while any(-(-full // scale) > side for full, side in zip(frame, flow.shape[-2:], strict=True)):
        scale *= 2
    return scale


def _at_level(flow: Tensor, truth: Flow, known: Mask, scale: int, unit: float, config: LossConfig) -> Tensor:
    truth, known = downsample_flow(truth.float(), known, scale)
    penalty = _penalty((flow.float() - truth) / unit, config)
    total = torch.where(known, penalty, 0.0).sum((1, 2, 3))
    if config.form == "mean":
        total = total / known.sum((1, 2, 3)).clamp_min(1)
    return total.mean()


def _penalty(error: Flow, config: LossConfig) -> PerPixel:
    if config.penalty == "robust":
        return (error.abs().sum(1, keepdim=True) + config.epsilon) ** config.exponent
    if config.epsilon == 0:
        # Its gradient is 0 where the error is; that of the square root would be NaN.
        return torch.linalg.vector_norm(error, dim=1, keepdim=True)
    return (error.square().sum(1, keepdim=True) + config.epsilon).sqrt()


def end_point_error(flow: Flow, truth: Flow) -> PerPixel:
    """The length of each vector's error, in pixels."""
    error = flow.float() - truth.float()
    # On a CPU, vector_norm over two values takes 200 times as long.
    return torch.hypot(error[:, :1], error[:, 1:])
