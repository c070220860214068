"""What weather and camera do to a frame's picture: shadows, fog, blur, gains, noise and gamma, in this order.

A frame's :class:`Effects` are drawn with its scene, per-pixel noise as a seed; all here is a pure function of
them. Pictures alone are changed: layers, flow and occlusion are the scene's. Light is linear (sRGB decoded), and 1
is white.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from statistics import NormalDist
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float32

from chairsgen.sample import Image

Light = Float32[np.ndarray, "height width 3"]

WAVES = 64
"""Plane waves in a field: enough that no repetition shows."""

OCTAVES = 3.0
"""From the longest to the shortest of them."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """A smooth random field over the plane that follows no surface.

    Attributes:
        seed: Of its waves.
        size_px: Length of its longest waves.
        x: How far it has drifted to the right in this frame, in pixels.
        y: How far down.
    """

    seed: int
    size_px: float
    x: float = 0.0
    y: float = 0.0

    def values(self, height: int, width: int) -> Float32[np.ndarray, "height width"]:
        """At every pixel, with mean 0 and standard deviation 1 over the plane, near to normal.

        Waves are as strong as they are long, which makes it smooth. A wave cos(a x + b y) is cos(a x) cos(b y) -
        sin(a x) sin(b y): all of them together are one matrix product.
        """
        octave, turn, phase = np.random.default_rng(self.seed).random((3, WAVES, 1))
        frequency = 2 ** (OCTAVES * octave) / self.size_px
        strength = 1 / frequency
        strength *= math.sqrt(2) / np.linalg.norm(strength)
        turn, phase, frequency = 2 * np.pi * turn, 2 * np.pi * phase, 2 * np.pi * frequency
        along_x = frequency * np.cos(turn) * (np.arange(width) - self.x) + phase
        along_y = frequency * np.sin(turn) * (np.arange(height) - self.y)
        rows = np.concatenate([strength * np.cos(along_y), -strength * np.sin(along_y)])
        columns = np.concatenate([np.cos(along_x), np.sin(along_x)])
        # Not NumPy's product: its threads would get into the way of the other workers'.
        return cv2.gemm(rows.astype(np.float32), columns.astype(np.float32), 1, None, 0, flags=cv2.GEMM_1_T)


@dataclass(frozen=True, kw_only=True)
class Fog(Field):
    """Fog whose optical depth is log-normal about ``depth``.

    Attributes:
        depth: Mean optical depth; exp(-depth) of the light comes through.
        contrast: Standard deviation of the depth's logarithm.
        brightness: Light of fog that nothing comes through.
    """

    depth: float
    contrast: float
    brightness: float

    def cover(self, light: Light) -> Light:
        """What is seen through it."""
        uneven = np.exp(self.contrast * self.values(*light.shape[:2]) - self.contrast**2 / 2)
        through = _grey(np.exp(-self.depth * uneven))
        return (light - np.float32(self.brightness)) * through + np.float32(self.brightness)


@dataclass(frozen=True, kw_only=True)
class Shadow(Field):
    """Shadow where the field is highest.

    Attributes:
        strength: Share of the light that is taken away.
        share: Of the plane, that lies in shadow.
        softness: How far the field rises from full light to full shadow.
    """

    strength: float
    share: float
    softness: float

    def cover(self, light: Light) -> Light:
        """What is seen in it."""
        edge = NormalDist().inv_cdf(min(max(1 - self.share, 1e-9), 1 - 1e-9))
        rise = (self.values(*light.shape[:2]) - edge) / max(self.softness, 1e-6) + 0.5
        shade = np.clip(rise, 0, 1)
        shade *= shade * (3 - 2 * shade)
        return light * _grey(1 - np.float32(self.strength) * shade)


@dataclass(frozen=True, kw_only=True)
class Noise:
    """A sensor's noise: normal, its variance ``read**2 + shot**2 * light``.

    Attributes:
        read: Standard deviation in black.
        shot: Standard deviation of what white has more.
        seed: Of the normals.
    """

    read: float
    shot: float
    seed: int

    def add(self, light: Light) -> Light:
        """``light`` with this noise."""
        normals = np.random.default_rng(self.seed).standard_normal(light.shape, np.float32)
        normals *= np.sqrt(np.float32(self.read**2) + np.float32(self.shot**2) * light)
        return light + normals


@dataclass(frozen=True, kw_only=True)
class Effects:
    """All that is done to one frame's picture; by default, nothing.

    Attributes:
        shutter: How long the frame is exposed, as a share of the time from frame to frame: motion blur, which
            :mod:`chairsgen.compose` makes.
        shadow: Where there is one.
        fog: Likewise, between the scene with its shadows and the camera.
        blur_px: Standard deviation of a Gaussian.
        gain: Of red, green and blue light: exposure and white balance.
        noise: Where there is any.
        gamma: Exponent of the displayed values.
    """

    shutter: float = 0.0
    shadow: Shadow | None = None
    fog: Fog | None = None
    blur_px: float = 0.0
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    noise: Noise | None = None
    gamma: float = 1.0

    @property
    def leaves_picture(self) -> bool:
        """Whether nothing but motion blur is done."""
        return replace(self, shutter=0.0) == Effects()

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it: what differs from nothing."""
        return {name: value for name, value in asdict(self).items() if value != getattr(Effects(), name)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Effects":
        """What :meth:`to_dict` gave, also through JSON."""
        parts = {"shadow": Shadow, "fog": Fog, "noise": Noise}
        values = {
            name: parts[name](**value) if name in parts else value for name, value in dict(data).items()
        }
        if "gain" in values:
            red, green, blue = values["gain"]
            values["gain"] = (red, green, blue)
        return cls(**values)


def to_light(image: Image) -> Light:
    """The light of an sRGB picture."""
    return cv2.LUT(image, _light_of_bytes())


def develop(light: Light, effects: Effects) -> Image:
    """The picture that a camera makes of light; without effects, the inverse of :func:`to_light`."""
    if effects.shadow:
        light = effects.shadow.cover(light)
    if effects.fog:
        light = effects.fog.cover(light)
    if effects.blur_px:
        light = cv2.GaussianBlur(light, (0, 0), effects.blur_px, borderType=cv2.BORDER_REFLECT_101)
    if effects.gain != Effects.gain:
        light = cv2.transform(light, np.diag(effects.gain))
    if effects.noise:
        light = effects.noise.add(light)
    steps = len(_displayed()) - 1
    displayed = np.rint(255 * _displayed() ** effects.gamma).astype(np.uint8)
    return displayed.take((np.clip(light, 0, 1) * steps + np.float32(0.5)).astype(np.uint16))


def _grey(values: Float32[np.ndarray, "height width"]) -> Light:
    """Three equal channels: NumPy broadcasts over so short an axis at a tenth of the speed."""
    return cv2.cvtColor(values, cv2.COLOR_GRAY2RGB)


@cache
def _light_of_bytes() -> Float32[np.ndarray, " 256"]:
    value = np.arange(256) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)


@cache
def _displayed() -> Float32[np.ndarray, " steps"]:
    """The displayed values (sRGB, 0..1) of light from 0 to 1, in steps that are a twentieth of the least grey."""
    light = np.linspace(0, 1, 2**16)
    value = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return value.astype(np.float32)
