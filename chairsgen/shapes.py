"""Flat shapes that fly in place of chairs: boxes, polygons, ellipses, and thin things. A name in, a sprite out.

The kinds are those that Mayer et al. ablate in "What makes good synthetic training data for learning disparity
and optical flow estimation?", IJCV 2018: rectangles, polygons, ellipses, holes in them, and thin objects. What
these were is from memory: here they are needles, crossed bars, fences, outlines and curves, one to three
hundredths of their size wide.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from chairsgen.errors import InputError
from chairsgen.hashing import files_hash
from chairsgen.photos import noise

Points = Float[np.ndarray, "_ 2"]
"""A line through points (x, y) of the square of side 1 about the origin."""

FINE = 4
"""Shapes are drawn this many times larger, and averaged down."""

HOLES = 0.4
"""Share of boxes, polygons and ellipses that have any."""

OBJECTS = {
    "boxes": ("box",),
    "polygons": ("polygon",),
    "ellipses": ("ellipse",),
    "shapes": ("box", "polygon", "ellipse"),
    "thin": ("needle", "bars", "fence", "outline", "curve"),
}
"""The families of each kind of object that a recipe may ask for."""


def names(objects: str, count: int) -> list[str]:
    """The first ``count`` shapes of a kind of :data:`OBJECTS`, such as "box-017", its families taking turns."""
    families = OBJECTS[objects]
    return [f"{families[i % len(families)]}-{i // len(families):03d}" for i in range(count)]


def make(name: str, side: int) -> UInt8[np.ndarray, "side side 4"]:
    """The shape of that name, which alone determines it, as premultiplied RGBA.

    It fits into the disc that fits into the square of ``side`` pixels, as a chair's bounding sphere does.

    Raises:
        InputError: There is no such name.
    """
    family, _, number = name.rpartition("-")
    if family not in FAMILIES or not re.fullmatch(r"[0-9]{3,}", number):
        raise InputError(f"no shape is called {name!r}: see chairsgen.shapes.names()")
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "big"))
    canvas = np.zeros((FINE * side, FINE * side), np.uint8)
    FAMILIES[family](Pen(canvas), rng)
    alpha = cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA)
    colour = _texture(side, rng) * (alpha[..., None] / np.float32(255))
    return np.dstack([np.rint(colour).astype(np.uint8), alpha])


@cache
def source_hash() -> str:
    """sha256, in hex, of all that decides what :func:`make` paints."""
    return files_hash([Path(__file__), Path(str(noise.__file__))])


class Pen:
    """Draws in unit coordinates on a mask."""

    def __init__(self, canvas: UInt8[np.ndarray, "side side"]) -> None:
        self._canvas = canvas

    def fill(self, outline: Points, value: int = 255) -> None:
        """Fills what an outline encloses."""
        cv2.fillPoly(self._canvas, [self._fixed(outline)], value, shift=4)

    def stroke(self, line: Points, width: float, *, closed: bool = False) -> None:
        """Draws along a line, with round ends."""
        thickness = max(round(width * len(self._canvas)), 1)
        cv2.polylines(self._canvas, [self._fixed(line)], closed, 255, thickness, shift=4)

    def _fixed(self, points: Points) -> np.ndarray:
        pixels = (points + 0.5) * len(self._canvas) - 0.5
        return np.rint(16 * pixels).astype(np.int32)


# --- families


def _box(pen: Pen, rng: np.random.Generator) -> None:
    _solid(pen, _rectangle(rng), rng)


def _polygon(pen: Pen, rng: np.random.Generator) -> None:
    _solid(pen, _star(rng), rng)


def _ellipse(pen: Pen, rng: np.random.Generator) -> None:
    _solid(pen, _oval(rng.uniform(0.3, 1), rng), rng)


def _needle(pen: Pen, rng: np.random.Generator) -> None:
    pen.fill(_oval(_thin(rng), rng))


def _bars(pen: Pen, rng: np.random.Generator) -> None:
    width = _thin(rng)
    for _ in range(rng.integers(1, 4)):
        ends = rng.uniform(0, 2 * np.pi) + np.array([0, rng.uniform(0.6, 1) * np.pi])
        pen.stroke((0.5 - width / 2) * _directions(ends), width)


def _fence(pen: Pen, rng: np.random.Generator) -> None:
    width, turn = _thin(rng), _turn(rng)
    half_length, half_height = rng.uniform(0.25, 0.4), rng.uniform(0.12, 0.25)
    for x in np.linspace(-half_length, half_length, rng.integers(4, 10)):
        pen.stroke(np.array([[x, -half_height], [x, half_height]]) @ turn, width)
    for y in half_height * np.array([-1, 0.8]):
        pen.stroke(np.array([[-half_length, y], [half_length, y]]) @ turn, width)


def _outline(pen: Pen, rng: np.random.Generator) -> None:
    width = _thin(rng)
    line = (_rectangle, _star, lambda rng: _oval(rng.uniform(0.3, 1), rng))[rng.integers(3)](rng)
    pen.stroke((1 - width) * line, width, closed=True)


def _curve(pen: Pen, rng: np.random.Generator) -> None:
    width = _thin(rng)
    knots = np.cumsum(rng.normal(size=(rng.integers(4, 8), 2)), axis=0)
    line = _smooth(knots)
    line -= (line.max(axis=0) + line.min(axis=0)) / 2
    pen.stroke((0.5 - width / 2) * line / np.linalg.norm(line, axis=1).max(), width)


FAMILIES: dict[str, Callable[[Pen, np.random.Generator], None]] = {
    "box": _box,
    "polygon": _polygon,
    "ellipse": _ellipse,
    "needle": _needle,
    "bars": _bars,
    "fence": _fence,
    "outline": _outline,
    "curve": _curve,
}


def _solid(pen: Pen, outline: Points, rng: np.random.Generator) -> None:
    """Fills an outline, but for some holes."""
    pen.fill(outline)
    if rng.random() >= HOLES:
        return
    if rng.random() < 0.5:
        pen.fill(rng.uniform(0.4, 0.8) * outline, 0)
        return
    for _ in range(rng.integers(1, 5)):
        hole = (_rectangle, _star, lambda rng: _oval(rng.uniform(0.4, 1), rng))[rng.integers(3)](rng)
        place = rng.uniform(0, 0.3) * _directions(rng.uniform(0, 2 * np.pi, 1))
        pen.fill(place + rng.uniform(0.15, 0.35) * hole, 0)


def _thin(rng: np.random.Generator) -> float:
    """A width."""
    return float(np.exp(rng.uniform(np.log(0.013), np.log(0.03))))


def _directions(angles: Float[np.ndarray, " _"]) -> Points:
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _turn(rng: np.random.Generator) -> Float[np.ndarray, "2 2"]:
    c, s = _directions(rng.uniform(0, 2 * np.pi, 1))[0]
    return np.array([[c, s], [-s, c]])


def _rectangle(rng: np.random.Generator) -> Points:
    lean = np.arctan(rng.uniform(0.25, 1))
    return 0.5 * _directions(rng.uniform(0, 2 * np.pi) + np.array([lean, np.pi - lean, np.pi + lean, -lean]))


def _oval(aspect: float, rng: np.random.Generator) -> Points:
    return 0.5 * _directions(np.linspace(0, 2 * np.pi, 128, endpoint=False)) * (1, aspect) @ _turn(rng)


def _star(rng: np.random.Generator) -> Points:
    """A polygon of 3 to 9 corners, of which each sees the middle; one in three is rounded off."""
    count = rng.integers(3, 10)
    turns = (np.arange(count) + rng.uniform(-0.35, 0.35, count)) / count + rng.random()
    corners = _directions(2 * np.pi * turns) * rng.uniform(0.4, 1, (count, 1))
    line = _smooth(corners, closed=True) if rng.random() < 1 / 3 else corners
    return 0.5 * line / np.linalg.norm(line, axis=1).max()


def _smooth(knots: Points, *, closed: bool = False, steps: int = 24) -> Points:
    """A Catmull-Rom curve through ``knots``."""
    around = np.concatenate([knots[-1:], knots, knots[:2]]) if closed else knots[[0, *range(len(knots)), -1]]
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    parts = []
    for a, b, c, d in zip(around, around[1:], around[2:], around[3:], strict=False):
        parts.append(b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * b - a - 3 * c + d))))
    return np.concatenate(parts if closed else [*parts, knots[-1:]])


# --- surfaces


def _texture(side: int, rng: np.random.Generator) -> Float32[np.ndarray, "side side 3"]:
    """A surface in two colours, with detail at every scale; sRGB, 0..255."""
    rough, wavy = (_spread(noise.fractal(rng, 256), side) for _ in range(2))
    at = (np.arange(side, dtype=np.float32) + 0.5) / side - 0.5
    x, y = np.meshgrid(at, at)
    turn = rng.uniform(0, 2 * np.pi)
    u = x * np.cos(turn) + y * np.sin(turn) + rng.uniform(0, 0.04) * wavy
    v = y * np.cos(turn) - x * np.sin(turn) + rng.uniform(0, 0.04) * rough
    pattern = PATTERNS[int(rng.integers(len(PATTERNS)))]
    share = pattern(u, v, wavy, 2 * np.pi * np.exp(rng.uniform(np.log(3), np.log(16))))
    first, second = (_colour(rng) for _ in range(2))
    colour = first + share[..., None] * (second - first)
    shade = 1 + rng.uniform(0.05, 0.2) * rough
    return np.clip(colour * shade[..., None], 0, 255).astype(np.float32)


def _spread(field: np.ndarray, side: int) -> Float32[np.ndarray, "side side"]:
    return cv2.resize(field, (side, side), interpolation=cv2.INTER_LINEAR)


def _colour(rng: np.random.Generator) -> Float32[np.ndarray, " 3"]:
    hue, saturation, value = 360 * rng.random(), rng.beta(1.5, 2), rng.uniform(0.15, 0.95)
    hsv = np.array([[[hue, saturation, value]]], np.float32)
    return 255 * cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0]


Pattern = Callable[[np.ndarray, np.ndarray, np.ndarray, float], np.ndarray]

PATTERNS: Sequence[Pattern] = (
    lambda u, v, wavy, often: noise.smooth(-1.5, 1.5, wavy),
    lambda u, v, wavy, often: noise.smooth(-0.4, 0.4, np.sin(often * u + wavy)),
    lambda u, v, wavy, often: noise.smooth(-0.2, 0.2, np.sin(often * u)),
    lambda u, v, wavy, often: noise.smooth(-0.15, 0.15, np.sin(often * u) * np.sin(often * v)),
    lambda u, v, wavy, often: noise.smooth(0.6, 0.9, np.cos(often * u) + np.cos(often * v)),
    lambda u, v, wavy, often: noise.smooth(-1, 1, (u + v) * 2 + 0.3 * wavy),
)
"""Clouds, marble, stripes, checks, dots, and a slow change: the second colour's share at (u, v)."""
