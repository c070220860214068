"""What one point of a frame shows: the compositor's semantics, in one place.

Everything that is seen is decided here; :mod:`chairsgen.compose` only says for which points and layers to ask,
and a GPU wrapper can ask the same. Scalars and one flat array, nothing allocated: what a GPU thread can run.

Sprites are ``texels``, flat RGBA bytes of all layers one after the other; each has its ``first`` (index of the
red of texel (0, 0)), its ``pitch`` (from row to row), ``height`` and ``width`` without border. The photograph,
layer 0, is likewise, but of coefficients of a cubic spline.
"""

import math
from typing import no_type_check

import numba
from numba import float32, int64, uint64

from chairsgen.spline import SCALE

# Without it the four channels are summed one by one, at half the speed.
numba.config.SLP_VECTORIZE = 1

# What numba compiles must not be wrapped in the type checks of a test run: hence no_type_check.
# Sums of texels may be reordered; coordinates may not, since they decide layers and occlusion.
_sums = numba.njit(fastmath=True, error_model="numpy", cache=True)
_exact = numba.njit(error_model="numpy", cache=True)

SEEN_THROUGH = 1.0 / 512
"""What lies behind counts no more once a smaller share of it than this comes through."""

REACH = 2.0
"""The filter reads texels nearer than this to a point, in each axis."""


@_exact
@no_type_check
def to_texture(a, b, c, x, y):
    """One coordinate of the texture's point at (x, y) of the frame, by a row (a, b, c) of the inverse pose."""
    return a * x + b * y + c


@_exact
@no_type_check
def reaches(u, v, height, width):
    """Whether the filter, asked at (u, v), reads any texel that is not clear."""
    return -REACH < u < width - 1 + REACH and -REACH < v < height - 1 + REACH


@_exact
@no_type_check
def mirrored(position, length):
    """``position`` folded into 0..length - 1: a photograph goes on for ever, mirrored at its edges."""
    if 0.0 <= position <= length - 1:
        return position
    period = 2.0 * (length - 1)
    position -= period * math.floor(position / period)
    return period - position if position > length - 1 else position


@_sums
@no_type_check
def _catmull_rom(t):
    """Weights of the four texels around a point that lies ``t`` past the second of them.

    Source: Keys, "Cubic convolution interpolation for digital image processing", 1981, with a = -1/2.
    """
    half, two, three, four, five = float32(0.5), float32(2), float32(3), float32(4), float32(5)
    t2 = t * t
    t3 = t2 * t
    return (
        half * (two * t2 - t3 - t),
        half * (three * t3 - five * t2 + two),
        half * (four * t2 - three * t3 + t),
        half * (t3 - t2),
    )


@_sums
@no_type_check
def _texel(texels, at, w):
    return (
        w * float32(texels[at]),
        w * float32(texels[at + uint64(1)]),
        w * float32(texels[at + uint64(2)]),
        w * float32(texels[at + uint64(3)]),
    )


@_sums
@no_type_check
def _row(texels, at, w):
    r0, g0, b0, a0 = _texel(texels, at, w[0])
    r1, g1, b1, a1 = _texel(texels, at + uint64(4), w[1])
    r2, g2, b2, a2 = _texel(texels, at + uint64(8), w[2])
    r3, g3, b3, a3 = _texel(texels, at + uint64(12), w[3])
    return r0 + r1 + r2 + r3, g0 + g1 + g2 + g3, b0 + b1 + b2 + b3, a0 + a1 + a2 + a3


@_sums
@no_type_check
def _cubic_spline(t):
    """Weights of the four coefficients around a point that lies ``t`` past the second of them."""
    sixth, one, three, four, six = float32(1 / 6), float32(1), float32(3), float32(4), float32(6)
    t2 = t * t
    t3 = t2 * t
    s = one - t
    return (
        sixth * s * s * s,
        sixth * (three * t3 - six * t2 + four),
        sixth * (three * (t + t2 - t3) + one),
        sixth * t3,
    )


@_sums
@no_type_check
def _square(texels, at, step, wx, wy):
    r0, g0, b0, a0 = _row(texels, at, wx)
    r1, g1, b1, a1 = _row(texels, at + step, wx)
    r2, g2, b2, a2 = _row(texels, at + step + step, wx)
    r3, g3, b3, a3 = _row(texels, at + step + step + step, wx)
    return (
        wy[0] * r0 + wy[1] * r1 + wy[2] * r2 + wy[3] * r3,
        wy[0] * g0 + wy[1] * g1 + wy[2] * g2 + wy[3] * g3,
        wy[0] * b0 + wy[1] * b1 + wy[2] * b2 + wy[3] * b3,
        wy[0] * a0 + wy[1] * a1 + wy[2] * a2 + wy[3] * a3,
    )


@_exact
@no_type_check
def sprite_at(texels, first, pitch, u, v):
    """Premultiplied red, green, blue (0..255) and alpha (0..1) of a sprite at its point (u, v).

    A local cubic, not a spline: a spline's ripples would show as halos around a chair.
    """
    column, row = math.floor(u), math.floor(v)
    at = uint64(first + (int64(row) - 1) * pitch + (int64(column) - 1) * 4)
    wx, wy = _catmull_rom(float32(u - column)), _catmull_rom(float32(v - row))
    red, green, blue, alpha = _square(texels, at, uint64(pitch), wx, wy)
    zero, full = float32(0), float32(255)
    alpha = min(max(alpha, zero), full)
    red, green, blue = min(max(red, zero), alpha), min(max(green, zero), alpha), min(max(blue, zero), alpha)
    return red, green, blue, alpha * float32(1 / 255)


@_exact
@no_type_check
def photo_at(coefficients, first, pitch, u, v):
    """Red, green, blue (0..255) of a photograph at its point (u, v), from its spline's coefficients."""
    column, row = math.floor(u), math.floor(v)
    at = uint64(first + (int64(row) - 1) * pitch + (int64(column) - 1) * 4)
    wx, wy = _cubic_spline(float32(u - column)), _cubic_spline(float32(v - row))
    red, green, blue, _ = _square(coefficients, at, uint64(pitch), wx, wy)
    zero, full, part = float32(0), float32(255), float32(1 / SCALE)
    return (
        min(max(red * part, zero), full),
        min(max(green * part, zero), full),
        min(max(blue * part, zero), full),
    )


@_exact
@no_type_check
def is_solid(alpha):
    """Whether a layer with this alpha at a point is what the point belongs to."""
    return alpha >= float32(0.5)


@_exact
@no_type_check
def moved(motions, layer, x, y):
    """Where ``layer``'s point (x, y) lies in the other frame."""
    return (
        motions[layer, 0, 0] * x + motions[layer, 0, 1] * y + motions[layer, 0, 2],
        motions[layer, 1, 0] * x + motions[layer, 1, 1] * y + motions[layer, 1, 2],
    )


@_exact
@no_type_check
def is_outside(x, y, height, width):
    """Whether a point lies outside a frame, whose edges are half a pixel beyond the outer pixels' centres."""
    return x < -0.5 or x > width - 0.5 or y < -0.5 or y > height - 0.5
