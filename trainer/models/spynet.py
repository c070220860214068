"""SpyNet: Ranjan and Black, "Optical Flow Estimation using a Spatial Pyramid Network", CVPR 2017.

From the coarsest level of an image pyramid to the finest, a small network adds to the flow what is missing
between image 1 and image 2 warped by the flow so far (section 3).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from chairsgen.config import Config, param
from chairsgen.errors import InputError
from trainer.models.base import FlowHead, FlowModel, Image, Stage, concatenate, initialise
from trainer.models.registry import register
from trainer.ops import constants, resize_flow, warp

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True)
class SpyNetConfig(Config):
    """SpyNet."""

    num_levels: int = param(
        6, "levels of the pyramid, each half the size of the one before", low=1.0, high=12.0
    )
    num_enlarged: int = param(
        0, "finest levels that have no network: their flow is the coarser one's, enlarged", low=0.0, high=11.0
    )
    align_corners: bool = param(
        False, "enlarge flow with the outermost vectors on the outermost pixels, as published weights want it"
    )

    def check(self) -> None:
        if self.num_enlarged >= self.num_levels:
            raise InputError(
                f"num_enlarged = {self.num_enlarged}: must be below num_levels = {self.num_levels}"
            )


class SpyNet(FlowModel):
    """The spatial pyramid network, or its coarser levels alone.

    Args:
        levels: Its networks, the coarsest level's first: the order in which they are trained.
        config: The whole network's; its finest levels have no network where ``levels`` are fewer.
    """

    def __init__(self, levels: Iterable[nn.Module], config: SpyNetConfig) -> None:
        super().__init__()
        self.config, self.align_corners = config, config.align_corners
        self.levels = nn.ModuleList(levels)
        self.stride = 2 ** (config.num_levels - 1)
        self.finest = 2 ** (config.num_levels - len(self.levels))

    def normalise(self, image1: Image, image2: Image) -> tuple[Image, Image]:
        mean, std = constants(image1, *IMAGENET_MEAN), constants(image1, *IMAGENET_STD)
        return (image1 - mean) / std, (image2 - mean) / std

    def estimate(self, image1: Image, image2: Image) -> list[Tensor]:
        height, width = (side // self.stride for side in image1.shape[-2:])
        flow = image1.new_zeros(image1.shape[0], 2, height, width)
        flows: list[Tensor] = []
        for i, network in enumerate(self.levels):
            level1, level2 = (F.avg_pool2d(image, self.stride >> i) for image in (image1, image2))
            # Here flow is in pixels of its level.
            flow = self._enlarge(flow, level1.shape[-2:])
            warped = warp(level2, flow, padding="border")
            flow = flow + network(concatenate(level1, warped, flow))
            flows.insert(0, flow * (image1.shape[-1] / flow.shape[-1]))
        return flows

    def stages(self) -> list[Stage]:
        """Level by level, each from the weights of the one before (section 3, "Training")."""
        num_levels = len(self.levels)
        return [
            Stage(
                name=f"level {i + 1} of {num_levels}",
                network=SpyNet(self.levels[: i + 1], self.config),
                learns=level,
                starts_from=self.levels[i - 1] if i else None,
            )
            for i, level in enumerate(self.levels)
        ]

    def _enlarge(self, flow: Tensor, size: Sequence[int]) -> Tensor:
        """Flow on a finer level's grid, in its pixels."""
        if not self.align_corners:
            return resize_flow(flow, size)
        ratio = size[1] / flow.shape[-1]
        return ratio * F.interpolate(flow, tuple(size), mode="bilinear", align_corners=True)


def _level() -> nn.Module:
    """One level's network: image 1, warped image 2 and flow to the flow that is missing.

    Fresh weights are He's but at both ends; else training often ends at zero flow for good, with the last ReLUs
    dead. The first filters see no mean brightness, which outweighs all else in a photograph; half of them see
    the frames' difference, half their sum. The last ones are small: a level begins with adding next to nothing.
    """
    channels = (8, 32, 64, 32, 16)
    hidden = [nn.Conv2d(before, after, 7, padding=3) for before, after in pairwise(channels)]
    head = FlowHead(16, kernel=7)
    level = nn.Sequential(*(layer for conv in hidden for layer in (conv, nn.ReLU())), head)
    initialise(level, leak=0.0)
    frame1, frame2 = hidden[0].weight.data[:, :3], hidden[0].weight.data[:, 3:6]
    frame1 -= frame1.mean((2, 3), keepdim=True)
    frame1 *= 2
    frame2[:16], frame2[16:] = -frame1[:16], frame1[16:]
    head.weight.data *= 0.1
    return level


@register("spynet", source="Ranjan & Black, SpyNet, CVPR 2017", options=SpyNetConfig())
def spynet(**options: Any) -> SpyNet:
    """SpyNet; options of :class:`SpyNetConfig`."""
    config = SpyNetConfig.from_dict(options)
    return SpyNet((_level() for _ in range(config.num_levels - config.num_enlarged)), config)
