"""The light of a scene, and the sky that it comes from.

Colours are linear RGB; 1 is white paper in the sun.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from chairsgen.photos import noise, palette


@dataclass(frozen=True, kw_only=True)
class Light:
    """Sun or moon, sky and air.

    Attributes:
        name: Its preset in light.toml.
        towards: (3,) unit vector to the sun: right, away from the viewer, up.
        sun: (3,) colour of direct light.
        ambient: (3,) colour of light from the sky.
        zenith: (3,) colour of the sky overhead.
        horizon: (3,) colour of the sky at the horizon, which far things fade to.
        clouds: (2, 3) lit and shaded colour of clouds.
        coverage: Share of the sky under clouds, roughly, 0 to 1.
        haze: Share of contrast lost at a scene's far end, 0 to 1.
    """

    name: str
    towards: np.ndarray
    sun: np.ndarray
    ambient: np.ndarray
    zenith: np.ndarray
    horizon: np.ndarray
    clouds: np.ndarray
    coverage: float
    haze: float

    @property
    def is_night(self) -> bool:
        """Whether lamps are lit."""
        return self.name in ("dusk", "night")


def draw(rng: np.random.Generator, weights: dict[str, float]) -> Light:
    """A light of one of the presets in light.toml, chosen by weight."""
    name = palette.choose(rng, weights)
    row = palette.table("light")[name]
    elevation = np.radians(palette.between(rng, row["elevation_deg"]))
    azimuth = np.radians(palette.between(rng, row["azimuth_deg"])) * rng.choice([-1, 1])
    towards = (np.cos(elevation) * np.sin(azimuth), np.cos(elevation) * np.cos(azimuth), np.sin(elevation))
    return Light(
        name=name,
        towards=np.array(towards, np.float32),
        sun=palette.any_colour(rng, row["sun"], 0.05) * np.float32(row["sun_strength"]),
        ambient=palette.any_colour(rng, row["ambient"], 0.05) * np.float32(row["ambient_strength"]),
        zenith=palette.any_colour(rng, row["zenith"]),
        horizon=palette.any_colour(rng, row["horizon"]),
        clouds=np.stack(
            [palette.any_colour(rng, row["cloud_lit"]), palette.any_colour(rng, row["cloud_shade"])]
        ),
        coverage=palette.between(rng, row["coverage"]),
        haze=palette.between(rng, row["haze"]),
    )


def sky(rng: np.random.Generator, light: Light, shape: tuple[int, int], horizon: float) -> np.ndarray:
    """A sky with clouds down to the row `horizon`, its last colour below: (H, W, 3) float32."""
    height, width = shape
    rows = min(height, max(2, int(horizon) + 2))
    up = np.maximum(horizon - np.arange(rows, dtype=np.float32), 0)[:, None] / np.float32(height)
    fade = np.exp(-3.2 * up)[..., None]
    picture = np.repeat(light.zenith + (light.horizon - light.zenith) * fade, width, axis=1)
    if light.name == "night":
        stars = noise.white(rng, (rows, width))
        picture += (0.4 * (stars > 0.9993) * noise.white(rng, (rows, width)))[..., None]
    across = (np.arange(width, dtype=np.float32)[None, :] - width / 2) / np.float32(height)
    sun_x, sun_up = light.towards[0] * 0.8, light.towards[2] * 0.8
    if light.towards[1] > 0:
        nearness = np.exp(-3.5 * np.hypot(across - sun_x, up - sun_up))
        picture += nearness[..., None] * light.sun * 0.35
    _lay_clouds(rng, light, picture, across, up)
    below = np.broadcast_to(picture[-1:], (height - rows, width, 3))
    return np.concatenate([picture, below]).astype(np.float32)


def _lay_clouds(
    rng: np.random.Generator, light: Light, picture: np.ndarray, across: np.ndarray, up: np.ndarray
) -> None:
    field = noise.fractal(rng, 512, cells=4, gain=rng.uniform(0.48, 0.62))
    # Clouds lie on a plane overhead, and pile up as well: a look-up between a plane's and the picture's own.
    flatness = rng.uniform(0.12, 0.5)
    stretch = 1 / (up + flatness)
    x = across * stretch * np.float32(200 * flatness + 60) + 256
    y = stretch * np.float32(rng.uniform(60, 130)) + 0 * across
    density = noise.look_up(field, x, y)
    towards_sun = noise.look_up(field, x + light.towards[0] * 9, y - 7 * light.towards[2] - 3)
    cut = np.float32(1.6 - 3.2 * light.coverage)
    alpha = noise.smooth(cut, cut + rng.uniform(0.5, 1.6), density)
    shade = np.clip(0.55 + 0.5 * (density - towards_sun) - 0.14 * (density - cut), 0, 1)[..., None]
    lit, dark = light.clouds
    cloud = dark + (lit - dark) * shade
    veil = (alpha * noise.smooth(0, 0.12, up))[..., None] * np.float32(0.95)
    picture += (cloud - picture) * veil


def haze(picture: np.ndarray, light: Light, distance: np.ndarray) -> None:
    """Fade a picture (H, W, 3) in place to the horizon's colour; `distance` (H, W) is 1 at the far end."""
    density = -np.log(1 - min(light.haze, 0.98))
    share = 1 - np.exp(-np.float32(density) * distance)
    picture += (light.horizon - picture) * share[..., None]


def blend(under: np.ndarray, over: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """`over` on `under`, both broadcast to (H, W, 3), by an alpha (H, W)."""
    return under + (over - under) * alpha[..., None]


def resample(picture: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A picture looked up at float coordinates, its edge repeated beyond it."""
    return cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
