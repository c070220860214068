"""Operations that the networks, the losses and the metrics share, each once.

Coordinates are those of :mod:`chairsgen.sample`: integers are pixel centres, flow is (u right, v down) in
pixels of the grid that it lies on. Tensors are channels-first. Resampling keeps the frame
[-0.5, width - 0.5] fixed: what other code calls ``align_corners=False``, here and everywhere.

All run in float32 inside autocast: half precision has 8 to 11 bits, a displacement of 40 pixels needs more.
"""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Float32, Float64, UInt8
from torch import Tensor

from trainer.matching import match_plainly, matches

INSIDE_TOLERANCE_PX = 1e-4
"""How far outside the frame a position may be and still count as inside: rounding, not motion."""

Maps = Float[Tensor, "batch channels height width"]
Flow = Float[Tensor, "batch 2 height width"]
Mask = Bool[Tensor, "batch 1 height width"]
Volume = Float[Tensor, "batch matches height width"]
Positions = Float[Tensor, "batch rows columns"]


def warp(source: Maps, flow: Flow, *, padding: Literal["zeros", "border"] = "zeros") -> Maps:
    """Reads ``source`` at p + flow(p), bilinearly: with frame 1's flow, frame 2 comes to lie on frame 1.

    Zero flow is the identity, exactly. ``grid_sample`` takes positions as fractions of the frame, which
    moves them by up to 1e-5 pixels even where flow is zero, unless the frame's sides are powers of two:
    then every pixel's fraction is a float32. So the source is padded to such sides first.

    Args:
        source: Images or features.
        flow: In pixels of the source.
        padding: What lies outside the source: ``"zeros"``, or the nearest pixel of its ``"border"``.

    Returns:
        What was read, float32 (float64 where an argument is).
    """
    return sample(source, *_targets(flow.to(torch.promote_types(flow.dtype, torch.float32))), padding=padding)


def sample(
    source: Maps,
    x: Positions,
    y: Positions,
    *,
    padding: Literal["zeros", "border"] = "zeros",
) -> Float[Tensor, "batch channels rows columns"]:
    """Reads ``source`` at the positions (x, y), bilinearly; at whole ones it is the source, exactly.

    Arguments and result are otherwise those of :func:`warp`.
    """
    dtype = torch.promote_types(torch.promote_types(source.dtype, x.dtype), torch.float32)
    height, width = source.shape[-2:]
    rows, columns = height, width
    if not _exporting():
        rows, columns = _power_of_two(height), _power_of_two(width)
    with torch.autocast(source.device.type, enabled=False):
        across = x.to(dtype) * (2 / columns) + (1 / columns - 1)
        down = y.to(dtype) * (2 / rows) + (1 / rows - 1)
        mode = "constant" if padding == "zeros" else "replicate"
        padded = F.pad(source.to(dtype), (0, columns - width, 0, rows - height), mode=mode)
        grid = torch.stack((across, down), dim=-1)
        return F.grid_sample(padded, grid, mode="bilinear", padding_mode=padding, align_corners=False)


def inside(flow: Flow) -> Mask:
    """Whether p + flow(p) lies between the centres of the frame's outermost pixels.

    There :func:`warp` reads nothing but the source; elsewhere part or all of what it reads is padding.
    """
    height, width = flow.shape[-2:]
    x, y = _targets(flow.to(torch.promote_types(flow.dtype, torch.float32)))
    low, right, bottom = (
        -INSIDE_TOLERANCE_PX,
        width - 1 + INSIDE_TOLERANCE_PX,
        height - 1 + INSIDE_TOLERANCE_PX,
    )
    return ((x >= low) & (x <= right) & (y >= low) & (y <= bottom)).unsqueeze(1)


def _targets(flow: Tensor) -> tuple[Tensor, Tensor]:
    """x and y of p + flow(p), each (batch, height, width)."""
    # An exported network would make a range of numbers where it was exported, and this where it runs.
    y, x = (flow.new_ones(side).cumsum(0) - 1 for side in flow.shape[-2:])
    return x + flow[:, 0], y[:, None] + flow[:, 1]


def _exporting() -> bool:
    """Whether operations are recorded for other runtimes, which know the common ones only."""
    return bool(torch.jit.is_tracing())  # type: ignore[attr-defined, no-untyped-call]


def _power_of_two(size: int) -> int:
    """The smallest power of two that is not less than ``size``."""
    return 1 << (int(size) - 1).bit_length()


def resize_flow(flow: Flow, size: Sequence[int]) -> Float[Tensor, "batch 2 rows columns"]:
    """Flow on another grid, bilinearly, in that grid's pixels.

    Vectors are scaled by the ratio of the grids' true sizes, not by a factor that somebody asked for and
    rounding changed. Ground truth that is brought down should be averaged: :func:`downsample_flow`.

    Args:
        flow: In pixels of its own grid.
        size: (height, width) of the new grid.
    """
    height, width = flow.shape[-2:]
    resized = upsample(flow, size)
    return resized * constants(resized, size[1] / width, size[0] / height)


def constants(like: Maps, *values: float) -> Float[Tensor, "1 channels 1 1"]:
    """A number for each channel, in the type of ``like`` and where it lies.

    They are made there: a copy of what is made here would wait until a GPU has done all that it was told before.
    """
    return torch.stack([like.new_full((), value) for value in values]).view(1, -1, 1, 1)


def upsample(maps: Maps, size: Sequence[int]) -> Float[Tensor, "batch channels rows columns"]:
    """Maps on another grid, bilinearly; values stay as they are, also those of flow."""
    maps = maps.float() if _half(maps) else maps
    with torch.autocast(maps.device.type, enabled=False):
        return F.interpolate(maps, tuple(size), mode="bilinear", align_corners=False)


