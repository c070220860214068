"""The Windsor chair: everything, legs below and spindles above, is socketed into one solid saddle seat."""

from __future__ import annotations

import numpy as np

from chairsgen.chairs.assembly import Chair, Params
from chairsgen.chairs.curves import Array, fillet, mix, spline, superellipse
from chairsgen.chairs.joinery import board, opposite, stick
from chairsgen.chairs.parts import Part, slab, tube

THICK = 0.042


def build(p: Params, chair: Chair) -> None:
    """Adds the parts of one Windsor chair."""
    chair.add(p.frame, _seat(p))
    _undercarriage(p, chair)
    {"bow": _bow, "comb": _comb, "sack": _sack}[p.back](p, chair)


def _seat(p: Params) -> Part:
    outline = superellipse(p.width, p.depth, 2.7, 56)
    narrow = 1 - 0.10 * (0.5 - outline[:, 1] / p.depth)
    dent = 0.02 * np.cos(np.clip(outline[:, 0] / p.width, -0.5, 0.5) * np.pi) * (outline[:, 1] > 0)
    outline = np.column_stack([outline[:, 0] * narrow, outline[:, 1] + dent])

    def saddle(v: Array) -> Array:
        x, z = 2 * v[:, 0] / p.width, 2 * v[:, 2] / p.depth
        bowl = 0.016 * np.exp(-(((np.abs(x) - 0.4) / 0.42) ** 2) - ((z + 0.05) / 0.55) ** 2)
        return np.column_stack([v[:, 0], v[:, 1] - bowl * np.clip(2 * v[:, 1] / THICK, 0, 1), v[:, 2]])

    # Grain runs from side to side: the slab's own texture axes are swapped.
    plate = slab(outline, THICK, 0.016, rings=9).warp(saddle).move(y=p.seat_height - THICK / 2)
    return Part(plate.vertices, plate.normals, plate.uv[:, ::-1], plate.faces)


def _undercarriage(p: Params, chair: Chair) -> None:
    under = p.seat_height - 0.5 * THICK
    ends = []
    for way in (1, -1):
        head = np.array([0.33 * p.width, under, way * 0.33 * p.depth])
        foot = np.array([head[0] + np.tan(p.splay) * under, 0, head[2] + way * 1.1 * np.tan(p.splay) * under])
        chair.add(p.frame, stick(head, foot, p.leg_radius, p.leg).both())
        ends.append(mix(head, foot, 0.56))
    near, rear = ends
    chair.add(p.frame, stick(near, rear, 0.72 * p.leg_radius, "cigar").both())
    middle = mix(near, rear, 0.5)
    chair.add(p.frame, stick(opposite(middle), middle, 0.72 * p.leg_radius, "cigar"))


def _lean(p: Params) -> tuple[float, float]:
    """How the back bends around the seat's rear edge: z at its middle, and the curve's strength."""
    return -0.5 * p.depth + 0.035, 0.9


def _lay(p: Params, flat: Array) -> Array:
    """Points of the back modelled in the plane z = 0, y measured from the seat's top."""
    z, curve = _lean(p)
    x, y = flat[:, 0], flat[:, 1]
    bend = curve * x**2 / p.width * 1.1
    return np.column_stack([x, y + p.seat_height, z + bend - y * np.tan(p.rake) + flat[:, 2]])


def _spindles(p: Params, chair: Chair, tops: Array, count: int, fan: float) -> None:
    """Sticks from the seat to the curve `tops` (flat points by rising x), opening by the factor `fan`."""
    for s in (np.arange(count) - (count - 1) / 2) / (count + 0.4):
        low = s * 0.74 * p.width
        high = low * fan
        y = np.interp(high, tops[:, 0], tops[:, 1])
        top, foot = _lay(p, np.array([[high, y, 0], [low, -0.6 * THICK, 0]]))
        chair.add(p.frame, stick(top, foot, p.spindle, p.spindle_style, 8))


