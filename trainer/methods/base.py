"""What a method is."""

from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from chairsgen.sample import Image

Images = UInt8[np.ndarray, "batch height width 3"]
Flows = Float32[np.ndarray, "batch height width 2"]
Grey = UInt8[np.ndarray, "height width"]
GreyFloat = Float32[np.ndarray, "height width"]


@runtime_checkable
class Method(Protocol):
    """Makes flow of pairs of frames.

    Attributes:
        name: What it is called in tables.
    """

    @property
    def name(self) -> str: ...

    def __call__(self, image1: Images, image2: Images) -> Flows:
        """Flow from each frame 1 to its frame 2, in the conventions of :mod:`chairsgen.sample`.

        Raises:
            InputError: The method cannot work on frames of this size, or lacks the memory to.
        """
        ...


def grey(image: Image) -> Grey:
    """An RGB image in grey, as OpenCV weighs the channels."""
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
