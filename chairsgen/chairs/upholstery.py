"""Soft things: cushions, padded panels, and the upholstered suite behind armchairs and sofas."""

from __future__ import annotations

import numpy as np

from chairsgen.chairs.assembly import Chair, Params
from chairsgen.chairs.curves import Array, rounded_rectangle
from chairsgen.chairs.joinery import stick
from chairsgen.chairs.parts import Part, box, join, ring


def cushion(
    width: float,
    height: float,
    depth: float,
    soft: float = 0.35,
    puff: float = 0.25,
    piping: bool = False,
    buttons: tuple[int, int] = (0, 0),
) -> Part:
    """A stuffed box lying flat, centred on the origin.

    Args:
        width: along x, metres.
        height: along y at the rim.
        depth: along z.
        soft: radius of the edges relative to the height.
        puff: how much the middle swells, relative to the height.
        piping: whether cords follow the upper and lower edges.
        buttons: rows across x and z of tufts that pull both faces in.
    """
    fine = 18 if any(buttons) else 9
    r = soft * height
    parts = [box((width, height, depth), (1.5 * r, r, 1.5 * r), (fine, 1, fine))]
    if piping:
        seam = rounded_rectangle(width, depth, 2 * r, 5)
        for y in (-1, 1):
            level = np.full(len(seam), y * (height / 2 - r))
            path = np.column_stack([seam[:, 0], level, -seam[:, 1]])
            parts.append(ring(path, 0.0045, 8))
    tufts = [
        ((i + 0.5) / buttons[0] * width - width / 2, (j + 0.5) / buttons[1] * depth - depth / 2)
        for i in range(buttons[0])
        for j in range(buttons[1])
    ]

    def swell(v: Array) -> Array:
        x, z = np.clip(2 * v[:, 0] / width, -1, 1), np.clip(2 * v[:, 2] / depth, -1, 1)
        rise = puff * (1 - x**2) * (1 - z**2)
        for tx, tz in tufts:
            far = np.hypot(v[:, 0] - tx, v[:, 2] - tz)
            rise -= 0.34 * np.exp(-((far / 0.04) ** 2))
        pinch = 1 - 0.02 * (x**2 * z**2)
        return np.column_stack([v[:, 0] * pinch, v[:, 1] * (1 + rise), v[:, 2] * pinch])

    return join(parts).warp(swell)


def upright(pad: Part, rake: float) -> Part:
    """A lying cushion stood up at the origin, its top towards +z, leaning back by `rake` radians."""
    stood = pad.rotate("x", np.pi / 2)
    return stood.move(y=-stood.vertices[:, 1].min()).rotate("x", -rake)


def suite(p: Params, chair: Chair) -> None:
    """An upholstered seat for one or more, as `p` describes it.

    Uses seat_width (of one place), places, depth, seat_height, back_height (above the seat), back_depth,
    arm ("track", "round", "slope", "none"), arm_width, arm_height (above the seat), leg_height, leg, rake,
    cushions ("plain", "piped", "buttoned"), and the finishes cover and legs.
    """
    inner = p.seat_width * p.places
    arm = 0.0 if p.arm == "none" else p.arm_width
    width = inner + 2 * arm
    thick = 0.15
    deck = p.seat_height - thick
    front, rear = p.depth / 2, -p.depth / 2
    base = deck - p.leg_height
    chair.add(
        p.cover,
        box((inner + arm, base + 0.01, p.depth - 0.02), 0.02, (6, 1, 4)).move(y=p.leg_height + base / 2),
    )

    spine = p.back_height + p.seat_height - p.leg_height - 0.02
    shell = box((width, spine, p.back_depth), (0.05, 0.05, 0.045), (6, 3, 1), arc=3)
    shell = (
        shell.move(y=spine / 2)
        .rotate("x", -0.6 * p.rake)
        .move(y=p.leg_height + 0.01, z=rear + p.back_depth / 2)
    )
    chair.add(p.cover, shell)
    if arm:
        chair.add(p.cover, _arm(p, front - rear).move(x=(inner + arm) / 2, y=p.leg_height).both())

    piped, tufted = p.cushions == "piped", p.cushions == "buttoned"
    pad = 0.15
    seat_depth = p.depth - p.back_depth - 0.01
    lean = rear + p.back_depth - np.sin(0.6 * p.rake) * (p.seat_height - p.leg_height) * 0.5
    for i in range(p.places):
        x = (i - (p.places - 1) / 2) * p.seat_width
        seat = cushion(p.seat_width - 0.004, thick, seat_depth, puff=0.16, piping=piped)
        chair.add(p.cover, seat.move(x, deck + thick / 2, front + 0.01 - seat_depth / 2))
        tall = p.back_height + 0.02
        tufts = (3, 2) if tufted else (0, 0)
        rest = cushion(p.seat_width - 0.006, pad, tall, puff=0.3, piping=piped, buttons=tufts)
        chair.add(p.cover, upright(rest, p.rake).move(x, p.seat_height - 0.01, lean + pad * 0.45))
    legs = []
    for x in np.linspace(-width / 2 + 0.06, width / 2 - 0.06, 2 if p.places < 3 else 3):
        for z in (front - 0.07, rear + 0.07):
            out = 0.25 * p.leg_height * np.sign([x, z]) * (p.leg == "taper")
            legs.append(
                stick((x, p.leg_height + 0.01, z), (x + out[0], 0, z + out[1]), 0.024, p.leg, sides=10)
            )
    chair.add(p.legs, *legs)


def _arm(p: Params, depth: float) -> Part:
    """One arm, centred in x and z, from the top of the legs up."""
    height = p.seat_height + p.arm_height - p.leg_height
    if p.arm == "round":
        post = box((p.arm_width * 0.8, height - p.arm_width / 2, depth - 0.01), 0.02, (2, 3, 4))
        roll = box(
            (p.arm_width * 1.15, p.arm_width * 1.1, depth + 0.01), (0.07, 0.07, 0.025), (1, 1, 6), arc=5
        )
        return join([post.move(y=(height - p.arm_width / 2) / 2), roll.move(y=height - p.arm_width / 2)])
    block = box((p.arm_width, height, depth), (0.04, 0.04, 0.035), (3, 4, 8), arc=4).move(y=height / 2)
    if p.arm == "slope":

        def slope(v: Array) -> Array:
            fall = 0.14 * (0.5 - v[:, 2] / depth) - 0.05
            return np.column_stack([v[:, 0] * (1 + 0.25 * v[:, 1] / height), v[:, 1] * (1 + fall), v[:, 2]])

        return block.warp(slope)
    return block
