"""What one point of a frame shows, and the loops that ask it of every pixel on the CPU.

All functions up to :func:`tile_of` are the compositor's semantics: what is seen is decided there, in scalars and
flat arrays alone, with nothing allocated, so that a GPU's threads can run the same. They share a file with the
loops because numba's cache of compiled loops would not notice a change elsewhere.

A stack of layers, as seen from one frame, is

* ``photo``: layer 0's coefficients of a cubic spline (:mod:`chairsgen.spline`), flat, four channels;
* ``texels``: the sprites' premultiplied RGBA bytes, flat, one sprite after the other;
* ``opacity``: for each texel what the sixteen that the filter reads around points just past it are: all
  :data:`CLEAR`, all :data:`SOLID`, or :data:`MIXED`;
* ``first``: for each layer, the index of the red of its texel (0, 0);
* ``pitch``: the distance from row to row;
* ``sizes``: (height, width) without border; (0, 0) for a layer that cannot show;
* ``inverse``: the first two rows of the matrix from the frame's points to texels.
"""

import math
from typing import no_type_check

import numba
import numpy as np
from numba import float32, int64, uint8, uint64

# Without it the four channels are summed one by one, at half the speed.
numba.config.SLP_VECTORIZE = 1

# No fast math: every operation is done as written and rounded by itself, so that a GPU makes the same bytes. What
# numba compiles must not be wrapped in the type checks of a test run: hence no_type_check.
_exact = numba.njit(error_model="numpy", cache=True)
# For what takes many arrays: handing these over costs more than the work.
_inlined = numba.njit(error_model="numpy", inline="always")

TILE = 16
"""Side of a tile in pixels."""

SEEN_THROUGH = 1.0 / 512
"""What lies behind counts no more once a smaller share of it than this comes through."""

CLEAR, MIXED, SOLID = 0, 1, 2
"""Opacity around a point of a sprite."""

REACH = 2.0
"""The filter reads texels nearer than this to a point, in each axis."""


@_exact
@no_type_check
def to_texture(a, b, c, x, y):
    """A coordinate of a texture's point at (x, y) of the frame, by a row (a, b, c) of ``inverse``."""
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


@_exact
@no_type_check
def _inner_weights(before, after, s, t):
    """All four weights from the outer two: they add up to 1, and leave a ramp as it is; ``s`` is 1 - ``t``."""
    return before, s - (before + before) + after, t - (after + after) + before, after


@_exact
@no_type_check
def _catmull_rom(t):
    """Weights of the four texels around a point that lies ``t`` past the second of them.

    Source: Keys, "Cubic convolution interpolation for digital image processing", 1981, with a = -1/2.
    """
    s = float32(1) - t
    outer = float32(-0.5) * t * s
    return _inner_weights(outer * s, outer * t, s, t)


@_exact
@no_type_check
def _texel(texels, at, w):
    return (
        w * float32(texels[at]),
        w * float32(texels[at + uint64(1)]),
        w * float32(texels[at + uint64(2)]),
        w * float32(texels[at + uint64(3)]),
    )


@_exact
@no_type_check
def _row(texels, at, w):
    r0, g0, b0, a0 = _texel(texels, at, w[0])
    r1, g1, b1, a1 = _texel(texels, at + uint64(4), w[1])
    r2, g2, b2, a2 = _texel(texels, at + uint64(8), w[2])
    r3, g3, b3, a3 = _texel(texels, at + uint64(12), w[3])
    return (r0 + r1) + (r2 + r3), (g0 + g1) + (g2 + g3), (b0 + b1) + (b2 + b3), (a0 + a1) + (a2 + a3)


@_exact
@no_type_check
def _cubic_spline(t):
    """Weights of the four coefficients around a point that lies ``t`` past the second of them."""
    s, sixth = float32(1) - t, float32(1 / 6)
    return _inner_weights(sixth * s * s * s, sixth * t * t * t, s, t)


