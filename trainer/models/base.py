"""What all networks share: what they take and give, padding, and layers that run in float32."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from chairsgen.errors import InputError
from trainer.ops import upsample

Image = Float[Tensor, "batch 3 height width"]
Flow = Float[Tensor, "batch 2 height width"]

LEAK = 0.1
"""Slope of the leaky ReLU below zero, in FlowNet, FlowNet2 and PWC-Net alike."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A part of a training: what is called, and which of its layers learn.

    Attributes:
        name: What it is called in logs.
        network: What is trained and judged: the model, or a part of it that shares its layers.
        learns: The layers that change; all others stay as they are.
        starts_from: Layers of the same shape, which learned before: ``learns`` begins with their weights.
    """

    name: str
    network: nn.Module
    learns: nn.Module
    starts_from: nn.Module | None = None

    @property
    def finest(self) -> int:
        """See :class:`FlowModel`."""
        return getattr(self.network, "finest", FlowModel.finest)

    @property
    def flow_unit(self) -> float:
        """See :class:`FlowModel`."""
        return getattr(self.network, "flow_unit", FlowModel.flow_unit)


class FlowModel(nn.Module, ABC):
    """A network from two images to flow, whatever their size.

    Called with two batches (batch, 3, height, width), RGB, uint8 from 0 to 255 or float from 0 to 1, it
    returns a list of float32 flows, finest first:

    * All vectors are in pixels of the full frame, whatever the flow's own resolution.
    * The first flow has the frame's size: it is the result.
    * The others are the coarser levels of the network's pyramid, for multi-scale losses. A flow of scale s
      (a power of two) has ceil(height / s) x ceil(width / s) vectors, each for a cell of s x s pixels, the
      first cell at the frame's upper left corner: the cells of :func:`trainer.ops.downsample_flow`.
    * Where a network's own finest level is coarser than the frame, the first flow is that level, bilinearly
      enlarged, and the level itself comes second.

    Inside, frames are extended to the right and down, by repeating their border, to multiples of the
    network's stride, and the flows cut back.

    A derived class implements :meth:`estimate`, :meth:`normalise` if it wants other than 0..1, and
    :meth:`stages` if its parts are to be trained one after the other.

    Attributes:
        stride: Height and width that the network works on are multiples of this.
        flow_unit: Pixels of the full frame for each unit of what the network's last layers put out. The
            flows returned are multiplied by it already; a loss that follows a paper to the letter divides
            by it.
        finest: Scale of the finest flow that the network makes itself; losses leave finer ones out.
    """

    stride: int
    flow_unit: float = 1.0
    finest: int = 1

    def forward(self, image1: Shaped[Tensor, "..."], image2: Shaped[Tensor, "..."]) -> list[Tensor]:
        """Flows from ``image1`` to ``image2``, finest first; the class says how.

        Raises:
            InputError: The images do not fit each other or the network.
        """
        _check(image1, image2)
        height, width = image1.shape[-2:]
        # Half-precision images too: what is narrow inside autocast is up to autocast.
        dtype = torch.promote_types(next(self.parameters()).dtype, torch.float32)
        image1, image2 = self.normalise(_as_fractions(image1, dtype), _as_fractions(image2, dtype))
        beyond = (0, -width % self.stride, 0, -height % self.stride)
        image1, image2 = (F.pad(image, beyond, mode="replicate") for image in (image1, image2))
        flows = self.estimate(image1, image2)
        size = image1.shape[-2:]
        if flows[0].shape[-2:] != size:
            flows = [upsample(flows[0], size), *flows]
        cut = []
        for flow in flows:
            scale = size[0] // flow.shape[-2]
            cut.append(flow[:, :, : -(-height // scale), : -(-width // scale)])
        return cut

    def normalise(self, image1: Image, image2: Image) -> tuple[Image, Image]:
        """Images of 0..1 as the network wants them."""
        return image1, image2

    @abstractmethod
    def estimate(self, image1: Image, image2: Image) -> list[Tensor]:
        """Flows in full-frame pixels, finest first, of normalised images whose sides fit the stride."""

    def stages(self) -> list[Stage]:
        """What is trained one after the other; one stage with all layers, unless a derived class says else."""
        return [_whole(self)]


def stages_of(model: nn.Module) -> list[Stage]:
    """The stages of any model: a module of one's own that is no :class:`FlowModel` has one."""
    return model.stages() if isinstance(model, FlowModel) else [_whole(model)]


