"""The four-legged frame whose posts run on into the back, which several families share."""

from __future__ import annotations

import numpy as np

from chairsgen.chairs.assembly import Chair, Params
from chairsgen.chairs.curves import Array, at_height, line, mix, rounded_rectangle, spline
from chairsgen.chairs.joinery import TURNINGS, board, opposite, stick
from chairsgen.chairs.parts import Part, box, sweep, tube
from chairsgen.chairs.upholstery import cushion


def back_post(p: Params, foot: float = 0.0) -> Array:
    """The right rear post's path from the floor to the top of the back.

    Uses width, back_width (of the rear, relative to the front), depth, seat_height, back_height, rake, post
    (radius) and kick (how far the foot stands behind the seat).
    """
    x = p.width * p.back_width / 2 - p.post
    z = -p.depth / 2 + p.post
    rise = p.back_height
    return spline(
        [
            (x, foot, z - p.kick),
            (x, p.seat_height * 0.55, z - 0.15 * p.kick),
            (x, p.seat_height, z),
            (x, p.seat_height + 0.5 * rise, z - 0.42 * rise * np.tan(p.rake)),
            (x, p.seat_height + rise, z - rise * np.tan(p.rake)),
        ],
        6,
    )


def post_part(path: Array, radius: float, style: str) -> Part:
    """The solid post along a path: square and tapered towards both ends, or turned."""
    t = np.linspace(0, 1, len(path))
    if style == "square":
        section = rounded_rectangle(2 * radius, 1.7 * radius, 0.35 * radius, 3)
        return sweep(path, section, 1 - 0.3 * np.abs(t - 0.45) / 0.55, up=(0, 0, 1))
    plain = {"vase", "baluster", "taper"}
    return tube(
        path, radius * (0.96 - 0.2 * np.abs(t - 0.45)) if style in plain else _turned(t, radius, style), 12
    )


def _turned(t: Array, radius: float, style: str) -> Array:
    outline = np.array(TURNINGS[style])
    radii: Array = radius * np.interp(t, outline[:, 0], outline[:, 1])
    return radii


def four_square(p: Params, chair: Chair) -> Array:
    """Adds posts, front legs, aprons, stretchers and the seat; returns the right post's path.

    Uses what `back_post` does and leg (a style of `stick`), apron (height), seat ("wood", "pad", "slip"),
    stretcher ("none", "h", "box", "side"), and the finishes frame and cover.
    """
    post = back_post(p)
    chair.add(p.frame, post_part(post, p.post, p.leg).both())
    front_x, front_z = p.width / 2 - p.post, p.depth / 2 - p.post
    leg = line((front_x, 0, front_z), (front_x, p.seat_height - 0.012, front_z))
    chair.add(p.frame, stick(leg[1], leg[0], p.post, p.leg).both())

    level = p.seat_height - 0.015 - p.apron / 2
    rear = at_height(post, level)
    near = np.array([front_x, level, front_z])
    thin = 1.1 * p.post
    chair.add(
        p.frame,
        board(opposite(rear), rear, p.apron, thin),
        board(opposite(near), near, p.apron, thin),
        board(rear, near, p.apron, thin, face=(1, 0, 0)).both(),
    )
    _seat(p, chair)
    _stretchers(p, chair, post, leg)
    return post


def _seat(p: Params, chair: Chair) -> None:
    shrink = (1 - p.back_width) / p.depth

    def taper(v: Array) -> Array:
        return np.column_stack([v[:, 0] * (1 - shrink * (p.depth / 2 - v[:, 2])), v[:, 1:]])

    if p.seat == "wood":
        plank = box((p.width + 0.02, 0.024, p.depth + 0.01), 0.009, (8, 1, 8), grain="x")

        def dish(v: Array) -> Array:
            x, z = 2 * v[:, 0] / p.width, 2 * v[:, 2] / p.depth
            return np.column_stack([v[:, 0], v[:, 1] - 0.008 * np.clip(1 - x**2, 0, 1) * (1 - z**2), v[:, 2]])

        chair.add(p.frame, plank.warp(dish).warp(taper).move(y=p.seat_height - 0.006, z=0.006))
        return
    deck = box((p.width - 0.4 * p.post, 0.016, p.depth - 0.4 * p.post), 0.005, (1, 1, 2), grain="x")
    chair.add(p.frame, deck.warp(taper).move(y=p.seat_height - 0.013))
    thick = 0.055 if p.seat == "pad" else 0.04
    inset = 0.0 if p.seat == "pad" else 0.6 * p.post
    pad = cushion(p.width - inset, thick, p.depth - inset, soft=0.4, puff=0.3, piping=p.seat == "pad")
    chair.add(p.cover, pad.warp(taper).move(y=p.seat_height + 0.25 * thick, z=inset / 2))


def _stretchers(p: Params, chair: Chair, post: Array, leg: Array) -> None:
    def between(a: Array, b: Array, y: float) -> tuple[Array, Array]:
        return at_height(a, y), at_height(b, y)

    r = 0.45 * p.post
    style = "square" if p.leg == "square" else "cigar"
    low = p.seat_height * 0.32
    if p.stretcher == "none":
        return
    rear, near = between(post, leg, low)
    chair.add(p.frame, stick(rear, near, r, style).both())
    if p.stretcher == "h":
        middle = mix(rear, near, 0.5)
        chair.add(p.frame, stick(opposite(middle), middle, r, style))
    elif p.stretcher == "box":
        for path, y in ((post, low * 1.25), (leg, low * 1.3)):
            end = at_height(path, y)
            chair.add(p.frame, stick(opposite(end), end, r, style))
