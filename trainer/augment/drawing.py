"""Drawing one pair's augmentation: NumPy only, so that workers can do it beside their reading.

Everything that an :class:`~trainer.augment.config.Augmentation` leaves open is decided here; what follows is a
pure function (:mod:`trainer.augment.apply`).
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from chairsgen import geometry
from chairsgen.errors import InputError
from chairsgen.geometry import Matrix
from trainer.augment.config import Augmentation, Jitter, Relative, Spatial

LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in grey (ITU-R BT.601)."""

LIGHTING = np.array([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]]) * (
    0.2175,
    0.0188,
    0.0045,
)
"""ImageNet's principal colours, one a column, times their eigenvalues, as SpyNet's public code has them."""

_CHROMA = np.array([LUMA, 0.492 * (np.array([0, 0, 1]) - LUMA), 0.877 * (np.array([1, 0, 0]) - LUMA)])
_QUARTER_TURN = np.linalg.inv(_CHROMA) @ np.array([[0, 0, 0], [0, 0, -1], [0, 1, 0]]) @ _CHROMA
"""Takes a colour's U to V and V to -U, and drops its luma."""

_ROUNDING_PX = 1e-6
"""How far outside the source a corner may lie for its being computed."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Draw:
    """One pair's augmentation.

    Attributes:
        A1: The crop's pixels to frame 1's.
        A2: The crop's pixels to frame 2's.
        erased: Rectangles (left, top, right, bottom) of the crop's pixels, right and bottom exclusive, that
            become the mean colour in frame 2; empty ones are all 0.
        colour: For each frame, the matrix from a pixel's colour (3), both frames' mean colour (3) and 1 to the
            new colour.
        gamma: For each frame, the exponent of what ``colour`` gave.
        tone: For each frame, factor and summand of what ``gamma`` gave.
        noise: Strength of the noise, of 0..1.
        noise_kind: See :class:`~trainer.augment.config.Noise`.
        noise_seed: What noise is drawn from.
    """

    A1: Matrix
    A2: Matrix
    erased: Int64[np.ndarray, "rectangles 4"]
    colour: Float64[np.ndarray, "2 3 7"]
    gamma: Float64[np.ndarray, " 2"]
    tone: Float64[np.ndarray, "2 2"]
    noise: float
    noise_kind: str
    noise_seed: int


def check_crop(size: tuple[int, int], crop: tuple[int, int]) -> None:
    """:class:`~chairsgen.errors.InputError` if a crop (height, width) does not fit into frames of ``size``."""
    if crop[0] > size[0] or crop[1] > size[1]:
        raise InputError(
            f"crop {crop[0]} x {crop[1]} is larger than the frames, {size[0]} x {size[1]} (height x width): "
            "choose a smaller one"
        )


def draw(
    config: Augmentation, rng: np.random.Generator, size: tuple[int, int], crop: tuple[int, int], ramp: float
) -> Draw:
    """Draws a pair's augmentation.

    Numbers are taken from the generator in a fixed order, as many whatever comes of them, and those of the
    placement, which is drawn until it fits, last: changing one range leaves the other draws as they were.

    Args:
        config: The ranges.
        rng: The only source of randomness.
        size: (height, width) of the source frames.
        crop: (height, width) of the result.
        ramp: How far the change of frame 2 has come to its full strength, from 0 to 1:
            :meth:`Augmentation.ramp`.

    Raises:
        InputError: The crop is larger than the frames.
    """
    check_crop(size, crop)
    spread = config.relative.initial + (1 - config.relative.initial) * ramp
    noise_seed, noise = int(rng.integers(2**63)), config.noise.draw(rng)
    colour, gamma, tone = _draw_colours(config, spread, rng)
    erased = _draw_erased(config, crop, rng)
    a1, a2 = _draw_matrices(config.spatial, config.relative, spread, size, crop, rng)
    return Draw(
        A1=a1,
        A2=a2,
        erased=erased,
        colour=colour,
        gamma=gamma,
        tone=tone,
        noise=noise,
        noise_kind=config.noise.kind,
        noise_seed=noise_seed,
    )


# Colours.


def _draw_colours(
    config: Augmentation, spread: float, rng: np.random.Generator
) -> tuple[Float64[np.ndarray, "2 3 7"], Float64[np.ndarray, " 2"], Float64[np.ndarray, "2 2"]]:
    """``colour``, ``gamma`` and ``tone`` of a :class:`Draw`."""
    jitters = [_draw_jitter(config.jitter, rng) for _ in range(2)]
    if rng.random() >= config.jitter.asymmetric:
        jitters[1] = jitters[0]
    light = LIGHTING @ (config.jitter.lighting * rng.standard_normal(3))
    relative = config.relative
    gains = np.array([config.tone.colour.draw(rng) for _ in range(3)])
    gains = np.stack([gains, gains * np.exp(spread * relative.log_colour * rng.standard_normal(3))])
    gains /= gains.mean(axis=1, keepdims=True)
    own = spread * rng.standard_normal(3)
    gamma = config.tone.gamma.draw(rng) * np.array([1, np.exp(relative.log_gamma * own[0])])
    brightness = config.tone.brightness * rng.standard_normal() + np.array([0, relative.brightness * own[1]])
    contrast = config.tone.contrast.draw(rng) * np.array([1, np.exp(relative.log_contrast * own[2])])
    colour = np.stack([np.column_stack([jitter, light]) for jitter in jitters]) * gains[..., None]
    return colour, gamma, np.stack([contrast, 0.5 + contrast * (brightness - 0.5)], axis=-1)


def _draw_jitter(config: Jitter, rng: np.random.Generator) -> Float64[np.ndarray, "3 6"]:
    brightness, contrast, saturation, turn = rng.uniform(-1, 1, 4).tolist()
    return jitter_matrix(
        1 + config.brightness * brightness,
        1 + config.contrast * contrast,
        1 + config.saturation * saturation,
        math.radians(config.hue_deg) * turn,
    )


def jitter_matrix(
    brightness: float, contrast: float, saturation: float, angle: float
) -> Float64[np.ndarray, "3 6"]:
    """The matrix from a pixel's colour and the mean colour to the new colour.

    Each of the four changes is linear and takes grey to grey, so that their order does not matter.

    Args:
        brightness: Multiplies all values.
        contrast: Multiplies the distance to the mean colour's grey.
        saturation: See :func:`saturate`.
        angle: See :func:`turn_hue`.
    """
    saturated = saturate(saturation) @ turn_hue(angle)
    return brightness * np.column_stack([contrast * saturated, (1 - contrast) * saturate(0.0)])


def saturate(factor: float) -> Float64[np.ndarray, "3 3"]:
    """Multiplies a colour's distance to the grey of its own luma."""
    return factor * np.eye(3) + (1 - factor) * np.tile(LUMA, (3, 1))


