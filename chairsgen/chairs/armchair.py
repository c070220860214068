"""The upholstered chair for one, some with wings."""

from __future__ import annotations

import numpy as np

from chairsgen.chairs.assembly import Chair, Params
from chairsgen.chairs.curves import Array
from chairsgen.chairs.parts import box
from chairsgen.chairs.upholstery import suite


def build(p: Params, chair: Chair) -> None:
    """Adds the parts of one armchair."""
    suite(p, chair)
    if p.wings == "none" or p.arm == "none":
        return
    foot = p.seat_height + p.arm_height - 0.06
    tall = p.seat_height + p.back_height - foot
    reach = 0.24
    wing = box((0.085, tall, reach), (0.035, 0.04, 0.05), (2, 6, 4), arc=3)

    def sweep_back(v: Array) -> Array:
        t = v[:, 1] / tall + 0.5
        forward = v[:, 2] + reach / 2
        return np.column_stack([v[:, 0], v[:, 1], forward * (1.1 - 0.45 * t**2)])

    z = -p.depth / 2 - np.sin(0.6 * p.rake) * (foot - p.leg_height) * 0.6
    lean = wing.warp(sweep_back).move(y=tall / 2).rotate("x", -0.6 * p.rake)
    chair.add(p.cover, lean.move((p.seat_width + p.arm_width) / 2 - 0.012, foot, z + 0.02).both())
