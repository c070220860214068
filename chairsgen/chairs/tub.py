"""The tub chair: one padded wall curving around a round seat, arms and back in one."""

from __future__ import annotations

import numpy as np

from chairsgen.chairs.assembly import Chair, Params
from chairsgen.chairs.bases import stand
from chairsgen.chairs.curves import Array, superellipse
from chairsgen.chairs.joinery import stick
from chairsgen.chairs.parts import Part, box, slab


def build(p: Params, chair: Chair) -> None:
    """Adds the parts of one tub chair."""
    base = p.leg_height
    height = p.seat_height + p.back_height - base
    radius = p.width / 2 - p.wall / 2
    chair.add(p.cover, _wall(p, radius, height, base))

    body = superellipse(p.width - 0.6 * p.wall, p.depth - 0.5 * p.wall, 2.4, 48)
    deck = p.seat_height - 0.11 - base
    chair.add(p.cover, slab(body, deck, 0.02, rings=4).move(y=base + deck / 2, z=0.01))
    seat = superellipse(p.width - 1.7 * p.wall, p.depth - 1.1 * p.wall, 2.5, 48)
    pad = slab(seat, 0.13, 0.045, rings=10, arc=5)

    def swell(v: Array) -> Array:
        far = (2 * v[:, 0] / p.width) ** 2 + (2 * v[:, 2] / p.depth) ** 2
        return np.column_stack([v[:, 0], v[:, 1] + 0.022 * np.exp(-2 * far) * (v[:, 1] > 0), v[:, 2]])

    chair.add(
        p.accent if p.seat == "other" else p.cover,
        pad.warp(swell).move(y=p.seat_height - 0.06, z=0.35 * p.wall),
    )
    if p.support == "legs":
        for way in (1, -1):
            x, z = 0.33 * p.width, way * 0.33 * p.depth
            chair.add(p.legs, stick((x, base + 0.015, z), (1.15 * x, 0, 1.15 * z), 0.021, p.leg).both())
    else:
        stand(p.support, chair, p, base + 0.003, 0.8 * p.width, 0.8 * p.depth)


def _wall(p: Params, radius: float, height: float, base: float) -> Part:
    """A padded strip bent around the seat: tall behind, falling to the arms in front."""
    length = 2 * np.pi
    strip = box((length, 1.0, p.wall), (0.06, 0.10, 0.499 * p.wall), (56, 6, 1), arc=4)
    low = (p.seat_height + p.arm_height - base) / height
    ribs = p.channels if p.surface == "channelled" else 0

    def bend(v: Array) -> Array:
        s = v[:, 0] / (length / 2)
        turn = s * p.wrap
        up = v[:, 1] + 0.5
        fall = np.clip((np.abs(s) - 0.28) / 0.62, 0, 1)
        tall = 1 - (1 - low) * (3 * fall**2 - 2 * fall**3)
        thick = v[:, 2] * (1 - 0.25 * up)
        if ribs:
            thick = thick + 0.012 * (np.abs(np.sin(ribs * np.pi * (s + 1) / 2)) - 0.6) * (v[:, 2] > 0)
        flare = p.flare * up * height * (1 - 0.4 * np.abs(s))
        out = radius + flare - thick
        stretch = np.where(np.abs(turn) > np.pi / 2, (np.abs(turn) - np.pi / 2) * 0.35, 0.0)
        x = out * np.sin(turn) + np.sign(turn) * stretch * 0.2
        z = -out * np.cos(turn) * p.depth / p.width + stretch * 0.25
        return np.column_stack([x, base + up * tall * height, z])

    part = strip.warp(bend)
    scale = np.array([p.wrap * radius / np.pi, height])
    return Part(part.vertices, part.normals, part.uv * scale, part.faces)
