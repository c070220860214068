"""Classical methods: flow from brightness alone, without learning.

Those of OpenCV are called as anybody would call them by hand, on grey images, so that figures can be compared.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from chairsgen.config import nearest
from chairsgen.errors import InputError
from chairsgen.sample import Flow
from trainer.methods.base import Flows, Grey, Images, grey
from trainer.methods.block_matching import block_matching
from trainer.methods.lucas_kanade import lucas_kanade

Estimate = Callable[[Grey, Grey], Flow]


@dataclass(frozen=True, kw_only=True)
class Classical:
    """A classical method; called as every :class:`~trainer.methods.base.Method` is.

    Attributes:
        name: What it is called.
        source: Where it was published, and what its parameters are.
        estimate: Flow of one pair of grey frames.
        contrib: Whether it is in OpenCV's contributed modules only.
    """

    name: str
    source: str
    estimate: Estimate
    contrib: bool = False

    def __call__(self, image1: Images, image2: Images) -> Flows:
        pairs = zip(image1, image2, strict=True)
        try:
            return np.stack([self.estimate(grey(one), grey(two)) for one, two in pairs])
        except cv2.error as error:
            height, width = image1.shape[1:3]
            cause = str(error.err or error).partition("\n")[0]
            raise InputError(f"--method {self.name}: cannot work on {width} x {height} px: {cause}") from None


def open_classical(name: str) -> Classical:
    """A classical method by name.

    Raises:
        InputError: No such method, or OpenCV is here without it.
    """
    if name not in CLASSICAL:
        raise InputError(f"unknown method {name!r}: {nearest(name, CLASSICAL)}")
    method = CLASSICAL[name]
    if method.contrib and not hasattr(cv2, "optflow"):
        raise InputError(
            f"--method {name}: is in OpenCV's contributed modules: pip uninstall opencv-python, then "
            "pip install opencv-contrib-python"
        )
    return method


# --- of OpenCV


def _farneback(image1: Grey, image2: Grey) -> Flow:
    return cv2.calcOpticalFlowFarneback(image1, image2, None, 0.5, 3, 15, 3, 5, 1.2, 0)


def _dis(preset: str) -> Estimate:
    def estimate(image1: Grey, image2: Grey) -> Flow:
        number = getattr(cv2, f"DISOPTICAL_FLOW_PRESET_{preset}")
        return cv2.DISOpticalFlow.create(number).calc(image1, image2, None)

    return estimate


def _contributed(create: str) -> Estimate:
    def estimate(image1: Grey, image2: Grey) -> Flow:
        return getattr(vars(cv2)["optflow"], create)().calc(image1, image2, None)

    return estimate


def _zero(image1: Grey, image2: Grey) -> Flow:
    return np.zeros((*image1.shape, 2), np.float32)


_METHODS = (
    Classical(name="zero", source="no motion at all: what any other must beat", estimate=_zero),
    Classical(
        name="block-matching",
        source="the most similar block within 32 px, 8 x 8 px by their 16 x 16 px, to whole pixels",
        estimate=block_matching,
    ),
    Classical(
        name="lucas-kanade",
        source="Lucas & Kanade, IJCAI 1981, in every pixel of a pyramid (Bouguet, 2001), with a median filter",
        estimate=lucas_kanade,
    ),
    Classical(
        name="farneback",
        source="Farneback, SCIA 2003; OpenCV with its tutorial's parameters: 0.5, 3, 15, 3, 5, 1.2",
        estimate=_farneback,
    ),
    Classical(name="dis", source="Kroeger et al., ECCV 2016; OpenCV, preset medium", estimate=_dis("MEDIUM")),
    Classical(name="dis-medium", source="the same as dis", estimate=_dis("MEDIUM")),
    Classical(
        name="dis-fast", source="Kroeger et al., ECCV 2016; OpenCV, preset fast", estimate=_dis("FAST")
    ),
    Classical(
        name="tvl1",
        source="Zach et al., DAGM 2007, as by Sanchez et al., IPOL 2013; OpenCV contrib, its defaults",
        estimate=_contributed("createOptFlow_DualTVL1"),
        contrib=True,
    ),
    Classical(
        name="deepflow",
        source="Weinzaepfel et al., ICCV 2013, without its matches; OpenCV contrib, its defaults",
        estimate=_contributed("createOptFlow_DeepFlow"),
        contrib=True,
    ),
)

CLASSICAL = {method.name: method for method in _METHODS}
"""All classical methods, by name."""