def _hoop(p: Params, half: float, height: float) -> Array:
    """A bent bow, flat, from the seat's right to its left: straight flanks under a round top."""
    t = np.linspace(0, np.pi, 33)
    arch = np.column_stack([half * np.sign(np.cos(t)) * np.abs(np.cos(t)) ** 0.8, height * np.sin(t) ** 0.75])
    return np.column_stack([arch * [1, 1] + [0, -0.5 * THICK], np.zeros(33)])


def _bow(p: Params, chair: Chair) -> None:
    flat = _hoop(p, 0.42 * p.width, p.back_height)
    chair.add(p.frame, tube(_lay(p, flat), 0.0115, 10))
    _spindles(p, chair, flat[::-1], p.spindles, 1.12)


def _comb(p: Params, chair: Chair) -> None:
    half, top = 0.52 * p.width, p.back_height
    crest = board((-half, top, 0), (half, top, 0), 0.065, 0.018, crest=0.035, radius=0.008, cuts=12)
    chair.add(p.frame, crest.warp(lambda v: _lay(p, v)))
    tops = np.array([[-1, top - 0.01, 0], [1, top - 0.01, 0]])
    _spindles(p, chair, tops, p.spindles, 1.26)
    for s in (-1, 1):
        low, high = s * 0.40 * p.width, s * 0.48 * p.width
        ends = _lay(p, np.array([[high, top - 0.01, 0], [low, -0.6 * THICK, 0]]))
        chair.add(p.frame, stick(ends[0], ends[1], 1.6 * p.spindle, "baluster"))


def _sack(p: Params, chair: Chair) -> None:
    """An arm rail all around the back, and a bow above it."""
    rise = 0.235
    z, _ = _lean(p)
    half = 0.53 * p.width
    rear = z - rise * np.tan(p.rake)
    front = 0.24 * p.depth
    bend = fillet([(half, front), (half * 0.98, rear), (-half * 0.98, rear), (-half, front)], 0.24, 12)
    level = p.seat_height + rise
    around = np.column_stack([bend[:, 0], np.full(len(bend), level), bend[:, 1]])
    chair.add(p.frame, tube(around, 0.0145, 10, bulge=0.8))
    for way, (x, depth) in enumerate(((0.42, 0.18), (0.43, 0.02))):
        foot = np.array([x * p.width, p.seat_height - 0.6 * THICK, depth * p.depth])
        top = np.array([half * 0.995, level, depth * p.depth + 0.03])
        chair.add(p.frame, stick(top, foot, 1.8 * p.spindle if way == 0 else p.spindle, "vase").both())

    high = p.back_height
    flank = [(0.42, rise), (0.40, (rise + high) / 2), (0.24, high - 0.03)]
    outline = [(-x, y) for x, y in flank] + [(0.0, high)] + flank[::-1]
    arch = spline([(x * p.width, y) for x, y in outline], 8)

    def follow(flat: Array) -> Array:
        """The back's points, its depth taken from the arm rail's bend."""
        order = np.argsort(np.abs(around[:, 0]))
        deep = np.interp(np.abs(flat[:, 0]), np.abs(around[order, 0]), around[order, 2])
        share = np.clip(flat[:, 1] / rise, 0, 1)
        foot = _lay(p, flat)[:, 2] + flat[:, 1] * np.tan(p.rake)
        past = np.maximum(flat[:, 1] - rise, 0) * np.tan(p.rake)
        return np.column_stack([flat[:, 0], flat[:, 1] + p.seat_height, foot + share * (deep - foot) - past])

    chair.add(p.frame, tube(follow(np.column_stack([arch, np.zeros(len(arch))])), 0.0105, 10))
    for s in (np.arange(p.spindles) - (p.spindles - 1) / 2) / (p.spindles + 0.6):
        low, top = s * 0.72 * p.width, s * 0.80 * p.width
        y = np.interp(top, arch[:, 0], arch[:, 1])
        t = np.linspace(0, 1, 9)
        flat = np.column_stack([low + t * (top - low), -0.6 * THICK + t * (y + 0.6 * THICK), 0 * t])
        chair.add(p.frame, tube(follow(flat), p.spindle * (1 - 0.25 * np.abs(2 * t - 0.8)), 8))
