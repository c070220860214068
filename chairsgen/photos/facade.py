"""Walls with windows, painted at whatever scale they are seen."""

from dataclasses import dataclass, replace
from typing import Any, no_type_check

import cv2
import numpy as np
from numba import njit

from chairsgen.photos import noise, palette
from chairsgen.photos.light import Light

_INSIDE = np.array([0.03, 0.035, 0.04], np.float32)
_WARM = np.array([1.0, 0.72, 0.38], np.float32)
_COOL = np.array([0.85, 0.82, 0.78], np.float32)


@dataclass(frozen=True, kw_only=True, eq=False)
class Facade:
    """The look that all walls of a building share. Lengths in metres; shares are of a window's cell.

    Attributes:
        wall: (3,) colour of the wall; trim: of frames, sills and ledges; blind: of curtains.
        cell: Width of a window's cell, and the height of a floor.
        window: Half width and half height of the glass, shares of the cell.
        bars: Number of panes across and down.
        ledge: Strength of the ledge between floors, 0 to 1.
        bricks: Contrast of the masonry.
        balcony: Whether floors have railings.
        shop: Whether the ground floor is a shop.
        lit: Share of windows with a lamp on.
        mirror: How strongly the glass shows the sky.
        uneven: How much that differs from window to window.
    """

    wall: np.ndarray
    trim: np.ndarray
    blind: np.ndarray
    cell: tuple[float, float]
    window: tuple[float, float]
    bars: tuple[int, int]
    ledge: float
    bricks: float
    balcony: bool
    shop: bool
    lit: float
    mirror: float
    uneven: float


def draw(rng: np.random.Generator, style: dict[str, Any], light: Light) -> Facade:
    """A facade of a style of city.toml."""
    return Facade(
        wall=palette.any_colour(rng, style["wall"], 0.15),
        trim=palette.any_colour(rng, style["trim"]),
        blind=palette.any_colour(rng, style["blind"], 0.2),
        cell=(palette.between(rng, style["cell_m"]), palette.between(rng, style["floor_m"])),
        window=(palette.between(rng, style["half_width"]), palette.between(rng, style["half_height"])),
        bars=(int(rng.uniform(1, style["panes"] + 1)), int(rng.uniform(1, style["panes"] + 1))),
        ledge=palette.between(rng, style["ledge"]),
        bricks=palette.between(rng, style["bricks"]),
        balcony=bool(rng.random() < style["balcony"]),
        shop=bool(rng.random() < style["shop"]),
        lit=palette.between(rng, (0.25, 0.7)) if light.is_night else palette.between(rng, (0.0, 0.06)),
        mirror=palette.between(rng, style["mirror"]),
        uneven=style["uneven"],
    )


def roofed(rng: np.random.Generator, look: Facade, tiles: list[str]) -> Facade:
    """The look of the roof over such walls: tiles, with dormers in place of windows."""
    return replace(
        look,
        wall=palette.any_colour(rng, tiles),
        cell=(look.cell[0] * 1.4, 3.0),
        window=(0.13, 0.26),
        bricks=0.35,
        ledge=0.3,
        balcony=False,
        shop=False,
    )


