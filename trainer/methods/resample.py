"""Resampling in NumPy, for methods and pictures; what networks need is in :mod:`trainer.ops`."""

import cv2
import numpy as np
from jaxtyping import Float32

from chairsgen.sample import Flow


def backward_warp(image: np.ndarray, flow: Flow, *, border: int = cv2.BORDER_CONSTANT) -> np.ndarray:
    """Reads an image of any channels at p + flow(p), bilinearly, to a 32nd of a pixel: OpenCV's precision.

    Args:
        image: With frame 1's flow, frame 2 comes to lie on frame 1.
        flow: In pixels.
        border: What OpenCV takes to lie outside; black by default.
    """
    height, width = flow.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return cv2.remap(image, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=border)


def resize_flow(flow: Flow, size: tuple[int, int]) -> Float32[np.ndarray, "rows columns 2"]:
    """Flow on another grid, bilinearly, in that grid's pixels: vectors are scaled by the realised ratio.

    Args:
        flow: In pixels of its own grid.
        size: (height, width) of the new grid.
    """
    height, width = size
    ratio = np.array([width / flow.shape[1], height / flow.shape[0]], np.float32)
    return cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR) * ratio
