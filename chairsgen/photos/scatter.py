"""Trees, tufts and boulders set on the land."""

from dataclasses import dataclass

import numpy as np

from chairsgen.photos import sprites
from chairsgen.photos.light import Light
from chairsgen.photos.terrain import Seen, View


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where things are set.

    Attributes:
        view: The camera.
        seen: What its pixels show.
        land: (N, N) heights of the bare ground, cells.
        light: The light.
        level: Height of the water, cells, if there is any.
    """

    view: View
    seen: Seen
    land: np.ndarray
    light: Light
    level: float | None

    def sample(self, field: np.ndarray, x: float, y: float) -> float:
        """A map's value at a position in cells."""
        size = len(field)
        return float(field[int(y) % size, int(x + size // 2) % size])

    def foot(self, x: float, y: float) -> tuple[float, float] | None:
        """The pixel (x, y) that shows the ground at a position in cells; None where it is under water."""
        ground = self.sample(self.land, x, y)
        if self.level is not None and ground < self.level + 0.5:
            return None
        view = self.view
        return view.shape[1] / 2 + view.focal * x / y, view.horizon + view.focal * (view.eye - ground) / y


def trees(
    rng: np.random.Generator,
    picture: np.ndarray,
    site: Site,
    kinds: list[np.ndarray],
    leaves: np.ndarray,
    woods: np.ndarray,
    single: float,
) -> None:
    """Trees where `woods`, an (N, N) map, is positive, elsewhere with probability `single`, in place."""
    view, light = site.view, site.light
    # Against the sun one sees the shaded side.
    glow = leaves * (light.ambient + light.sun * (0.42 - 0.28 * light.towards[1]))
    num = 500
    spots = np.exp(rng.uniform(np.log(22), np.log(420), num))
    for y, across in sorted(zip(spots, rng.uniform(-0.55, 0.55, num), strict=True), reverse=True):
        x = across * y * view.shape[1] / view.focal
        if rng.random() > (0.95 if site.sample(woods, x, y) > 0.02 else single):
            continue
        foot = site.foot(x, y)
        if foot is None:
            continue
        fade = (light.horizon, 1 - (1 - light.haze) ** (y / view.far))
        tint = glow * np.float32(rng.uniform(0.75, 1.3))
        tall = rng.uniform(4, 8) * view.focal / y
        sprite = kinds[rng.integers(len(kinds))]
        sprites.place(picture, sprite, (foot[0], foot[1] + 2), tall, tint, fade, site.seen.y < 0.93 * y)


def near(
    rng: np.random.Generator,
    picture: np.ndarray,
    site: Site,
    kinds: list[np.ndarray],
    colour: np.ndarray,
    num: int,
    tall: tuple[float, float],
) -> None:
    """`num` small things close to the camera, `tall` cells high, far ones first, in place."""
    view, light = site.view, site.light
    glow = colour * (light.ambient + light.sun * (0.45 - 0.25 * light.towards[1]))
    for y in np.sort(rng.uniform(1.5, 4.5, num) ** 2)[::-1]:
        x = rng.uniform(-0.55, 0.55) * y * view.shape[1] / view.focal
        foot = site.foot(x, y)
        if foot is not None:
            tint = glow * np.float32(rng.uniform(0.7, 1.35))
            size = rng.uniform(*tall) * view.focal / y
            sprite = kinds[rng.integers(len(kinds))]
            sprites.place(picture, sprite, foot, size, tint, (light.horizon, 0.0), site.seen.y < 0.8 * y)
