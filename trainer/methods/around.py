"""Methods made of another method: refined, on smaller frames, or tile by tile."""

from collections.abc import Iterator

import cv2
import numpy as np
from jaxtyping import Float32

from trainer.methods.base import Flows, Images, Method, grey
from trainer.methods.resample import resize_flow


class Refined:
    """Another method's flow, then brought to a minimum of a variational energy: what papers mark by "+v".

    The energy holds brightness, its gradient and smoothness (Brox et al., ECCV 2004), in OpenCV's
    implementation with its defaults, at full resolution. FlowNet's "+v" (Dosovitskiy et al., ICCV 2015, section
    4.3) also starts from a coarser level and heeds image boundaries.
    """

    def __init__(self, method: Method) -> None:
        self.method, self.name = method, f"{method.name}+v"

    def __call__(self, image1: Images, image2: Images) -> Flows:
        energy = cv2.VariationalRefinement.create()
        flows = self.method(image1, image2)
        for one, two, flow in zip(image1, image2, flows, strict=True):
            flow[:] = energy.calc(grey(one), grey(two), flow.copy())
        return flows


class Scaled:
    """Another method on smaller frames: less memory and time, and no details."""

    def __init__(self, method: Method, scale: float) -> None:
        """Wraps ``method``; frames shrink to ``scale`` of their height and width, above 0 and at most 1."""
        self.method, self.name, self.scale = method, method.name, scale

    def __call__(self, image1: Images, image2: Images) -> Flows:
        height, width = image1.shape[1:3]
        size = max(1, round(self.scale * width)), max(1, round(self.scale * height))
        small1, small2 = (
            np.stack([cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in images])
            for images in (image1, image2)
        )
        return np.stack([resize_flow(flow, (height, width)) for flow in self.method(small1, small2)])


class Tiled:
    """Another method tile by tile: less memory, and no motion across tiles that is longer than they overlap.

    Tiles overlap by a quarter of their side or more. Where they do, flow is their mean, each weighted by how far
    the pixel is inside it: flow has no seams.
    """

    def __init__(self, method: Method, side: int) -> None:
        """Wraps ``method``; tiles have ``side`` pixels either way, or the frame's where that is smaller."""
        self.method, self.name, self.side, self.overlap = method, method.name, side, side // 4

    def __call__(self, image1: Images, image2: Images) -> Flows:
        batch, height, width, _ = image1.shape
        total = np.zeros((batch, height, width, 2), np.float32)
        weights = np.zeros((height, width, 1), np.float32)
        for rows in self._tiles(height):
            for columns in self._tiles(width):
                tile = np.s_[:, rows, columns]
                weight = (self._weight(rows)[:, None] * self._weight(columns))[..., None]
                total[tile] += weight * self.method(image1[tile], image2[tile])
                weights[rows, columns] += weight
        return total / weights

    def _tiles(self, length: int) -> Iterator[slice]:
        """Equally long pieces of a frame's side, as few as overlap enough, evenly spread."""
        side = min(self.side, length)
        count = 1 + -(-(length - side) // max(side - self.overlap, 1))
        for start in np.linspace(0, length - side, count).round().astype(int).tolist():
            yield slice(start, start + side)

    def _weight(self, piece: slice) -> Float32[np.ndarray, " side"]:
        """Rises from either end over the overlap."""
        inside = np.arange(1, piece.stop - piece.start + 1, dtype=np.float32)
        return np.minimum(np.minimum(inside, inside[::-1]), max(self.overlap, 1))
