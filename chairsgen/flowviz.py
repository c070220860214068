"""Flow as pictures: the colours of the Middlebury benchmark, arrows, occlusion, errors in KITTI's colours."""

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float64, UInt8

Picture = UInt8[np.ndarray, "height width 3"]
Flow = Float[np.ndarray, "height width 2"]
Mask = Bool[np.ndarray, "height width"]

SECTORS = (15, 6, 4, 11, 13, 6)
"""Colours from red to yellow, to green, to cyan, to blue, to magenta, and back to red."""

BEYOND = 0.75
"""Flow longer than the largest is drawn darker by this."""

ERROR_BINS = (0.0625, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Where a colour of :data:`ERROR_COLOURS` ends and the next begins, in thresholds of an outlier."""

ERROR_COLOURS = (
    (49, 54, 149),
    (69, 117, 180),
    (116, 173, 209),
    (171, 217, 233),
    (224, 243, 248),
    (254, 224, 144),
    (253, 174, 97),
    (244, 109, 67),
    (215, 48, 39),
    (165, 0, 38),
)
"""From small errors to large, RGB: blue ones are no outliers, yellow and red ones are."""

OUTLIER_PX, OUTLIER_SHARE = 3.0, 0.05
"""An outlier is off by at least this, and by at least this share of the true flow's length."""

_SUBPIXEL_BITS = 4


def colour_wheel() -> Float64[np.ndarray, "55 3"]:
    """The colours around the circle, RGB in 0..1, starting at red."""
    corners = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1], [1, 0, 0]], float)
    pieces = []
    for start, end, count in zip(corners, corners[1:], SECTORS, strict=False):
        steps = np.floor(255 * np.arange(count) / count)[:, None] / 255
        pieces.append(start + (end - start) * steps)
    return np.concatenate(pieces)


def flow_to_colour(flow: Flow, longest: float | None = None, valid: Mask | None = None) -> Picture:
    """Colours a flow field: hue is direction, saturation is length, and rest is white.

    Source: Baker et al., "A Database and Evaluation Methodology for Optical Flow", IJCV 2011, and the colour code
    published with it.

    Args:
        flow: (u, v) in pixels; not finite, or above 1e9 in either component, where unknown: drawn black.
        longest: Length in pixels that has full saturation; longer flow is drawn darker. The field's own longest,
            if None.
        valid: Where else it is known; drawn black elsewhere.
    """
    known = (np.abs(flow) <= 1e9).all(axis=-1)
    if valid is not None:
        known &= valid
    u, v = np.moveaxis(np.where(known[..., None], flow, 0.0).astype(np.float64), -1, 0)
    length = np.hypot(u, v)
    if longest is None:
        longest = float(length.max(initial=0.0))
    length /= max(longest, np.finfo(np.float64).eps)
    wheel = colour_wheel()
    place = (np.arctan2(-v, -u) / np.pi + 1) / 2 * (len(wheel) - 1)
    below = np.floor(place).astype(np.intp)
    part = (place - below)[..., None]
    colour = (1 - part) * wheel[below] + part * wheel[(below + 1) % len(wheel)]
    pale = 1 - length[..., None] * (1 - colour)
    colour = np.where(length[..., None] <= 1, pale, colour * BEYOND)
    return np.where(known[..., None], np.floor(255 * colour), 0).astype(np.uint8)


def draw_arrows(image: Picture, flow: Flow, *, spacing: int | None = None) -> Picture:
    """Frame 1, grey and dimmed, with arrows from points of it to where flow takes them, in flow's colours.

    Args:
        image: Frame 1.
        flow: (u, v) in pixels; no arrow where it is unknown (see :func:`flow_to_colour`).
        spacing: Pixels from arrow to arrow; a 24th of the frame's longer side, but at least 16, if None.
    """
    height, width, _ = image.shape
    spacing = spacing or max(16, max(height, width) // 24)
    drawn = np.dstack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) // 2] * 3)
    grid = np.s_[spacing // 2 :: spacing, spacing // 2 :: spacing]
    vectors = flow[grid].astype(np.float64)
    known = (np.abs(vectors) <= 1e9).all(axis=-1)
    length = np.where(known, np.linalg.norm(vectors, axis=-1), 0)[..., None]
    colours = flow_to_colour(vectors / np.maximum(length, 1e-9))
    # OpenCV cuts lines at the frame, but takes no coordinates beyond 16 bits or so.
    vectors *= np.minimum(1, 2 * (height + width) / np.maximum(length, 1e-9))
    for row, column in zip(*np.nonzero(known), strict=True):
        start = np.array([column, row]) * spacing + spacing // 2
        ends = np.rint(np.stack([start, start + vectors[row, column]]) * (1 << _SUBPIXEL_BITS))
        tail, tip = ends.astype(int).tolist()
        colour = colours[row, column].tolist()
        cv2.arrowedLine(drawn, tail, tip, colour, 1, cv2.LINE_AA, _SUBPIXEL_BITS, 0.2)
    return drawn


def occlusion_overlay(image: Picture, occ: Mask, out: Mask) -> Picture:
    """A frame in grey, with what the other frame does not show: red where covered, blue where outside."""
    grey = np.repeat(image.mean(axis=-1, keepdims=True), 3, axis=-1)
    for mask, colour in ((occ, (255, 40, 40)), (out, (40, 80, 255))):
        grey[mask] = 0.3 * grey[mask] + 0.7 * np.array(colour)
    return grey.astype(np.uint8)


def error_map(flow: Flow, truth: Flow, valid: Mask | None = None, noc: Mask | None = None) -> Picture:
    """The error of flow in the logarithmic colours of KITTI's 2015 benchmark.

    A pixel's error is measured in thresholds of an outlier: its end-point error by 3 px or by 5 % of the true
    flow's length, whichever makes less of it. It is an outlier from 1 on, where blue turns to yellow.

    Source: the development kit of KITTI's 2015 benchmark, whose maps also widen every pixel to 3 x 3, since their
    truth is sparse; this one does not.

    Args:
        flow: What is judged, in pixels.
        truth: The true flow, in pixels.
        valid: Where the truth is known; elsewhere the map is black.
        noc: Where frame 2 shows the pixel's surface; elsewhere colours are half as bright.
    """
    error = np.linalg.norm(flow.astype(np.float64) - truth, axis=-1)
    threshold = np.maximum(OUTLIER_PX, OUTLIER_SHARE * np.linalg.norm(truth.astype(np.float64), axis=-1))
    picture = np.array(ERROR_COLOURS, np.uint8)[np.digitize(error / threshold, ERROR_BINS)]
    if noc is not None:
        picture[~noc] //= 2
    if valid is not None:
        picture[~valid] = 0
    return picture
