"""The shell chair: seat and back are one thin moulded sheet, on any of many bases."""

from __future__ import annotations

import numpy as np

from chairsgen.chairs.assembly import Chair, Params
from chairsgen.chairs.bases import stand
from chairsgen.chairs.curves import Array, spline, superellipse, unit
from chairsgen.chairs.parts import Part, slab


def build(p: Params, chair: Chair) -> None:
    """Adds the parts of one shell chair."""
    curve = _profile(p)
    sheet = _moulded(p, curve, 0.011, 1.0)
    chair.add(p.shell, sheet)
    if p.pad == "full":
        chair.add(p.cover, _moulded(p, curve, 0.022, 0.93, lift=0.012))
    stand(p.support, chair, p, p.seat_height - 0.019, 0.82 * p.width, 0.80 * p.depth)


def _profile(p: Params) -> Array:
    """The middle line from the seat's front lip to the top of the back, as (height, z)."""
    z, y, lean = p.depth / 2, p.seat_height, np.tan(p.rake)
    return spline(
        [
            (y - 0.022, z + 0.015),
            (y + 0.004, z - 0.05),
            (y - 0.008, 0.02),
            (y, -z + 0.13),
            (y + 0.055, -z + 0.03),
            (y + 0.16, -z - 0.05 * lean - 0.012),
            (y + 0.6 * p.back_height, -z - 0.5 * p.back_height * lean),
            (y + p.back_height, -z - p.back_height * lean - 0.02),
        ],
        12,
    )


def _moulded(p: Params, curve: Array, thickness: float, shrink: float, lift: float = 0.0) -> Part:
    """A flat plate bent along the profile, its sides curled up."""
    step = np.linalg.norm(np.diff(curve, axis=0), axis=1)
    reach = np.concatenate([[0.0], np.cumsum(step)])
    length = reach[-1]
    tangent = unit(np.gradient(curve, reach, axis=0))
    outline = superellipse(1.0, 1.0, p.corner, 72)
    plate = slab(outline * shrink * [p.width, length], thickness, 0.48 * thickness, rings=22, arc=2)

    def mould(v: Array) -> Array:
        s = np.clip(length / 2 - v[:, 2], 0, length)
        t = s / length
        y, z, ty, tz = (
            np.interp(s, reach, c) for c in (curve[:, 0], curve[:, 1], tangent[:, 0], tangent[:, 1])
        )
        across = 2 * v[:, 0] / p.width
        waist = 1 - p.waist * np.exp(-(((t - 0.47) / 0.1) ** 2)) - p.taper * np.clip(t - 0.55, 0, 1)
        wing = p.bucket * np.exp(-(((t - 0.5) / 0.22) ** 2))
        curl = (0.022 + wing) * across**2 * np.abs(across) ** 0.6 + 0.03 * across**2 * np.clip(t - 0.6, 0, 1)
        # The sides rise in a direction that turns more slowly than the sheet's normal: in the bend between
        # seat and back the normals meet, and would fold the sheet.
        turn = (np.pi / 2 - p.rake) * np.clip((t - 0.15) / 0.75, 0, 1)
        rise = v[:, 1] + lift
        y = y - rise * tz + curl * np.cos(turn)
        return np.column_stack([v[:, 0] * waist, y, z + rise * ty + curl * np.sin(turn)])

    return plate.warp(mould)