def turn_hue(angle: float) -> Float64[np.ndarray, "3 3"]:
    """Turns colours about the grey axis by ``angle`` radians, in the plane of U and V (ITU-R BT.601).

    Luma stays. (The shift of hue in HSV, which RAFT's pipeline uses, is no matrix and changes luma.)
    """
    return saturate(math.cos(angle)) + math.sin(angle) * _QUARTER_TURN


def _draw_erased(
    config: Augmentation, crop: tuple[int, int], rng: np.random.Generator
) -> Int64[np.ndarray, "rectangles 4"]:
    eraser = config.eraser
    chance, share = rng.random(2)
    count = 1 + int(share * eraser.count_max) if chance < eraser.probability else 0
    corner, sides = rng.random((2, eraser.count_max, 2))
    corner = np.floor(corner * (crop[1], crop[0]))
    sides = np.floor(eraser.side_min_px + sides * (eraser.side_max_px + 1 - eraser.side_min_px))
    rectangles = np.concatenate([corner, corner + sides], axis=1).astype(np.int64)
    rectangles[count:] = 0
    return rectangles


# Placement.


@dataclass(frozen=True, kw_only=True)
class _Placement:
    """How the crop lies in the source: turned by ``angle`` about its centre, shifted by (x, y) of its own pixels,
    then made smaller by the zoom, and laid on the source's centre."""

    x: float
    y: float
    angle: float = 0.0
    zoom_x: float = 1.0
    zoom_y: float = 1.0

    def matrix(self, size: tuple[int, int], crop: tuple[int, int]) -> Matrix:
        """The crop's pixels to the source's."""
        centre = ((crop[1] - 1) / 2, (crop[0] - 1) / 2)
        return geometry.compose(
            geometry.translation((size[1] - 1) / 2, (size[0] - 1) / 2),
            geometry.scaling(1 / self.zoom_x, 1 / self.zoom_y),
            geometry.similarity(1.0, self.angle, centre, (self.x - centre[0], self.y - centre[1])),
        )


