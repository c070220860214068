"""SpyNet: Ranjan and Black, "Optical Flow Estimation using a Spatial Pyramid Network", CVPR 2017.

From the coarsest level of an image pyramid to the finest, a small network adds to the flow what is missing
between image 1 and image 2 warped by the flow so far (section 3).
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from chairsgen.config import Config, param
from trainer.models.base import FlowHead, FlowModel, Image, concatenate, initialise
from trainer.models.registry import register
from trainer.ops import resize_flow, warp

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True)
class SpyNetConfig(Config):
    """SpyNet."""

    num_levels: int = param(
        6, "levels of the pyramid, each half the size of the one before", low=1.0, high=12.0
    )


class SpyNet(FlowModel):
    """The spatial pyramid network.

    Attributes:
        levels: Its networks, the coarsest level's first: the order in which they are trained.
    """

    def __init__(self, config: SpyNetConfig | None = None) -> None:
        super().__init__()
        num_levels = (config or SpyNetConfig()).num_levels
        self.stride = 2 ** (num_levels - 1)
        self.levels = nn.ModuleList(_level() for _ in range(num_levels))
        initialise(self, leak=0.0)

    def normalise(self, image1: Image, image2: Image) -> tuple[Image, Image]:
        mean, std = (image1.new_tensor(value).view(1, 3, 1, 1) for value in (IMAGENET_MEAN, IMAGENET_STD))
        return (image1 - mean) / std, (image2 - mean) / std

    def estimate(self, image1: Image, image2: Image) -> list[Tensor]:
        pyramid = [(image1, image2)]
        for _ in self.levels[1:]:
            pyramid.insert(0, tuple(F.avg_pool2d(image, 2) for image in pyramid[0]))  # type: ignore[arg-type]
        batch, _, height, width = pyramid[0][0].shape
        flow = image1.new_zeros(batch, 2, height, width)
        flows: list[Tensor] = []
        for network, (level1, level2) in zip(self.levels, pyramid, strict=True):
            # Here flow is in pixels of its level.
            flow = resize_flow(flow, level1.shape[-2:])
            warped = warp(level2, flow, padding="border")
            flow = flow + network(concatenate(level1, warped, flow))
            flows.insert(0, flow * (image1.shape[-1] / flow.shape[-1]))
        return flows


def _level() -> nn.Module:
    """One level's network: image 1, warped image 2 and flow to the flow that is missing."""
    channels = (8, 32, 64, 32, 16)
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        layers += [nn.Conv2d(before, after, 7, padding=3), nn.ReLU()]
    layers.append(FlowHead(16, kernel=7))
    return nn.Sequential(*layers)


@register("spynet", source="Ranjan & Black, SpyNet, CVPR 2017")
def spynet(**options: Any) -> SpyNet:
    """SpyNet; options of :class:`SpyNetConfig`."""
    return SpyNet(SpyNetConfig.from_dict(options))
