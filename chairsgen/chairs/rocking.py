"""The rocking chair: an armed frame on two curved runners."""

from __future__ import annotations

import numpy as np

from chairsgen.chairs.assembly import Chair, Params
from chairsgen.chairs.backs import fill
from chairsgen.chairs.curves import Array, at_height, rounded_rectangle, shift
from chairsgen.chairs.frames import four_square
from chairsgen.chairs.joinery import board, onto_posts, stick
from chairsgen.chairs.parts import sweep


def build(p: Params, chair: Chair) -> None:
    """Adds the parts of one rocking chair."""
    post = four_square(p, chair)
    lay = onto_posts(post, p.bow)
    for role, flat in fill(p.back, p.seat_height + 0.08, p.seat_height + p.back_height, post[-1, 0], p):
        chair.add({"cover": p.cover, "cane": p.cane, "frame": p.frame}[role], flat.warp(lay))

    front = np.array([p.width / 2 - p.post, 0.0, p.depth / 2 - p.post])
    level = p.seat_height + p.arm_height
    head = np.array([front[0], level, front[2] - 0.02])
    chair.add(p.frame, stick(head, [front[0], p.seat_height - 0.03, front[2]], 0.9 * p.post, "vase").both())
    rear = shift(at_height(post, level + 0.015), x=0.004)
    tip = shift(head, x=0.012, z=0.07)
    chair.add(p.frame, board(rear, tip, 0.058, 0.022, face=(0, 1, 0), bow=0.012, radius=0.009).both())

    # The runner's arc passes just under both feet of a side.
    z = np.linspace(-p.depth / 2 - 0.26, p.depth / 2 + 0.17, 36)
    middle = 0.5 * (front[2] + post[0, 2])
    reach = 0.5 * (front[2] - post[0, 2])
    y = ((z - middle) ** 2 - reach**2) / (2 * p.rocker) - 0.012
    share = np.clip((z - post[0, 2]) / (front[2] - post[0, 2]), -0.3, 1.3)
    runner: Array = np.column_stack([post[0, 0] + share * (front[0] - post[0, 0]), y, z])
    part = sweep(runner, rounded_rectangle(0.036, 0.03, 0.008), 1.0, up=(0, 1, 0))
    chair.add(p.frame, part.both())