@_exact
@no_type_check
def _square(texels, at, step, wx, wy):
    r0, g0, b0, a0 = _row(texels, at, wx)
    r1, g1, b1, a1 = _row(texels, at + step, wx)
    r2, g2, b2, a2 = _row(texels, at + step + step, wx)
    r3, g3, b3, a3 = _row(texels, at + step + step + step, wx)
    return (
        (wy[0] * r0 + wy[1] * r1) + (wy[2] * r2 + wy[3] * r3),
        (wy[0] * g0 + wy[1] * g1) + (wy[2] * g2 + wy[3] * g3),
        (wy[0] * b0 + wy[1] * b1) + (wy[2] * b2 + wy[3] * b3),
        (wy[0] * a0 + wy[1] * a1) + (wy[2] * a2 + wy[3] * a3),
    )


@_exact
@no_type_check
def _around(first, pitch, u, v):
    """Index of the first of the sixteen texels around (u, v), and the distance from row to row."""
    return uint64(first + (int64(math.floor(v)) - 1) * pitch + (int64(math.floor(u)) - 1) * 4), uint64(pitch)


@_exact
@no_type_check
def _fraction(position):
    # NumPy's floor: math's would go through an integer and back, which takes a tenth of a frame's time.
    return float32(position - np.floor(position))


@_exact
@no_type_check
def opacity_at(opacity, first, pitch, u, v):
    """:data:`CLEAR`, :data:`MIXED` or :data:`SOLID`: what the sixteen texels around (u, v) are together."""
    return opacity[uint64(first + int64(math.floor(v)) * pitch + int64(math.floor(u)) * 4) >> uint64(2)]


@_exact
@no_type_check
def sprite_at(texels, first, pitch, u, v):
    """Premultiplied red, green, blue (0..255) and alpha (0..1) of a sprite at its point (u, v).

    A local cubic, not a spline: a spline's ripples would show as halos around a chair.
    """
    at, step = _around(first, pitch, u, v)
    zero, full = float32(0), float32(255)
    wx, wy = _catmull_rom(_fraction(u)), _catmull_rom(_fraction(v))
    red, green, blue, alpha = _square(texels, at, step, wx, wy)
    alpha = min(max(alpha, zero), full)
    red, green, blue = min(max(red, zero), alpha), min(max(green, zero), alpha), min(max(blue, zero), alpha)
    return red, green, blue, alpha * float32(1 / 255)


@_exact
@no_type_check
def photo_at(photo, first, pitch, u, v):
    """Red, green, blue (0..255) of a photograph at its point (u, v)."""
    at, step = _around(first, pitch, u, v)
    wx, wy = _cubic_spline(_fraction(u)), _cubic_spline(_fraction(v))
    red, green, blue, _ = _square(photo, at, step, wx, wy)
    zero, full = float32(0), float32(255)
    return min(max(red, zero), full), min(max(green, zero), full), min(max(blue, zero), full)


@_exact
@no_type_check
def is_solid(alpha):
    """Whether a layer with this alpha at a point is what the point belongs to."""
    return alpha >= float32(0.5)


@_exact
@no_type_check
def is_hidden(through, front):
    """Whether no farther layer counts: the pixel has its ``front``, and too little comes ``through``."""
    return through < SEEN_THROUGH and front >= 0


@_exact
@no_type_check
def to_byte(value):
    """A colour's value (0..255), rounded."""
    return uint8(min(value + float32(0.5), float32(255)))


@_inlined
@no_type_check
def covers(texels, opacity, first, pitch, sizes, inverse, layer, x, y):
    """Whether a sprite's own alpha at (x, y) of the frame is at least 0.5."""
    u = to_texture(inverse[layer, 0, 0], inverse[layer, 0, 1], inverse[layer, 0, 2], x, y)
    v = to_texture(inverse[layer, 1, 0], inverse[layer, 1, 1], inverse[layer, 1, 2], x, y)
    if not reaches(u, v, sizes[layer, 0], sizes[layer, 1]):
        return False
    state = opacity_at(opacity, first[layer], pitch[layer], u, v)
    if state != MIXED:
        return state == SOLID
    return is_solid(sprite_at(texels, first[layer], pitch[layer], u, v)[3])


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


