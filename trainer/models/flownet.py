"""FlowNetS and FlowNetC: Dosovitskiy et al., "FlowNet: Learning Optical Flow with Convolutional Networks",
ICCV 2015; and FlowNet2's variant for small displacements, which shares most of their layers.

A contracting part brings the frames down to 1/64; an expanding part goes back up to 1/4, refining the flow
at each level (section 3, "Refinement").
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from chairsgen.config import Config, param
from trainer.models.base import (
    LEAK,
    FlowHead,
    FlowModel,
    FlowUpsampling,
    Image,
    centre_on_mean,
    concatenate,
    conv,
    deconv,
    initialise,
)
from trainer.models.registry import register
from trainer.ops import constants, cost_volume

FLOWNET = "Dosovitskiy et al., FlowNet, ICCV 2015"
FLOWNET2 = "Ilg et al., FlowNet 2.0, CVPR 2017"

CHAIRS_MEAN = (0.411, 0.432, 0.45)
"""What FlowNetPytorch's networks learned to have taken from red, green and blue: FlyingChairs' means, but of
blue, green and red (ClementPinard/FlowNetPytorch, issue 80)."""


@dataclass(frozen=True, kw_only=True)
class FlowNetConfig(Config):
    """FlowNetS, and FlowNet2's network for small displacements."""

    flow_unit: float = param(20.0, "flow for each unit of the network's output", unit="px", low=1e-6)
    centre: str = param(
        "pair",
        "what is taken from the images' channels: their means over the pair, or FlowNetPytorch's constants",
        choices=("pair", "chairs"),
    )


@dataclass(frozen=True, kw_only=True)
class FlowNetCConfig(FlowNetConfig):
    """FlowNetC."""

    radius: int = param(20, "largest displacement of the correlation", unit="px at 1/8", low=0.0)
    stride: int = param(2, "step between its displacements", unit="px at 1/8", low=1.0)


class Contraction(nn.Module):
    """From features at 1/8 to those at 1/8, 1/16, 1/32 and 1/64: the layers conv3_1 to conv6_1."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv3_1 = conv(in_channels, 256)
        self.conv4 = conv(256, 512, stride=2)
        self.conv4_1 = conv(512, 512)
        self.conv5 = conv(512, 512, stride=2)
        self.conv5_1 = conv(512, 512)
        self.conv6 = conv(512, 1024, stride=2)
        self.conv6_1 = conv(1024, 1024)

    def forward(self, features: Tensor) -> list[Tensor]:
        """Features of levels 3 to 6."""
        level3 = self.conv3_1(features)
        level4 = self.conv4_1(self.conv4(level3))
        level5 = self.conv5_1(self.conv5(level4))
        level6 = self.conv6_1(self.conv6(level5))
        return [level3, level4, level5, level6]


class Expansion(nn.Module):
    """From features of levels 2 to 6 to flows of levels 2 to 6.

    Each step joins the contracting part's features, its own upsampled ones, and the upsampled flow.

    Args:
        between: Whether a convolution stands between a level's features and its flow (FlowNet2-SD).
        bias: Whether the upsampling of flow has a bias.
    """

    def __init__(self, *, between: bool, bias: bool) -> None:
        super().__init__()
        skips, own = (512, 512, 256, 128), (512, 256, 128, 64)
        joined = (1024, *(skip + up + 2 for skip, up in zip(skips, own, strict=True)))
        self.deconvs = nn.ModuleList(deconv(joined[i], own[i]) for i in range(4))
        self.upsamplings = nn.ModuleList(FlowUpsampling(bias=bias) for _ in range(4))
        if between:
            self.between = nn.ModuleList(nn.Conv2d(joined[i + 1], own[i], 3, padding=1) for i in range(4))
            self.heads = nn.ModuleList(FlowHead(channels) for channels in (1024, *own))
        else:
            self.between = nn.ModuleList(nn.Identity() for _ in range(4))
            self.heads = nn.ModuleList(FlowHead(channels) for channels in joined)

    def forward(self, levels: list[Tensor]) -> list[Tensor]:
        """Flows of levels 2 to 6 in the network's unit, from features of the same levels."""
        features = levels[-1]
        flows = [self.heads[0](features)]
        for i, skip in enumerate(levels[-2::-1]):
            features = concatenate(skip, self.deconvs[i](features), self.upsamplings[i](flows[0]))
            flows.insert(0, self.heads[i + 1](self.between[i](features)))
        return flows


