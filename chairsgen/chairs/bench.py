"""The bench: a long seat of planks or padding, on legs or trestles, with or without a back and arms."""

from __future__ import annotations

import numpy as np

from chairsgen.chairs.assembly import Chair, Params
from chairsgen.chairs.backs import fill
from chairsgen.chairs.bases import trestle
from chairsgen.chairs.curves import at_height, shift
from chairsgen.chairs.frames import back_post, post_part
from chairsgen.chairs.joinery import board, onto_posts, opposite, stick
from chairsgen.chairs.parts import Part, box
from chairsgen.chairs.upholstery import cushion


def build(p: Params, chair: Chair) -> None:
    """Adds the parts of one bench."""
    under = p.seat_height - 0.03
    chair.add(p.frame, *_planks(p))
    if p.seat == "pad":
        pad = cushion(p.width - 0.01, 0.06, p.depth, soft=0.4, puff=0.12, piping=True)
        chair.add(p.cover, pad.move(y=p.seat_height + 0.028))
    if p.back != "none":
        _with_back(p, chair, under)
    elif p.support == "trestle":
        trestle(chair, p.frame, 0.34 * p.width, under + 0.004, p.depth)
    else:
        _legs(p, chair, under)


def _planks(p: Params) -> list[Part]:
    """The seat's boards, front to rear, on two cleats."""
    count = 1 if p.seat == "plank" else p.planks
    pitch = p.depth / count
    gap = 0.0 if count == 1 else 0.012
    y = p.seat_height - 0.014
    boards = [
        box((p.width, 0.028, pitch - gap), 0.007, (8, 1, 2), grain="x").move(
            y=y, z=(k + 0.5) * pitch - p.depth / 2
        )
        for k in range(count)
    ]
    end = np.array([0.36 * p.width, y - 0.022, 0.46 * p.depth])
    cleat = board(end, end * [1, 1, -1], 0.024, 0.05, face=(1, 0, 0))
    return [*boards, cleat.both()]


def _legs(p: Params, chair: Chair, under: float) -> None:
    x, z = 0.43 * p.width, 0.38 * p.depth
    lean = 0.10 * under * (p.leg != "square")
    for way in (1, -1):
        chair.add(
            p.frame, stick((x, under + 0.01, way * z), (x + lean, 0, way * (z + lean)), p.post, p.leg).both()
        )
        rail = board((-x, under - 0.03, way * z), (x, under - 0.03, way * z), 0.06, 0.02)
        chair.add(p.frame, rail)
    chair.add(p.frame, board((x, under - 0.03, z), (x, under - 0.03, -z), 0.06, 0.02, face=(1, 0, 0)).both())


def _with_back(p: Params, chair: Chair, under: float) -> None:
    post = back_post(p)
    chair.add(p.frame, post_part(post, p.post, p.leg).both())
    front = np.array([p.width / 2 - p.post, 0.0, p.depth / 2 - p.post])
    armed = p.arms == "arms"
    level = p.seat_height + (p.arm_height if armed else -0.01)
    head = shift(front, y=level)
    chair.add(p.frame, stick(head, front, p.post, p.leg).both())
    near, rear = shift(front, y=under - 0.03), at_height(post, under - 0.03)
    for end in (near, rear):
        chair.add(p.frame, board(opposite(end), end, 0.07, 0.024))
    chair.add(p.frame, board(rear, near, 0.07, 0.024, face=(1, 0, 0)).both())
    low = at_height(post, 0.16), shift(front, y=0.16)
    chair.add(p.frame, stick(low[0], low[1], 0.5 * p.post, "square" if p.leg == "square" else "cigar").both())
    if armed:
        end = at_height(post, level + 0.02)
        chair.add(
            p.frame,
            board(end, shift(head, y=0.01, z=0.05), 0.055, 0.024, face=(0, 1, 0), radius=0.009).both(),
        )
    lay = onto_posts(post)
    for _, flat in fill(p.back, p.seat_height + 0.09, p.seat_height + p.back_height, post[-1, 0], p):
        chair.add(p.frame, flat.warp(lay))
