"""The country chair: turned posts to the top, curved slats like rungs, a woven seat."""

from __future__ import annotations

import numpy as np

from chairsgen.chairs.assembly import Chair, Params
from chairsgen.chairs.curves import at_height, line, shift
from chairsgen.chairs.frames import back_post, post_part
from chairsgen.chairs.joinery import TURNINGS, opposite, rail, stick
from chairsgen.chairs.parts import lathe
from chairsgen.chairs.upholstery import cushion


def build(p: Params, chair: Chair) -> None:
    """Adds the parts of one ladder-back chair."""
    post = back_post(p)
    chair.add(p.frame, post_part(post, p.post, p.leg).both())
    r = p.post
    finial = [(0, -0.01), (0.7 * r, 0), (0.6 * r, 0.01), (1.1 * r, 0.025), (0.9 * r, 0.04), (0.3 * r, 0.052)]
    tip = lathe([*finial, (0, 0.055)], 14)
    chair.add(p.frame, tip.rotate("x", -p.rake).move(*post[-1]).both())

    top = p.seat_height + (p.arm_height if p.arms == "arms" else 0.012)
    front = np.array([p.width / 2 - p.post, 0.0, p.depth / 2 - p.post])
    head = np.array([front[0], top, front[2]])
    chair.add(p.frame, stick(head, front, p.post, p.leg).both())
    if p.arms == "arms":
        rear = at_height(post, top + 0.025)
        chair.add(p.frame, stick(shift(head, z=0.05), rear, 1.15 * p.post, "cigar").both())

    step = p.back_height / (p.slats + 0.35)
    for i in range(p.slats):
        y = p.seat_height + p.back_height - 0.45 * step - i * step
        height = min(0.55 * step, 0.085) * (1 - 0.06 * i)
        chair.add(p.frame, rail(post, y, height, 0.010, bow=p.bow, crest=p.crest * (1 - 0.12 * i)))

    rung = "cigar" if p.leg in TURNINGS else "round"
    leg = line(front, head)
    for y in np.linspace(0.14, p.seat_height - 0.14, p.rungs):
        for path in (post, leg):
            end = at_height(path, y + 0.02)
            chair.add(p.frame, stick(opposite(end), end, 0.55 * p.post, rung))
        chair.add(
            p.frame, stick(at_height(post, y - 0.01), at_height(leg, y - 0.01), 0.55 * p.post, rung).both()
        )

    shrink = (1 - p.back_width) / p.depth
    seat = cushion(p.width - 0.6 * p.post, 0.036, p.depth - 0.4 * p.post, soft=0.49, puff=-0.15)
    seat = seat.warp(lambda v: np.column_stack([v[:, 0] * (1 - shrink * (p.depth / 2 - v[:, 2])), v[:, 1:]]))
    chair.add(p.seat, seat.move(y=p.seat_height - 0.012))
