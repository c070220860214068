"""Solids that chairs are made of: closed surfaces with normals and texture coordinates.

Texture coordinates are metres on the surface, and the second one follows the grain, so a material
looks the same on every part. Normals are exact, not averaged from triangles: round is smooth and edges
are crisp at any triangle count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float64, Int64

from chairsgen.chairs.curves import Array, Vector, outline_normals, unit

AXES = {"x": 0, "y": 1, "z": 2}


@dataclass(frozen=True)
class Part:
    """A piece of surface.

    Attributes:
        vertices: (n, 3) metres.
        normals: (n, 3) unit, outward.
        uv: (n, 2) metres along the surface.
        faces: (m, 3) vertex indices, counter-clockwise seen from outside.
    """

    vertices: Float64[np.ndarray, "n 3"]
    normals: Float64[np.ndarray, "n 3"]
    uv: Float64[np.ndarray, "n 2"]
    faces: Int64[np.ndarray, "m 3"]

    def warp(self, deform: Callable[[Array], Array]) -> Part:
        """Moves every point by a smooth orientation-preserving map of space, normals included."""
        eps = 1e-5
        moved = deform(self.vertices)
        jx, jy, jz = ((deform(self.vertices + eps * axis) - moved) / eps for axis in np.eye(3))
        n = self.normals
        normals = n[:, :1] * np.cross(jy, jz) + n[:, 1:2] * np.cross(jz, jx) + n[:, 2:] * np.cross(jx, jy)
        return Part(moved, unit(normals), self.uv, self.faces)

    def move(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Part:
        """Translates by metres."""
        return Part(self.vertices + np.array([x, y, z]), self.normals, self.uv, self.faces)

    def orient(self, rotation: Array) -> Part:
        """Turns by a 3x3 rotation matrix about the origin."""
        r = np.asarray(rotation, dtype=np.float64)
        return Part(self.vertices @ r.T, self.normals @ r.T, self.uv, self.faces)

    def rotate(self, axis: str, angle: float) -> Part:
        """Turns about an axis ("x", "y" or "z") through the origin, radians, right-handed."""
        c, s = np.cos(angle), np.sin(angle)
        i, j = (AXES[axis] + 1) % 3, (AXES[axis] + 2) % 3
        r = np.eye(3)
        r[[i, i, j, j], [i, j, i, j]] = c, -s, s, c
        return self.orient(r)

    def mirrored(self) -> Part:
        """The same part on the chair's other side (x negated)."""
        flip = np.array([-1.0, 1.0, 1.0])
        return Part(self.vertices * flip, self.normals * flip, self.uv, self.faces[:, ::-1])

    def both(self) -> Part:
        """The part and its mirror image."""
        return join([self, self.mirrored()])


def join(parts: Iterable[Part]) -> Part:
    """One part out of many."""
    pieces = list(parts)
    starts = np.cumsum([0] + [len(p.vertices) for p in pieces[:-1]])
    return Part(
        np.vstack([p.vertices for p in pieces]),
        np.vstack([p.normals for p in pieces]),
        np.vstack([p.uv for p in pieces]),
        np.vstack([p.faces + s for p, s in zip(pieces, starts, strict=True)]),
    )


def _grid(points: Array, normals: Array, uv: Array) -> Part:
    """A (rows, columns) patch; rows x columns turn counter-clockwise seen from outside."""
    rows, cols = points.shape[:2]
    i = np.arange(rows * cols).reshape(rows, cols)
    a, b, c, d = i[:-1, :-1].ravel(), i[1:, :-1].ravel(), i[1:, 1:].ravel(), i[:-1, 1:].ravel()
    faces = np.vstack([np.column_stack([a, b, c]), np.column_stack([a, c, d])])
    return Part(points.reshape(-1, 3), normals.reshape(-1, 3), uv.reshape(-1, 2), faces)


