"""What lies between a scene and its pictures: the sections ``photometric`` and ``weather`` of a recipe.

All of it is off by default; a ``probability`` above 0 switches it on. It changes the images alone: layer maps,
flow and occlusion stay those of the scene. :mod:`chairsgen.effects` says what each number does.
"""

import dataclasses

from chairsgen.config import Config, param
from chairsgen.recipe.draws import Amount, Change, Factor, Length, Share, Translation


def _factor(largest: float) -> Factor:
    return Factor(kind="uniform", k=1.0, norm=1.0, max=largest, probability=0.0)


def _change(common: float, change: float) -> Change:
    return Change(common=_factor(common), change=_factor(change))


def _drift(range_px: float) -> Translation:
    return Translation(kind="uniform", k=1.0, norm=1.0, range_px=range_px)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Photometric(Config):
    """What the camera does. Light is linear, and 1 is white."""

    shutter: Share = param(
        Share(min=0.1, max=0.5, probability=0.0),
        "motion blur: how much of the time from frame to frame each frame is exposed",
    )
    blur: Amount = param(
        Amount(min=0.3, max=1.5, probability=0.0),
        "[px] out of focus: standard deviation of a Gaussian, drawn for each frame alone",
    )
    exposure: Change = param(_change(1.5, 1.3), "gain of light")
    warmth: Change = param(_change(1.3, 1.1), "white balance: gain of red over blue")
    tint: Change = param(_change(1.1, 1.03), "white balance: gain of green over red and blue")
    read_noise: Amount = param(
        Amount(min=0.0005, max=0.003, probability=0.0), "[light] standard deviation of noise in black"
    )
    shot_noise: Amount = param(
        Amount(min=0.005, max=0.03, probability=0.0),
        "[light] standard deviation of more noise in white; it grows as the root of light",
    )
    gamma: Change = param(_change(1.25, 1.1), "exponent of displayed values: above 1 is darker")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fog(Config):
    """Banks of fog before the whole scene."""

    depth: Amount = param(
        Amount(min=0.2, max=1.2, probability=0.0), "optical depth: exp(-depth) of the light comes through"
    )
    contrast: Amount = param(Amount(min=0.2, max=0.8), "standard deviation of the logarithm of depth")
    brightness: Share = param(Share(min=0.3, max=0.8), "[light] of thick fog")
    size: Length = param(Length(min_px=200.0, max_px=600.0), "of the largest banks, from one to the next")
    drift: Translation = param(_drift(15.0), "of x and of y, from frame 1 to frame 2")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shadow(Config):
    """Shadows on the whole scene, as of clouds or leaves."""

    strength: Share = param(
        Share(min=0.3, max=0.7, probability=0.0), "share of the light that shadows take away"
    )
    share: Share = param(Share(min=0.2, max=0.6), "of the plane, in shadow")
    softness: Amount = param(
        Amount(min=0.05, max=0.5), "rise from light to shadow, in standard deviations of the field behind"
    )
    size: Length = param(Length(min_px=150.0, max_px=500.0), "of the largest shadows, from one to the next")
    drift: Translation = param(_drift(20.0), "of x and of y, from frame 1 to frame 2")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Weather(Config):
    """What drifts over the scene by itself and follows no surface."""

    fog: Fog = param(Fog(), "")
    shadow: Shadow = param(Shadow(), "")
