"""What scenes are made of: the sections ``frame``, ``background``, ``chair`` and ``assets`` of a recipe."""

import dataclasses

import numpy as np

from chairsgen.config import Config, param
from chairsgen.errors import InputError
from chairsgen.recipe.draws import Factor, Rotation, Scale, Shear, Translation

MAX_CHAIRS = 254
"""A layer map is uint8, and layer 0 is the background."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Frame(Config):
    """The frames' size."""

    height: int = param(384, "rows", unit="px", low=16, high=16384)
    width: int = param(512, "columns", unit="px", low=16, high=16384)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Background(Config):
    """The photograph behind, or a colour in its place, and its motion about the frame's centre."""

    plain: float = param(0.0, "share of scenes with one colour in place of a photograph", low=0.0, high=1.0)
    gradient: float = param(
        0.0, "share with a gradient from one colour to another in place of a photograph", low=0.0, high=1.0
    )
    translation: Translation = param(
        Translation(range_px=40.0, k=4.0, norm=15.0), "of x and of y, each drawn alone"
    )
    rotation: Rotation = param(Rotation(max_deg=10.0, k=2.0, norm=6.0, probability=0.3), "")
    scale: Scale = param(Scale(min=0.93, max=1.07, k=2.0, norm=6.0, probability=0.6), "")
    shear: Shear = param(Shear(max=0.15, k=2.0, norm=6.0, probability=0.0), "")
    stretch: Factor = param(
        Factor(max=1.15, k=2.0, norm=6.0, probability=0.0), "of x over y; areas stay as they are"
    )
    jitter_px: float = param(
        0.5,
        "frame 1 lies off the photo's pixel grid by up to this, so that both frames are resampled alike",
        unit="px",
        low=0.0,
        high=16384.0,
    )

    def check(self) -> None:
        if self.plain + self.gradient > 1:
            raise InputError(f"plain = {self.plain} and gradient = {self.gradient} are more than 1 together")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Placement(Config):
    """Where chairs' centres lie: uniform over the frame, widened on every side."""

    spread: float = param(0.5, "widened by this many frame widths (heights in y)", low=0.0, high=10.0)
    margin_px: float = param(50.0, "and by this much more", unit="px", low=0.0, high=16384.0)


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
    shear: Shear = param(Shear(max=0.5, k=2.0, norm=6.0, probability=0.0), "")
    stretch: Factor = param(
        Factor(max=1.7, k=2.0, norm=6.0, probability=0.0), "of x over y; areas stay as they are"
    )

    def check(self) -> None:
        if self.count_min > self.count_max:
            raise InputError(f"count_min = {self.count_min} is above count_max = {self.count_max}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Assets(Config):
    """What chairs and photographs there are, and how they are split into train and val."""

    objects: str = param(
        "chairs",
        "what flies where no meshes are given; shapes are boxes, polygons and ellipses",
        choices=("chairs", "shapes", "boxes", "polygons", "ellipses", "thin"),
    )
    chairs: int = param(
        809, "embedded chair models, or other objects, where no meshes are given", low=1, high=100_000
    )
    photos: int = param(964, "embedded photographs, where no photos are given", low=1, high=100_000)
    sprite_px: int = param(
        256, "side of the square that a chair is rendered into", unit="px", low=32, high=2048
    )
    val_assets: float = param(
        0.05, "share of chairs and of photos that only val samples show", low=0.0, high=0.5
    )
    val_samples: float = param(640 / 22872, "share of samples that are val, spread evenly", low=0.0, high=1.0)
