"""Cubic splines through a photograph's pixels: sharper than a local cubic, and truer to positions between pixels.

Source: Unser, "Splines: a perfect fit for signal and image processing", IEEE Signal Processing Magazine, 1999. A
spline's coefficients are the pixels filtered by the inverse of the sampled cubic B-spline, here cut off where that
has fallen below 1/2000.
"""

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

RADIUS = 6
"""Reach of the inverse filter in pixels."""

_POLE = np.sqrt(3.0) - 2
_INVERSE = _POLE ** np.abs(np.arange(-RADIUS, RADIUS + 1))
_INVERSE /= _INVERSE.sum()


def coefficients(
    image: UInt8[np.ndarray, "_ _ channels"], border: int = 0
) -> Float32[np.ndarray, "height width channels"]:
    """The spline's coefficients, of the image and of ``border`` pixels around it.

    The image goes on mirrored at its edges.
    """
    height, width, channels = image.shape
    found = np.empty((height + 2 * border, width + 2 * border, channels), np.float32)
    inner = found[border : border + height, border : border + width]
    cv2.sepFilter2D(image, cv2.CV_32F, _INVERSE, _INVERSE, dst=inner, borderType=cv2.BORDER_REFLECT_101)
    for axis_swapped in (found[:, border : border + width], found.swapaxes(0, 1)):
        for step in range(1, border + 1):
            axis_swapped[border - step] = axis_swapped[border + step]
            axis_swapped[-1 - border + step] = axis_swapped[-1 - border - step]
    return found
