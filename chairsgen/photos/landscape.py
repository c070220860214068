"""Landscapes: fields and hedges, meadows, woods, lakes and coasts, on gently rolling land."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from chairsgen.photos import finish, light, noise, palette, scatter, sprites, terrain, water
from chairsgen.photos.light import Light
from chairsgen.photos.terrain import Seen, View

SHAPE = (768, 1024)
_MAP = 1024


@dataclass(frozen=True, kw_only=True)
class _Land:
    """A map, lengths in cells; all arrays (N, N) float32.

    Attributes:
        ground: Height of the bare ground; level: of the water, if there is any.
        woods: Where woods stand; hedges: where hedges do: 0 to 1.
        plots: Which field a cell belongs to.
    """

    ground: np.ndarray
    level: float | None
    woods: np.ndarray
    hedges: np.ndarray
    plots: np.ndarray

    def heights(self, style: dict[str, Any]) -> np.ndarray:
        """The ground with what grows and flows on it."""
        hedges, woods = style["hedge"] * self.hedges * (1 - self.woods), style["canopy"] * self.woods
        total = self.ground + hedges + woods
        return total if self.level is None else np.maximum(total, np.float32(self.level))


def paint(rng: np.random.Generator) -> np.ndarray:
    """One photograph: (768, 1024, 3) uint8 RGB."""
    data = palette.table("landscape")
    sun = light.draw(rng, data["light"])
    style = data["styles"][palette.choose(rng, data["style_weights"])]
    land = _land(rng, style)
    near = land.ground[2:30, _MAP // 2 - 20 : _MAP // 2 + 20]
    view = View(
        shape=SHAPE,
        horizon=palette.between(rng, data["horizon_px"]),
        focal=palette.between(rng, data["focal_px"]),
        eye=float(near.max()) + palette.between(rng, style["eye"]),
        far=900.0,
    )
    tufts = noise.fractal(rng, 512, cells=16, gain=0.85)
    heights = land.heights(style)
    seen = terrain.look(view, heights, tufts, palette.between(rng, style["rough_px"]), land.level)
    picture = _shade(rng, style, sun, view, seen, land, tufts)
    light.haze(picture, sun, seen.y / view.far)
    picture = np.where(seen.sky[..., None], light.sky(rng, sun, SHAPE, view.horizon), picture)
    site = scatter.Site(view=view, seen=seen, land=land.ground, light=sun, level=land.level)
    kinds = [sprites.conifer if rng.random() < style["conifers"] else sprites.broadleaf for _ in range(4)]
    leaves = palette.any_colour(rng, style["leaves"])
    scatter.trees(rng, picture, site, [kind(rng) for kind in kinds], leaves, land.woods, style["single"])
    if land.level is not None:
        water.flood(rng, picture, sun, view, seen, land.level)
    grass = palette.any_colour(rng, style["ground"])
    scatter.near(
        rng, picture, site, [sprites.grass(rng)], grass, int(palette.between(rng, style["tufts"])), (0.2, 0.5)
    )
    return finish.develop(rng, picture)


def _land(rng: np.random.Generator, style: dict[str, Any]) -> _Land:
    away = np.arange(_MAP, dtype=np.float32)[:, None]
    hills = noise.fractal(rng, _MAP, cells=4, gain=0.42)
    ground = palette.between(rng, style["hills"]) * hills * noise.smooth(-60, 250, away)
    ridge = (1 + 0.6 * np.roll(hills, 300, 1)) * noise.smooth(350, 860, away)
    ground += palette.between(rng, style["far_hills"]) * ridge
    level = None
    if rng.random() < style["water"]:
        level = float(np.quantile(ground[30:400, 350:674], palette.between(rng, style["water_share"])))
    elif rng.random() < style["sea"]:
        across = np.arange(_MAP, dtype=np.float32)[None, :] - _MAP / 2
        shore = palette.between(rng, (15.0, 90.0)) + across * rng.uniform(-0.8, 0.8) + 14 * hills
        ground, level = ground * 0.3 + 5 - 9 * noise.smooth(-40, 40, away - shore), 0.0
    patches = noise.fractal(rng, _MAP, cells=8, gain=0.5)
    woods = noise.smooth(0, 0.12, patches - style["open"]) * noise.smooth(35, 60, away)
    if level is not None:
        woods = woods * noise.smooth(level + 0.6, level + 1.4, ground)
    plots, hedges = _plots(rng, style)
    return _Land(ground=ground, level=level, woods=woods, hedges=hedges, plots=plots)


def _plots(rng: np.random.Generator, style: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Which field a cell belongs to (N, N) float32, and the hedges between fields, 0 to 1."""
    size = _MAP // 2
    seeds = np.ones((size, size), np.uint8)
    num = int(palette.between(rng, style["plots"]))
    seeds[rng.integers(0, size, num), rng.integers(0, size, num)] = 0
    _, labels = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L1, 5, labelType=cv2.DIST_LABEL_PIXEL)
    labels = labels.astype(np.float32)
    border = cv2.morphologyEx(labels, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8)) > 0
    hedges = cv2.resize(cv2.GaussianBlur(border.astype(np.float32), (0, 0), 0.6), (_MAP, _MAP))
    return cv2.resize(labels, (_MAP, _MAP), interpolation=cv2.INTER_NEAREST), np.minimum(2 * hedges, 1)


