"""The upholstered sofa for two or three, with scatter cushions."""

from __future__ import annotations

from chairsgen.chairs.assembly import Chair, Params
from chairsgen.chairs.upholstery import cushion, suite, upright


def build(p: Params, chair: Chair) -> None:
    """Adds the parts of one sofa."""
    suite(p, chair)
    half = p.seat_width * p.places / 2
    z = -p.depth / 2 + p.back_depth + 0.21
    for i in range(p.scatter):
        side = 1 if i % 2 else -1
        small = upright(cushion(0.4, 0.10, 0.38, soft=0.3, puff=0.9), p.rake + 0.15).rotate("y", -0.25 * side)
        chair.add(p.accent, small.move(side * (half - 0.24), p.seat_height, z))
