"""The high stool: a round, square or saddle seat, some with a low back, on four legs or a pedestal."""

from __future__ import annotations

import numpy as np

from chairsgen.chairs.assembly import Chair, Params
from chairsgen.chairs.bases import foot_ring, stand
from chairsgen.chairs.curves import Array, mix, superellipse
from chairsgen.chairs.joinery import opposite, stick
from chairsgen.chairs.parts import Part, box, slab, tube

THICK = 0.034


def build(p: Params, chair: Chair) -> None:
    """Adds the parts of one bar stool."""
    power = {"round": 2.0, "square": 6.0, "saddle": 3.2}[p.seat]
    depth = p.width * (0.78 if p.seat == "saddle" else 1.0)
    _seat(p, chair, superellipse(p.width, depth, power, 56), depth)
    under = p.seat_height - THICK
    if p.support == "legs":
        _legs(p, chair, under + 0.4 * THICK, depth)
    else:
        stand(p.support, chair, p, under + 0.004, p.width * 1.12, p.width * 1.12)
        foot_ring(chair, p.base, 0.36 * p.seat_height, 0.17, hub=0.03)
    if p.back == "low" and p.seat != "saddle":
        _back(p, chair, depth)


def _seat(p: Params, chair: Chair, outline: Array, depth: float) -> None:
    def saddle(v: Array) -> Array:
        lift = 0.10 * v[:, 0] ** 2 / p.width if p.seat == "saddle" else 0.0 * v[:, 0]
        return np.column_stack([v[:, 0], v[:, 1] + 2 * lift, v[:, 2]])

    plate = slab(outline, THICK, 0.014, rings=8).warp(saddle).move(y=p.seat_height - THICK / 2)
    chair.add(p.frame, plate)
    if p.pad == "pad":
        soft = slab(outline * 0.97, 0.05, 0.024, rings=10, arc=5)

        def swell(v: Array) -> Array:
            far = (2 * v[:, 0] / p.width) ** 2 + (2 * v[:, 2] / depth) ** 2
            return np.column_stack([v[:, 0], v[:, 1] + 0.018 * np.exp(-1.5 * far) * (v[:, 1] > 0), v[:, 2]])

        chair.add(p.cover, soft.warp(swell).warp(saddle).move(y=p.seat_height + 0.02))


def _legs(p: Params, chair: Chair, top: float, depth: float) -> None:
    spread = 0.30 if p.seat == "round" else 0.36
    splay = np.tan(p.splay) * top
    ends = []
    for way in (1, -1):
        head = np.array([spread * p.width, top, way * spread * depth])
        foot = np.array([head[0] + splay, 0.0, head[2] + way * splay])
        chair.add(p.legs, stick(head, foot, p.leg_radius, p.leg).both())
        ends.append((head, foot))
    (a, b), (c, d) = ends
    style = "square" if p.leg == "square" else "cigar"
    for t in (0.62, 0.74):
        shift = 0.03 if t > 0.7 else -0.02
        near, rear = mix(a, b, t), mix(c, d, t)
        chair.add(p.legs, stick(opposite(near), near, 0.55 * p.leg_radius, style))
        if t > 0.7 or p.leg != "square":
            chair.add(p.legs, stick(opposite(rear), rear, 0.55 * p.leg_radius, style))
        chair.add(
            p.legs, stick(mix(a, b, t + shift), mix(c, d, t + shift), 0.55 * p.leg_radius, style).both()
        )


def _back(p: Params, chair: Chair, depth: float) -> None:
    """A curved rail on two rods that rise from the seat's rear."""
    rise = p.back_height
    for_rods = np.array([0.27 * p.width, p.seat_height - THICK / 2, -0.34 * depth])
    bend = np.array([0.30 * p.width, p.seat_height + 0.55 * rise, -0.46 * depth])
    tip = np.array([0.31 * p.width, p.seat_height + rise, -0.49 * depth])
    rods: Part = tube(np.vstack([for_rods, mix(for_rods, bend, 0.5), bend, tip]), 0.009)
    chair.add(p.base, rods.both())
    wide = 0.95 * p.width
    rest = box((wide, 0.11, 0.022), 0.009, (14, 2, 1), grain="x")

    def around(v: Array) -> Array:
        return np.column_stack([v[:, 0], v[:, 1], v[:, 2] + 1.5 * (v[:, 0] ** 2 - (0.31 * p.width) ** 2)])

    chair.add(p.frame, rest.warp(around).move(y=p.seat_height + rise - 0.02, z=-0.49 * depth))