class FlowNet(FlowModel):
    """What the three networks share."""

    stride = 64
    finest = 4

    def __init__(self, config: FlowNetConfig) -> None:
        super().__init__()
        self.flow_unit, self.centre = config.flow_unit, config.centre

    def normalise(self, image1: Image, image2: Image) -> tuple[Image, Image]:
        if self.centre == "pair":
            return centre_on_mean(image1, image2)
        mean = constants(image1, *CHAIRS_MEAN)
        return image1 - mean, image2 - mean


class FlowNetS(FlowNet):
    """The simple one: both images stacked.

    Args:
        in_channels: 6; in FlowNet2, 12: see :mod:`trainer.models.flownet2`.
    """

    def __init__(self, config: FlowNetConfig | None = None, *, in_channels: int = 6) -> None:
        super().__init__(config or FlowNetConfig())
        self.conv1 = conv(in_channels, 64, 7, stride=2)
        self.conv2 = conv(64, 128, 5, stride=2)
        self.conv3 = conv(128, 256, 5, stride=2)
        self.contraction = Contraction(256)
        self.expansion = Expansion(between=False, bias=False)
        initialise(self)

    def estimate(self, image1: Image, image2: Image) -> list[Tensor]:
        return self.predict(torch.cat([image1, image2], dim=1))

    def predict(self, inputs: Tensor) -> list[Tensor]:
        """Flows of levels 2 to 6, in full-frame pixels, from the stacked inputs."""
        level2 = self.conv2(self.conv1(inputs))
        levels = [level2, *self.contraction(self.conv3(level2))]
        return [flow * self.flow_unit for flow in self.expansion(levels)]


class FlowNetC(FlowNet):
    """The one with the correlation layer: features of each image, then how well they match."""

    def __init__(self, config: FlowNetCConfig | None = None) -> None:
        config = config or FlowNetCConfig()
        super().__init__(config)
        self.radius, self.step = config.radius, config.stride
        self.conv1 = conv(3, 64, 7, stride=2)
        self.conv2 = conv(64, 128, 5, stride=2)
        self.conv3 = conv(128, 256, 5, stride=2)
        self.redirect = conv(256, 32, 1)
        self.contraction = Contraction(32 + (2 * (self.radius // self.step) + 1) ** 2)
        self.expansion = Expansion(between=False, bias=True)
        initialise(self)

    def estimate(self, image1: Image, image2: Image) -> list[Tensor]:
        level2 = self.conv2(self.conv1(image1))
        features1 = self.conv3(level2)
        features2 = self.conv3(self.conv2(self.conv1(image2)))
        volume = cost_volume(features1, features2, radius=self.radius, stride=self.step)
        matches = nn.functional.leaky_relu(volume, LEAK)
        levels = [level2, *self.contraction(concatenate(self.redirect(features1), matches))]
        return [flow * self.flow_unit for flow in self.expansion(levels)]


class FlowNetSD(FlowNet):
    """For small displacements: small kernels, a first layer at full resolution, smoothed flow
    (Ilg et al., section 4).

    The published weights know two units: 20 px standing alone, 1/20 px inside FlowNet2.
    """

    def __init__(self, config: FlowNetConfig | None = None) -> None:
        super().__init__(config or FlowNetConfig())
        self.conv0 = conv(6, 64)
        self.conv1 = nn.Sequential(conv(64, 64, stride=2), conv(64, 128))
        self.conv2 = nn.Sequential(conv(128, 128, stride=2), conv(128, 128))
        self.conv3 = conv(128, 256, stride=2)
        self.contraction = Contraction(256)
        self.expansion = Expansion(between=True, bias=True)
        initialise(self)

    def estimate(self, image1: Image, image2: Image) -> list[Tensor]:
        level2 = self.conv2(self.conv1(self.conv0(torch.cat([image1, image2], dim=1))))
        levels = [level2, *self.contraction(self.conv3(level2))]
        return [flow * self.flow_unit for flow in self.expansion(levels)]


@register("flownets", source=FLOWNET, options=FlowNetConfig())
def flownets(**options: Any) -> FlowNetS:
    """FlowNetS; options of :class:`FlowNetConfig`."""
    return FlowNetS(FlowNetConfig.from_dict(options))


@register("flownetc", source=FLOWNET, options=FlowNetCConfig())
def flownetc(**options: Any) -> FlowNetC:
    """FlowNetC; options of :class:`FlowNetCConfig`."""
    return FlowNetC(FlowNetCConfig.from_dict(options))


@register("flownet2-sd", source=FLOWNET2, options=FlowNetConfig())
def flownet2_sd(**options: Any) -> FlowNetSD:
    """FlowNet2-SD; options of :class:`FlowNetConfig`."""
    return FlowNetSD(FlowNetConfig.from_dict(options))