def _half(maps: Tensor) -> bool:
    return maps.dtype in (torch.float16, torch.bfloat16)


def downsample_flow(
    flow: Flow, valid: Mask | None, factor: int
) -> tuple[Float[Tensor, "batch 2 rows columns"], Bool[Tensor, "batch 1 rows columns"]]:
    """The mean of the valid flow in every cell of ``factor`` x ``factor`` pixels.

    Vectors stay in pixels of the grid that they came from, as the coarse flows of this project's models do
    (see :mod:`trainer.models.base`, whose grids these cells are). A cell that reaches over the right or
    lower edge is the mean of what it holds.

    Args:
        flow: Ground truth; where it is invalid, anything may stand, also NaN.
        valid: Where it is known; None: everywhere.
        factor: A cell's side in pixels.

    Returns:
        The means, 0 where a cell holds no valid pixel; and where it holds one.
    """
    height, width = flow.shape[-2:]
    if valid is None:
        valid = flow.new_ones((flow.shape[0], 1, height, width), dtype=torch.bool)
    dtype = torch.promote_types(flow.dtype, torch.float32)
    beyond = (0, -width % factor, 0, -height % factor)
    with torch.autocast(flow.device.type, enabled=False):
        known = F.pad(torch.where(valid, flow.to(dtype), 0.0), beyond)
        share = F.avg_pool2d(F.pad(valid.to(dtype), beyond), factor)
        mean = F.avg_pool2d(known, factor) / share.clamp_min(0.5 / factor**2)
    return mean, share > 0


def layered_flow(
    layer_id: UInt8[Tensor, "batch height width"], motions: Float64[Tensor, "batch layers 3 3"]
) -> Float32[Tensor, "batch 2 height width"]:
    """The displacement ``motions[layer_id(p)] p - p`` of every pixel p, as :func:`chairsgen.geometry.affine_flow`.

    Made in float64: exact to the rounding of its result, at little cost, since the time goes into moving maps.
    Three maps of 8 bytes a pixel stand in memory at a time.

    Args:
        layer_id: The layer of every pixel.
        motions: From this frame to the other, a matrix a layer.
    """
    height, width = layer_id.shape[-2:]
    x = torch.arange(width, dtype=torch.float64, device=layer_id.device)
    y = torch.arange(height, dtype=torch.float64, device=layer_id.device)[:, None]
    moved = motions - torch.eye(3, dtype=torch.float64, device=motions.device)
    index = layer_id.flatten(1).long()
    components = []
    for axis in range(2):
        by_x, by_y, constant = (moved[:, :, axis, column] for column in range(3))
        flow = constant.gather(1, index).view_as(layer_id)
        flow.addcmul_(by_x.gather(1, index).view_as(layer_id), x)
        flow.addcmul_(by_y.gather(1, index).view_as(layer_id), y)
        components.append(flow.float())
    return torch.stack(components, dim=1)


def cost_volume(features1: Maps, features2: Maps, *, radius: int, stride: int = 1) -> Volume:
    """How well every pixel of frame 1 matches its displaced pixels of frame 2.

    Channel (i, j), row by row, is the mean over channels of features1(p) * features2(p + d) with
    d = stride * (j - n, i - n), n = radius // stride: (2 n + 1)^2 channels. Outside frame 2 features are 0.
    (FlowNet, section 3, the correlation layer; PWC-Net, section 3, radius 4 on warped features.)

    A tile of frame 1 is multiplied with the pixels of frame 2 around it by one matrix product, all pixels
    with all pixels; the wanted ones are a diagonal band of the product, which is a strided view of it.
    More than half of a product is wasted, yet it runs many times faster than shifting and multiplying maps,
    which is bound by memory. A stride divides the frame into grids that never meet: each goes on its own.

    Args:
        features1: Of frame 1.
        features2: Of frame 2, the same shape and type.
        radius: Largest displacement in either direction, in pixels of the maps.
        stride: Step between displacements.

    Returns:
        The volume in the features' type; inside autocast float32.

    Raises:
        ValueError: The radius is negative, or the stride not positive.
    """
    if radius < 0 or stride < 1:
        raise ValueError(f"radius {radius}, stride {stride}: must be at least 0 and at least 1")
    device = features1.device.type
    if torch.is_autocast_enabled(device):
        features1, features2 = features1.float(), features2.float()
    height, width = features1.shape[-2:]
    grids1, grids2 = (_to_grids(maps.permute(0, 2, 3, 1), stride) for maps in (features1, features2))
    with torch.autocast(device, enabled=False):
        match = match_plainly if _exporting() else matches
        volume: Tensor = match(grids1, grids2, radius // stride)
    return _from_grids(volume, stride, height, width).permute(0, 3, 1, 2)


def _to_grids(maps: Tensor, stride: int) -> Tensor:
    """(batch, height, width, channels) -> (batch * stride^2, height / stride, width / stride, channels)."""
    if stride == 1:
        return maps
    batch, height, width, channels = maps.shape
    rows, columns = -(-height // stride), -(-width // stride)
    maps = F.pad(maps, (0, 0, 0, columns * stride - width, 0, rows * stride - height))
    grids = maps.view(batch, rows, stride, columns, stride, channels)
    return grids.permute(0, 2, 4, 1, 3, 5).flatten(0, 2).contiguous()


def _from_grids(grids: Tensor, stride: int, height: int, width: int) -> Tensor:
    """The inverse of :func:`_to_grids`."""
    if stride == 1:
        return grids
    maps = grids.view(-1, stride, stride, *grids.shape[1:]).permute(0, 3, 1, 4, 2, 5)
    return maps.flatten(3, 4).flatten(1, 2)[:, :height, :width]
