"""The plain chair at the table: two bent posts, two front legs, a back filled in one of many ways."""

from __future__ import annotations

import numpy as np

from chairsgen.chairs.assembly import Chair, Params
from chairsgen.chairs.backs import fill
from chairsgen.chairs.frames import four_square
from chairsgen.chairs.joinery import onto_posts


def build(p: Params, chair: Chair) -> None:
    """Adds the parts of one dining chair."""
    post = four_square(p, chair)
    low = p.seat_height + np.clip(p.gap, 0.03, 0.3 * p.back_height)
    parts = fill(p.back, low, p.seat_height + p.back_height, post[-1, 0], p)
    lay = onto_posts(post, p.bow)
    for role, flat in parts:
        chair.add(p.cover if role == "cover" else p.cane if role == "cane" else p.frame, flat.warp(lay))