@_exact
@no_type_check
def tile_of(position, count):
    """Row or column, of ``count``, of the tile that holds a point of the frame."""
    return min(int((position + 0.5) / TILE), count - 1)


@_exact
@no_type_check
def _shows(opacity, first, pitch, left, top, right, bottom):
    """Whether the filter reads any texel that is not clear, asked at points with floors in this rectangle."""
    # Opacity speaks of four texels a way: every fourth has heard of all.
    for v in range(top, bottom + 4, 4):
        for u in range(left, right + 4, 4):
            if opacity_at(opacity, first, pitch, min(u, right), min(v, bottom)) != CLEAR:
                return True
    return False


@_exact
@no_type_check
def bin_layers(opacity, first, pitch, sizes, inverse, height, width):
    """For every tile the layers that may show in it, nearest first, (rows, columns, layers), and their number."""
    rows, columns = (height + TILE - 1) // TILE, (width + TILE - 1) // TILE
    near = np.zeros((rows, columns, len(sizes)), np.uint8)
    counts = np.zeros((rows, columns), np.int32)
    low, high, half = np.empty(2, np.int64), np.empty(2, np.int64), 0.5 * TILE
    for row in range(rows):
        for column in range(columns):
            x, y = column * TILE - 0.5 + half, row * TILE - 0.5 + half
            count = 0
            for layer in range(len(sizes) - 1, 0, -1):
                may_show = sizes[layer, 0] > 0
                for axis in range(2):
                    a, b, c = inverse[layer, axis, 0], inverse[layer, axis, 1], inverse[layer, axis, 2]
                    # A hair more than the tile, so that no rounding loses a point on its edge.
                    middle, reach = to_texture(a, b, c, x, y), (abs(a) + abs(b)) * (half + 1e-6)
                    low[axis] = math.floor(max(middle - reach, -REACH))
                    high[axis] = math.floor(min(middle + reach, sizes[layer, 1 - axis] - 1 + REACH))
                    may_show &= low[axis] <= high[axis]
                if may_show and _shows(opacity, first[layer], pitch[layer], low[0], low[1], high[0], high[1]):
                    near[row, column, count] = layer
                    count += 1
            # The photograph, layer 0, is everywhere.
            counts[row, column] = count + 1
    return near, counts


@_exact
@no_type_check
def paint(photo, texels, opacity, first, pitch, sizes, inverse, near, counts, height, width):
    """A frame and its layer map, (height, width, 3) and (height, width) uint8.

    Tile by tile, and in a tile layer by layer from the nearest on, so that a layer's matrix stays in registers.
    """
    image = np.empty((height, width, 3), np.uint8)
    layer_id = np.empty((height, width), np.uint8)
    colour = np.empty((TILE, TILE, 3), np.float32)
    through = np.empty((TILE, TILE), np.float32)
    front = np.empty((TILE, TILE), np.int32)
    for row in range(counts.shape[0]):
        for column in range(counts.shape[1]):
            top, left = row * TILE, column * TILE
            rows, columns = min(TILE, height - top), min(TILE, width - left)
            colour[:], through[:], front[:] = 0, 1, -1
            for k in range(counts[row, column]):
                layer = near[row, column, k]
                start, step, h, w = first[layer], pitch[layer], sizes[layer, 0], sizes[layer, 1]
                a, b, c = inverse[layer, 0, 0], inverse[layer, 0, 1], inverse[layer, 0, 2]
                d, e, f = inverse[layer, 1, 0], inverse[layer, 1, 1], inverse[layer, 1, 2]
                for j in range(rows):
                    for i in range(columns):
                        share = through[j, i]
                        if is_hidden(share, front[j, i]):
                            continue
                        u = to_texture(a, b, c, left + i, top + j)
                        v = to_texture(d, e, f, left + i, top + j)
                        if layer == 0:
                            alpha = np.float32(1)
                            red, green, blue = photo_at(photo, start, step, mirrored(u, w), mirrored(v, h))
                        elif reaches(u, v, h, w) and opacity_at(opacity, start, step, u, v) != CLEAR:
                            red, green, blue, alpha = sprite_at(texels, start, step, u, v)
                        else:
                            continue
                        colour[j, i, 0] += share * red
                        colour[j, i, 1] += share * green
                        colour[j, i, 2] += share * blue
                        through[j, i] = share * (np.float32(1) - alpha)
                        if front[j, i] < 0 and is_solid(alpha):
                            front[j, i] = layer
            for j in range(rows):
                for i in range(columns):
                    for channel in range(3):
                        image[top + j, left + i, channel] = to_byte(colour[j, i, channel])
                    layer_id[top + j, left + i] = front[j, i]
    return image, layer_id


