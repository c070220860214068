"""PWC-Net: Sun et al., "PWC-Net: CNNs for Optical Flow Using Pyramid, Warping, and Cost Volume", CVPR 2018.

From level 6 (1/64) to level 2 (1/4): warp image 2's features by the flow so far, match them with image 1's
within 4 pixels, estimate the level's flow from the matches; at level 2 a context network refines it
(section 3).
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from chairsgen.config import Config, param
from trainer.models.base import (
    LEAK,
    FlowHead,
    FlowModel,
    FlowUpsampling,
    Image,
    concatenate,
    conv,
    initialise,
)
from trainer.models.registry import register
from trainer.ops import cost_volume, inside, warp

PWCNET = "Sun et al., PWC-Net, CVPR 2018"
PYRAMID = (16, 32, 64, 96, 128, 196)
"""Channels of levels 1 to 6."""
ESTIMATOR = (128, 128, 96, 64, 32)
CONTEXT = ((128, 1), (128, 2), (128, 4), (96, 8), (64, 16), (32, 1))
"""Channels and dilations of the context network."""
FINEST = 2


@dataclass(frozen=True, kw_only=True)
class PwcNetConfig(Config):
    """PWC-Net."""

    flow_unit: float = param(20.0, "flow for each unit of the network's output", unit="px", low=1e-6)
    radius: int = param(4, "largest displacement of the cost volume", unit="px of a level", low=0.0)
    convolutions: int = param(3, "of each level of the feature pyramid", low=1.0)
    context: bool = param(True, "whether the context network refines the flow")
    spare_upsampling: bool = param(
        False, "keep the last level's upsampling of flow, which published code counts but nothing uses"
    )


SMALL = PwcNetConfig(convolutions=2, spare_upsampling=True)


class DenseEstimator(nn.Module):
    """A DenseNet block: each convolution sees the outputs of all before it."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList()
        self.out_channels = in_channels
        for channels in ESTIMATOR:
            self.convs.append(conv(self.out_channels, channels))
            self.out_channels += channels
        self.head = FlowHead(self.out_channels)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Flow, and the features that it was made from."""
        for layer in self.convs:
            features = concatenate(layer(features), features)
        return self.head(features), features


class PwcNet(FlowModel):
    """PWC-Net with dense connections."""

    stride = 64
    finest = 2**FINEST

    def __init__(self, config: PwcNetConfig | None = None) -> None:
        super().__init__()
        config = config or PwcNetConfig()
        self.flow_unit, self.radius = config.flow_unit, config.radius
        self.pyramid = nn.ModuleList(
            nn.Sequential(
                conv(before, channels, stride=2),
                *(conv(channels, channels) for _ in range(config.convolutions - 1)),
            )
            for before, channels in pairwise((3, *PYRAMID))
        )
        # Level 6 first, as they run.
        matches = (2 * self.radius + 1) ** 2
        estimator = DenseEstimator(matches)
        self.estimators = nn.ModuleList([estimator])
        self.flow_upsamplings, self.feature_upsamplings = nn.ModuleList(), nn.ModuleList()
        for channels in PYRAMID[-2 : FINEST - 2 : -1]:
            self.flow_upsamplings.append(FlowUpsampling())
            self.feature_upsamplings.append(nn.ConvTranspose2d(estimator.out_channels, 2, 4, 2, 1))
            estimator = DenseEstimator(matches + channels + 4)
            self.estimators.append(estimator)
        self.context = _context(estimator.out_channels) if config.context else None
        initialise(self)
        if config.spare_upsampling:
            # Frozen: it has no gradient.
            self.spare_upsampling = FlowUpsampling().requires_grad_(False)

    def estimate(self, image1: Image, image2: Image) -> list[Tensor]:
        levels = list(zip(self._features(image1), self._features(image2), strict=True))
        flow, features = self.estimators[0](self._match(*levels[-1]))
        flows = [flow]
        for i, (features1, features2) in enumerate(levels[-2::-1]):
            flow = self.flow_upsamplings[i](flow)
            # Flow is for the full frame, features lie on a level of it.
            shift = flow * (self.flow_unit * features1.shape[-1] / image1.shape[-1])
            matches = self._match(features1, warp(features2, shift) * inside(shift))
            known = concatenate(matches, features1, flow, self.feature_upsamplings[i](features))
            flow, features = self.estimators[i + 1](known)
            flows.insert(0, flow)
        if self.context is not None:
            flows[0] = flows[0] + self.context(features)
        return [flow * self.flow_unit for flow in flows]

    def _features(self, image: Tensor) -> list[Tensor]:
        """The pyramid of one image, from level 2 to level 6."""
        features = []
        for level in self.pyramid:
            image = level(image)
            features.append(image)
        return features[FINEST - 1 :]

    def _match(self, features1: Tensor, features2: Tensor) -> Tensor:
        """The cost volume, in the type of ``features1``."""
        volume = cost_volume(features1.to(features2.dtype), features2, radius=self.radius)
        return F.leaky_relu(volume, LEAK).to(features1.dtype)


def _context(in_channels: int) -> nn.Module:
    """Dilated convolutions: what must be added to the finest flow, seen from farther around."""
    layers: list[nn.Module] = []
    for channels, dilation in CONTEXT:
        layers.append(conv(in_channels, channels, dilation=dilation))
        in_channels = channels
    return nn.Sequential(*layers, FlowHead(in_channels))


@register("pwcnet", source=PWCNET, options=PwcNetConfig())
def pwcnet(**options: Any) -> PwcNet:
    """PWC-Net as published with its code; options of :class:`PwcNetConfig`."""
    return PwcNet(PwcNetConfig.from_dict(options))


@register("pwcnet-small", source=PWCNET, options=SMALL)
def pwcnet_small(**options: Any) -> PwcNet:
    """PWC-Net with two convolutions a pyramid level; options of :class:`PwcNetConfig`."""
    return PwcNet(PwcNetConfig.from_dict(options, SMALL))