def _draw_matrices(
    spatial: Spatial,
    relative: Relative,
    spread: float,
    size: tuple[int, int],
    crop: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[Matrix, Matrix]:
    """``A1`` and ``A2`` of a :class:`Draw`."""
    flip_x, flip_y, moved = rng.random(3) < (spatial.flip_x, spatial.flip_y, spatial.probability)
    centre = ((crop[1] - 1) / 2, (crop[0] - 1) / 2)
    flip = geometry.about(centre, geometry.scaling(-1 if flip_x else 1, -1 if flip_y else 1))
    placement = still = _draw_still(spatial, size, crop, rng)
    for _ in range(spatial.tries if moved else 0):
        drawn = _draw_placement(spatial, still, size, crop, rng)
        if _fits(drawn.matrix(size, crop), size, crop):
            placement = drawn
            break
    first = second = placement.matrix(size, crop)
    for _ in range(spatial.tries):
        changed = _draw_change(placement, relative, spread, crop, rng).matrix(size, crop)
        if _fits(changed, size, crop):
            second = changed
            break
    return first @ flip, second @ flip


def _fits(matrix: Matrix, size: tuple[int, int], crop: tuple[int, int]) -> bool:
    """Whether the crop's corner pixels lie between the centres of the source's outermost ones."""
    right, bottom = crop[1] - 1, crop[0] - 1
    corners = geometry.apply(matrix, np.array([[0.0, 0.0], [right, 0.0], [0.0, bottom], [right, bottom]]))
    return bool(
        (corners >= -_ROUNDING_PX).all() and (corners <= np.array(size[::-1]) - 1 + _ROUNDING_PX).all()
    )


def _draw_still(
    spatial: Spatial, size: tuple[int, int], crop: tuple[int, int], rng: np.random.Generator
) -> _Placement:
    """On the source's own pixels: nothing is resampled."""
    place, room = rng.random(2), np.array([size[1] - crop[1], size[0] - crop[0]])
    if spatial.placement == "centre":
        place[:] = 0.5
    x, y = np.floor(place * (room + 1)) - room / 2
    return _Placement(x=float(x), y=float(y))


def _draw_placement(
    spatial: Spatial,
    still: _Placement,
    size: tuple[int, int],
    crop: tuple[int, int],
    rng: np.random.Generator,
) -> _Placement:
    """A placement that may not fit; ``still`` if it would only shift a crop that lies anywhere."""
    zoom, squeeze = spatial.zoom.draw(rng), spatial.squeeze.draw(rng)
    stretch_x, stretch_y = spatial.stretch.draw(rng), spatial.stretch.draw(rng)
    if rng.random() >= spatial.stretch_probability:
        stretch_x = stretch_y = 1.0
    zoom_x, zoom_y = zoom * squeeze * stretch_x, zoom / squeeze * stretch_y
    angle = math.radians(spatial.rotation_deg) * rng.uniform(-1, 1)
    x, y = rng.uniform(-1, 1, 2)
    if spatial.placement == "centre":
        x, y = x * spatial.shift_x * crop[1], y * spatial.shift_y * crop[0]
    elif (zoom_x, zoom_y, angle) == (1, 1, 0):
        return still
    else:
        # The box around the turned crop lies anywhere in the source.
        c, s = abs(math.cos(angle)), abs(math.sin(angle))
        width, height = crop[1] - 1, crop[0] - 1
        x *= ((size[1] - 1) * zoom_x - (c * width + s * height)) / 2
        y *= ((size[0] - 1) * zoom_y - (s * width + c * height)) / 2
    return _Placement(x=x, y=y, angle=angle, zoom_x=zoom_x, zoom_y=zoom_y)


def _draw_change(
    first: _Placement, relative: Relative, spread: float, crop: tuple[int, int], rng: np.random.Generator
) -> _Placement:
    """Frame 2's placement, given frame 1's."""
    x, y, angle, zoom = (spread * rng.standard_normal(4)).tolist()
    factor = math.exp(relative.log_zoom * zoom)
    return _Placement(
        x=first.x + relative.shift * crop[1] * x,
        y=first.y + relative.shift * crop[0] * y,
        angle=first.angle + math.radians(relative.rotation_deg) * angle,
        zoom_x=first.zoom_x * factor,
        zoom_y=first.zoom_y * factor,
    )
