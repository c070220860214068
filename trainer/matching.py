"""How well maps match, by matrix products: the heart of :func:`trainer.ops.cost_volume`.

Maps are channels-last here: (batch, height, width, channels).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

TALL, WIDE = 4, 8
"""Sides of the tiles of pixels that one matrix product takes: small ones waste less of it, large ones run at a
better rate."""

AT_ONCE = 96
"""Such products that a CPU makes before it uses them, at most: they stay in its cache."""


# Both are opaque to torch.compile: their matrix products are already what the compiler would call.
@torch.library.custom_op("trainer::match", mutates_args=())
def matches(maps1: Tensor, maps2: Tensor, reach: int) -> Tensor:
    """Cost volume (batch, height, width, (2 reach + 1)^2) of maps (batch, height, width, channels)."""
    tiles, channels = _Tiles.of(maps1, reach), maps1.shape[-1]
    volume = tiles.whole(maps1, tiles.steps, tiles.steps)
    pixels, lines = tiles.room(maps1, channels).zero_(), tiles.lines(maps1)
    products = tiles.room(maps1, tiles.around)
    for here, there, found in tiles.portions(tiles.cut(maps1), tiles.cut_around(maps2), tiles.cut(volume)):
        some, around = tiles.put(here, pixels), tiles.put_around(there, lines)
        product = torch.bmm(some, around.mT, out=products[: len(some)])
        torch.mul(tiles.take(tiles.band(product), found), 1 / channels, out=found)
    return tiles.within(volume).flatten(3)


@matches.register_fake
def _(maps1: Tensor, maps2: Tensor, reach: int) -> Tensor:
    return maps1.new_empty(*maps1.shape[:3], (2 * reach + 1) ** 2)


def match_plainly(maps1: Tensor, maps2: Tensor, reach: int) -> Tensor:
    """:func:`matches` of operations that every runtime has, for networks that are exported.

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
    """Gradients of :func:`matches` by both maps."""
    grad = grad.view(*grad.shape[:3], 2 * reach + 1, 2 * reach + 1)
    return _weigh(grad, maps2, reach), _weigh(_reverse(grad, reach), maps1, reach)


@_match_backward.register_fake
def _(grad: Tensor, maps1: Tensor, maps2: Tensor, reach: int) -> tuple[Tensor, Tensor]:
    return maps1.new_empty(maps1.shape), maps2.new_empty(maps2.shape)


def _weigh(volume: Tensor, maps: Tensor, reach: int) -> Tensor:
    """The mean over channels of volume(p, i, j) * maps(p + d), summed over d: :func:`matches` run backwards."""
    tiles, channels = _Tiles.of(maps, reach), maps.shape[-1]
    weighed = tiles.whole(maps, channels)
    lines, sums = tiles.lines(maps), tiles.room(maps, channels)
    products = tiles.room(maps, tiles.around).zero_()
    for here, there, found in tiles.portions(tiles.cut(volume), tiles.cut_around(maps), tiles.cut(weighed)):
        around = tiles.put_around(there, lines)
        product = products[: len(around)]
        tiles.take(tiles.band(product), here).copy_(here)
        some = torch.bmm(product, around, out=sums[: len(around)])
        torch.mul(tiles.take(some.view(len(some), TALL, tiles.width, -1), found), 1 / channels, out=found)
    return tiles.within(weighed)


def _reverse(volume: Tensor, reach: int) -> Tensor:
    """Frame 1's volume seen from frame 2: the value at (p, -d) is that of (p - d, d).

    Where p - d lies outside the frame it is any other value, or 0: it is to meet maps that are 0 there.
    """
    _, y, x, i, j = volume.stride()
    margin = reach * (volume.shape[2] + 1)
    pixels = _with_margins(volume.flatten(0, 2).flatten(1), margin, margin)
    first = margin * x - reach * (y + x) + 2 * reach * (i + j)
    return pixels.as_strided(volume.shape, (volume.stride(0), y, x, y - i, x - j), first)


def _with_margins(maps: Tensor, before: int, after: int) -> Tensor:
    """Maps, zeros before and after them in the last dimension but one: ``pad`` would fill all with zeros first."""
    *others, length, channels = maps.shape
    wide = maps.new_empty(*others, before + length + after, channels)
    wide[..., :before, :] = 0
    wide[..., before : before + length, :] = maps
    wide[..., before + length :, :] = 0
    return wide