def paint(
    rng: np.random.Generator,
    look: Facade,
    light: Light,
    size: tuple[float, float],
    scale: tuple[float, float],
    shine: float,
    grime: np.ndarray,
) -> np.ndarray:
    """A wall.

    Args:
        size: Its width and height, metres.
        scale: Pixels per metre, across and down.
        shine: Share of the sunlight that it gets, 0 to 1.
        grime: (M, M) periodic noise for stains.

    Returns:
        (height * scale[1], width * scale[0], 3) float32, linear, its first row the top.
    """
    columns, rows = max(2, round(size[0] * scale[0])), max(2, round(size[1] * scale[1]))
    # Cells fit a whole number of times, and stay wide enough in pixels to be seen.
    num_x = max(1, round(min(size[0] / look.cell[0], columns / 5)))
    num_y = max(1, round(min(size[1] / look.cell[1], rows / 5)))
    half_x, half_y = look.window
    across = _profile(columns, num_x, half_x, look.bars[0], shadow=0.03)
    down = _profile(rows, num_y, half_y, look.bars[1], shadow=0.04)
    sky, bright, drapes, lamps = noise.white(rng, (4, num_y, num_x))
    mirror = look.mirror * (1 - look.uneven * bright)
    lamp = (lamps < look.lit) * (0.35 + 0.65 * bright) * np.float32(0.62)
    drawn = 2 * half_y * (drapes * 1.5 - 0.5) - half_y
    windows = np.dstack(
        [mirror * sky, mirror * (1 - sky), 0.5 + drapes, lamp * (1 - drapes**3), lamp * drapes**3, drawn]
    )
    illumination = light.ambient * 0.8 + light.sun * np.float32(0.75 * shine)
    colours = np.stack(
        [
            look.wall * illumination,
            look.trim * illumination,
            light.zenith,
            light.horizon,
            _INSIDE * light.ambient,
            look.blind * illumination,
            _WARM,
            _COOL,
        ]
    )
    picture = _texels(
        across,
        down,
        np.ascontiguousarray(windows, np.float32),
        colours.astype(np.float32),
        _masonry(rng, look, rows, columns, scale, grime),
        np.float32(look.ledge * 0.45),
        np.float32(0.75 * look.balcony),
    )
    if look.shop:
        _shop(rng, look, light, picture, min(rows, int(4 * scale[1])), scale[0], illumination)
    return picture


# What numba compiles must not be wrapped in the checks of the test run.
@njit(cache=True)
@no_type_check
def _texels(across, down, windows, colours, stone, ledge, railing):
    """The wall, texel by texel: a mixture of the eight `colours` (8, 3)."""
    rows, columns = stone.shape
    picture = np.empty((rows, columns, 3), np.float32)
    weight = np.empty(8, np.float32)
    for r in range(rows):
        j, v, frame_y, glass_y, shadow_y = down[r]
        edge = 1 - ledge if abs(v) > 0.46 else 1.0
        on_rail = railing if abs(v - 0.33) < 0.13 else 0.0
        for c in range(columns):
            i, u, frame_x, glass_x, shadow_x = across[c]
            window = windows[int(j), int(i)]
            frame, glass = frame_x * frame_y, glass_x * glass_y
            # Under the lintel and beside the jamb the reveal is in shade.
            reveal = (1 - 0.25 * frame * (1 - shadow_x * shadow_y)) * (1 - glass)
            rail = on_rail * (1.0 if (u * 9) % 1 < 0.5 else 0.35)
            cloth = 0.85 if v < window[5] else 0.0
            ripple = 0.75 + 0.25 * (abs((1.4 * u + v + 2.7 * window[0]) % 1 * 4 - 2) - 1)
            pane = glass * (1 - rail)
            weight[0] = stone[r, c] * edge * reveal * (1 - 0.85 * frame) * (1 - rail)
            weight[1] = reveal * 0.85 * frame * (1 - rail) + 0.5 * rail
            weight[2] = pane * (1 - cloth) * ripple * window[0]
            weight[3] = pane * (1 - cloth) * ripple * window[1]
            weight[4] = pane * (1 - cloth) * window[2]
            weight[5] = pane * cloth * 0.75
            weight[6] = pane * (1 - 0.5 * cloth) * window[3]
            weight[7] = pane * (1 - 0.5 * cloth) * window[4]
            for k in range(3):
                total = np.float32(0)
                for n in range(8):
                    total += weight[n] * colours[n, k]
                picture[r, c, k] = total
    return picture


def _profile(pixels: int, cells: int, half: float, panes: int, shadow: float) -> np.ndarray:
    """Along one axis of a wall: (pixels, 5) of cell, place in it, and coverage by frame, glass and light."""
    size = pixels / cells
    x = np.arange(pixels, dtype=np.float32) + 0.5
    cell = np.clip(np.floor(x / size), 0, cells - 1)
    t = x / size - cell - 0.5
    glass = _box(t, half, size) * _panes(t, half, panes, size)
    return np.stack(
        [cell, t, _box(t, half + 0.05, size), glass, _box(t - shadow, half, size)], axis=1
    ).astype(np.float32)


