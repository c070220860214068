"""Lucas and Kanade's method, made dense."""

import cv2
import numpy as np
from jaxtyping import Float32

from chairsgen.sample import Flow
from trainer.methods.base import Grey, GreyFloat
from trainer.methods.resample import backward_warp, resize_flow

SIGMA_PX = 3.0
ITERATIONS = 10
COARSEST_PX = 16
DAMPING = 10.0
"""Added to the squared gradients' means: keeps flow as it is where there is no texture."""


def lucas_kanade(image1: Grey, image2: Grey) -> Flow:
    """Lucas and Kanade's method in every pixel, from coarse to fine.

    In a pixel's window the flow is sought under which brightness stays; on every level of a pyramid, that is
    solved again on frame 2 warped by the flow so far. Where windows hold no texture, or a level's flow fits no
    better, it stays the coarser level's.
    """
    flow = np.zeros((1, 1, 2), np.float32)
    for frame1, frame2 in zip(_pyramid(image1), _pyramid(image2), strict=True):
        flow = _solve(frame1, frame2, resize_flow(flow, frame1.shape))
    return flow


def _pyramid(image: Grey) -> list[Float32[np.ndarray, "_ _"]]:
    """The image at full size, half, and so on; the coarsest first."""
    levels = [image.astype(np.float32)]
    while min(levels[-1].shape) >= 2 * COARSEST_PX:
        levels.append(cv2.pyrDown(levels[-1]))
    return levels[::-1]


def _solve(image1: GreyFloat, image2: GreyFloat, start: Flow) -> Flow:
    """Gauss-Newton steps of each pixel's window, a 2x2 system each; ``start`` where these fit no better.

    After each step, a median over 5 x 5 pixels takes outliers away (Sun et al., "Secrets of Optical Flow
    Estimation", CVPR 2010, section 4).
    """
    along_x, along_y = cv2.Scharr(image1, -1, 1, 0, scale=1 / 32), cv2.Scharr(image1, -1, 0, 1, scale=1 / 32)
    xx, xy, yy = _window(along_x**2) + DAMPING, _window(along_x * along_y), _window(along_y**2) + DAMPING
    determinant = (xx * yy - xy * xy)[..., None]
    flow, difference = start, _difference(image1, image2, start)
    misfit = _window(np.abs(difference))
    for _ in range(ITERATIONS):
        x, y = _window(along_x * difference), _window(along_y * difference)
        flow = flow + np.dstack([yy * x - xy * y, xx * y - xy * x]) / determinant
        flow = np.dstack([cv2.medianBlur(component, 5) for component in cv2.split(flow)])
        difference = _difference(image1, image2, flow)
    return np.where((_window(np.abs(difference)) < misfit)[..., None], flow, start)


def _difference(image1: GreyFloat, image2: GreyFloat, flow: Flow) -> GreyFloat:
    """Frame 1 less what flow finds in frame 2."""
    return image1 - backward_warp(image2, flow, border=cv2.BORDER_REPLICATE)


def _window(values: GreyFloat) -> GreyFloat:
    """The mean over every pixel's window."""
    return cv2.GaussianBlur(values, (0, 0), SIGMA_PX)
