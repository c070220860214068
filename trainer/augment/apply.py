"""Applying a batch's augmentation, on whatever device the batch lies: a pure function of the pairs and the draws.

Nothing here waits for the device, and nothing loops over pairs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64, Int64, Shaped
from torch import Tensor

from chairsgen import geometry
from chairsgen.sample import MOTION_BOUNDARY_PX
from trainer import ops
from trainer.augment.drawing import Draw
from trainer.batch import Batch, DenseTruth, LayeredTruth, Pairs, Transport

Frames = Float32[Tensor, "frames 3 height width"]
Positions = Float32[Tensor, "batch height width"]
Indices = Int64[Tensor, "batch height width"]

FAR_PX = 1e9
"""Stands for unknown flow: it differs from all that is known by more than any threshold."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Draws(Transport):
    """A batch's draws, on their way to the device with its pairs.

    Attributes:
        A1: The crop's pixels to frame 1's.
        A2: The crop's pixels to frame 2's.
        A2_inverse: And back.
        erased: See :class:`~trainer.augment.drawing.Draw`, for this and what follows. None: no pair is changed.
        colour: Of both frames.
        gamma: Of both frames.
        tone: Of both frames.
        noise: Of the pair.
        noise_kind: Of all.
        noise_seeds: Of each pair. They stay numbers: a generator is seeded by the processor.
    """

    A1: Float64[Tensor, "batch 3 3"]
    A2: Float64[Tensor, "batch 3 3"]
    A2_inverse: Float64[Tensor, "batch 3 3"]
    erased: Int64[Tensor, "batch rectangles 4"] | None
    colour: Float32[Tensor, "batch 2 3 7"] | None
    gamma: Float32[Tensor, "batch 2"] | None
    tone: Float32[Tensor, "batch 2 2"] | None
    noise: Float32[Tensor, " batch"] | None
    noise_kind: str
    noise_seeds: tuple[int, ...]


def stack(draws: Sequence[Draw]) -> Draws:
    """The draws of a batch's pairs, all of one :class:`~trainer.augment.config.Augmentation`."""

    def stacked(name: str) -> np.ndarray:
        return np.stack([getattr(draw, name) for draw in draws])

    def unless(neutral: np.ndarray | float, name: str, dtype: type = np.float32) -> Tensor | None:
        values = stacked(name)
        return None if (values == neutral).all() else torch.from_numpy(values.astype(dtype))

    return Draws(
        A1=torch.from_numpy(stacked("A1")),
        A2=torch.from_numpy(stacked("A2")),
        A2_inverse=torch.from_numpy(np.stack([geometry.inverse(draw.A2) for draw in draws])),
        erased=unless(0.0, "erased", np.int64),
        colour=unless(np.eye(3, 7), "colour"),
        gamma=unless(1.0, "gamma"),
        tone=unless(np.array([1.0, 0.0]), "tone"),
        noise=unless(0.0, "noise"),
        noise_kind=draws[0].noise_kind,
        noise_seeds=tuple(draw.noise_seed for draw in draws),
    )


def augment(pairs: Pairs, draws: Draws, crop: tuple[int, int]) -> Batch:
    """Changes every pair as it was drawn.

    Both frames are resampled bilinearly, once. (Nothing is averaged where they shrink: the crop lies inside the
    source, so that they shrink by no more than the source is larger than the crop.) Layered truth stays exact:
    layers are looked up at the nearest pixel, and a layer's motion becomes A2^-1 motion A1. Dense truth is read
    bilinearly where four neighbours are known and agree to half a pixel in u and in v, as they do on one surface;
    elsewhere the nearest pixel's is taken. Positions outside the source repeat its border and are not valid.

    Args:
        pairs: What was read.
        draws: As many; on the same device.
        crop: (height, width) that the draws were made for.

    Returns:
        float32 images from 0 to 1; flow A2^-1 (A1 x + flow(A1 x)) - x, x being the crop's pixels.
    """
    with torch.autocast(pairs.image1.device.type, enabled=False):
        positions = _positions(torch.cat((draws.A1, draws.A2)), crop)
        sources = torch.cat((pairs.image1, pairs.image2)).float()
        frames = ops.sample(sources, *positions.unbind(1), padding="border").div_(255)
        image1, image2 = _recolour(frames, draws).chunk(2)

        x, y = positions[: len(pairs)].unbind(1)
        height, width = pairs.image1.shape[-2:]
        inside = ((x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)).unsqueeze(1)
        row, column = _nearest(y, height), _nearest(x, width)
        if isinstance(pairs.truth, LayeredTruth):
            layer_id = _look_up(pairs.truth.layer_id.unsqueeze(1), row, column).squeeze(1)
            motions = draws.A2_inverse.unsqueeze(1) @ pairs.truth.motions @ draws.A1.unsqueeze(1)
            flow, valid = ops.layered_flow(layer_id, motions), inside
        else:
            read, valid = _read_dense(pairs.truth, x, y)
            valid = valid & inside
            turn = draws.A2_inverse[:, :2, :2, None, None].float()
            moved = _positions(
                draws.A2_inverse @ draws.A1 - torch.eye(3, dtype=torch.float64, device=draws.A1.device), crop
            )
            flow = moved + turn[:, :, 0] * read[:, :1] + turn[:, :, 1] * read[:, 1:]
        return Batch(
            image1=image1,
            image2=image2,
            flow=torch.where(valid, flow, 0.0),
            valid=valid,
            occ=_look_up(pairs.occ, row, column) & valid,
        )


