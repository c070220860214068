"""Plane affine geometry: 3x3 float64 matrices that act on points (x, y), and the flow that they make.

Frames, units and the direction of flow are those of :mod:`chairsgen.sample`. Angles are radians, and turn
from +x to +y: clockwise on the screen, since y points down.
"""

import math
from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float, Float32, Float64, UInt8

Matrix = Float64[np.ndarray, "3 3"]


def translation(x: float, y: float) -> Matrix:
    """Moves by (x, y) pixels."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def rotation(angle: float) -> Matrix:
    """Turns about the origin by ``angle`` radians."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def scaling(x: float, y: float | None = None) -> Matrix:
    """Scales about the origin by ``x`` and ``y``; by ``x`` in both axes if ``y`` is None."""
    return np.diag([x, x if y is None else y, 1.0])


def shearing(x: float, y: float = 0.0) -> Matrix:
    """Shears about the origin: x gains ``x`` times y, y gains ``y`` times x."""
    return np.array([[1.0, x, 0.0], [y, 1.0, 0.0], [0.0, 0.0, 1.0]])


def compose(*matrices: Matrix) -> Matrix:
    """The product of matrices: the last one acts first, as in ``a @ b @ p``."""
    product = np.eye(3)
    for matrix in matrices:
        product = product @ matrix
    return product


def about(pivot: tuple[float, float], matrix: Matrix) -> Matrix:
    """``matrix`` with ``pivot`` (x, y) in place of the origin as the point that it leaves where it is."""
    x, y = pivot
    return compose(translation(x, y), matrix, translation(-x, -y))


def similarity(scale: float, angle: float, pivot: tuple[float, float], shift: tuple[float, float]) -> Matrix:
    """Scales and turns (radians) about ``pivot`` (x, y), then moves by ``shift`` (x, y)."""
    c, s = scale * math.cos(angle), scale * math.sin(angle)
    x, y = pivot
    return np.array(
        [[c, -s, x - c * x + s * y + shift[0]], [s, c, y - s * x - c * y + shift[1]], [0.0, 0.0, 1.0]]
    )


def between(
    pose1: Matrix, pose2: Matrix, times: Float[np.ndarray, " times"], pivot: tuple[float, float]
) -> Float64[np.ndarray, "times 3 3"]:
    """Poses on the way from ``pose1`` (at time 0) to ``pose2`` (at time 1), also before and beyond.

    The pivot goes straight on at a constant speed, and everything turns and stretches evenly about it: by powers
    of the rotation and of the stretches into which the polar decomposition takes the motion apart.

    Args:
        pose1: From the layer's own coordinates.
        pose2: Likewise, and not mirrored against ``pose1``.
        times: When.
        pivot: In the layer's own coordinates.
    """
    linear = pose2[:2, :2] @ np.linalg.inv(pose1[:2, :2])
    (a, b), (c, d) = linear.tolist()
    angle = math.atan2(c - b, a + d)
    stretches, axes = np.linalg.eigh(rotation(-angle)[:2, :2] @ linear)
    turns = np.stack([rotation(time * angle)[:2, :2] for time in times])
    start, end = (apply(pose, np.array(pivot)) for pose in (pose1, pose2))
    poses = np.tile(np.eye(3), (len(times), 1, 1))
    poses[:, :2, :2] = turns @ (axes * stretches ** times[:, None, None]) @ axes.T @ pose1[:2, :2]
    poses[:, :2, 2] = start + times[:, None] * (end - start) - poses[:, :2, :2] @ pivot
    return poses


def inverse(matrix: Matrix) -> Matrix:
    """The inverse of an affine matrix, its last row exactly (0, 0, 1).

    Raises:
        numpy.linalg.LinAlgError: The matrix flattens the plane.
    """
    (a, b, x), (c, d, y), _ = matrix.tolist()
    determinant = a * d - b * c
    if determinant == 0:
        raise np.linalg.LinAlgError("the matrix flattens the plane")
    a, b, c, d = d / determinant, -b / determinant, -c / determinant, a / determinant
    return np.array([[a, b, -(a * x + b * y)], [c, d, -(c * x + d * y)], [0.0, 0.0, 1.0]])


def apply(matrix: Matrix, points: Float[np.ndarray, "*batch 2"]) -> Float64[np.ndarray, "*batch 2"]:
    """Where ``matrix`` takes ``points`` (x, y)."""
    return np.asarray(points, np.float64) @ matrix[:2, :2].T + matrix[:2, 2]


def mean_scale(matrix: Matrix) -> float:
    """The factor by which ``matrix`` scales lengths, averaged: the root of the factor for areas."""
    (a, b, _), (c, d, _), _ = matrix.tolist()
    return math.sqrt(abs(a * d - b * c))


def pixel_grid(height: int, width: int) -> Float64[np.ndarray, "height width 2"]:
    """The centres (x, y) of a frame's pixels."""
    y, x = np.mgrid[0.0:height, 0.0:width]
    return np.stack([x, y], axis=-1)


def affine_flow(
    layer_id: UInt8[np.ndarray, "height width"], motions: Float64[np.ndarray, "layers 3 3"]
) -> Float32[np.ndarray, "height width 2"]:
    """The displacement ``motions[layer_id(p)] p - p`` of every pixel p, made in float64.

    Args:
        layer_id: The front layer of every pixel.
        motions: From this frame to the other, a matrix a layer.
    """
    return _flow(layer_id, motions - np.eye(3))


# What numba compiles must not be wrapped in the type checks of a test run.
@numba.njit(cache=True)
@no_type_check
def _flow(layer_id, moved):
    height, width = layer_id.shape
    flow = np.empty((height, width, 2), np.float32)
    for y in range(height):
        for x in range(width):
            layer = layer_id[y, x]
            flow[y, x, 0] = moved[layer, 0, 0] * x + moved[layer, 0, 1] * y + moved[layer, 0, 2]
            flow[y, x, 1] = moved[layer, 1, 0] * x + moved[layer, 1, 1] * y + moved[layer, 1, 2]
    return flow
