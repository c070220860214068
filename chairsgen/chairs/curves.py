"""Curves in space and outlines in the plane, as arrays of points. Lengths are metres, angles radians."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Vector = Array | Sequence[float | int]
"""A point or a direction; also, in arrays, many of them, the coordinates along the last axis."""


def unit(vectors: Vector) -> Array:
    """Scales vectors along the last axis to length one; zero vectors stay zero."""
    v = np.asarray(vectors, dtype=np.float64)
    length: Array = np.linalg.norm(v, axis=-1, keepdims=True)
    return v / np.maximum(length, 1e-12)


def mix(a: Vector, b: Vector, t: float) -> Array:
    """The point a fraction `t` of the way from `a` to `b`."""
    return np.asarray(a, dtype=np.float64) * (1 - t) + np.asarray(b, dtype=np.float64) * t


def shift(point: Vector, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Array:
    """A point, or points, moved by metres."""
    moved: Array = np.asarray(point, dtype=np.float64) + np.array([x, y, z])
    return moved


def line(a: Vector, b: Vector, count: int = 2) -> Array:
    """`count` points evenly spaced from `a` to `b`."""
    return np.linspace(np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64), count)


def fillet(points: Sequence[Vector], radius: float, steps: int = 6, closed: bool = False) -> Array:
    """Rounds the corners of a polyline with circular arcs, as a tube bender does.

    Args:
        points: the corners; the first and last stay where they are unless `closed`.
        radius: of each bend in metres; shrunk where a straight is too short for it.
        steps: points in an arc, less one.
        closed: whether the last corner joins the first.
    """
    p = np.asarray(points, dtype=np.float64)
    count = len(p)
    path: list[Array] = [] if closed else [p[:1]]
    for i in range(count) if closed else range(1, count - 1):
        before, after = p[i - 1] - p[i], p[(i + 1) % count] - p[i]
        a, b = unit(before), unit(after)
        half = 0.5 * float(np.arccos(np.clip(a @ b, -1, 1)))
        if half > 1.55:  # Almost straight: there is nothing to bend.
            path.append(p[i : i + 1])
            continue
        tangent = min(
            radius / math.tan(half), 0.49 * float(np.linalg.norm(before)), 0.49 * float(np.linalg.norm(after))
        )
        centre = p[i] + unit(a + b) * tangent / math.cos(half)
        start, end = p[i] + a * tangent - centre, p[i] + b * tangent - centre
        sweep = np.pi - 2 * half
        t = np.linspace(0, 1, steps + 1)[:, None]
        path.append(centre + (np.sin((1 - t) * sweep) * start + np.sin(t * sweep) * end) / np.sin(sweep))
    return np.vstack(path if closed else [*path, p[-1:]])


def spline(points: Sequence[Vector], steps: int = 8) -> Array:
    """A smooth (Catmull-Rom) curve through the points, `steps` samples between neighbours."""
    p = np.asarray(points, dtype=np.float64)
    q = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    spans = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(q[:-3], q[1:-2], q[2:-1], q[3:], strict=True)
    ]
    return np.vstack([*spans, p[-1:]])


def along(path: Array, fraction: float) -> Array:
    """The point at a fraction of a path's length."""
    reach = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    return np.array([np.interp(fraction * reach[-1], reach, path[:, k]) for k in range(path.shape[1])])


def at_height(path: Array, y: float) -> Array:
    """The point of a rising path at height `y`."""
    return np.array([np.interp(y, path[:, 1], path[:, k]) for k in range(3)])


def superellipse(width: float, depth: float, power: float = 2.5, count: int = 48) -> Array:
    """A closed outline between an ellipse (`power` 2) and a rectangle (large), counter-clockwise."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    c, s = np.cos(angle), np.sin(angle)
    x = 0.5 * width * np.sign(c) * np.abs(c) ** (2 / power)
    y = 0.5 * depth * np.sign(s) * np.abs(s) ** (2 / power)
    return np.column_stack([x, y])


def rounded_rectangle(width: float, depth: float, radius: float, steps: int = 2) -> Array:
    """A closed rectangle outline with round corners, counter-clockwise."""
    w, d = width / 2, depth / 2
    return fillet([(w, -d), (w, d), (-w, d), (-w, -d)], radius, steps, closed=True)


def outline_normals(outline: Array) -> Array:
    """Outward unit normals of a closed counter-clockwise outline."""
    t = unit(np.roll(outline, -1, 0) - outline) + unit(outline - np.roll(outline, 1, 0))
    return unit(np.column_stack([t[:, 1], -t[:, 0]]))