# Where things are read.


def _positions(matrix: Float64[Tensor, "batch 3 3"], crop: tuple[int, int]) -> Float32[Tensor, "batch 2 _ _"]:
    """Where matrices take the crop's pixels, as (x, y); rounded to float32 no earlier than need be."""
    y, x = (torch.arange(side, dtype=matrix.dtype, device=matrix.device) for side in crop)
    across = (matrix[:, :2, 0, None] * x + matrix[:, :2, 2, None]).float()
    down = (matrix[:, :2, 1, None] * y).float()
    return across[:, :, None, :] + down[:, :, :, None]


def _nearest(position: Positions, length: int) -> Indices:
    return (position + 0.5).floor().clamp(0, length - 1).long()


def _look_up(
    maps: Shaped[Tensor, "batch channels rows columns"], row: Indices, column: Indices
) -> Shaped[Tensor, "batch channels height width"]:
    """The maps' values at whole positions."""
    index = (row * maps.shape[-1] + column).flatten(1).unsqueeze(1).expand(-1, maps.shape[1], -1)
    return maps.flatten(2).gather(2, index).view(*maps.shape[:2], *row.shape[1:])


def _read_dense(
    truth: DenseTruth, x: Positions, y: Positions
) -> tuple[Float32[Tensor, "batch 2 height width"], Bool[Tensor, "batch 1 height width"]]:
    """Flow at positions of frame 1, and where it is known; see :func:`augment`."""
    height, width = truth.flow.shape[-2:]
    known = torch.where(truth.valid, truth.flow, FAR_PX)
    # Of every four neighbours, at the upper left one's place.
    spread = _of_four(known, torch.maximum) - _of_four(known, torch.minimum)
    one_surface = (spread <= MOTION_BOUNDARY_PX).all(1, keepdim=True)
    cell = y.floor().clamp(0, height - 2).long(), x.floor().clamp(0, width - 2).long()
    nearest = _nearest(y, height), _nearest(x, width)
    bilinear = ops.sample(known, x, y, padding="border")
    flow = torch.where(_look_up(one_surface, *cell), bilinear, _look_up(known, *nearest))
    return flow, _look_up(truth.valid, *nearest)


def _of_four(maps: Tensor, extreme: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    pairs = extreme(maps[..., :-1], maps[..., 1:])
    return extreme(pairs[..., :-1, :], pairs[..., 1:, :])


# Colours.


def _recolour(frames: Frames, draws: Draws) -> Frames:
    """Eraser, colour, gamma, tone, noise, in this order; may overwrite ``frames``.

    Frame 1 of all pairs comes first, then frame 2 of all.
    """
    if draws.erased is not None or draws.colour is not None:
        mean = frames.mean(dim=(2, 3)).view(2, -1, 3)
    if draws.erased is not None:
        second = frames.chunk(2)[1]
        covered = _covered(draws.erased, frames.shape[-2:])
        second.copy_(torch.where(covered, mean[1, :, :, None, None], second))
    if draws.colour is not None:
        colour = _frames(draws.colour)
        of_mean = colour[..., 3:6] @ mean.mean(0).repeat(2, 1).unsqueeze(2)
        frames = torch.baddbmm(of_mean + colour[..., 6:], colour[..., :3], frames.flatten(2)).view_as(frames)
    if draws.gamma is not None:
        frames = frames.clamp_(0, 1).pow_(_frames(draws.gamma)[:, None, None, None])
    if draws.tone is not None:
        factor, summand = _frames(draws.tone)[..., None, None, None].unbind(1)
        frames = torch.addcmul(summand, frames, factor)
    if draws.noise is not None:
        noise = _draw_noise(frames, draws.noise_kind, draws.noise_seeds)
        frames = frames.addcmul_(noise, draws.noise.repeat(2)[:, None, None, None])
    return frames.clamp_(0, 1)


def _frames(values: Shaped[Tensor, "batch 2 *rest"]) -> Shaped[Tensor, "frames *rest"]:
    """A pair's two values, as frames are ordered."""
    return values.transpose(0, 1).flatten(0, 1)


def _covered(
    rectangles: Int64[Tensor, "batch rectangles 4"], crop: Sequence[int]
) -> Bool[Tensor, "batch 1 height width"]:
    """Which pixels lie in any of a pair's rectangles."""
    left, top, right, bottom = rectangles.unsqueeze(3).unbind(2)
    y, x = (torch.arange(side, device=rectangles.device) for side in crop)
    rows, columns = (y >= top) & (y < bottom), (x >= left) & (x < right)
    return (rows.unsqueeze(3) & columns.unsqueeze(2)).any(1, keepdim=True)


def _draw_noise(like: Frames, kind: str, seeds: Sequence[int]) -> Frames:
    """Noise of strength 1: a pair's is the same for the same seed, size and kind of device, in any batch."""
    make, size = torch.rand if kind == "uniform" else torch.randn, (2, *like.shape[1:])
    generators = (torch.Generator(like.device).manual_seed(seed) for seed in seeds)
    return _frames(torch.stack([make(size, generator=each, device=like.device) for each in generators]))
