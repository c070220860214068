"""The swivel chair: a five-star base on casters, a gas column, padded or netted back, some with arms."""

from __future__ import annotations

import numpy as np

from chairsgen.chairs.assembly import Chair, Params
from chairsgen.chairs.bases import star
from chairsgen.chairs.curves import Array, fillet, rounded_rectangle, spline
from chairsgen.chairs.parts import Part, box, join, ring, sweep, tube
from chairsgen.chairs.upholstery import cushion

PAD = 0.075


def build(p: Params, chair: Chair) -> None:
    """Adds the parts of one office chair."""
    under = p.seat_height - PAD
    star(chair, p.base, under - 0.035, p.reach)
    tray = box((0.22, 0.045, 0.26), 0.012, (1, 1, 2)).move(y=under - 0.02)
    pan = box((0.86 * p.width, 0.024, 0.84 * p.depth), 0.011, (2, 1, 2)).move(y=under + 0.008)
    lever = tube(
        fillet([(0.08, under - 0.03, 0.04), (0.22, under - 0.03, 0.04), (0.27, under - 0.045, 0.04)], 0.03),
        0.006,
        8,
    )
    chair.add(p.shell, tray, pan, lever)

    def fall(v: Array) -> Array:
        """The front edge rolls down, as a waterfall."""
        drop = np.clip(v[:, 2] - 0.22 * p.depth, 0, None) ** 2 * 1.1
        return np.column_stack([v[:, 0], v[:, 1] - drop, v[:, 2]])

    seat = cushion(p.width, PAD, p.depth, soft=0.45, puff=0.18, piping=p.back == "piped")
    chair.add(p.cover, seat.warp(fall).move(y=under + PAD / 2))
    _back(p, chair, under)
    if p.arms != "none":
        _arms(p, chair, under)


def _back(p: Params, chair: Chair, under: float) -> None:
    gap = p.gap if p.back != "tall" else 0.02
    foot = p.seat_height + gap
    tall = p.back_height * (1.25 if p.back == "tall" else 1.0)
    z = -p.depth / 2 + 0.01

    def stance(v: Array) -> Array:
        """From flat to its place behind the seat: raked, hollow, with support for the loins."""
        y = v[:, 1]
        hollow = p.hollow * (2 * v[:, 0] / p.back_width) ** 2
        loin = 0.028 * np.exp(-(((y - 0.16) / 0.12) ** 2))
        return np.column_stack([v[:, 0], foot + y, z + v[:, 2] + hollow + loin - y * np.tan(p.rake)])

    spine = spline([(0, under - 0.02, -0.06), (0, under - 0.03, z - 0.035), (0, foot + 0.02, z - 0.055),
                    (0, foot + 0.55 * tall, z - 0.045 - 0.55 * tall * np.tan(p.rake))], 8)  # fmt: skip
    strap = sweep(spine, rounded_rectangle(0.020, 0.075, 0.009, 3), up=(0, 0.6, 0.8))
    mount = box((0.14, 0.10, 0.05), 0.012).move(y=0.42 * tall, z=-0.042)
    chair.add(p.shell, strap, mount.warp(stance))
    if p.back == "mesh":
        rim = rounded_rectangle(p.back_width, tall, 0.07, 8)
        path = np.column_stack(
            [rim[:, 0] * (1 - 0.12 * rim[:, 1] / tall), rim[:, 1] + tall / 2, np.zeros(len(rim))]
        )
        dense = fillet(list(path), 0.001, 1, closed=True)
        chair.add(p.shell, ring(dense, 0.013).warp(stance))
        chair.add(
            p.shell,
            box((p.back_width - 0.04, 0.035, 0.014), 0.006, (8, 1, 1))
            .move(y=0.42 * tall, z=-0.012)
            .warp(stance),
        )
        chair.add(p.cover, _net(p.back_width, tall).warp(stance))
        return
    pad = cushion(p.back_width, 0.06, tall, soft=0.48, puff=0.22, piping=p.back == "piped", buttons=(0, 0))
    narrow = pad.rotate("x", np.pi / 2).move(y=tall / 2)
    plate = box((0.9 * p.back_width, 0.92 * tall, 0.014), 0.006, (8, 6, 1)).move(y=tall / 2, z=-0.028)

    def taper(v: Array) -> Array:
        return np.column_stack([v[:, 0] * (1 - 0.16 * (v[:, 1] / tall - 0.5) ** 2 * 4), v[:, 1:]])

    chair.add(p.cover, narrow.warp(taper).warp(stance))
    chair.add(p.shell, plate.warp(taper).warp(stance))
    if p.back == "tall":
        head = cushion(0.6 * p.back_width, 0.07, 0.15, soft=0.48, puff=0.2).rotate("x", np.pi / 2)
        chair.add(p.cover, head.move(y=tall - 0.11, z=0.03).warp(stance))


def _net(width: float, height: float) -> Part:
    """Ribbons across the frame, close enough to read as netting and far enough to look through."""
    count = int(height / 0.017)
    bars = []
    for k in range(1, count):
        y = k * height / count
        edge = min(y, height - y)
        inset = 0.07 - np.sqrt(max(0.07**2 - (0.07 - edge) ** 2, 0.0)) if edge < 0.07 else 0.0
        half = (width / 2 - inset) * (1 - 0.12 * (y / height - 0.5))
        bars.append(box((2 * half, 0.011, 0.003), 0.0012, (8, 1, 1), arc=1, grain="x").move(y=y))
    return join(bars)


def _arms(p: Params, chair: Chair, under: float) -> None:
    x = p.width / 2 + 0.035
    level = p.seat_height + p.arm_height
    if p.arms == "loop":
        root, y = 0.3 * p.width, under + 0.005
        loop = [
            (root, y, 0.1),
            (x, y, 0.1),
            (x, level, 0.14),
            (x, level, -0.16),
            (x, y, -0.12),
            (root, y, -0.12),
        ]
        chair.add(p.shell, tube(fillet(loop, 0.05, 6), 0.0125).both())
    else:
        bracket = fillet([(0.3 * p.width, under + 0.005, 0), (x, under + 0.005, 0), (x, level, 0)], 0.04, 5)
        section = rounded_rectangle(0.05, 0.02, 0.008, 3)
        chair.add(p.shell, sweep(bracket, section, up=(0, 0, 1)).both())
    rest = box((0.075, 0.03, 0.26), (0.03, 0.013, 0.035), (1, 1, 4), arc=4)
    chair.add(p.shell, rest.move(x, level + 0.012, -0.01).both())
