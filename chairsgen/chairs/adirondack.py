"""The garden chair of boards: low, wide arms, a fan of long back slats."""

from __future__ import annotations

import numpy as np

from chairsgen.chairs.assembly import Chair, Params
from chairsgen.chairs.curves import Array, mix, shift
from chairsgen.chairs.joinery import board, opposite
from chairsgen.chairs.parts import box


def build(p: Params, chair: Chair) -> None:
    """Adds the parts of one garden chair."""
    half, z = p.width / 2, p.depth / 2
    arm = p.seat_height + p.arm_height
    # Each side rail runs from the front edge of the seat down to the floor behind.
    near = np.array([half, p.seat_height - 0.05, z])
    heel = np.array([half, 0.045, -z - 0.16])
    rear = mix(near, heel, 0.68)
    chair.add(p.frame, board(near, heel, 0.10, 0.024, face=(1, 0, 0)).both())
    leg = half + 0.023
    chair.add(
        p.frame, board((leg, 0, z - 0.06), (leg, arm - 0.01, z - 0.06), 0.095, 0.024, face=(1, 0, 0)).both()
    )

    lean = np.tan(p.rake)
    cross = np.array([leg, arm - 0.03, rear[2] - (arm - rear[1]) * lean - 0.025])
    chair.add(p.frame, board(opposite(cross), cross, 0.06, 0.024))
    shelf = [leg + 0.035, arm + 0.002, cross[2] - 0.05]
    rest = board(shelf, [leg + 0.025, arm + 0.002, z + 0.04], p.arm_width, 0.024, face=(0, 1, 0), radius=0.01)
    chair.add(p.frame, rest.both())

    along = (heel - near) / np.linalg.norm(heel - near)
    run = float(np.linalg.norm(rear - near))
    pitch = run / p.slats
    tilt = np.arctan2(-along[1], -along[2])
    lift = np.array([0, -along[2], along[1]]) * 0.058
    for k in range(p.slats):
        slat = box((p.width + 0.022, 0.02, pitch - 0.01), 0.006, grain="x").rotate("x", -tilt)
        centre = near + along * (k + 0.5) * pitch + lift
        chair.add(p.frame, slat.move(0.0, centre[1], centre[2]))
    chair.add(p.frame, board(opposite(near), near, 0.10, 0.022))
    low = shift(rear, y=0.03, z=-0.035)
    chair.add(p.frame, board(opposite(low), low, 0.07, 0.024))
    _fan(p, chair, rear, lean)


def _fan(p: Params, chair: Chair, rear: Array, lean: float) -> None:
    """Back slats opening upwards, their tops along an arch."""
    width = (p.width - 0.02) / p.staves
    for k in range(p.staves):
        share = (k - (p.staves - 1) / 2) / (p.staves / 2)
        tall = p.back_height * (1 - p.arch * share**2)
        foot = np.array([share * (p.width / 2 - 0.005), rear[1] + 0.005, rear[2] + 0.0])
        fan = 1 + p.fan
        top = np.array([foot[0] * fan, foot[1] + tall, rear[2] - tall * lean])
        stave = board(foot, top, width - 0.006, 0.018, radius=0.007)
        chair.add(p.frame, stave)
    y = rear[1] + 0.8 * p.back_height * (1 - p.arch)
    end = np.array([0.98 * p.width / 2 * (1 + 0.8 * p.fan), y, rear[2] - (y - rear[1]) * lean - 0.018])
    chair.add(p.frame, board(opposite(end), end, 0.05, 0.022))
