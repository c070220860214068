"""Ways to fill the back between two posts, modelled flat in the plane z = 0 for `onto_posts` to lay."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from chairsgen.chairs.assembly import Params
from chairsgen.chairs.curves import Array, superellipse
from chairsgen.chairs.joinery import board, cane, stick
from chairsgen.chairs.parts import Part, box, slab
from chairsgen.chairs.upholstery import cushion

Pieces = list[tuple[str, Part]]
"""Parts by what they are made of: "frame", "cover" or "cane"."""


def fill(style: str, low: float, high: float, half: float, p: Params) -> Pieces:
    """The back between two heights.

    Args:
        style: a key of `FILLINGS`.
        low: height of the lower edge, metres.
        high: height of the posts' tops.
        half: half the distance between the posts' axes.
        p: gives bars (how many), crest (height of the top rail's arch) and post.
    """
    return FILLINGS[style](low, high, half, p)


def _rail(y: float, half: float, height: float, thickness: float, crest: float = 0.0) -> Part:
    return board((-half, y, 0), (half, y, 0), height, thickness, crest=crest, radius=0.007, cuts=10)


def _top(high: float, half: float, p: Params) -> Part:
    height = 0.06 + 0.4 * p.crest
    return _rail(high - 0.25 * height, half + 0.7 * p.post, height, 0.024, p.crest)


def _slats(low: float, high: float, half: float, p: Params) -> Pieces:
    width = min(0.9 * 1.5 * half / p.bars, 0.055)
    bars = [
        board((x, low, 0), (x, high - 0.03, 0), width, 0.011, cuts=8)
        for x in (np.arange(p.bars) - (p.bars - 1) / 2) * (2 * half / (p.bars + 0.4))
    ]
    return [("frame", part) for part in [_top(high, half, p), _rail(low, half, 0.035, 0.018), *bars]]


def _spindles(low: float, high: float, half: float, p: Params) -> Pieces:
    count = p.bars + 3
    bars = [
        stick((x, high - 0.02, 0), (x, low, 0), 0.0075, "cigar", 8)
        for x in (np.arange(count) - (count - 1) / 2) * (2 * half / (count + 0.2))
    ]
    return [("frame", part) for part in [_top(high, half, p), _rail(low, half, 0.035, 0.02), *bars]]


def _ladder(low: float, high: float, half: float, p: Params) -> Pieces:
    count = max(p.bars - 1, 2)
    step = (high - low) / count
    height = min(0.62 * step, 0.075)
    heights = high - 0.01 - step * np.arange(count)
    rungs = [_rail(y, half, height, 0.014, p.crest * (1 - 0.15 * i)) for i, y in enumerate(heights)]
    return [("frame", rung) for rung in rungs]


def _boards(low: float, high: float, half: float, p: Params) -> Pieces:
    heights = np.linspace(low + 0.04, high - 0.03, 3 if high - low < 0.3 else 4)
    tall = 0.72 * (heights[1] - heights[0])
    return [("frame", _rail(y, half, tall, 0.02)) for y in heights]


def _splat(low: float, high: float, half: float, p: Params) -> Pieces:
    wide = 0.8 * half
    plate = box((wide, high - low - 0.02, 0.012), 0.004, (4, 24, 1), grain="y")

    def waist(v: Array) -> Array:
        t = v[:, 1] / (high - low) + 0.5
        swell = 0.62 + 0.38 * np.cos(2.0 * np.pi * (t - 0.72)) ** 2 + 0.25 * (t > 0.85) * (t - 0.85) / 0.15
        return np.column_stack([v[:, 0] * swell, v[:, 1:]])

    centre = plate.warp(waist).move(y=(low + high) / 2)
    sides = [
        stick((s * 0.72 * half, high - 0.02, 0), (s * 0.72 * half, low, 0), 0.008, "cigar", 8)
        for s in (-1, 1)
    ]
    rest = [_top(high, half, p), _rail(low, half, 0.04, 0.02), *(sides if p.bars % 2 else [])]
    return [("frame", part) for part in [centre, *rest]]


def _cross(low: float, high: float, half: float, p: Params) -> Pieces:
    a, b = 0.95 * half, high - 0.03
    parts = [_top(high, half, p), _rail(low, half, 0.036, 0.018)]
    for s in (-1, 1):
        parts.append(board((-s * a, low, 0.004 * s), (s * a, b, 0.004 * s), 0.032, 0.013, cuts=10))
    if p.bars % 2:
        plate = slab(superellipse(0.11, 0.11, 2.0, 32), 0.03, 0.008)
        parts.append(plate.rotate("x", np.pi / 2).move(y=(low + b) / 2))
    return [("frame", part) for part in parts]


def _panel(low: float, high: float, half: float, p: Params) -> Pieces:
    tall = high - low + 0.01
    tufts = (3, 3) if p.bars > 5 else (0, 0)
    pad = cushion(
        2 * half + 1.0 * p.post, 0.045, tall, soft=0.45, puff=0.35, piping=not any(tufts), buttons=tufts
    )
    rails = [_rail(low + 0.05, half, 0.05, 0.02), _rail(high - 0.05, half, 0.05, 0.02)]
    upright = pad.rotate("x", np.pi / 2).move(y=(low + high) / 2)
    return [("cover", upright), *(("frame", part) for part in rails)]


def _cane(low: float, high: float, half: float, p: Params) -> Pieces:
    bottom, top = low + 0.02, high - 0.03
    stile = 0.03
    wide = half - 0.5 * p.post
    woven = cane(2 * (wide - stile), top - bottom - 0.01, 0.021).move(y=(bottom + top) / 2)
    stiles = [
        board(
            (s * (wide - stile / 2), low, 0), (s * (wide - stile / 2), high - 0.01, 0), stile, 0.016, cuts=8
        )
        for s in (-1, 1)
    ]
    frame = [_top(high, half, p), _rail(low, half, 0.045, 0.02), *stiles]
    return [("cane", woven), *(("frame", part) for part in frame)]


def _plank(low: float, high: float, half: float, p: Params) -> Pieces:
    tall = 0.55 * (high - low)
    plate = box((2 * half + 0.03, tall, 0.014), 0.006, (10, 4, 1), grain="x")
    return [("frame", plate.move(y=high - 0.45 * tall))]


FILLINGS: dict[str, Callable[[float, float, float, Params], Pieces]] = {
    "slats": _slats,
    "spindles": _spindles,
    "ladder": _ladder,
    "boards": _boards,
    "splat": _splat,
    "cross": _cross,
    "panel": _panel,
    "cane": _cane,
    "plank": _plank,
}
