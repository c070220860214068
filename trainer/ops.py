"""Operations that the networks, the losses and the metrics share, each once.

Coordinates are those of :mod:`chairsgen.sample`: integers are pixel centres, flow is (u right, v down) in
pixels of the grid that it lies on. Tensors are channels-first. Resampling keeps the frame
[-0.5, width - 0.5] fixed: what other code calls ``align_corners=False``, here and everywhere.

All run in float32 inside autocast: half precision has 8 to 11 bits, a displacement of 40 pixels needs more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Float32, Float64, UInt8
from torch import Tensor

INSIDE_TOLERANCE_PX = 1e-4
"""How far outside the frame a position may be and still count as inside: rounding, not motion."""

TILE = 16
"""Columns of a row that one matrix product takes: fewer waste less of it, more run at a better rate."""

AT_ONCE = 128
"""Such products that a CPU makes before it uses them: they stay in its cache."""

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
    height, width = flow.shape[-2:]
    x = torch.arange(width, dtype=flow.dtype, device=flow.device)
    y = torch.arange(height, dtype=flow.dtype, device=flow.device)
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
    ratio = flow.new_tensor([size[1] / width, size[0] / height])
    return upsample(flow, size) * ratio.view(1, 2, 1, 1).to(torch.float32 if _half(flow) else flow.dtype)


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

    A piece of a row of frame 1 is multiplied with the rows of frame 2 around it by one matrix product, all
    pixels with all pixels; the wanted ones are a diagonal band of the product, which is a strided view of it.
    More than half of a product is wasted, yet it runs many times faster than shifting and multiplying maps,
    which is bound by memory. A stride divides the frame into grids that never meet: each goes on its own.

    Args:
        features1: Of frame 1.
        features2: Of frame 2, the same shape and type.
        radius: Largest displacement in either direction, in pixels of the maps.
        stride: Step between displacements.

    Returns:
        The volume in the features' type; inside autocast float32.
    """
    if radius < 0 or stride < 1:
        raise ValueError(f"radius {radius}, stride {stride}: must be at least 0 and at least 1")
    device = features1.device.type
    if torch.is_autocast_enabled(device):
        features1, features2 = features1.float(), features2.float()
    height, width = features1.shape[-2:]
    grids1, grids2 = (_to_grids(maps.permute(0, 2, 3, 1), stride) for maps in (features1, features2))
    with torch.autocast(device, enabled=False):
        match = _match_plainly if _exporting() else _match
        volume: Tensor = match(grids1, grids2, radius // stride)
    return _from_grids(volume, stride, height, width).permute(0, 3, 1, 2)


def _to_grids(maps: Tensor, stride: int) -> Tensor:
    """(batch, height, width, channels) -> (batch * stride^2, height / stride, width / stride, channels)."""
    if stride == 1:
        return maps.contiguous()
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


# Both are opaque to torch.compile: their matrix products are already what the compiler would call.
@torch.library.custom_op("trainer::match", mutates_args=())
def _match(maps1: Tensor, maps2: Tensor, reach: int) -> Tensor:
    """Cost volume (batch, height, width, (2 reach + 1)^2) of maps (batch, height, width, channels)."""
    tiles = _Tiles.of(maps1, reach)
    pieces, around = tiles.cut(maps1).mul_(1 / maps1.shape[-1]), tiles.surroundings(maps2).mT
    volume = maps1.new_empty(tiles.rows, tiles.width, tiles.steps, tiles.steps)
    for some in tiles.portions(maps1.device):
        volume[some] = tiles.band(torch.bmm(pieces[some], around[some]))
    return tiles.join(volume).flatten(3)


@_match.register_fake
def _(maps1: Tensor, maps2: Tensor, reach: int) -> Tensor:
    return maps1.new_empty(*maps1.shape[:3], (2 * reach + 1) ** 2)


def _match_plainly(maps1: Tensor, maps2: Tensor, reach: int) -> Tensor:
    """:func:`_match` of operations that every runtime has, for networks that are exported.

    A row's matrix product has the wanted diagonal band as columns, if its rows are one element longer.
    """
    batch, height, width, channels = maps1.shape
    steps = 2 * reach + 1
    padded = F.pad(maps2, (0, 0, reach, reach, reach, reach))
    bands = []
    for i in range(steps):
        product = maps1 @ padded[:, i : i + height].transpose(-1, -2)
        skewed = F.pad(product.flatten(2), (0, width)).view(batch, height, width, width + steps)
        bands.append(skewed[..., :steps])
    return torch.cat(bands, -1) / channels


@torch.library.custom_op("trainer::match_backward", mutates_args=())
def _match_backward(grad: Tensor, maps1: Tensor, maps2: Tensor, reach: int) -> tuple[Tensor, Tensor]:
    """Gradients of :func:`_match` by both maps."""
    grad = grad.view(*grad.shape[:3], 2 * reach + 1, 2 * reach + 1)
    return _weigh(grad, maps2, reach), _weigh(_reverse(grad, reach), maps1, reach)


@_match_backward.register_fake
def _(grad: Tensor, maps1: Tensor, maps2: Tensor, reach: int) -> tuple[Tensor, Tensor]:
    return torch.empty_like(maps1), torch.empty_like(maps2)


def _weigh(volume: Tensor, maps: Tensor, reach: int) -> Tensor:
    """The mean over channels of volume(p, i, j) * maps(p + d), summed over d: :func:`_match` run backwards."""
    tiles = _Tiles.of(maps, reach)
    pieces, around = tiles.cut(volume), tiles.surroundings(maps)
    sums = volume.new_empty(tiles.rows, tiles.width, maps.shape[-1])
    portions = tiles.portions(maps.device)
    zeros = volume.new_zeros(portions[0].stop, tiles.width, tiles.steps * tiles.wide)
    for some in portions:
        product = zeros[: some.stop - some.start]
        tiles.band(product).copy_(pieces[some])
        torch.bmm(product, around[some], out=sums[some])
    return tiles.join(sums).mul_(1 / maps.shape[-1])


def _reverse(volume: Tensor, reach: int) -> Tensor:
    """Frame 1's volume seen from frame 2: the value at (p, -d) is that of (p - d, d); 0 from outside."""
    padded = F.pad(volume, (0, 0, 0, 0, reach, reach, reach, reach))
    n, y, x, i, j = padded.stride()
    return padded.as_strided(volume.shape, (n, y, x, y - i, x - j), 2 * reach * (i + j))


@dataclass(frozen=True, kw_only=True)
class _Tiles:
    """How rows are cut into pieces, so that little of a product lies outside its band.

    All pieces are listed column of tiles by column of tiles, each from top to bottom and followed by
    ``reach`` empty rows: then the surroundings of piece k, as a list of pixels, begin one row after those of
    piece k - 1, and all surroundings are one overlapping view, not copies.
    """

    batch: int
    height: int
    row: int
    columns: int
    width: int
    reach: int

    @classmethod
    def of(cls, maps: Tensor, reach: int) -> "_Tiles":
        batch, height, row = maps.shape[:3]
        columns = -(-row // TILE)
        width = -(-row // columns)
        return cls(batch=batch, height=height, row=row, columns=columns, width=width, reach=reach)

    @property
    def steps(self) -> int:
        return 2 * self.reach + 1

    @property
    def wide(self) -> int:
        return self.width + 2 * self.reach

    @property
    def rows(self) -> int:
        return self.batch * self.columns * (self.height + self.reach)

    def portions(self, device: torch.device) -> list[slice]:
        """Rows to go through together: on a GPU all of them."""
        count = AT_ONCE if device.type == "cpu" else self.rows
        return [slice(start, min(start + count, self.rows)) for start in range(0, self.rows, count)]

    def cut(self, maps: Tensor) -> Tensor:
        """(batch, height, row, ...) -> (rows, width, ...)."""
        right = self.columns * self.width - self.row
        if right:
            maps = F.pad(maps, (*(maps.ndim - 3) * (0, 0), 0, right))
        tiles = maps.new_zeros(
            self.batch, self.columns, self.height + self.reach, self.width, *maps.shape[3:]
        )
        tiles[:, :, : self.height] = maps.view(
            *maps.shape[:2], self.columns, self.width, *maps.shape[3:]
        ).transpose(1, 2)
        return tiles.flatten(0, 2)

    def join(self, tiles: Tensor) -> Tensor:
        """What :meth:`cut` cut."""
        maps = tiles.view(self.batch, self.columns, -1, *tiles.shape[1:])[:, :, : self.height]
        return maps.transpose(1, 2).flatten(2, 3)[:, :, : self.row].contiguous()

    def surroundings(self, maps: Tensor) -> Tensor:
        """(batch, height, row, channels) -> (rows, steps * wide, channels): what a tile's pixels may meet."""
        right, channels = self.reach + self.columns * self.width - self.row, maps.shape[-1]
        columns = F.pad(maps, (0, 0, self.reach, right)).unfold(2, self.wide, self.width)
        lines = maps.new_zeros(self.rows + 2 * self.reach, self.wide, channels)
        tiles = lines[: self.rows].view(self.batch, self.columns, -1, self.wide, channels)
        tiles[:, :, self.reach :] = columns.permute(0, 2, 1, 4, 3)
        step = self.wide * channels
        return lines.as_strided((self.rows, self.steps * self.wide, channels), (step, channels, 1))

    def band(self, product: Tensor) -> Tensor:
        """The view (rows, x, i, j) of product[rows, x, (i, x + j)]."""
        size = (len(product), self.width, self.steps, self.steps)
        line = self.steps * self.wide
        return product.as_strided(size, (self.width * line, line + 1, self.wide, 1))


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    maps1, maps2, ctx.reach = inputs
    ctx.save_for_backward(maps1, maps2)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
    maps1, maps2 = ctx.saved_tensors
    # Whoever calls backward may do so inside autocast.
    with torch.autocast(grad.device.type, enabled=False):
        return *_match_backward(grad.contiguous(), maps1, maps2, ctx.reach), None


_match.register_autograd(_backward, setup_context=_save)
