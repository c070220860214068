"""Sticks and boards, and how they meet: what most wooden chairs share. Metres and radians throughout."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from chairsgen.chairs.curves import Array, Vector, at_height, line, rounded_rectangle, spline, unit
from chairsgen.chairs.parts import Part, box, join, sweep, tube

# Outlines of turned sticks: place along the stick, radius relative to the nominal one.
TURNINGS: dict[str, list[tuple[float, float]]] = {
    "round": [(0, 1), (0.5, 1), (1, 0.95)],
    "taper": [(0, 1), (0.5, 0.88), (1, 0.58)],
    "cigar": [(0, 0.66), (0.25, 0.9), (0.5, 1), (0.75, 0.88), (1, 0.6)],
    "vase": [(0, 0.6), (0.1, 0.72), (0.28, 1.1), (0.38, 0.62), (0.41, 0.98), (0.45, 0.96), (0.48, 0.6),
             (0.55, 0.78), (0.72, 1.0), (1, 0.55)],
    "baluster": [(0, 0.85), (0.16, 0.85), (0.2, 1.12), (0.24, 0.7), (0.5, 0.9), (0.66, 1.15), (0.8, 0.6),
                 (0.84, 1.0), (0.88, 0.6), (1, 0.8)],
    "bamboo": [(0, 0.7), (0.22, 0.9), (0.25, 1.06), (0.28, 0.88), (0.5, 0.9), (0.55, 1.06), (0.6, 0.88),
               (0.8, 0.86), (0.83, 1.0), (0.86, 0.84), (1, 0.72)],
    "bobbin": [(i / 16, 1.12 if i % 2 else 0.72) for i in range(17)],
}  # fmt: skip


def stick(top: Vector, foot: Vector, radius: float, style: str = "round", sides: int = 12) -> Part:
    """A leg, spindle or stretcher between two points.

    Args:
        top: where the outline begins.
        foot: where it ends.
        radius: nominal; half the width for "square" ones.
        style: a key of `TURNINGS`, or "square" for a tapered square leg.
        sides: of the turned ones.
    """
    a, b = np.asarray(top, dtype=np.float64), np.asarray(foot, dtype=np.float64)
    if style == "square":
        section = rounded_rectangle(2 * radius, 2 * radius, 0.3 * radius, 3)
        reference = np.eye(3)[2 if abs(unit(b - a)[2]) < 0.7 else 1]
        return sweep(line(a, b, 8), section, np.linspace(1, 0.72, 8), up=reference)
    outline = spline(TURNINGS[style], 4)
    return tube(a + outline[:, :1] * (b - a), radius * outline[:, 1], sides)


def board(
    start: Vector,
    end: Vector,
    width: float,
    thickness: float,
    face: Vector = (0, 0, 1),
    bow: float = 0.0,
    crest: float = 0.0,
    radius: float = 0.006,
    cuts: int = 1,
) -> Part:
    """A plank between two points.

    Args:
        start: middle of one end; for a rail, its left (-x) one.
        end: middle of the other end.
        width: across the grain, in the plane that `face` looks out of.
        thickness: along `face`.
        face: roughly the direction that the broad side looks to.
        bow: how far the middle stands back from the straight line, against `face`.
        crest: how much wider the middle is, on the side that is up when `face` is +z.
        radius: of the edges.
        cuts: divisions along the grain, for a board that will be bent later.
    """
    a, b = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    length = float(np.linalg.norm(b - a))
    along = unit(b - a)
    out = unit(np.asarray(face) - (np.asarray(face) @ along) * along)
    bent = bool(bow or crest)
    divisions = (2 if bent else 1, 1, max(cuts, 10 if bent else 1))
    plank = box((width, thickness, length), min(radius, 0.45 * thickness), divisions, grain="z")
    if bent:

        def bend(v: Array) -> Array:
            hump = 1 - (2 * v[:, 2] / length) ** 2
            rise = v[:, 0] + crest * hump * (v[:, 0] / width + 0.5)
            return np.column_stack([rise, v[:, 1] - bow * hump, v[:, 2]])

        plank = plank.warp(bend)
    return plank.orient(np.column_stack([np.cross(out, along), out, along])).move(*((a + b) / 2))


def opposite(point: Array) -> Array:
    """The same place on the chair's other side."""
    mirrored: Array = point * np.array([-1.0, 1.0, 1.0])
    return mirrored


def rail(path: Array, y: float, width: float, thickness: float, bow: float = 0.0, crest: float = 0.0) -> Part:
    """A board at height `y` from a post's mirror image to the post."""
    end = at_height(path, y)
    return board(opposite(end), end, width, thickness, bow=bow, crest=crest, radius=0.004)


def onto_posts(post: Array, bow: float = 0.0) -> Callable[[Array], Array]:
    """The map that lays a back modelled flat, in the plane z = 0, between two posts.

    Args:
        post: the right post's path, rising; the flat model is as wide as the posts' tops are apart.
        bow: how far the middle of the back stands behind the posts.
    """
    tip = post[-1] + unit(post[-1] - post[-2])
    path = np.vstack([post, tip])

    def lay(v: Array) -> Array:
        wide = np.interp(v[:, 1], path[:, 1], path[:, 0])
        deep = np.interp(v[:, 1], path[:, 1], path[:, 2])
        share = v[:, 0] / post[-1, 0]
        return np.column_stack([share * wide, v[:, 1], v[:, 2] + deep - bow * (1 - share**2)])

    return lay


def cane(width: float, height: float, pitch: float, reach: float = 0.012) -> Part:
    """An open woven panel in the plane z = 0, centred, holes and all.

    Args:
        width: along x.
        height: along y.
        pitch: distance between neighbouring strands.
        reach: how far strands run on into the frame around the panel.
    """
    w, h = width / 2 + reach, height / 2 + reach
    strand = _strand(pitch)
    strips = []
    for size, other, turn in ((width, h, 0.0), (height, w, np.pi / 2)):
        count = max(round(size / pitch), 2)
        for k in range(count):
            x = ((k + 0.5) / count - 0.5) * size
            side = 0.0012 if turn else -0.0012
            strips.append(_stretch(strand, other).move(x=x, z=side).rotate("z", -turn))
    for way in (1, -1):
        diagonal = 2.0 * pitch
        for c in np.arange(-(w + h) + diagonal / 2, w + h, diagonal):
            low, high = max(-w, c - h), min(w, c + h)
            if high - low > pitch:
                middle = (low + high) / 2
                sloped = _stretch(strand, (high - low) / np.sqrt(2)).rotate("z", -np.pi / 4)
                sloped = sloped.move(middle, middle - c)
                strips.append(sloped if way > 0 else sloped.mirrored())
    return join(strips)


def _strand(pitch: float) -> Part:
    """A flat ribbon along y from -1 to 1, its ends open: the frame hides them."""
    section = np.array([[0.0012, 0.0], [0.0, 0.14 * pitch], [-0.0012, 0.0], [0.0, -0.14 * pitch]])
    whole = sweep(line((0, -1, 0), (0, 1, 0), 7), section)
    return Part(whole.vertices, whole.normals, whole.uv, whole.faces[:48])


def _stretch(strand: Part, half: float) -> Part:
    return Part(strand.vertices * [1, half, 1], strand.normals, strand.uv * [1, half], strand.faces)
