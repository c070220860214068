"""The embedded data of the scenes: colours and ranges, from assets/photos/*.toml."""

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from chairsgen.assets import asset_path


@cache
def table(name: str) -> dict[str, Any]:
    """The parsed file assets/photos/NAME.toml, its numbers as floats; shared, not to be changed."""
    with asset_path("photos", f"{name}.toml").open("rb") as file:
        return {key: _floats(value) for key, value in tomllib.load(file).items()}


@cache
def colour(code: str) -> np.ndarray:
    """The linear light of an sRGB colour such as "#7f8c5a": (3,) float32 in [0, 1]."""
    srgb = np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)], np.float32) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4).astype(np.float32)


def any_colour(rng: np.random.Generator, codes: Sequence[str], spread: float = 0.12) -> np.ndarray:
    """One of the colours, its channels varied by up to about `spread`: (3,) float32, linear."""
    vary = np.exp(spread * (rng.standard_normal() + 0.35 * rng.standard_normal(3)))
    return (colour(codes[int(rng.integers(len(codes)))]) * vary).astype(np.float32)


def between(rng: np.random.Generator, limits: Sequence[float]) -> float:
    """A uniform draw between two limits."""
    return float(rng.uniform(limits[0], limits[1]))


def choose(rng: np.random.Generator, weights: Mapping[str, float]) -> str:
    """One of the keys, with a probability in proportion to its weight."""
    total = np.cumsum(list(weights.values()))
    return list(weights)[int(np.searchsorted(total, rng.random() * total[-1], side="right"))]


def _floats(value: Any) -> Any:
    match value:
        case dict():
            return {key: _floats(inner) for key, inner in value.items()}
        case list():
            return [_floats(inner) for inner in value]
        case int():
            return float(value)
        case _:
            return value
