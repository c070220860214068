"""The augmentation's ranges, every one a field, and the published ones as presets.

Sources:

* ``flownet``: Dosovitskiy et al., "FlowNet", ICCV 2015, on data augmentation. The paper gives ranges; that
  factors are uniform in their logarithm, all else uniform, and contrast's [-0.8, 0.4] a logarithm, is this
  project's reading. It gives no figure for the small change of frame 2: FlowNet2's stand in.
* ``flownet2``, for PWC-Net too: Ilg et al., "FlowNet 2.0", CVPR 2017: the figures of its released training
  definitions (from memory), used as its code uses them (lmb-freiburg/flownet2). The change of colours that both
  frames share is there one along principal colours, by thirteen parameters; here it is the nearest that
  ``jitter`` and gamma come to it: lightness to the power e^U(-0.6, 0.2), times e^U(-0.4, 0.4), colours turned by
  up to 1 radian.
* ``raft``: Teed and Deng, "RAFT", ECCV 2020, as its public code (princeton-vl/RAFT) trains on FlyingChairs. It
  raises a factor that is too small for the crop to fit; here all are drawn again.
* ``spynet``: Ranjan and Black, "Optical Flow Estimation using a Spatial Pyramid Network", CVPR 2017, and its
  public code (anuragranj/spynet). It leaves the corners of turned frames black, and has its noise before the
  jitter; here the crop holds no corners, and noise comes last.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chairsgen.config import Config, load, param
from chairsgen.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Factor(Config):
    """A factor from a range, all alike likely in their logarithm."""

    min: float = param(1.0, "smallest", low=0.01, high=100.0)
    max: float = param(1.0, "largest", low=0.01, high=100.0)

    def check(self) -> None:
        if self.min > self.max:
            raise InputError(f"min = {self.min} is above max = {self.max}")

    def draw(self, rng: np.random.Generator) -> float:
        """A factor."""
        return self.min * (self.max / self.min) ** rng.random()


@dataclass(frozen=True, kw_only=True)
class Spatial(Config):
    """How both frames are moved alike. What takes the crop out of the source frame is drawn again."""

    probability: float = param(1.0, "share of pairs that are scaled, turned, shifted", low=0.0, high=1.0)
    zoom: Factor = param(Factor(), "enlarges by this factor")
    squeeze: Factor = param(Factor(), "widens by this factor, and flattens by the same")
    stretch: Factor = param(Factor(), "widens, and heightens, by this factor, each drawn alone")
    stretch_probability: float = param(1.0, "share of moved pairs that are stretched", low=0.0, high=1.0)
    rotation_deg: float = param(0.0, "angles lie within +- this", unit="degrees", low=0.0, high=180.0)
    placement: str = param(
        "anywhere",
        "the crop lies anywhere in the source, or about its centre, then shifted",
        choices=("anywhere", "centre"),
    )
    shift_x: float = param(0.0, "shifts lie within +- this (placement centre)", unit="crop widths", low=0.0)
    shift_y: float = param(0.0, "shifts lie within +- this (placement centre)", unit="crop heights", low=0.0)
    tries: int = param(
        50, "draws until the crop's corners lie in the source, else nothing is moved", low=1, high=10_000
    )
    flip_x: float = param(0.0, "share of pairs with left and right exchanged", low=0.0, high=1.0)
    flip_y: float = param(0.0, "share of pairs with top and bottom exchanged", low=0.0, high=1.0)


@dataclass(frozen=True, kw_only=True)
class Relative(Config):
    """What frame 2 has on top of frame 1: normal, with mean 0 and these standard deviations."""

    shift: float = param(0.0, "in x and in y", unit="crop widths, heights", low=0.0)
    rotation_deg: float = param(0.0, "angle", unit="degrees", low=0.0)
    log_zoom: float = param(0.0, "natural logarithm of the factor that enlarges", low=0.0)
    log_colour: float = param(0.0, "natural logarithm of each channel's factor", low=0.0)
    log_gamma: float = param(0.0, "natural logarithm of the exponent", low=0.0)
    brightness: float = param(0.0, "summand", unit="of 0..1", low=0.0)
    log_contrast: float = param(0.0, "natural logarithm of the factor", low=0.0)
    initial: float = param(1.0, "all of these times this as training begins", low=0.0, high=1.0)
    half_steps: int = param(50_000, "steps after which half of the way to 1 is gone", unit="steps", low=1)


@dataclass(frozen=True, kw_only=True)
class Tone(Config):
    """Colour, then gamma, then brightness, then contrast."""

    colour: Factor = param(Factor(), "factor of each channel; all three are divided by their mean")
    gamma: Factor = param(Factor(), "exponent")
    brightness: float = param(0.0, "summand, normal: its standard deviation", unit="of 0..1", low=0.0)
    contrast: Factor = param(Factor(), "factor of the distance to middle grey")


@dataclass(frozen=True, kw_only=True)
class Jitter(Config):
    """Brightness, contrast, saturation, hue; without clipping in between, their order does not matter."""

    brightness: float = param(0.0, "factors lie within 1 +- this", low=0.0, high=1.0)
    contrast: float = param(
        0.0, "factors of the distance to the frames' mean grey lie within 1 +- this", low=0.0, high=1.0
    )
    saturation: float = param(0.0, "factors of the distance to grey lie within 1 +- this", low=0.0, high=1.0)
    hue_deg: float = param(
        0.0, "colours turn about the grey axis by angles within +- this", unit="degrees", low=0.0, high=180.0
    )
    asymmetric: float = param(0.0, "share of pairs whose frames are changed apart", low=0.0, high=1.0)
    lighting: float = param(
        0.0,
        "standard deviation of the steps along photographs' principal colours (Krizhevsky et al. 2012)",
        low=0.0,
    )


@dataclass(frozen=True, kw_only=True)
class Noise(Config):
    """Noise, added to every value of both frames alone."""

    kind: str = param(
        "gaussian",
        "normal with the strength as standard deviation, or uniform from 0 to the strength",
        choices=("gaussian", "uniform"),
    )
    min: float = param(0.0, "least strength of a pair's noise", unit="of 0..1", low=0.0)
    max: float = param(0.0, "its greatest strength", unit="of 0..1", low=0.0)

    def check(self) -> None:
        if self.min > self.max:
            raise InputError(f"min = {self.min} is above max = {self.max}")

    def draw(self, rng: np.random.Generator) -> float:
        """A pair's strength."""
        return self.min + (self.max - self.min) * rng.random()


