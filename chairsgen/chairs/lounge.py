"""The lounge chair: loose cushions in an open wooden or steel frame, low and leaning back."""

from __future__ import annotations

import numpy as np

from chairsgen.chairs.assembly import Chair, Params
from chairsgen.chairs.curves import fillet, line, mix
from chairsgen.chairs.joinery import board, opposite, stick
from chairsgen.chairs.parts import tube
from chairsgen.chairs.upholstery import cushion, upright


def build(p: Params, chair: Chair) -> None:
    """Adds the parts of one lounge chair."""
    half = p.width / 2 + 0.03
    front, rear = p.depth / 2, -p.depth / 2
    # The seat's deck falls to the rear; cushions lie along it.
    high, low = p.seat_height - p.thick, p.seat_height - p.thick - p.depth * np.tan(p.tilt)
    near, back = np.array([half, high - 0.025, front]), np.array([half, low - 0.025, rear])
    top = np.array([half, low + p.back_height, rear - p.back_height * np.tan(p.rake)])
    arm = p.seat_height + p.arm_height
    {"wood": _wood, "steel": _steel}[p.kind](p, chair, near, back, top, arm)

    middle = mix(near, back, 0.5)
    seat = cushion(
        p.width, p.thick, p.depth, soft=0.4, puff=0.2, piping=p.cushions == "piped", buttons=_tufts(p)
    )
    chair.add(p.cover, seat.rotate("x", -p.tilt).move(0.0, middle[1] + 0.02 + p.thick / 2, middle[2] + 0.02))
    tall = p.back_height - 0.02
    piped = p.cushions == "piped"
    rest = cushion(p.width, 0.9 * p.thick, tall, puff=0.22, piping=piped, buttons=_tufts(p))
    chair.add(
        p.cover, upright(rest, p.rake).move(0.0, low + 0.03 + 0.25 * p.thick, rear + 0.5 * p.thick + 0.012)
    )


def _tufts(p: Params) -> tuple[int, int]:
    return (3, 3) if p.cushions == "buttoned" else (0, 0)


def _wood(p: Params, chair: Chair, near: np.ndarray, back: np.ndarray, top: np.ndarray, arm: float) -> None:
    r = 0.019
    side = np.array([0.012, 0, 0])
    chair.add(p.frame, board(near, back, 0.06, 0.026, face=(1, 0, 0)).both())
    chair.add(p.frame, board(opposite(near), near, 0.06, 0.024), board(opposite(back), back, 0.06, 0.024))
    front_leg = np.array([near[0], 0, near[2] + 0.01])
    head = np.array([near[0], arm, near[2] - 0.03])
    chair.add(p.frame, stick(head + side, front_leg + side, r, p.leg).both())
    rear_foot = np.array([back[0], 0, back[2] - 0.02])
    share = np.clip((arm - 0.02 - back[1]) / (top[1] - back[1]), 0, 1)
    rear_head = mix(back, top, share)
    rear_top = np.array([back[0], arm - 0.015, rear_head[2] + 0.005])
    chair.add(p.frame, stick(rear_top + side, rear_foot + side, r, p.leg).both())
    reach = np.array([0.0, 0.01, 0.06])
    rest = board(
        rear_top + side - [0, -0.008, 0.05], head + side + reach, 0.075, 0.024, face=(0, 1, 0), radius=0.01
    )
    chair.add(p.frame, rest.both())

    chair.add(p.frame, board(back, top, 0.045, 0.024, face=(0, 0, 1)).both())
    chair.add(p.frame, board(opposite(top), top, 0.05, 0.026))
    for k in range(p.bars):
        if p.back == "bars":
            x = ((k + 0.5) / p.bars * 2 - 1) * back[0]
            chair.add(p.frame, board([x, *back[1:]], [x, *top[1:]], 0.026, 0.014))
        else:
            end = mix(back, top, (k + 0.7) / (p.bars + 0.4))
            chair.add(p.frame, board(opposite(end), end, 0.04, 0.014))
    for t in np.linspace(0.15, 0.85, 4):
        end = mix(near, back, t)
        chair.add(p.frame, board(opposite(end), end, 0.018, 0.05))


def _steel(p: Params, chair: Chair, near: np.ndarray, back: np.ndarray, top: np.ndarray, arm: float) -> None:
    r = 0.0125
    x = near[0] + 0.012
    loop = fillet(
        [
            (x, r, -0.05),
            (x, r, near[2]),
            (x, arm, near[2] + 0.01),
            (x, arm, back[2] - 0.03),
            (x, r, back[2]),
            (x, r, -0.05),
        ],
        0.06,
        8,
    )
    chair.add(p.steel, tube(loop, r).both())
    frame = fillet(
        [opposite(mix(near, back, 0.02)), opposite(back), opposite(top), top, back, mix(near, back, 0.02)],
        0.05,
    )
    chair.add(p.steel, tube(frame, r))
    for end, y in ((near, near[1]), (back, back[1])):
        chair.add(p.steel, tube(line((-x, y, end[2]), (x, y, end[2]), 6), 0.9 * r))
    for t in np.linspace(0.12, 0.88, 7):
        for a, b in ((near, back), (back, top)):
            end = mix(a, b, t)
            chair.add(p.cover, board(opposite(end), end, 0.03, 0.006, face=(0, 1, 0.9), radius=0.002))
    rest = board(
        (x, arm + r, back[2] + 0.04), (x, arm + r, near[2] - 0.05), 0.055, 0.02, face=(0, 1, 0), radius=0.008
    )
    chair.add(p.rest, rest.both())
