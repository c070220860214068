"""The distributions that recipes draw from.

Each draw takes the same count of numbers from the generator, whatever comes of it: changing one parameter of a
recipe leaves all other draws of a sample as they were.
"""

import dataclasses
import math

import numpy as np

from chairsgen.config import Config, param
from chairsgen.errors import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Motion(Config):
    """A motion parameter: middle + sign(x) |x|^k * half range / norm, where x ~ N(0, 1), or uniform in -1..1."""

    kind: str = param(
        "normal", "of x in middle + sign(x) |x|^k * half range / norm", choices=("normal", "uniform")
    )
    k: float = param(2.0, "exponent: the higher, the more draws lie near the middle", low=0.0, high=100.0)
    norm: float = param(6.0, "divisor: the higher, the more draws lie near the middle", low=1e-6)
    probability: float = param(
        1.0, "share of draws that move at all; the others are the middle", low=0.0, high=1.0
    )
    outside: str = param(
        "reset", "a draw outside the range becomes the middle, or the range's end", choices=("reset", "clamp")
    )

    def _draw(self, rng: np.random.Generator, middle: float, half_range: float) -> float:
        x, chance = rng.standard_normal(), rng.random()
        if self.kind == "uniform":
            x = math.erf(x / math.sqrt(2))
        offset = abs(x) ** self.k * half_range / self.norm
        if offset > half_range:
            offset = 0.0 if self.outside == "reset" else half_range
        return middle + math.copysign(offset, x) if chance < self.probability else middle


@dataclasses.dataclass(frozen=True, kw_only=True)
class Translation(Motion):
    """Displacement along one axis."""

    range_px: float = param(
        40.0, "displacements lie between minus and plus this", unit="px", low=0.0, high=16384.0
    )

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
class Shear(Motion):
    """Shear about the layer's pivot."""

    max: float = param(0.3, "x gains between minus and plus this times y", low=0.0, high=10.0)

    def draw(self, rng: np.random.Generator) -> float:
        """Of x by y."""
        return self._draw(rng, 0.0, self.max)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Factor(Motion):
    """A factor about 1, drawn in logarithms: twice is as likely as half."""

    max: float = param(1.5, "factors lie between 1 / max and max", low=1.0, high=100.0)

    def draw(self, rng: np.random.Generator) -> float:
        """A factor."""
        return math.exp(self._draw(rng, 0.0, math.log(self.max)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Amount(Config):
    """Uniform between two ends, where there is any; its unit is said beside its section."""

    min: float = param(0.0, "least", low=0.0, high=100.0)
    max: float = param(1.0, "most", low=0.0, high=100.0)
    probability: float = param(1.0, "share of draws that are so; the others are 0", low=0.0, high=1.0)

    def check(self) -> None:
        if self.min > self.max:
            raise InputError(f"min = {self.min} is above max = {self.max}")

    def draw(self, rng: np.random.Generator) -> float:
        """The amount, or 0."""
        x, chance = rng.random(), rng.random()
        return self.min + (self.max - self.min) * x if chance < self.probability else 0.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Share(Amount):
    """An amount that cannot exceed 1."""

    min: float = param(0.0, "least", low=0.0, high=1.0)
    max: float = param(1.0, "most", low=0.0, high=1.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Length(Config):
    """Uniform between two lengths."""

    min_px: float = param(200.0, "shortest", unit="px", low=1.0, high=16384.0)
    max_px: float = param(600.0, "longest", unit="px", low=1.0, high=16384.0)

    def check(self) -> None:
        if self.min_px > self.max_px:
            raise InputError(f"min_px = {self.min_px} is above max_px = {self.max_px}")

    def draw(self, rng: np.random.Generator) -> float:
        """Pixels."""
        return self.min_px + (self.max_px - self.min_px) * rng.random()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Change(Config):
    """A factor that both frames share, and one by which frame 2 differs from frame 1."""

    common: Factor = param(Factor(), "of both frames")
    change: Factor = param(Factor(), "of frame 2 over frame 1")

    def draw(self, rng: np.random.Generator) -> tuple[float, float]:
        """The factors of frame 1 and of frame 2."""
        common, half = self.common.draw(rng), math.sqrt(self.change.draw(rng))
        return common / half, common * half