@dataclass(frozen=True, kw_only=True)
class Eraser(Config):
    """Rectangles of frame 2 that become its mean colour; flow and occlusion stay as they are."""

    probability: float = param(0.0, "share of pairs", low=0.0, high=1.0)
    count_max: int = param(2, "from 1 to this many rectangles", low=1, high=100)
    side_min_px: int = param(50, "shortest side, in the crop", unit="px", low=1)
    side_max_px: int = param(100, "longest side, in the crop", unit="px", low=1)

    def check(self) -> None:
        if self.side_min_px > self.side_max_px:
            raise InputError(f"side_min_px = {self.side_min_px} is above side_max_px = {self.side_max_px}")


@dataclass(frozen=True, kw_only=True)
class Augmentation(Config):
    """How pairs are changed before a network learns from them. The default crops, and no more.

    In this order: both frames are resampled once (``spatial`` and ``relative`` together); frame 2 loses what
    ``eraser`` takes; then ``jitter``, ``tone``, ``noise``. Values are kept in 0..1 before gamma and at the end.
    """

    name: str = param("none", "what this augmentation is called")
    spatial: Spatial = param(Spatial(), "both frames alike")
    relative: Relative = param(Relative(), "frame 2's own change on top")
    eraser: Eraser = param(Eraser(), "")
    jitter: Jitter = param(Jitter(), "")
    tone: Tone = param(Tone(), "")
    noise: Noise = param(Noise(), "")

    @classmethod
    def load(cls, name_or_path: str | Path, overrides: Iterable[str] = ()) -> "Augmentation":
        """A preset by name or a TOML file by path (ending in .toml), changed by ``key.path=VALUE`` texts.

        A file states what differs from the preset that its key ``preset`` names (``none`` if absent).

        Raises:
            InputError: Name, file, key or value is wrong; the message names it, and the nearest right one.
        """
        return load(PRESETS, name_or_path, overrides, kind="augmentation", default="none")

    def ramp(self, step: int) -> float:
        """How far, from 0 to 1, ``relative`` has come from its initial to its full strength at a step.

        2 / (1 + 3^(-step / half_steps)) - 1, as in FlowNet2's code.
        """
        return 2 / (1 + 3 ** (-step / self.relative.half_steps)) - 1