@njit(cache=True)
@no_type_check
def _courses(grime, streaks, corner, brick, contrast):
    """Brightness of masonry; `brick` is the width and height of one, texels."""
    edge = len(grime)
    rows, columns = streaks.shape
    bright = np.empty((rows, columns), np.float32)
    for r in range(rows):
        y = r / brick[1]
        row = int(y)
        for c in range(columns):
            value = (
                1
                + 0.09 * grime[(corner[0] + r) % edge, (corner[1] + c) % edge]
                + 0.12 * (streaks[r, c] - 0.5)
            )
            if contrast > 0:
                x = c / brick[0] + 0.5 * (row % 2)
                joint = 0.5 if y - row < 0.16 or x % 1 < 0.08 else 0.0
                value += contrast * (0.3 * grime[row * 7 % edge, int(x) * 13 % edge] - joint)
            bright[r, c] = value
    return bright


def _masonry(
    rng: np.random.Generator,
    look: Facade,
    rows: int,
    columns: int,
    scale: tuple[float, float],
    grime: np.ndarray,
) -> np.ndarray:
    """Brightness of a wall about 1: stains, streaks from rain, courses of brick where they can be seen."""
    top, left = (int(v) for v in rng.integers(0, len(grime), 2))
    streaks = cv2.resize(noise.white(rng, (max(2, rows // 40 + 2), columns)), (columns, rows))
    course = 0.24 * scale[1]
    contrast = look.bricks if course > 2.2 else 0.0
    return _courses(grime, streaks, (top, left), (0.53 * scale[0], course), contrast)


def _shop(
    rng: np.random.Generator,
    look: Facade,
    light: Light,
    picture: np.ndarray,
    tall: int,
    scale: float,
    illumination: np.ndarray,
) -> None:
    """A shop window, an awning or a sign over the lowest `tall` rows, in place."""
    rows, columns = picture.shape[:2]
    if tall < 6:
        return
    front = picture[rows - tall :]
    shelves = noise.white(rng, (14, max(3, int(columns / scale * 5)), 1))
    goods = shelves**2 * (0.5 + noise.white(rng, (*shelves.shape[:2], 3)))
    goods = cv2.resize(goods, (columns, tall), interpolation=cv2.INTER_LINEAR)
    inner = (0.04 + 0.4 * goods) * illumination * np.float32(0.5)
    if light.is_night:
        inner = inner + np.array([0.8, 0.62, 0.4], np.float32) * (0.1 + goods)
    front[:] = inner
    for x in np.arange(0, columns, max(4, int(rng.uniform(1.2, 3) * scale))):
        front[:, x : x + max(1, int(0.15 * scale))] = look.trim * illumination * 0.7
    band = front[: max(2, int(tall * 0.22))]
    hue = palette.any_colour(rng, palette.table("city")["paint"])
    band[:] = hue * illumination * (0.9 if not light.is_night else 2.0)
    letters = noise.white(rng, (3, max(4, int(columns / scale * 2.5)))) > 0.45
    mask = cv2.resize(letters.astype(np.float32), (columns, len(band)), interpolation=cv2.INTER_NEAREST)
    mask[: len(band) // 4] = mask[-(len(band) // 4 + 1) :] = 0
    band += (look.blind * illumination - band) * (mask * 0.8)[..., None]


def _box(t: np.ndarray, half: float, pixels: float) -> np.ndarray:
    """Coverage of |t| < half by pixels, `pixels` to the unit: 0 to 1 with soft edges."""
    return np.clip((half - np.abs(t)) * np.float32(pixels) + 0.5, 0, 1)


def _panes(t: np.ndarray, half: float, num: int, pixels: float) -> np.ndarray:
    """1 on the glass, 0 on the bars that divide it into `num` panes."""
    if num == 1:
        return np.ones_like(t)
    part = np.mod((t + half) / (2 * half) * num + 0.5, 1) - 0.5
    edge = np.clip((np.abs(part) - 0.05) * np.float32(pixels * 2 * half / num) + 0.5, 0, 1)
    return np.maximum(edge, np.abs((t + half) / (2 * half) * num - num / 2) > num / 2 - 0.4)
