"""The recipe: every parameter of a dataset, as frozen dataclasses with named presets.

The preset ``flyingchairs`` follows Dosovitskiy et al., "FlowNet", ICCV 2015, section 3.2, with the motion
parameters of the same lab's later public 2D generator. That leaves three readings open. Each is a field:

* A draw outside its range goes back to the middle (``outside = "reset"``) or to the range's end
  (``"clamp"``). Default: reset, as in that generator; clamping raises the mean flow by a third.
* Chairs are centred over an area larger than the frame (``chair.placement``; default) or inside the frame
  only (``spread = 0``, ``margin_px = 0``), which raises coverage from a quarter to some 70 % of the frame
  and doubles the mean flow.
* ``chair.size`` is the side of the square render that a chair stands in (``of = "square"``, default) or the
  longer side of its tight box (``"box"``), which raises coverage to some 40 %. How much of its square a chair
  filled is not published: here its bounding sphere takes nine tenths (``fill``); filling it raises the mean flow
  by an eighth.

The defaults are the reading that comes closest to the published statistics of the flow.
"""

import dataclasses
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from chairsgen.config import Config, nearest, param, read_toml
from chairsgen.errors import InputError

MAX_CHAIRS = 254
"""A layer map is uint8, and layer 0 is the background."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Motion(Config):
    """A motion parameter: middle + sign(x) |x|^k * half range / norm, where x ~ N(0, 1).

    Every draw takes two numbers from the generator, whatever comes of them: changing one parameter of a
    recipe leaves all other draws of a sample as they were.
    """

    k: float = param(2.0, "exponent: the higher, the more draws lie near the middle", low=0.0)
    norm: float = param(6.0, "divisor: the higher, the more draws lie near the middle", low=1e-6)
    probability: float = param(
        1.0, "share of draws that move at all; the others are the middle", low=0.0, high=1.0
    )
    outside: str = param(
        "reset", "a draw outside the range becomes the middle, or the range's end", choices=("reset", "clamp")
    )

    def _draw(self, rng: np.random.Generator, middle: float, half_range: float) -> float:
        x, chance = rng.standard_normal(), rng.random()
        offset = abs(x) ** self.k * half_range / self.norm
        if offset > half_range:
            offset = 0.0 if self.outside == "reset" else half_range
        return middle + math.copysign(offset, x) if chance < self.probability else middle


@dataclasses.dataclass(frozen=True, kw_only=True)
class Translation(Motion):
    """Displacement along one axis."""

    range_px: float = param(40.0, "displacements lie between minus and plus this", unit="px", low=0.0)

    def draw(self, rng: np.random.Generator) -> float:
        """Pixels."""
        return self._draw(rng, 0.0, self.range_px)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rotation(Motion):
    """Rotation about the layer's pivot."""

    max_deg: float = param(
        10.0, "angles lie between minus and plus this", unit="degrees", low=0.0, high=180.0
    )

    def draw(self, rng: np.random.Generator) -> float:
        """Radians."""
        return math.radians(self._draw(rng, 0.0, self.max_deg))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scale(Motion):
    """Scaling about the layer's pivot."""

    min: float = param(0.93, "smallest factor", low=0.01, high=100.0)
    max: float = param(1.07, "largest factor", low=0.01, high=100.0)

    def check(self) -> None:
        if self.min > self.max:
            raise InputError(f"min = {self.min} is above max = {self.max}")

    def draw(self, rng: np.random.Generator) -> float:
        """A factor."""
        return self._draw(rng, (self.min + self.max) / 2, (self.max - self.min) / 2)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Frame(Config):
    """The frames' size."""

    height: int = param(384, "rows", unit="px", low=16, high=16384)
    width: int = param(512, "columns", unit="px", low=16, high=16384)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Background(Config):
    """The photograph behind, and its motion about the frame's centre."""

    translation: Translation = param(
        Translation(range_px=40.0, k=4.0, norm=15.0), "of x and of y, each drawn alone"
    )
    rotation: Rotation = param(Rotation(max_deg=10.0, k=2.0, norm=6.0, probability=0.3), "")
    scale: Scale = param(Scale(min=0.93, max=1.07, k=2.0, norm=6.0, probability=0.6), "")
    jitter_px: float = param(
        0.5,
        "frame 1 lies off the photo's pixel grid by up to this, so that both frames are resampled alike",
        unit="px",
        low=0.0,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Placement(Config):
    """Where chairs' centres lie: uniform over the frame, widened on every side."""

    spread: float = param(0.5, "widened by this many frame widths (heights in y)", low=0.0, high=10.0)
    margin_px: float = param(50.0, "and by this much more", unit="px", low=0.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Size(Config):
    """A chair's size in frame 1: normal, clamped to a range."""

    mean_px: float = param(200.0, "mean of the normal", unit="px", low=0.0)
    std_px: float = param(200.0, "its standard deviation", unit="px", low=0.0)
    min_px: float = param(50.0, "smaller draws become this", unit="px", low=1.0)
    max_px: float = param(640.0, "larger draws become this", unit="px", low=1.0, high=16384.0)
    of: str = param(
        "square",
        "size is the side of the square render, or the longer side of the chair's tight box",
        choices=("square", "box"),
    )
    fill: float = param(
        0.9, "share of the square's side that the chair's bounding sphere takes", low=0.1, high=1.0
    )

    def check(self) -> None:
        if self.min_px > self.max_px:
            raise InputError(f"min_px = {self.min_px} is above max_px = {self.max_px}")

    def draw(self, rng: np.random.Generator) -> float:
        """Pixels, of the square or of the box."""
        return min(max(rng.normal(self.mean_px, self.std_px), self.min_px), self.max_px)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chair(Config):
    """The chairs of a scene, and their motions relative to the background's, about their own centres."""

    count_min: int = param(16, "fewest in a scene, most of them outside the frame", low=0, high=MAX_CHAIRS)
    count_max: int = param(23, "most in a scene", low=0, high=MAX_CHAIRS)
    placement: Placement = param(Placement(), "")
    size: Size = param(Size(), "")
    translation: Translation = param(
        Translation(range_px=120.0, k=3.0, norm=10.0), "of x and of y, each drawn alone"
    )
    rotation: Rotation = param(Rotation(max_deg=30.0, k=2.0, norm=6.0, probability=0.7), "")
    scale: Scale = param(Scale(min=0.8, max=1.2, k=2.0, norm=6.0, probability=0.7), "")

    def check(self) -> None:
        if self.count_min > self.count_max:
            raise InputError(f"count_min = {self.count_min} is above count_max = {self.count_max}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Assets(Config):
    """What chairs and photographs there are, and how they are split into train and val."""

    chairs: int = param(809, "embedded chair models, where no meshes are given", low=1, high=100_000)
    photos: int = param(964, "embedded photographs, where no photos are given", low=1, high=100_000)
    sprite_px: int = param(
        256, "side of the square that a chair is rendered into", unit="px", low=32, high=2048
    )
    val_assets: float = param(
        0.05, "share of chairs and of photos that only val samples show", low=0.0, high=0.5
    )
    val_samples: float = param(640 / 22872, "share of samples that are val, spread evenly", low=0.0, high=1.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe(Config):
    """Everything that a scene is drawn from. Made, it is valid."""

    name: str = param("flyingchairs", "what this recipe is called")
    about: str = param(
        "FlyingChairs (Dosovitskiy et al. 2015), as its lab's later generator has it", "what it is for"
    )
    frame: Frame = param(Frame(), "")
    background: Background = param(Background(), "")
    chair: Chair = param(Chair(), "")
    assets: Assets = param(Assets(), "")

    @classmethod
    def load(cls, name_or_path: str | Path, overrides: Iterable[str] = ()) -> "Recipe":
        """A preset by name or a TOML file by path (ending in .toml), changed by ``key.path=VALUE`` texts.

        A file states what differs from the preset that its key ``preset`` names (``flyingchairs`` if absent).

        Raises:
            InputError: Name, file, key or value is wrong; the message names it, and the nearest right one.
        """
        if str(name_or_path).endswith(".toml"):
            path = Path(name_or_path)
            data = read_toml(path)
            try:
                base = cls.preset(str(data.pop("preset", "flyingchairs")))
                recipe = cls.from_dict({"name": path.stem} | data, base)
            except InputError as error:
                raise InputError(f"{path}: {error}") from None
        else:
            recipe = cls.preset(str(name_or_path))
        return recipe.override(overrides)

    @classmethod
    def preset(cls, name: str) -> "Recipe":
        """A named preset; :class:`~chairsgen.errors.InputError` with the nearest name where there is none."""
        if name not in PRESETS:
            raise InputError(f"unknown recipe {name!r}: {nearest(name, PRESETS)} (a file must end in .toml)")
        return PRESETS[name]


PRESETS = {recipe.name: recipe for recipe in (Recipe(),)}
"""The named presets."""