def box(
    size: Vector,
    radius: float | Vector,
    cuts: tuple[int, int, int] = (1, 1, 1),
    arc: int = 2,
    grain: str = "",
) -> Part:
    """A box with rounded edges, centred on the origin.

    Args:
        size: outer x, y, z extents.
        radius: of the edges; three numbers make them elliptical, for upholstery.
        cuts: divisions of the flat part along each axis, for `warp` to bend.
        arc: divisions of half an edge's quarter circle.
        grain: axis that the grain follows. Empty for cloth: it then hangs over the top and down the
            front in one piece, the pattern's second axis pointing up.
    """
    full = np.asarray(size, dtype=np.float64)
    r = np.minimum(np.broadcast_to(np.asarray(radius, dtype=np.float64), 3), 0.499 * full)
    inner = full / 2 - r
    turn = np.linspace(0, np.pi / 4, arc + 1)
    still = [np.linspace(-1, 1, c + 1)[1:-1] for c in cuts]
    base = [inner[k] * np.concatenate([-np.ones(arc + 1), still[k], np.ones(arc + 1)]) for k in range(3)]
    angle = [np.concatenate([-turn[::-1], np.zeros(len(s)), turn]) for s in still]
    reach = [base[k] + r[k] * angle[k] for k in range(3)]

    patches = []
    for w in range(3):
        u, v = (w + 1) % 3, (w + 2) % 3
        shape = (len(base[u]), len(base[v]))
        ray = np.empty((*shape, 3))
        ray[..., u], ray[..., v], ray[..., w] = np.tan(angle[u])[:, None], np.tan(angle[v]), 1.0
        ray = unit(ray)
        core = np.empty((*shape, 3))
        core[..., u], core[..., v], core[..., w] = base[u][:, None], base[v], inner[w]
        points, normals = core + r * ray, unit(ray / r)
        coords = np.empty((*shape, 3))
        coords[..., u], coords[..., v], coords[..., w] = reach[u][:, None], reach[v], 0.0
        for sign in (1, -1):
            flip = np.ones(3)
            flip[w] = sign
            uv = _cloth(coords, w, reach) if not grain else _plank(coords, w, AXES[grain])
            order = slice(None, None, sign)
            patches.append(_grid((points * flip)[:, order], (normals * flip)[:, order], uv[:, order]))
    return join(patches)


def _plank(coords: Array, face: int, grain: int) -> Array:
    across = next(k for k in range(3) if k not in (face, grain))
    along = grain if grain != face else 3 - face - across
    return coords[..., [across, along]]


def _cloth(coords: Array, face: int, reach: list[Array]) -> Array:
    if face == 0:
        return coords[..., [2, 1]]
    if face == 2:
        return coords[..., [0, 1]]
    over = reach[1][-1] + reach[2][-1] - coords[..., 2]
    return np.stack([coords[..., 0], over], axis=-1)


def sweep(path: Array, section: Array, scale: float | Array = 1.0, up: Vector = (0, 0, 1)) -> Part:
    """A closed section carried along a path, ends closed flat.

    Args:
        path: (n, 3) points, dense where it bends.
        section: (k, 2) counter-clockwise outline; its first axis points along `up`, as far as the path
            lets it.
        scale: of the section along the path, one number or n.
        up: reference direction, not parallel to the path.
    """
    tangent = unit(np.gradient(path, axis=0))
    first = unit(np.asarray(up) - (tangent @ np.asarray(up))[:, None] * tangent)
    return _sleeve(path, tangent, first, section, np.broadcast_to(scale, len(path)), 0.02)


def tube(path: Array, radius: float | Array, sides: int = 12, bulge: float = 0.4) -> Part:
    """A round bar along a path, its frame carried without twist.

    Args:
        path: (n, 3) points, dense where it bends.
        radius: one number or n of them.
        sides: of the polygon that stands for the circle.
        bulge: height of the rounded ends in radii.
    """
    tangent = unit(np.gradient(path, axis=0))
    first = np.empty_like(path)
    side = np.eye(3)[np.argmin(np.abs(tangent[0]))]
    for i, t in enumerate(tangent):
        side = unit(side - (side @ t) * t)
        first[i] = side
    turn = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    circle = np.column_stack([np.cos(turn), np.sin(turn)])
    return _sleeve(path, tangent, first, circle, np.broadcast_to(radius, len(path)), bulge)


def ring(path: Array, radius: float, sides: int = 10) -> Part:
    """A round bar along a closed path (whose last point is not the first repeated)."""
    around = np.vstack([path[-2:], path, path[:3]])
    whole = tube(around, radius, sides)
    body = whole.faces[: 2 * (len(around) - 1) * sides].reshape(2, len(around) - 1, sides, 3)
    return Part(whole.vertices, whole.normals, whole.uv, body[:, 2:-2].reshape(-1, 3))