@_exact
@no_type_check
def _may_be_covered(layer, motions, near, left, top, right, bottom):
    """Whether a layer's points from (left, top) to (right, bottom) meet a nearer one's tile in the other frame."""
    low_x = low_y = np.inf
    high_x = high_y = -np.inf
    for x in (left, right):
        for y in (top, bottom):
            there_x, there_y = moved(motions, layer, x, y)
            low_x, high_x = min(low_x, there_x), max(high_x, there_x)
            low_y, high_y = min(low_y, there_y), max(high_y, there_y)
    # A hair more, so that no rounding loses a point on a tile's edge; what lies outside the frame has no tile.
    below, above = 0.5 - 1e-6, 0.5 + 1e-6
    upper = max(int((low_y + below) / TILE), 0)
    lower = min(int((high_y + above) / TILE), near.shape[0] - 1)
    leftmost = max(int((low_x + below) / TILE), 0)
    rightmost = min(int((high_x + above) / TILE), near.shape[1] - 1)
    for row in range(upper, lower + 1):
        for column in range(leftmost, rightmost + 1):
            if near[row, column, 0] > layer:
                return True
    return False


@_exact
@no_type_check
def find_occlusion(
    layer_id, own_near, own_counts, motions, texels, opacity, first, pitch, sizes, inverse, near, counts
):
    """Where the point that a pixel shows is covered in the other frame, (height, width) bool.

    Args:
        layer_id: Of the frame that is asked about.
        own_near: Of that frame, too.
        own_counts: Of that frame, too; all other arguments but ``motions`` describe the other frame.
        motions: From the one to the other.
    """
    height, width = layer_id.shape
    occluded = np.zeros((height, width), np.bool_)
    asked = np.zeros(len(motions), np.bool_)
    for own_row in range(counts.shape[0]):
        for own_column in range(counts.shape[1]):
            top, left, some_asked = own_row * TILE, own_column * TILE, False
            bottom, right = min(top + TILE, height), min(left + TILE, width)
            for k in range(own_counts[own_row, own_column]):
                layer = own_near[own_row, own_column, k]
                asked[layer] = _may_be_covered(layer, motions, near, left, top, right - 1, bottom - 1)
                some_asked |= asked[layer]
            if not some_asked:
                continue
            for y in range(top, bottom):
                for x in range(left, right):
                    own = layer_id[y, x]
                    if not asked[own]:
                        continue
                    there_x, there_y = moved(motions, own, x, y)
                    if is_outside(there_x, there_y, height, width):
                        continue
                    row, column = tile_of(there_y, counts.shape[0]), tile_of(there_x, counts.shape[1])
                    for k in range(counts[row, column]):
                        layer = near[row, column, k]
                        if layer <= own:
                            break
                        if covers(texels, opacity, first, pitch, sizes, inverse, layer, there_x, there_y):
                            occluded[y, x] = True
                            break
    return occluded