def _shade(
    rng: np.random.Generator,
    style: dict[str, Any],
    sun: Light,
    view: View,
    seen: Seen,
    land: _Land,
    tufts: np.ndarray,
) -> np.ndarray:
    """The land in its light: (H, W, 3)."""
    east = seen.x + _MAP // 2
    slope_x, slope_y, sunlit, openness = cv2.split(
        noise.look_up(terrain.surface(land.heights(style), sun), east, seen.y)
    )
    fine_x, fine_y, grain = terrain.relief(tufts, view, seen)
    bump = np.float32(palette.between(rng, style["bump"]))
    cosine = terrain.lit(sun, slope_x + bump * fine_x, slope_y + bump * fine_y)
    patches = noise.look_up(noise.fractal(rng, 512, cells=8, gain=0.6), seen.x * 2, seen.y * 2)

    albedo = _crops(rng, style, view, seen, land.plots, grain, patches)
    if rng.random() < style["path"]:
        swing = np.sin(seen.y / rng.uniform(14, 40) + rng.uniform(0, 6))
        aside = np.abs(seen.x - rng.uniform(-4, 4) - rng.uniform(3, 10) * swing + 0.25 * grain)
        earth = palette.any_colour(rng, style["earth"]) * (1 + 0.2 * grain)[..., None]
        verge = noise.smooth(2.2, 1.7, aside) * (1 - 0.6 * noise.smooth(0.5, 0.2, aside))
        albedo = light.blend(albedo, earth, verge)
    leaves = palette.any_colour(rng, style["leaves"]) * (1 + 0.5 * grain)[..., None]
    green = np.minimum(land.woods + land.hedges * np.float32(style["hedge"] / 2), 1)
    albedo = light.blend(albedo, leaves, noise.look_up(green, east, seen.y))
    if land.level is not None:
        sand = palette.any_colour(rng, style["earth"]) * (1 + 0.16 * grain + 0.1 * patches)[..., None]
        beach = noise.smooth(land.level + 1.8, land.level + 0.9, seen.z + 0.2 * patches)
        albedo = light.blend(albedo, sand, beach)
    direct = (cosine * sunlit)[..., None] * sun.sun
    return albedo * (direct + (openness * (0.85 + 0.1 * grain))[..., None] * sun.ambient)


def _crops(
    rng: np.random.Generator,
    style: dict[str, Any],
    view: View,
    seen: Seen,
    plots: np.ndarray,
    grain: np.ndarray,
    patches: np.ndarray,
) -> np.ndarray:
    """Colour of the ground: each field its own, with its own furrows, which fade where they get too fine."""
    row, column = (np.mod(v, _MAP).astype(np.int32) for v in (seen.y, seen.x + _MAP // 2))
    field = plots[row, column].astype(np.int32)
    num = int(plots.max()) + 1
    crop = np.stack([palette.any_colour(rng, style["ground"], 0.14) for _ in range(num)])
    angle = rng.uniform(0, np.pi, num).astype(np.float32)
    spacing = rng.uniform(style["row"][0], style["row"][1], num).astype(np.float32)
    depth = ((rng.random(num) < style["rows"]) * rng.uniform(0.1, 0.35, num)).astype(np.float32)
    east, north = (turn(angle) * 2 * np.pi / spacing for turn in (np.cos, np.sin))
    wave = np.sin(seen.x * east[field] + seen.y * north[field] + 0.5 * grain)
    blur = seen.y * seen.y / (view.focal * 6) / spacing[field]
    furrows = wave * depth[field] * noise.smooth(0.7, 0.2, blur)
    return crop[field] * (1 + furrows + 0.26 * grain + 0.16 * patches)[..., None]