def _sleeve(path: Array, tangent: Array, first: Array, section: Array, scale: Array, bulge: float) -> Part:
    second = np.cross(tangent, first)
    loop = np.vstack([section, section[:1]])
    facing = outline_normals(section)
    facing = np.vstack([facing, facing[:1]])
    step = np.linalg.norm(np.diff(path, axis=0), axis=1)
    reach = np.concatenate([[0.0], np.cumsum(step)])
    slope = np.gradient(scale, reach) if len(path) > 1 else np.zeros(1)

    offset = loop[None, :, :1] * first[:, None] + loop[None, :, 1:] * second[:, None]
    outward = facing[None, :, :1] * first[:, None] + facing[None, :, 1:] * second[:, None]
    lean = slope[:, None] * (loop * facing).sum(axis=1)
    points = path[:, None] + scale[:, None, None] * offset
    normals = unit(outward - lean[..., None] * tangent[:, None])
    girth = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(loop, axis=0), axis=1))])
    uv = np.stack(np.broadcast_arrays(girth * scale.mean(), reach[:, None]), axis=-1)
    # Rows run along the path: reversed columns make the patch face outward.
    parts = [_grid(points[:, ::-1], normals[:, ::-1], uv[:, ::-1])]
    for end, way in ((0, -1.0), (-1, 1.0)):
        rise = np.linspace(0, np.pi / 2, 4)[:, None, None]
        height = bulge * scale[end] * float(np.abs(section).max())
        rings = (
            path[end] + scale[end] * np.cos(rise) * offset[end] + way * height * np.sin(rise) * tangent[end]
        )
        tips = np.sin(rise) * way * tangent[end] + bulge * np.cos(rise) * outward[end]
        flat = np.broadcast_to(loop * scale[end], (4, len(loop), 2)) * np.cos(rise)
        order = slice(None, None, -int(way))
        parts.append(_grid(rings[:, order], unit(tips)[:, order], flat[:, order]))
    return join(parts)


def lathe(profile: Array | Sequence[Vector], sides: int = 32) -> Part:
    """A solid of revolution about +Y; corners of the profile sharper than 40 degrees stay crisp.

    The grain runs around, as a lathe's tool does.

    Args:
        profile: (n, 2) radius and height, listed upwards along the outside.
        sides: divisions of the turn.
    """
    p = np.asarray(profile, dtype=np.float64)
    way = unit(np.diff(p, axis=0))
    corners = 1 + np.flatnonzero((way[1:] * way[:-1]).sum(axis=1) < 0.77)
    bounds = [0, *corners.tolist(), len(p) - 1]
    turn = np.linspace(0, 2 * np.pi, sides + 1)
    out = np.stack([np.sin(turn), np.zeros_like(turn), np.cos(turn)], axis=-1)
    girth = turn * p[:, 0].max()
    parts = []
    for a, b in pairwise(bounds):
        run = p[a : b + 1]
        t = unit(np.gradient(run, axis=0))
        up = np.array([0.0, 1.0, 0.0])
        points = run[:, :1, None] * out + run[:, 1:, None] * up
        normals = t[:, 1:, None] * out - t[:, :1, None] * up
        reach = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(run, axis=0), axis=1))])
        uv = np.stack(np.broadcast_arrays(reach[:, None], girth), axis=-1)
        parts.append(_grid(points[:, ::-1], normals[:, ::-1], uv[:, ::-1]))
    return join(parts)


def slab(outline: Array, thickness: float, edge: float, rings: int = 6, arc: int = 3) -> Part:
    """A flat plate of any star-shaped outline with rounded edges, centred on y = 0.

    Args:
        outline: (n, 2) x and z, counter-clockwise seen with x right and z up.
        thickness: along y.
        edge: radius of the rounding, at most half the thickness.
        rings: divisions from the middle to the rim, for `warp` to bend.
        arc: divisions of the rounding.
    """
    r = min(edge, 0.499 * thickness)
    facing = outline_normals(outline)
    rim = outline - r * facing
    turn = np.linspace(np.pi / 2, 0, arc + 1)[:, None, None]
    plane = np.concatenate(
        [
            np.linspace(0, 1, rings + 1)[:-1, None, None] * (rim - rim.mean(0)) + rim.mean(0),
            rim + r * np.cos(turn) * facing,
        ]
    )
    fall = np.concatenate([np.zeros(rings), r * (1 - np.sin(turn[:, 0, 0]))])
    tilt = np.concatenate([np.ones(rings), np.sin(turn[:, 0, 0])])[:, None]
    plane = np.concatenate([plane, plane[:, :1]], axis=1)
    facing = np.concatenate([facing, facing[:1]])
    level = np.broadcast_to((thickness / 2 - fall)[:, None], plane.shape[:2])
    points = np.stack([plane[..., 0], level, plane[..., 1]], axis=-1)
    side = np.sqrt(1 - tilt**2)
    normals = np.stack(np.broadcast_arrays(side * facing[:, 0], tilt, side * facing[:, 1]), axis=-1)
    uv = plane + fall[:, None, None] * facing
    flip = np.array([1.0, -1.0, 1.0])
    top = _grid(points[:, ::-1], normals[:, ::-1], uv[:, ::-1])
    bottom = _grid(points * flip, normals * flip, uv)

    wall = np.stack([points[-1], points[-1] * flip])
    girth = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(plane[-1], axis=0), axis=1))])
    wrap = np.stack(np.broadcast_arrays(girth, wall[:, :1, 1]), axis=-1)
    around = np.stack([normals[-1]] * 2)
    return join([top, bottom, _grid(wall[:, ::-1], around[:, ::-1], wrap[:, ::-1])])
