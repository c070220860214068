"""Fractal noise on float32 grids, periodic, so that any look-up may wrap."""

import cv2
import numpy as np
from jaxtyping import Float, Float32

Number = float | int | np.floating

_PAD = 3


def fractal(
    rng: np.random.Generator, size: int, *, cells: int = 4, gain: float = 0.5, ridged: bool = False
) -> Float32[np.ndarray, "size size"]:
    """Noise of octaves, each twice as fine and `gain` times as strong as the one before.

    A gain of 0.5 gives amplitudes that fall as 1/f, the power spectrum 1/f^2 of photographs.

    Args:
        size: Edge of the square grid, a power of two.
        cells: Periods of the coarsest octave along an edge, a power of two.
        gain: Amplitude ratio of neighbouring octaves.
        ridged: Fold each octave about zero, which leaves sharp crests.

    Returns:
        Of mean 0 and standard deviation 1, periodic.
    """
    edge, amplitude = cells, 1.0
    total: np.ndarray = np.zeros((edge, edge), np.float32)
    while edge < size:
        octave = _double(rng.standard_normal((edge, edge), np.float32))
        if ridged:
            octave = 1 - np.abs(octave)
        total = _double(total) + amplitude * octave
        edge, amplitude = edge * 2, amplitude * gain
    total -= total.mean()
    total /= total.std()
    return total


def white(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Uniform values in [0, 1), float32 of any shape."""
    return rng.random(shape, np.float32)


def look_up(field: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A periodic square field, whose edge is a power of two, at float coordinates (pixels), bilinearly."""
    edge = np.float32(len(field))
    x, y = (v - edge * np.floor(v / edge) for v in (x, y))
    return cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


def warped(field: np.ndarray, by_x: np.ndarray, by_y: np.ndarray, amount: float) -> np.ndarray:
    """Domain warp: the field looked up at positions moved by two other fields, times `amount` pixels."""
    ys, xs = np.indices(field.shape, dtype=np.float32)
    return look_up(field, xs + amount * by_x, ys + amount * by_y)


def smooth(low: Number, high: Number, value: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """0 below `low`, 1 above `high`, a smooth step between; `low` may exceed `high`."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _double(field: np.ndarray) -> np.ndarray:
    padded = cv2.copyMakeBorder(field, _PAD, _PAD, _PAD, _PAD, cv2.BORDER_WRAP)
    doubled = cv2.resize(padded, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    return doubled[2 * _PAD : -2 * _PAD, 2 * _PAD : -2 * _PAD]
