"""Batches: what travels from a dataset to the device (:class:`Pairs`), and what a network learns from
(:class:`Batch`).

Between the two stand the augmentation and, for layered truth, the making of flow, both on the device: uint8
images, layer ids and matrices travel, not flow. Conventions are those of :mod:`chairsgen.sample`, but for torch's
order of axes: (batch, channels, height, width).
"""

from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import torch
from jaxtyping import Bool, Float, Float32, Float64, Shaped, UInt8
from torch import Tensor

from trainer.ops import inside, layered_flow

Transportable = TypeVar("Transportable", bound="Transport")


@dataclass(frozen=True, kw_only=True, eq=False)
class Transport:
    """Base of dataclasses of tensors that move between devices as one."""

    def to(self: Transportable, device: torch.device, *, non_blocking: bool = False) -> Transportable:
        """The same on another device."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self: Transportable) -> Transportable:
        """The same in page-locked memory, from which copies to a GPU run beside its work."""
        return self._map(lambda tensor: tensor.pin_memory())

    def clone(self: Transportable) -> Transportable:
        """A copy in memory of its own."""
        return self._map(Tensor.clone)

    def record_stream(self, stream: torch.cuda.Stream) -> None:
        """Keeps its memory from other use until what the stream has to do by now is done."""
        self._map(lambda tensor: tensor.record_stream(stream) or tensor)

    def _map(self: Transportable, change: Any) -> Transportable:
        changed = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Tensor):
                changed[field.name] = change(value)
            elif isinstance(value, Transport):
                changed[field.name] = value._map(change)
        return replace(self, **changed)


@dataclass(frozen=True, kw_only=True, eq=False)
class LayeredTruth(Transport):
    """Flow as layers and matrices, exact at any point; all pixels are valid.

    Attributes:
        layer_id: The front layer of every pixel of frame 1.
        motions: Frame 1 to frame 2, a matrix a layer, identity past a pair's last one.
    """

    layer_id: UInt8[Tensor, "batch height width"]
    motions: Float64[Tensor, "batch layers 3 3"]


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseTruth(Transport):
    """Flow as vectors.

    Attributes:
        flow: On frame 1, in pixels; anything where it is not known.
        valid: Where it is known.
    """

    flow: Float32[Tensor, "batch 2 height width"]
    valid: Bool[Tensor, "batch 1 height width"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs(Transport):
    """Pairs as they travel to the device, before any augmentation; all of one kind of truth.

    Frames smaller than the batch's lie in its upper left corner, their edges repeated, flow not valid beyond.

    Attributes:
        image1: Frame 1.
        image2: Frame 2.
        truth: Flow from frame 1 to frame 2.
        occ: On frame 1: covered by a nearer surface in frame 2; all False where a dataset does not say.
    """

    image1: UInt8[Tensor, "batch 3 height width"]
    image2: UInt8[Tensor, "batch 3 height width"]
    truth: LayeredTruth | DenseTruth
    occ: Bool[Tensor, "batch 1 height width"]

    def __len__(self) -> int:
        return len(self.image1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch(Transport):
    """What a network learns from.

    Attributes:
        image1: Frame 1: uint8, or float from 0 to 1.
        image2: Frame 2.
        flow: From frame 1 to frame 2, in pixels; zero where it is not known.
        valid: Where flow is known.
        occ: On frame 1: covered by a nearer surface in frame 2.
    """

    image1: Shaped[Tensor, "batch 3 height width"]
    image2: Shaped[Tensor, "batch 3 height width"]
    flow: Float[Tensor, "batch 2 height width"]
    valid: Bool[Tensor, "batch 1 height width"]
    occ: Bool[Tensor, "batch 1 height width"]

    @classmethod
    def of(cls, pairs: Pairs) -> "Batch":
        """Pairs as they are, without augmentation; layered truth becomes flow where the pairs lie."""
        truth = pairs.truth
        if isinstance(truth, LayeredTruth):
            flow, valid = layered_flow(truth.layer_id, truth.motions), torch.ones_like(pairs.occ)
        else:
            flow, valid = torch.where(truth.valid, truth.flow, 0.0), truth.valid
        return cls(image1=pairs.image1, image2=pairs.image2, flow=flow, valid=valid, occ=pairs.occ)

    def __len__(self) -> int:
        return len(self.image1)

    @property
    def matched(self) -> Bool[Tensor, "batch 1 height width"]:
        """Where flow is known and its surface point is seen in frame 2, too: neither covered nor out of frame."""
        return self.valid & ~self.occ & inside(self.flow)
