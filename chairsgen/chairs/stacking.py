"""The school chair: a bent steel frame with a plywood or plastic seat and back on it."""

from __future__ import annotations

import numpy as np

from chairsgen.chairs.assembly import Chair, Params
from chairsgen.chairs.curves import Array, fillet, line, superellipse
from chairsgen.chairs.parts import slab, tube


def build(p: Params, chair: Chair) -> None:
    """Adds the parts of one stacking chair."""
    half, z, r = 0.42 * p.width, p.depth / 2, p.tube
    deck = p.seat_height - 0.012
    top = (half * 0.94, p.seat_height + p.back_height - 0.03, -z - p.back_height * np.tan(p.rake))
    # One tube a side: front foot, along under the seat, up into the back.
    rail = fillet(
        [(half + 0.035, 0, z + 0.02), (half, deck - r, z - 0.03), (half, deck - r - 0.008, -z), top], 0.07, 7
    )
    chair.add(p.metal, tube(rail, r).both())
    rear = fillet(
        [(half + 0.03, 0, -z - 0.07), (half + 0.002, deck - 2.6 * r, 0.06), (half, deck - r, z - 0.09)], 0.05
    )
    chair.add(p.metal, tube(rear, r).both())
    for depth in (0.5 * z, -0.72 * z):
        chair.add(p.metal, tube(line((-half, deck - r, depth), (half, deck - r, depth), 4), 0.8 * r))

    seat = slab(superellipse(p.width, p.depth + 0.03, p.corner, 64), 0.012, 0.005, rings=12)

    def dish(v: Array) -> Array:
        t = v[:, 2] / z
        lip = 0.09 * np.clip(t - 0.35, 0, 1) ** 2
        return np.column_stack(
            [v[:, 0], v[:, 1] + 0.10 * v[:, 0] ** 2 - lip + 0.05 * np.clip(-t - 0.4, 0, 1) ** 2, v[:, 2]]
        )

    chair.add(p.board, seat.warp(dish).move(y=p.seat_height - 0.008))
    tall = p.panel * p.back_height
    wide = 0.98 * p.width
    panel = slab(superellipse(wide, tall, p.corner, 64), 0.012, 0.005, rings=12).rotate("x", np.pi / 2)

    def wrap(v: Array) -> Array:
        return np.column_stack([v[:, :2], v[:, 2] + p.curve * (v[:, 0] ** 2 - half**2 * 0.9)])

    centre = p.back_height - tall / 2
    lean = panel.warp(wrap).rotate("x", -p.rake)
    chair.add(p.board, lean.move(0.0, p.seat_height + centre, -z - centre * np.tan(p.rake) + r))
