"""Still and rippled water: what stands above the shore, mirrored."""

import numpy as np

from chairsgen.photos import noise, terrain
from chairsgen.photos.light import Light, resample
from chairsgen.photos.terrain import Seen, View


def flood(
    rng: np.random.Generator, picture: np.ndarray, light: Light, view: View, seen: Seen, level: float
) -> None:
    """Turn the flat land at that level (cells) into water, in place.

    The mirror image is the picture flipped about the horizon, which is right for whatever is far.
    """
    wet = (~seen.sky) & (seen.z <= level + 0.02 + 0.002 * seen.y)
    if wet.any():
        _mirror(rng, picture, light, view.horizon, wet)


def fill(rng: np.random.Generator, picture: np.ndarray, light: Light, shore: float) -> None:
    """Turn all below the row `shore` into water that mirrors what is above it, in place."""
    wet = np.zeros(picture.shape[:2], bool)
    wet[max(0, int(np.ceil(shore))) :] = True
    _mirror(rng, picture, light, shore, wet)


def _mirror(
    rng: np.random.Generator, picture: np.ndarray, light: Light, axis: float, wet: np.ndarray
) -> None:
    height, width = wet.shape
    rows = np.arange(height, dtype=np.float32)[:, None]
    columns = np.arange(width, dtype=np.float32)[None, :]
    ripples = noise.fractal(rng, 512, cells=16, gain=rng.uniform(0.5, 0.75))
    below = np.maximum(rows - axis, 1.5)
    # Ripples shrink with distance across and, foreshortened, more so down the picture.
    wave = terrain.detail(ripples, (columns - width / 2) / below, rows * np.float32(rng.uniform(2, 4)), below)
    swing = np.float32(rng.uniform(2, 24)) * (below / height) ** 0.5
    mirrored = 2 * axis - rows + swing * wave * 1.6
    image = resample(picture, columns + swing * 0.25 * wave, np.minimum(np.abs(mirrored), axis - 2))
    depth = light.ambient * np.array([0.09, 0.2, 0.22], np.float32)
    mirror = np.clip(0.86 - 0.55 * below / height + 0.1 * wave, 0.2, 0.95)[..., None]
    water = depth * (1 + 0.3 * wave[..., None]) * (1 - mirror) + image * mirror
    picture[wet] = water[wet]
