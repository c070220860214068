"""FlowNet2: Ilg et al., "FlowNet 2.0: Evolution of Optical Flow Estimation with Deep Networks", CVPR 2017.

FlowNetC's flow is refined by FlowNetS networks, each of which sees how well the flow so far explains the
images (section 3); a small network fuses the last one's flow with that of a network for small displacements
(section 4). The paper trains one network at a time, all earlier ones frozen; from scratch, end to end, the
stack diverges.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chairsgen.config import Config, param
from trainer.models.base import (
    FlowHead,
    FlowModel,
    FlowUpsampling,
    Image,
    Stage,
    centre_on_mean,
    concatenate,
    conv,
    deconv,
    initialise,
)
from trainer.models.flownet import FLOWNET2, FlowNetC, FlowNetCConfig, FlowNetConfig, FlowNetS, FlowNetSD
from trainer.models.registry import register
from trainer.ops import upsample, warp


@dataclass(frozen=True, kw_only=True)
class StackConfig(Config):
    """FlowNet2-CS and -CSS."""

    flow_unit: float = param(20.0, "flow for each unit of a network's output or input", unit="px", low=1e-6)


@dataclass(frozen=True, kw_only=True)
class FlowNet2Config(StackConfig):
    """FlowNet2."""

    sd_flow_unit: float = param(
        0.05,
        "the same of the network for small displacements: 1/20 in published weights of the whole, "
        "20 in those of that network alone and in those trained here",
        unit="px",
        low=1e-6,
    )


def brightness_error(image1: Image, image2: Image, flow: Tensor) -> tuple[Image, Tensor]:
    """Image 2 warped onto image 1, and the norm of its difference from image 1."""
    warped = warp(image2, flow, padding="border")
    return warped, _norm(image1.to(warped.dtype) - warped)


def _norm(maps: Tensor) -> Tensor:
    return torch.linalg.vector_norm(maps, dim=1, keepdim=True)


class Stack(FlowModel):
    """FlowNetC and the FlowNetS networks that refine its flow."""

    stride = 64
    finest = 4

    def __init__(self, first: FlowNetC, refinements: Iterable[nn.Module]) -> None:
        super().__init__()
        self.flow_unit = first.flow_unit
        self.first = first
        self.refinements = nn.ModuleList(refinements)

    @classmethod
    def of(cls, config: StackConfig, *, num_refinements: int) -> "Stack":
        """A stack with fresh weights."""
        unit = config.flow_unit
        first = FlowNetC(FlowNetCConfig(flow_unit=unit))
        refinements = (
            FlowNetS(FlowNetConfig(flow_unit=unit), in_channels=12) for _ in range(num_refinements)
        )
        return cls(first, refinements)

    def normalise(self, image1: Image, image2: Image) -> tuple[Image, Image]:
        return centre_on_mean(image1, image2)

    def estimate(self, image1: Image, image2: Image) -> list[Tensor]:
        flows = self.first.estimate(image1, image2)
        for network in self.refinements:
            assert isinstance(network, FlowNetS)
            flow = upsample(flows[0], image1.shape[-2:])
            warped, error = brightness_error(image1, image2, flow)
            flows = network.predict(torch.cat([image1, image2, warped, flow / self.flow_unit, error], dim=1))
        return flows

    def stages(self) -> list[Stage]:
        """One network at a time (section 3)."""
        stages = [Stage(name="FlowNetC", network=self.first, learns=self.first)]
        for i, network in enumerate(self.refinements):
            part = Stack(self.first, self.refinements[: i + 1])
            stages.append(Stage(name=f"refinement {i + 1}", network=part, learns=network))
        return stages


class Fusion(nn.Module):
    """Two flows, their lengths and brightness errors, and image 1, to one flow at full resolution."""

    def __init__(self) -> None:
        super().__init__()
        self.conv0 = conv(11, 64)
        self.conv1 = nn.Sequential(conv(64, 64, stride=2), conv(64, 128))
        self.conv2 = nn.Sequential(conv(128, 128, stride=2), conv(128, 128))
        self.deconv1 = deconv(128, 32)
        self.deconv0 = deconv(128 + 32 + 2, 16)
        self.between1 = nn.Conv2d(128 + 32 + 2, 32, 3, padding=1)
        self.between0 = nn.Conv2d(64 + 16 + 2, 16, 3, padding=1)
        self.heads = nn.ModuleList(FlowHead(channels) for channels in (128, 32, 16))
        self.upsamplings = nn.ModuleList(FlowUpsampling() for _ in range(2))
        initialise(self)

    def forward(self, inputs: Tensor) -> list[Tensor]:
        """Flows at 1, 1/2 and 1/4, in pixels."""
        level0 = self.conv0(inputs)
        level1 = self.conv1(level0)
        level2 = self.conv2(level1)
        flow2 = self.heads[0](level2)
        joined1 = concatenate(level1, self.deconv1(level2), self.upsamplings[0](flow2))
        flow1 = self.heads[1](self.between1(joined1))
        joined0 = concatenate(level0, self.deconv0(joined1), self.upsamplings[1](flow1))
        flow0 = self.heads[2](self.between0(joined0))
        return [flow0, flow1, flow2]


class FlowNet2(FlowModel):
    """The whole: stack of three, network for small displacements, fusion."""

    stride = 64
    flow_unit = 1.0

    def __init__(self, config: FlowNet2Config | None = None) -> None:
        super().__init__()
        config = config or FlowNet2Config()
        self.large = Stack.of(StackConfig(flow_unit=config.flow_unit), num_refinements=2)
        self.small = FlowNetSD(FlowNetConfig(flow_unit=config.sd_flow_unit))
        self.fusion = Fusion()

    def normalise(self, image1: Image, image2: Image) -> tuple[Image, Image]:
        return centre_on_mean(image1, image2)

    def estimate(self, image1: Image, image2: Image) -> list[Tensor]:
        size = image1.shape[-2:]
        # The published networks repeat vectors here, where the stack interpolates.
        large, small = (
            F.interpolate(network.estimate(image1, image2)[0], size, mode="nearest")
            for network in (self.large, self.small)
        )
        errors = [brightness_error(image1, image2, flow)[1] for flow in (small, large)]
        inputs = torch.cat([image1, small, large, _norm(small), _norm(large), *errors], dim=1)
        flows: list[Tensor] = self.fusion(inputs)
        return flows

    def stages(self) -> list[Stage]:
        """The stack, the network for small displacements, the fusion (sections 3 and 4)."""
        return [
            *self.large.stages(),
            Stage(name="FlowNet2-SD", network=self.small, learns=self.small),
            Stage(name="fusion", network=self, learns=self.fusion),
        ]


@register("flownet2-cs", source=FLOWNET2, options=StackConfig())
def flownet2_cs(**options: Any) -> Stack:
    """FlowNetC and one refinement; options of :class:`StackConfig`."""
    return Stack.of(StackConfig.from_dict(options), num_refinements=1)


@register("flownet2-css", source=FLOWNET2, options=StackConfig())
def flownet2_css(**options: Any) -> Stack:
    """FlowNetC and two refinements; options of :class:`StackConfig`."""
    return Stack.of(StackConfig.from_dict(options), num_refinements=2)


@register("flownet2", source=FLOWNET2, options=FlowNet2Config())
def flownet2(**options: Any) -> FlowNet2:
    """FlowNet2; options of :class:`FlowNet2Config`."""
    return FlowNet2(FlowNet2Config.from_dict(options))
