"""The folding chair: two frames crossing below the seat, slats above."""

from __future__ import annotations

import numpy as np

from chairsgen.chairs.assembly import Chair, Params
from chairsgen.chairs.curves import Array, line, mix, rounded_rectangle
from chairsgen.chairs.joinery import board, onto_posts, opposite, stick
from chairsgen.chairs.parts import Part, box, join, sweep, tube
from chairsgen.chairs.upholstery import cushion


def build(p: Params, chair: Chair) -> None:
    """Adds the parts of one folding chair."""
    half = p.width / 2
    seat = p.seat_height
    top = np.array([half, seat + p.back_height, -0.5 * p.depth - 0.30 * p.back_height])
    front_foot = np.array([half, 0.0, 0.5 * p.depth + 0.02])
    inner = half - 0.034
    rear_foot = np.array([inner, 0.0, -0.5 * p.depth - 0.04])
    front_top = np.array([inner, seat - 0.02, 0.5 * p.depth - 0.04])

    # The long posts bend where they pass the seat, so that the back leans less than the legs.
    knee = np.array([half, seat + 0.02, -0.5 * p.depth + 0.02])
    post = np.vstack([line(front_foot, knee, 8)[:-1], line(knee, top, 8)])
    chair.add(p.frame, _limb(p, post).both(), _limb(p, line(rear_foot, front_top, 8)).both())

    pivot = stick(opposite(mix(front_foot, knee, 0.5)), mix(front_foot, knee, 0.5), 0.006, sides=8)
    low, near = mix(rear_foot, front_top, 0.18), mix(front_foot, knee, 0.2)
    chair.add(p.frame, pivot)
    chair.add(p.frame, *(stick(opposite(e), e, 0.0095) for e in (low, near)))
    rear_bar = np.array([half, seat - 0.02, knee[2] + 0.005])
    chair.add(
        p.frame, stick(opposite(rear_bar), rear_bar, 0.0095), stick(opposite(front_top), front_top, 0.0095)
    )
    chair.add(
        p.frame,
        board(
            [inner, seat - 0.02, 0.5 * p.depth], [inner, seat - 0.02, knee[2]], 0.024, 0.018, face=(1, 0, 0)
        ).both(),
    )
    _seat(p, chair, inner, knee[2])
    lay = onto_posts(post, p.bow)
    for part in _back(p, half):
        chair.add(p.cover if p.back == "sling" else p.frame, part.warp(lay))


def _limb(p: Params, path: Array) -> Part:
    if p.section == "tube":
        return tube(path, 0.0115)
    return sweep(path, rounded_rectangle(0.034, 0.019, 0.006, 3), up=(0, 0, 1))


def _seat(p: Params, chair: Chair, inner: float, rear: float) -> None:
    front = 0.5 * p.depth + 0.015
    y = p.seat_height
    if p.seat == "pad":
        pad = cushion(2 * inner + 0.03, 0.045, front - rear, soft=0.45, puff=0.3, piping=True)
        chair.add(p.cover, pad.move(y=y + 0.012, z=(front + rear) / 2))
        return
    if p.seat == "ply":
        plate = box((2 * inner + 0.03, 0.016, front - rear), 0.007, (6, 1, 6), grain="x")
        dish = plate.warp(
            lambda v: np.column_stack([v[:, 0], v[:, 1] + 0.25 * v[:, 0] ** 2 - 0.008, v[:, 2]])
        )
        chair.add(p.frame, dish.move(y=y, z=(front + rear) / 2))
        return
    pitch = (front - rear) / p.slats
    for k in range(p.slats):
        slat = box((2 * inner + 0.03, 0.014, 0.74 * pitch), 0.005, (6, 1, 2), grain="x")
        chair.add(p.frame, slat.move(y=y - 0.002, z=rear + (k + 0.5) * pitch))


def _back(p: Params, half: float) -> list[Part]:
    """The back's slats or cloth, flat, as `onto_posts` takes them."""
    top = p.seat_height + p.back_height
    if p.back == "sling":
        cloth = box((2 * half + 0.03, 0.2, 0.012), 0.005, (10, 4, 1)).move(y=top - 0.12)
        hems = [
            tube(line((s * half, top - 0.22, 0), (s * half, top - 0.02, 0), 5), 0.021, 14, 0.1)
            for s in (-1, 1)
        ]
        return [join([cloth, *hems])]
    count = {"two": 2, "three": 3, "wide": 1}[p.back]
    tall = 0.15 if count == 1 else 0.06
    return [
        board(
            (-half, top - 0.03 - tall / 2 - k * 0.105, 0.006),
            (half, top - 0.03 - tall / 2 - k * 0.105, 0.006),
            tall,
            0.014,
            cuts=8,
        )
        for k in range(count)
    ]
