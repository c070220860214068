"""Flow as colours: the wheel of the Middlebury benchmark, where hue is direction and saturation is length.

Source: Baker et al., "A Database and Evaluation Methodology for Optical Flow", IJCV 2011, and the colour code
published with it: 55 colours around the circle, white at rest.
"""

import numpy as np
from jaxtyping import Float, Float64, UInt8

SECTORS = (15, 6, 4, 11, 13, 6)
"""Colours from red to yellow, to green, to cyan, to blue, to magenta, and back to red."""

BEYOND = 0.75
"""Flow longer than the largest is drawn darker by this."""


def colour_wheel() -> Float64[np.ndarray, "55 3"]:
    """The colours around the circle, RGB in 0..1, starting at red."""
    corners = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1], [1, 0, 0]], float)
    pieces = []
    for start, end, count in zip(corners, corners[1:], SECTORS, strict=False):
        steps = np.floor(255 * np.arange(count) / count)[:, None] / 255
        pieces.append(start + (end - start) * steps)
    return np.concatenate(pieces)


def flow_to_colour(
    flow: Float[np.ndarray, "height width 2"], longest: float | None = None
) -> UInt8[np.ndarray, "height width 3"]:
    """Colours a flow field.

    Args:
        flow: (u, v) in pixels; not finite, or above 1e9 in either component, where unknown: drawn black.
        longest: Length in pixels that has full saturation; the field's own longest, if None.
    """
    known = (np.abs(flow) <= 1e9).all(axis=-1)
    u, v = np.moveaxis(np.where(known[..., None], flow, 0.0).astype(np.float64), -1, 0)
    length = np.hypot(u, v)
    if longest is None:
        longest = float(length.max())
    length /= max(longest, np.finfo(np.float64).eps)
    wheel = colour_wheel()
    place = (np.arctan2(-v, -u) / np.pi + 1) / 2 * (len(wheel) - 1)
    below = np.floor(place).astype(np.intp)
    part = (place - below)[..., None]
    colour = (1 - part) * wheel[below] + part * wheel[(below + 1) % len(wheel)]
    pale = 1 - length[..., None] * (1 - colour)
    colour = np.where(length[..., None] <= 1, pale, colour * BEYOND)
    return np.where(known[..., None], np.floor(255 * colour), 0).astype(np.uint8)
