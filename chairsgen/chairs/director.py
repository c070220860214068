"""The director's chair: crossed legs at front and rear, cloth stretched between two wooden sides."""

from __future__ import annotations

import numpy as np

from chairsgen.chairs.assembly import Chair, Params
from chairsgen.chairs.curves import Array, line
from chairsgen.chairs.joinery import board, stick
from chairsgen.chairs.parts import box, join, tube


def build(p: Params, chair: Chair) -> None:
    """Adds the parts of one director's chair."""
    half, z = p.width / 2, p.depth / 2
    seat, arm = p.seat_height, p.seat_height + p.arm_height
    for y, size in ((0.018, 0.032), (seat, 0.03)):
        side = board((half, y, -z), (half, y, z), size, 0.028, face=(1, 0, 0))
        chair.add(p.frame, side.both())
    for depth in (0.8 * z, -0.8 * z):
        for way in (1, -1):
            beside = depth + 0.009 * way
            cross = board((-way * half, 0.02, beside), (way * half, seat - 0.004, beside), 0.034, 0.017)
            chair.add(p.frame, cross)
        chair.add(p.frame, stick((0, seat / 2, depth - 0.022), (0, seat / 2, depth + 0.022), 0.008, sides=10))
        chair.add(p.frame, stick((half, arm, depth), (half, seat - 0.01, depth), 0.015, p.leg).both())
    rest = board((half, arm, -z - 0.03), (half, arm, z + 0.03), 0.06, 0.02, face=(0, 1, 0), radius=0.009)
    chair.add(p.frame, rest.both())

    lean = np.tan(p.rake)
    foot = np.array([half, arm, -0.86 * z])
    tip = np.array([half, seat + p.back_height, -0.86 * z - lean * (p.back_height - p.arm_height)])
    chair.add(p.frame, stick(tip, foot, 0.013, p.leg).both())

    sag = p.sag

    def hang(v: Array) -> Array:
        return np.column_stack([v[:, 0], v[:, 1] - sag * (1 - (v[:, 0] / half) ** 2), v[:, 2]])

    cloth = box((p.width, 0.007, p.depth - 0.03), 0.0032, (16, 1, 4)).warp(hang).move(y=seat + 0.012)
    chair.add(p.cover, cloth)
    tall = p.cloth_height
    up = p.back_height - p.arm_height - tall / 2 - 0.015
    sheet = box((p.width, tall, 0.007), 0.0032, (16, 4, 1))
    bowed = sheet.warp(lambda v: np.column_stack([v[:, :2], v[:, 2] - sag * (1 - (v[:, 0] / half) ** 2)]))
    hems = [
        tube(line((s * half, -tall / 2, 0), (s * half, tall / 2, 0), 4), 0.0165, 14, bulge=0.1)
        for s in (-1, 1)
    ]
    back = join([bowed, *hems]).rotate("x", -p.rake)
    chair.add(p.cover, back.move(0.0, arm + up, foot[2] - up * lean))
