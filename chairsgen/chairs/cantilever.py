"""The cantilever: one bent steel tube without rear legs, a seat and a back stretched on it."""

from __future__ import annotations

import numpy as np

from chairsgen.chairs.assembly import Chair, Params
from chairsgen.chairs.curves import Array, fillet, line
from chairsgen.chairs.joinery import cane, opposite
from chairsgen.chairs.materials import Finish
from chairsgen.chairs.parts import Part, box, join, tube
from chairsgen.chairs.upholstery import cushion


def build(p: Params, chair: Chair) -> None:
    """Adds the parts of one cantilever chair."""
    half, r = p.width / 2, p.tube
    front, rear = p.depth / 2, -p.depth / 2
    top = np.array([half, p.seat_height + p.back_height, rear - p.back_height * np.tan(p.rake)])
    seat_rear = np.array([half, p.seat_height - 0.02, rear])
    seat_front = np.array([half, p.seat_height + 0.012, front])
    tail = front - 0.08 - p.depth
    corners = [top, seat_rear, seat_front, np.array([half, r, front - 0.02]), np.array([half, r, tail])]
    if p.runner == "closed":
        corners.append(np.array([0.0, r, tail]))
    frame = fillet(corners, p.bend, 9)
    chair.add(p.metal, tube(frame, r, 14).both())
    bars = [np.array([half, seat_rear[1] + 0.01, rear + p.bend])]
    if p.runner == "open":
        bars.append(np.array([half, p.seat_height - 0.05, front - 0.01]))
    chair.add(p.metal, *(tube(line(opposite(end), end, 6), 0.7 * r) for end in bars))
    if p.arms == "arms":
        _arms(p, chair, top, front)

    slope = np.arctan2(seat_front[1] - seat_rear[1], p.depth)
    length = p.depth - 0.05
    seat = _panel(p, chair, length)
    middle = 0.5 * (seat_front + seat_rear)
    for finish, part in seat:
        tilted = part.rotate("x", -np.pi / 2).rotate("x", -slope)
        chair.add(finish, tilted.move(0.0, middle[1], middle[2] + 0.01))
    tall = 0.52 * p.back_height if p.back_pad == "band" else 0.86 * p.back_height
    up = p.back_height - tall / 2 - 0.02
    for finish, part in _panel(p, chair, tall):
        chair.add(
            finish,
            part.rotate("x", -p.rake).move(0.0, p.seat_height + up, rear - up * np.tan(p.rake) - 0.004),
        )


def _panel(p: Params, chair: Chair, height: float) -> list[tuple[Finish, Part]]:
    """A seat or back as wide as the frame, upright in the plane z = 0, its face to +z."""
    wide = p.width + 2 * p.tube
    if p.panel == "pad":
        pad = cushion(wide, 0.05, height, soft=0.45, puff=0.25, piping=True).rotate("x", np.pi / 2)
        return [(p.cover, pad.move(z=0.012))]
    if p.panel == "cane":
        rim = 0.035
        inner, tall = p.width - 2 * rim + 0.01, height - 2 * rim
        bars = [
            box((rim, height, 0.02), 0.008, grain="y").move(x=s * (p.width - rim) / 2 + s * 0.006)
            for s in (-1, 1)
        ]
        bars += [
            box((wide - 0.01, rim, 0.02), 0.008, grain="x").move(y=s * (height - rim) / 2) for s in (-1, 1)
        ]
        return [(p.cane, cane(inner, tall, 0.021)), (p.wood, join(bars))]

    sag = 0.0 if p.panel == "ply" else 0.018
    sheet = box((wide + 0.004, height, 0.014 if sag else 0.012), 0.0055, (14, 4, 1), grain="" if sag else "x")

    def hang(v: Array) -> Array:
        return np.column_stack([v[:, :2], v[:, 2] - sag * np.clip(1 - (2 * v[:, 0] / wide) ** 2, 0, 1)])

    lifted = sheet.warp(hang)
    if sag:
        cover = p.cover
        hems: list[Part] = [
            tube(
                line((s * p.width / 2, -height / 2, 0), (s * p.width / 2, height / 2, 0), 3),
                p.tube + 0.0035,
                14,
                0.1,
            )
            for s in (-1, 1)
        ]
        return [(cover, join([lifted, *hems]))]
    return [(p.wood, lifted.move(z=p.tube))]


def _arms(p: Params, chair: Chair, top: Array, front: float) -> None:
    """Loops from the back posts forward and down to the seat rail."""
    x, y = p.width / 2, p.seat_height + p.arm_height
    share = p.arm_height / p.back_height
    start = np.array([x, y, -p.depth / 2 - share * p.back_height * np.tan(p.rake)])
    loop = fillet(
        [start, (x + 0.03, y, start[2] + 0.08), (x + 0.03, y, front - 0.06), (x, p.seat_height, front - 0.1)],
        0.06,
        7,
    )
    chair.add(p.metal, tube(loop, 0.85 * p.tube).both())
    rest = box((0.036, 0.022, 0.26), 0.009, (1, 1, 4), grain="z").move(x + 0.03, y + p.tube, front - 0.24)
    chair.add(p.wood, rest.both())