def _whole(model: nn.Module) -> Stage:
    return Stage(name="whole", network=model, learns=model)


def _check(image1: Tensor, image2: Tensor) -> None:
    for name, image in (("image1", image1), ("image2", image2)):
        if image.ndim != 4 or image.shape[1] != 3 or 0 in image.shape:
            raise InputError(f"{name} has shape {tuple(image.shape)}: must be (batch, 3, height, width)")
        if not (image.dtype == torch.uint8 or image.is_floating_point()):
            raise InputError(f"{name} is of type {image.dtype}: must be uint8 (0 to 255) or float (0 to 1)")
    if image1.shape != image2.shape:
        raise InputError(f"images differ in shape: {tuple(image1.shape)} and {tuple(image2.shape)}")


def _as_fractions(image: Tensor, dtype: torch.dtype) -> Tensor:
    return image.to(dtype) / 255 if image.dtype == torch.uint8 else image.to(dtype)


def centre_on_mean(image1: Image, image2: Image) -> tuple[Image, Image]:
    """Takes from each channel its mean over both images, pair by pair (FlowNet2)."""
    mean = (image1.mean((2, 3), keepdim=True) + image2.mean((2, 3), keepdim=True)) / 2
    return image1 - mean, image2 - mean


def conv(
    in_channels: int, out_channels: int, kernel: int = 3, *, stride: int = 1, dilation: int = 1
) -> nn.Module:
    """Convolution that keeps the size, but for the stride, and leaky ReLU."""
    padding = dilation * (kernel // 2)
    layer = nn.Conv2d(in_channels, out_channels, kernel, stride, padding, dilation)
    return nn.Sequential(layer, nn.LeakyReLU(LEAK))


def deconv(in_channels: int, out_channels: int) -> nn.Module:
    """Transposed convolution to twice the size, and leaky ReLU."""
    return nn.Sequential(nn.ConvTranspose2d(in_channels, out_channels, 4, 2, 1), nn.LeakyReLU(LEAK))


class FlowHead(nn.Conv2d):
    """Convolution from features to flow, in float32 also inside autocast."""

    def __init__(self, in_channels: int, kernel: int = 3) -> None:
        super().__init__(in_channels, 2, kernel, padding=kernel // 2)

    def forward(self, input: Tensor) -> Tensor:
        with torch.autocast(input.device.type, enabled=False):
            return super().forward(input.to(self.weight.dtype))


class FlowUpsampling(nn.ConvTranspose2d):
    """Learned enlargement of flow to twice its size, in float32 also inside autocast."""

    def __init__(self, *, bias: bool = True) -> None:
        super().__init__(2, 2, 4, 2, 1, bias=bias)

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        with torch.autocast(input.device.type, enabled=False):
            return super().forward(input.to(self.weight.dtype), output_size)


def concatenate(features: Tensor, *others: Tensor) -> Tensor:
    """Joins channels in the type of ``features``, so that float32 flow does not widen half precision."""
    return torch.cat([features, *(other.to(features.dtype) for other in others)], dim=1)


def initialise(model: nn.Module, *, leak: float = LEAK) -> None:
    """Fresh weights that keep the variance from layer to layer (He et al., ICCV 2015); no bias.

    Args:
        model: A network.
        leak: Slope of its ReLUs below zero.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight, a=leak)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