_FLOWNET = Augmentation(
    name="flownet",
    spatial=Spatial(
        zoom=Factor(min=0.9, max=2.0),
        rotation_deg=17.0,
        placement="centre",
        # A fifth of the width in both directions, at the paper's crop of 320 x 448.
        shift_x=0.2,
        shift_y=0.2 * 448 / 320,
    ),
    relative=Relative(shift=0.03, rotation_deg=math.degrees(0.03), log_zoom=0.03),
    tone=Tone(
        colour=Factor(min=0.5, max=2.0),
        gamma=Factor(min=0.7, max=1.5),
        brightness=0.2,
        contrast=Factor(min=math.exp(-0.8), max=math.exp(0.4)),
    ),
    noise=Noise(max=0.04),
)

_FLOWNET2 = Augmentation(
    name="flownet2",
    spatial=Spatial(
        zoom=Factor(min=math.exp(-0.2), max=math.exp(0.6)),
        squeeze=Factor(min=math.exp(-0.3), max=math.exp(0.3)),
        rotation_deg=math.degrees(0.4),
        placement="centre",
        shift_x=0.4,
        shift_y=0.4,
    ),
    relative=Relative(
        shift=0.03,
        rotation_deg=math.degrees(0.03),
        log_zoom=0.03,
        log_colour=0.02,
        log_gamma=0.02,
        brightness=0.02,
        log_contrast=0.02,
        initial=0.5,
        half_steps=50_000,
    ),
    jitter=Jitter(brightness=0.4, contrast=0.4, saturation=0.4, hue_deg=math.degrees(1)),
    tone=Tone(gamma=Factor(min=math.exp(-0.6), max=math.exp(0.2))),
    noise=Noise(max=0.06),
)

_RAFT = Augmentation(
    name="raft",
    spatial=Spatial(
        probability=0.8,
        zoom=Factor(min=2**-0.1, max=2.0),
        stretch=Factor(min=2**-0.2, max=2**0.2),
        stretch_probability=0.8,
        flip_x=0.5,
        flip_y=0.1,
    ),
    eraser=Eraser(probability=0.5, count_max=2, side_min_px=50, side_max_px=99),
    jitter=Jitter(brightness=0.4, contrast=0.4, saturation=0.4, hue_deg=360 * 0.5 / 3.14, asymmetric=0.2),
)

_SPYNET = Augmentation(
    name="spynet",
    spatial=Spatial(zoom=Factor(min=1.0, max=2.0), rotation_deg=math.degrees(0.3)),
    jitter=Jitter(brightness=0.4, contrast=0.4, saturation=0.4, lighting=0.1),
    noise=Noise(kind="uniform", min=0.1, max=0.1),
)

PRESETS = {preset.name: preset for preset in (Augmentation(), _FLOWNET, _FLOWNET2, _RAFT, _SPYNET)}
"""The named presets."""
