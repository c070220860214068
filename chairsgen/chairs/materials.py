"""Procedural surfaces: wood, metal, leather, cloth and the rest as tileable textures.

What is drawn comes from `assets/materials.toml`: for each material the painter that makes it, the size
of its tile in metres, ranges of roughness, and palettes to choose from.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from trimesh.visual.material import PBRMaterial

from chairsgen.assets import asset_path

Pixels = NDArray[np.floating[Any]]
Painter = Callable[[Pixels, np.random.Generator], Pixels]

SIZE = 256
# sRGB values of albedo 0.04 and 0.8: real surfaces lie between, and nothing clips under strong light.
DARKEST, LIGHTEST = 0.22, 0.905


@dataclass(frozen=True, kw_only=True, eq=False)
class Finish:
    """A drawn material; its texture is painted only when a part of the chair wears it.

    Attributes:
        name: of the material in `assets/materials.toml`.
        seed: of the random draws behind its texture.
        tile: side of the square that one repeat of the texture covers, metres.
        grained: whether each part shows another stretch of it, as boards do; cloth runs through.
    """

    name: str
    seed: int
    tile: float
    grained: bool

    def paint(self) -> PBRMaterial:
        """The material with its tileable texture."""
        entry = _catalogue()[self.name]
        rng = np.random.default_rng(self.seed)
        palette = entry["palettes"][rng.integers(len(entry["palettes"]))]
        colours = np.stack([_tint(colour, rng) for colour in palette])
        painted = PAINTERS[entry["painter"]](colours, rng)
        return PBRMaterial(
            name=self.name,
            baseColorTexture=Image.fromarray(
                np.round(255 * np.clip(painted, DARKEST, LIGHTEST)).astype(np.uint8)
            ),
            roughnessFactor=float(rng.uniform(*entry["roughness"])),
            metallicFactor=float(entry.get("metallic", 0.0)),
        )


@functools.cache
def _catalogue() -> dict[str, dict[str, Any]]:
    return tomllib.loads(asset_path("materials.toml").read_text(encoding="utf-8"))


def choose(name: str, rng: np.random.Generator) -> Finish:
    """Draws one finish of the material `name` in `assets/materials.toml`."""
    entry = _catalogue()[name]
    seed, tile = int(rng.integers(2**32)), float(rng.uniform(*entry["tile"]))
    return Finish(name=name, seed=seed, tile=tile, grained=entry.get("grained", False))


def _tint(colour: str, rng: np.random.Generator) -> Pixels:
    """A "#rrggbb" colour, moved a little, so that two chairs of one palette differ."""
    rgb: Pixels = np.array([[[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]]], dtype=np.float32)
    hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)[0, 0]
    hsv = hsv * np.array([1, *rng.uniform(0.9, 1.1, 2)]) + np.array([rng.uniform(-6, 6), 0, 0])
    hsv = np.array([[[hsv[0] % 360, min(hsv[1], 1), min(hsv[2], 1)]]], dtype=np.float32)
    rgb = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0]
    return rgb


def _noise(rng: np.random.Generator, blur_u: float, blur_v: float) -> Pixels:
    """Periodic noise of unit variance, smoothed by Gaussians of these widths in pixels."""
    fu, fv = np.fft.rfftfreq(SIZE)[None, :], np.fft.fftfreq(SIZE)[:, None]
    keep: Pixels = np.exp(-2 * np.pi**2 * ((blur_u * fu) ** 2 + (blur_v * fv) ** 2))
    keep[0, 0] = 0
    smooth: Pixels = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((SIZE, SIZE))) * keep, s=(SIZE, SIZE))
    scaled: Pixels = (smooth / smooth.std()).astype(np.float32)
    return scaled


def _axes() -> tuple[Pixels, Pixels]:
    t = (np.arange(SIZE) / SIZE).astype(np.float32)
    return t[None, :], t[:, None]


def _blend(a: Pixels, b: Pixels, amount: Pixels) -> Pixels:
    return a + np.clip(amount, 0, 1).astype(np.float32)[..., None] * (b - a)


def _fill(colour: Pixels) -> Pixels:
    return np.broadcast_to(colour, (SIZE, SIZE, 3)).astype(np.float32)


def _threads(pitch: int) -> Pixels:
    """Relief of a plain weave, 0.8 to 1: threads `pitch` pixels wide going over and under."""
    i = np.arange(SIZE) // pitch
    over = (i[:, None] + i[None, :]) % 2 == 0
    hump = np.sin(np.pi * ((np.arange(SIZE) % pitch) + 0.5) / pitch)
    relief = np.where(over, hump[None, :], hump[:, None]) * np.where(over, 1.0, 0.9)
    return (0.78 + 0.22 * relief).astype(np.float32)


def _cloth(image: Pixels, rng: np.random.Generator) -> Pixels:
    """Gives a printed or woven pattern threads and uneven dye."""
    relief = _threads(int(rng.choice([2, 4]))) * (
        1 + 0.05 * _noise(rng, 1.0, 1.0) + 0.03 * _noise(rng, 12.0, 12.0)
    )
    return image * relief[..., None]


def _wood(colours: Pixels, rng: np.random.Generator) -> Pixels:
    u, _ = _axes()
    drift = 0.10 * _noise(rng, 14.0, 60.0) + 0.012 * _noise(rng, 2.0, 30.0)
    rings = (u * rng.integers(5, 11) * 1.0 + rng.uniform(4, 8) * drift) % 1.0
    late = rings ** rng.uniform(1.5, 3.0) * np.clip((1 - rings) * 8, 0, 1)
    fibre = _noise(rng, 0.7, 18.0)
    pores = np.clip(_noise(rng, 0.5, 5.0) - 1.6, 0, 1)
    amount = 0.15 + 0.75 * late + 0.10 * fibre + 0.10 * _noise(rng, 25.0, 60.0) + 0.35 * pores
    return _blend(_fill(colours[0]), colours[1], amount)


def _paint(colours: Pixels, rng: np.random.Generator) -> Pixels:
    shade = 1 + 0.02 * _noise(rng, 0.8, 14.0) + 0.03 * _noise(rng, 20.0, 40.0)
    coat = _fill(colours[0]) * shade[..., None]
    worn = (_noise(rng, 2.0, 9.0) + 0.6 * _noise(rng, 0.7, 3.0)) / 1.17 - rng.uniform(1.9, 3.2)
    return _blend(coat, colours[1] * shade[..., None], 6 * worn)


def _metal(colours: Pixels, rng: np.random.Generator) -> Pixels:
    shade = 1 + 0.05 * _noise(rng, 0.5, 12.0) + 0.04 * _noise(rng, 10.0, 50.0)
    return _fill(colours[0]) * shade[..., None]


def _plastic(colours: Pixels, rng: np.random.Generator) -> Pixels:
    specks = np.clip(_noise(rng, 1.0, 1.0) - 2.2, 0, 1) * rng.choice([0.0, 1.0, 3.0])
    shade = 1 + 0.015 * _noise(rng, 0.6, 0.6) + 0.02 * _noise(rng, 30.0, 30.0)
    return _blend(_fill(colours[0]) * shade[..., None], colours[-1], specks)


def _leather(colours: Pixels, rng: np.random.Generator) -> Pixels:
    patina = 0.30 + 0.16 * _noise(rng, 18.0, 18.0) + 0.08 * _noise(rng, 4.0, 4.0)
    creases = np.exp(-np.abs(_noise(rng, 3.5, 3.5)) * 14) * np.clip(0.4 + 0.5 * _noise(rng, 20.0, 20.0), 0, 1)
    grain = 0.10 * _noise(rng, 0.8, 0.8)
    return _blend(_fill(colours[0]), colours[1], patina + 0.5 * creases + grain)


def _melange(colours: Pixels, rng: np.random.Generator) -> Pixels:
    yarn = 0.45 + 0.30 * np.where(rng.random() < 0.5, _noise(rng, 0.6, 4.0), _noise(rng, 4.0, 0.6))
    amount = yarn + 0.25 * _noise(rng, 1.5, 1.5)
    return _cloth(_blend(_fill(colours[0]), colours[1], amount), rng)


def _velvet(colours: Pixels, rng: np.random.Generator) -> Pixels:
    nap = 0.4 + 0.22 * _noise(rng, 16.0, 24.0) + 0.12 * _noise(rng, 3.0, 5.0) + 0.06 * _noise(rng, 0.6, 0.6)
    return _blend(_fill(colours[0]), colours[1], nap)


def _bands(count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """The colour index of each of SIZE threads, in repeats of bands of uneven width."""
    repeats = int(rng.choice([1, 2, 2, 4]))
    steps = int(rng.integers(3, 7))
    edges = np.cumsum(rng.dirichlet(np.full(steps, 3.0)))[:-1]
    order = np.arange(steps) % count if rng.random() < 0.7 else rng.integers(0, count, steps)
    place = (np.arange(SIZE) + 0.5) * repeats / SIZE % 1.0
    return order[np.searchsorted(edges, place)]


def _stripes(colours: Pixels, rng: np.random.Generator) -> Pixels:
    row = colours[_bands(len(colours), rng)]
    image = np.broadcast_to(row, (SIZE, SIZE, 3))
    return _cloth(image.swapaxes(0, 1) if rng.random() < 0.25 else image, rng)


def _checks(colours: Pixels, rng: np.random.Generator) -> Pixels:
    bands = _bands(len(colours), rng)
    return _cloth(0.5 * (colours[bands][None] + colours[bands][:, None]), rng)


def _chequer(colours: Pixels, rng: np.random.Generator) -> Pixels:
    u, v = _axes()
    count = int(rng.choice([4, 6, 8]))
    squares = (np.floor(u * count) + np.floor(v * count)) % 2
    return _cloth(_blend(_fill(colours[0]), colours[1], squares), rng)


def _dots(colours: Pixels, rng: np.random.Generator) -> Pixels:
    u, v = _axes()
    count = int(rng.choice([3, 4, 6]))
    radius = rng.uniform(0.2, 0.36)
    image = _fill(colours[0])
    for k, shift in enumerate((0.0, 0.5)):
        far = np.hypot((u * count + shift) % 1 - 0.5, (v * count + shift) % 1 - 0.5)
        size = radius if k == 0 else radius * rng.uniform(0.5, 1)
        image = _blend(image, colours[1 + k % (len(colours) - 1)], (size - far) * SIZE / count)
    return _cloth(image, rng)


def _zigzag(colours: Pixels, rng: np.random.Generator) -> Pixels:
    u, v = _axes()
    teeth, rows = int(rng.choice([2, 4, 6])), int(rng.choice([2, 3, 4]))
    place = v * rows + rng.uniform(0.3, 0.8) * np.abs((u * teeth) % 1 - 0.5)
    index = np.floor(place * len(colours)).astype(int) % len(colours)
    return _cloth(colours[index], rng)


def _print(colours: Pixels, rng: np.random.Generator) -> Pixels:
    size = rng.uniform(5, 12)
    image = _fill(colours[0])
    for colour in colours[1:]:
        blot = _noise(rng, size, size * rng.uniform(0.6, 2.0))
        image = _blend(image, colour, 8 * (np.abs(blot) - rng.uniform(0.7, 1.1)))
    return _cloth(image, rng)


def _rush(colours: Pixels, rng: np.random.Generator) -> Pixels:
    pitch = int(rng.choice([8, 16]))
    cord = np.sin(np.pi * (np.arange(SIZE) % pitch + 0.5) / pitch).astype(np.float32)
    tone = np.repeat(rng.random((1, SIZE // pitch)), pitch, axis=1).astype(np.float32)
    image = _blend(_fill(colours[0]), colours[1], 0.7 * tone + 0.2 * _noise(rng, 0.8, 10.0))
    twist = 1 - 0.12 * (np.sin(2 * np.pi * (np.arange(SIZE)[:, None] / 16 + np.arange(SIZE) / pitch)) > 0.5)
    return image * ((0.5 + 0.5 * cord) * twist).astype(np.float32)[..., None]


def _basket(colours: Pixels, rng: np.random.Generator) -> Pixels:
    relief = _threads(16) * 2.2 - 1.2
    tone = np.kron(rng.random((16, 16)), np.ones((16, 16))).astype(np.float32)
    return (
        _blend(_fill(colours[0]), colours[1], 0.6 * tone + 0.15 * _noise(rng, 1.0, 1.0)) * relief[..., None]
    )


PAINTERS: dict[str, Painter] = {
    "wood": _wood,
    "paint": _paint,
    "metal": _metal,
    "plastic": _plastic,
    "leather": _leather,
    "melange": _melange,
    "velvet": _velvet,
    "stripes": _stripes,
    "checks": _checks,
    "chequer": _chequer,
    "dots": _dots,
    "zigzag": _zigzag,
    "print": _print,
    "rush": _rush,
    "basket": _basket,
}
