"""Mountains: peaks over valleys, meadows, forests, lakes and snow, rendered from a height field."""

from typing import Any

import cv2
import numpy as np

from chairsgen.photos import finish, light, noise, palette, scatter, sprites, terrain, water
from chairsgen.photos.light import Light
from chairsgen.photos.terrain import Seen, View

SHAPE = (768, 1024)
_MAP = 1024


def paint(rng: np.random.Generator) -> np.ndarray:
    """One photograph: (768, 1024, 3) uint8 RGB."""
    data = palette.table("mountain")
    sun = light.draw(rng, data["light"])
    style = data["styles"][palette.choose(rng, data["style_weights"])]
    heights, lake = _heights(rng, style)
    near = heights[2:40, _MAP // 2 - 30 : _MAP // 2 + 30]
    view = View(
        shape=SHAPE,
        horizon=palette.between(rng, data["horizon_px"]),
        focal=palette.between(rng, data["focal_px"]),
        eye=float(near.max()) + palette.between(rng, style["eye"]),
        far=900.0,
    )
    crags = noise.fractal(rng, 512, cells=8, gain=0.78, ridged=True)
    seen = terrain.look(view, heights, crags, palette.between(rng, style["rough_px"]), lake)
    picture = _shade(rng, style, sun, view, heights, crags, seen)
    light.haze(picture, sun, (seen.y / view.far) ** 1.3)
    picture = np.where(seen.sky[..., None], light.sky(rng, sun, SHAPE, view.horizon), picture)
    site = scatter.Site(view=view, seen=seen, land=heights, light=sun, level=lake)
    firs = [sprites.conifer(rng) for _ in range(3)]
    needles, share = palette.any_colour(rng, style["wood"]), rng.uniform(0, style["trees"])
    scatter.trees(rng, picture, site, firs, needles, np.zeros((1, 1), np.float32), share)
    if lake is not None:
        water.flood(rng, picture, sun, view, seen, lake)
    boulders = [sprites.boulder(rng) for _ in range(3)]
    num = int(palette.between(rng, style["boulders"]))
    scatter.near(rng, picture, site, boulders, palette.any_colour(rng, style["rock"]), num, (0.15, 1.6))
    return finish.develop(rng, picture)


def _heights(rng: np.random.Generator, style: dict[str, Any]) -> tuple[np.ndarray, float | None]:
    """A map (N, N) in cells that rises with distance, and the level of its lake, if it has one."""
    ridges = noise.fractal(
        rng, _MAP, cells=int(rng.choice([2, 4])), gain=palette.between(rng, style["gain"]), ridged=True
    )
    away = np.arange(_MAP, dtype=np.float32)[:, None]
    across = np.abs(np.arange(_MAP, dtype=np.float32)[None, :] - _MAP / 2)
    rise = noise.smooth(style["rise"][0], style["rise"][1], away)
    valley = 1 - palette.between(rng, style["valley"]) * np.exp(-((across / (30 + 0.25 * away)) ** 2))
    tall = palette.between(rng, style["tall"])
    heights = (6 + (tall * rise * valley)) * (0.45 + 0.3 * ridges) + 12 * noise.smooth(80, 0, away)
    heights = heights.astype(np.float32)
    if rng.random() >= style["lake"]:
        return heights, None
    level = float(np.quantile(heights[40:350, 400:624], rng.uniform(0.3, 0.7)))
    return np.maximum(heights, level), level


def _shade(
    rng: np.random.Generator,
    style: dict[str, Any],
    sun: Light,
    view: View,
    heights: np.ndarray,
    crags: np.ndarray,
    seen: Seen,
) -> np.ndarray:
    """The land in its light, (H, W, 3): rock and scree, grass, woods and snow, by height and slope."""
    slope_x, slope_y, sunlit, openness = cv2.split(
        noise.look_up(terrain.surface(heights, sun), seen.x + _MAP // 2, seen.y)
    )
    fine_x, fine_y, grain = terrain.relief(crags, view, seen)
    steep = np.hypot(slope_x, slope_y)
    bump = np.float32(palette.between(rng, style["bump"])) * (0.5 + np.minimum(steep, 1))
    cosine = terrain.lit(sun, slope_x + bump * fine_x, slope_y + bump * fine_y)

    patches = noise.look_up(noise.fractal(rng, 512, cells=8, gain=0.6), seen.x * 2, seen.y * 2)
    strata = np.sin((seen.z + 3 * patches) * np.float32(rng.uniform(0.25, 0.8)))
    height = seen.z / style["tall"][1] + 0.05 * patches + 0.02 * grain
    soil = noise.smooth(0.9, 0.5, steep + 0.06 * grain)
    green = soil * noise.smooth(style["grass_to"] + 0.06, style["grass_to"] - 0.06, height)
    trees = noise.smooth(0, 0.4, patches + style["wooded"] + 0.3 * grain) * noise.smooth(1.3, 0.9, steep)
    trees *= noise.smooth(style["wood_to"] + 0.04, style["wood_to"] - 0.04, height)
    white = noise.smooth(style["snow_from"] - 0.05, style["snow_from"] + 0.05, height)
    white *= noise.smooth(1.9, 1.1, steep + 0.2 * grain)
    albedo = terrain.mixed(
        [palette.any_colour(rng, style[name]) for name in ("rock", "scree", "grass", "wood", "snow")],
        [
            1 + np.float32(palette.between(rng, style["strata"])) * strata + 0.18 * grain,
            1 + 0.2 * grain,
            1 + 0.27 * grain + 0.2 * patches,
            1 + 0.5 * grain,
            1 + 0.04 * grain,
        ],
        [noise.smooth(1.0, 0.6, steep + 0.1 * patches), green, trees, white],
    )
    shaded = (cosine * sunlit)[..., None] * sun.sun + (openness * (0.85 + 0.15 * grain))[
        ..., None
    ] * sun.ambient
    return albedo * shaded