@dataclass(frozen=True, kw_only=True)
class _Tiles:
    """How maps are cut into tiles of TALL x ``width`` pixels, so that little of a product lies outside its band.

    A GPU takes all of them at once, a CPU some columns of tiles: what it makes of them stays in its cache.
    They are listed column by column, each from top to bottom and followed by empty tiles, at least ``reach``
    rows: then the surroundings of tile k, as a list of pixels, begin TALL rows after those of tile k - 1,
    and all surroundings are one overlapping view, not copies.

    Attributes:
        height, row: The maps' height and width.
        rows, columns: Of tiles, in an image.
        listed: Tiles of a column, with the empty ones.
        width: Of a tile.
        reach: The largest displacement.
        images, strips: How many images, and columns of each, are taken at once.
    """

    height: int
    row: int
    rows: int
    columns: int
    listed: int
    width: int
    reach: int
    images: int
    strips: int

    @classmethod
    def of(cls, maps: Tensor, reach: int) -> "_Tiles":
        batch, height, row = maps.shape[:3]
        rows, columns = -(-height // TALL), -(-row // WIDE)
        listed = rows + -(-reach // TALL)
        at_once = AT_ONCE if maps.device.type == "cpu" else batch * columns * listed
        return cls(
            height=height,
            row=row,
            rows=rows,
            columns=columns,
            listed=listed,
            width=-(-row // columns),
            reach=reach,
            images=min(batch, max(1, at_once // (columns * listed))),
            strips=min(columns, max(1, at_once // listed)),
        )

    @property
    def steps(self) -> int:
        return 2 * self.reach + 1

    @property
    def wide(self) -> int:
        return self.width + 2 * self.reach

    @property
    def around(self) -> int:
        """Pixels of a tile's surroundings."""
        return (TALL + 2 * self.reach) * self.wide

    @property
    def count(self) -> int:
        """Tiles listed at once."""
        return self.images * self.strips * self.listed

    def portions(self, *tiles: Tensor) -> Iterator[tuple[Tensor, ...]]:
        """(batch, columns, ...) -> what is taken at once of each, (images, strips, ...) or less."""
        for some in zip(*(torch.split(each, self.images) for each in tiles), strict=True):
            yield from zip(*(torch.split(each, self.strips, 1) for each in some), strict=True)

    def whole(self, like: Tensor, *channels: int) -> Tensor:
        """Room for maps of whole tiles."""
        return like.new_empty(len(like), self.rows * TALL, self.columns * self.width, *channels)

    def within(self, maps: Tensor) -> Tensor:
        """What lies inside the frame."""
        return maps[:, : self.height, : self.row].contiguous()

    def cut(self, maps: Tensor) -> Tensor:
        """(batch, height, row, ...) -> (batch, columns, rows, TALL, width, ...), a view where tiles fit in."""
        right, below = -maps.shape[2] % self.width, -maps.shape[1] % TALL
        if right or below:
            maps = F.pad(maps, (*(maps.ndim - 3) * (0, 0), 0, right, 0, below))
        tiles = maps.view(len(maps), self.rows, TALL, self.columns, self.width, *maps.shape[3:])
        return tiles.movedim(3, 1)

    def cut_around(self, maps: Tensor) -> Tensor:
        """(batch, height, row, channels) -> (batch, columns, height, wide, channels), a view of padded maps."""
        beside = _with_margins(maps, self.reach, self.reach + self.columns * self.width - self.row)
        return beside.unfold(2, self.wide, self.width).permute(0, 2, 1, 4, 3)

    def room(self, like: Tensor, channels: int) -> Tensor:
        """Room for every pixel of listed tiles."""
        return like.new_empty(self.count, TALL * self.width, channels)

    def lines(self, like: Tensor) -> Tensor:
        """Zeros for the rows of listed tiles with what lies beside them, above and below."""
        return like.new_zeros(self.count * TALL + 2 * self.reach, self.wide, like.shape[-1])

    def take(self, listed: Tensor, like: Tensor) -> Tensor:
        """(tiles, ...) -> (images, strips, rows, ...): without empty tiles."""
        return listed.view(*like.shape[:2], self.listed, *listed.shape[1:])[:, :, : self.rows]

    def put(self, tiles: Tensor, room: Tensor) -> Tensor:
        """Lists tiles in the room for them: (tiles, TALL * width, channels)."""
        some = room[: tiles.shape[0] * tiles.shape[1] * self.listed]
        self.take(some.view(len(some), TALL, self.width, -1), tiles).copy_(tiles)
        return some

    def put_around(self, strips: Tensor, lines: Tensor) -> Tensor:
        """Lists strips in their lines: (tiles, around, channels), what the pixels of each tile may meet."""
        count, channels = strips.shape[0] * strips.shape[1] * self.listed, strips.shape[-1]
        within = lines[self.reach : self.reach + count * TALL]
        within.view(*strips.shape[:2], -1, *strips.shape[3:])[:, :, : self.height] = strips
        step = TALL * self.wide * channels
        return lines.as_strided((count, self.around, channels), (step, channels, 1))

    def band(self, product: Tensor) -> Tensor:
        """The view (tiles, y, x, i, j) of product[tiles, (y, x), (y + i, x + j)]."""
        size = (len(product), TALL, self.width, self.steps, self.steps)
        stride = (TALL * self.width * self.around, self.width * self.around + self.wide, self.around + 1)
        return product.as_strided(size, (*stride, self.wide, 1))


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    maps1, maps2, ctx.reach = inputs
    ctx.save_for_backward(maps1, maps2)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
    maps1, maps2 = ctx.saved_tensors
    # Whoever calls backward may do so inside autocast.
    with torch.autocast(grad.device.type, enabled=False):
        return *_match_backward(grad.contiguous(), maps1, maps2, ctx.reach), None


matches.register_autograd(_backward, setup_context=_save)
