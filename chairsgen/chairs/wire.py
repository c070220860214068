"""The wire chair: a net of welded rods in the shape of a shell."""

from __future__ import annotations

import numpy as np

from chairsgen.chairs.assembly import Chair, Params
from chairsgen.chairs.bases import stand
from chairsgen.chairs.curves import Array, spline, superellipse, unit
from chairsgen.chairs.parts import ring, slab, tube


def build(p: Params, chair: Chair) -> None:
    """Adds the parts of one wire chair."""
    curve = spline(
        [
            (p.seat_height - 0.015, p.depth / 2 + 0.03),
            (p.seat_height + 0.004, p.depth / 2 - 0.06),
            (p.seat_height - 0.014, 0.0),
            (p.seat_height + 0.004, -p.depth / 2 + 0.11),
            (p.seat_height + 0.09, -p.depth / 2 - 0.01),
            (p.seat_height + 0.5 * p.back_height, -p.depth / 2 - 0.5 * p.back_height * np.tan(p.rake)),
            (p.seat_height + p.back_height, -p.depth / 2 - p.back_height * np.tan(p.rake) - 0.02),
        ],
        10,
    )
    reach = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    length = reach[-1]
    tangent = unit(np.gradient(curve, reach, axis=0))

    def mould(flat: Array, lift: float = 0.0) -> Array:
        """From (across, along) with along = 0 at the front lip to space."""
        t = flat[:, 1] / length
        columns = (curve[:, 0], curve[:, 1], tangent[:, 0], tangent[:, 1])
        y, z, ty, tz = (np.interp(flat[:, 1], reach, c) for c in columns)
        across = 2 * flat[:, 0] / p.width
        rise = lift + (0.03 + p.bucket * np.exp(-(((t - 0.5) / 0.22) ** 2))) * across**2
        waist = 1 - p.taper * np.clip(t - 0.5, 0, 1)
        turn = (np.pi / 2 - p.rake) * np.clip((t - 0.15) / 0.75, 0, 1)
        bend = lift * np.column_stack([-tz, ty])
        side = (rise - lift)[:, None] * np.column_stack([np.cos(turn), np.sin(turn)])
        return np.column_stack([flat[:, 0] * waist, y + bend[:, 0] + side[:, 0], z + bend[:, 1] + side[:, 1]])

    rim = superellipse(p.width, length, p.corner, 80) + np.array([0, length / 2])
    chair.add(p.wire, ring(mould(rim), 0.0052, 8))
    for x in (np.arange(p.rods) - (p.rods - 1) / 2) * p.width / (p.rods + 0.3):
        room = length / 2 * max(1 - abs(2 * x / p.width) ** p.corner, 0.0) ** (1 / p.corner)
        span = np.linspace(length / 2 - room, length / 2 + room, 26)
        chair.add(p.wire, tube(mould(np.column_stack([np.full(26, x), span]), 0.002), 0.0032, 6))
    count = round(p.rods * length / p.width)
    for s in (np.arange(count) + 0.5) / count * length:
        room = p.width / 2 * max(1 - abs(2 * s / length - 1) ** p.corner, 0.0) ** (1 / p.corner)
        span = np.linspace(-room, room, 13)
        chair.add(p.wire, tube(mould(np.column_stack([span, np.full(13, s)]), -0.002), 0.0032, 6))

    stand(p.support, chair, p, p.seat_height - 0.026, 0.8 * p.width, 0.78 * p.depth)
    if p.pad == "pad":
        cloth = slab(superellipse(0.8 * p.width, 0.5 * p.depth + 0.16, 3.5, 48), 0.026, 0.012, rings=8)

        def lay(v: Array) -> Array:
            flat = np.column_stack([v[:, 0], 0.43 * p.depth + 0.02 - v[:, 2]])
            return mould(flat, 0.0) + np.column_stack([0 * v[:, 0], v[:, 1] + 0.016, 0 * v[:, 0]])

        chair.add(p.cover, cloth.warp(lay))
