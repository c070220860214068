"""From a scene and its textures to a sample: both frames, layer maps and exact occlusion.

Layers are binned by tile; each pixel of a tile is then composited front to back until nothing shows through
(:func:`chairsgen.pixel.shade`). Occlusion asks the other frame's scene at the exact, continuous position
(:func:`chairsgen.pixel.is_solid`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import no_type_check

import cv2
import numba
import numpy as np
from jaxtyping import Bool, Float64, Int16, Int32, Int64, UInt8

from chairsgen import geometry, spline
from chairsgen import scene as scenes
from chairsgen.pixel import (
    REACH,
    SEEN_THROUGH,
    is_outside,
    is_solid,
    mirrored,
    moved,
    photo_at,
    reaches,
    sprite_at,
    to_texture,
)
from chairsgen.sample import FlowSample, Image, LayerMap
from chairsgen.scene import Layer, Scene
from chairsgen.textures import PAD, Pixels, Texture

TILE = 16
"""Side of a tile in pixels."""

MAX_MINIFICATION = 1.25
"""Texels a pixel (in each axis) up to which a mip level is used; beyond it, the next coarser one."""

_kernel = numba.njit(error_model="numpy", cache=True)


@dataclass(frozen=True, kw_only=True, eq=False)
class Stack:
    """A scene's textures as :mod:`chairsgen.pixel` reads them, and where they lie in one frame.

    Attributes:
        photo: The photograph's coefficients (see :mod:`chairsgen.spline`), as far as the frames see it.
        texels: All sprites' RGBA bytes.
        first: Index of the red of each layer's texel (0, 0); of the photograph, also outside ``photo``.
        pitch: From row to row.
        sizes: (height, width) without border; (0, 0) for a layer that cannot show.
        inverse: The first two rows of the matrix from the frame to the layer's texels.
    """

    photo: Int16[np.ndarray, " values"]
    texels: UInt8[np.ndarray, " bytes"]
    first: Int64[np.ndarray, " layers"]
    pitch: Int64[np.ndarray, " layers"]
    sizes: Int32[np.ndarray, "layers 2"]
    inverse: Float64[np.ndarray, "layers 2 3"]

    @property
    def sprites(self) -> tuple[np.ndarray, ...]:
        """All but the photograph's coefficients, for a kernel."""
        return self.texels, self.first, self.pitch, self.sizes, self.inverse


def compose(scene: Scene, load: Callable[[str, int], Texture], index: int = -1) -> FlowSample:
    """Renders a scene.

    Args:
        scene: What to show.
        load: Gives the texture of an (asset, view); asked only for layers that may show.
        index: The sample's position in its dataset.
    """
    stack1, stack2 = stack_layers(scene, load)
    size = (scene.height, scene.width)
    tiles1, tiles2 = (_bin(stack.sizes, stack.inverse, *size) for stack in (stack1, stack2))
    image1, layer_id1 = _paint(stack1.photo, *stack1.sprites, *tiles1, *size)
    image2, layer_id2 = _paint(stack2.photo, *stack2.sprites, *tiles2, *size)
    motions = np.stack([layer.motion for layer in scene.layers])
    inverse_motions = np.stack([geometry.inverse(motion) for motion in motions])
    return FlowSample(
        image1=image1,
        image2=image2,
        layer_id1=layer_id1,
        layer_id2=layer_id2,
        occ_fw=_occlusion(layer_id1, motions, *stack2.sprites, *tiles2),
        occ_bw=_occlusion(layer_id2, inverse_motions, *stack1.sprites, *tiles1),
        motions=motions,
        index=index,
        scene=scenes.to_json(scene),
    )


def stack_layers(scene: Scene, load: Callable[[str, int], Texture]) -> tuple[Stack, Stack]:
    """Lays a scene's textures out for frame 1 and for frame 2, each at the mip level that suits it.

    A layer has the same level in both frames, the one that suits their mean scale: were it sharper in one of
    them, a network could tell the frames apart.
    """
    count = len(scene.layers)
    first, pitch = np.zeros(count, np.int64), np.zeros(count, np.int64)
    sizes = np.zeros((count, 2), np.int32)
    inverses = np.zeros((2, count, 2, 3))
    sprites, start = [np.empty(0, np.uint8)], 0
    for number, layer in enumerate(scene.layers):
        if not scene.may_show(number):
            continue
        texture = load(layer.asset, layer.view)
        level, inverses[:, number] = _place(layer, texture)
        sizes[number] = texture.size(level)
        texels = texture.levels[level]
        if number == 0:
            top, left, photo = _spline_seen(texels, inverses[:, 0], (scene.height, scene.width))
            pitch[0] = 4 * photo.shape[1]
            first[0] = (PAD - top) * pitch[0] + (PAD - left) * 4
        else:
            sprites.append(texels.ravel())
            pitch[number] = texels.strides[0]
            first[number] = start + PAD * texels.strides[0] + PAD * texels.strides[1]
            start += texels.size
    texels, photo = np.concatenate(sprites), photo.ravel()
    stack1, stack2 = (
        Stack(photo=photo, texels=texels, first=first, pitch=pitch, sizes=sizes, inverse=inverse)
        for inverse in inverses
    )
    return stack1, stack2


def _place(layer: Layer, texture: Texture) -> tuple[int, Float64[np.ndarray, "2 2 3"]]:
    """A layer's mip level, and the first rows of the matrices from both frames to its texels."""
    own = texture.to_own(box=layer.box)
    poses = (layer.pose1 @ own, layer.pose2 @ own)
    magnification = math.sqrt(geometry.mean_scale(poses[0]) * geometry.mean_scale(poses[1]))
    wanted = math.ceil(math.log2(1 / (magnification * MAX_MINIFICATION)))
    level = min(max(wanted, 0), len(texture.levels) - 1)
    shrink = geometry.about((-0.5, -0.5), geometry.scaling(0.5**level))
    return level, np.stack([(shrink @ geometry.inverse(pose))[:2] for pose in poses])


def _spline_seen(
    texels: Pixels, inverses: Float64[np.ndarray, "2 2 3"], frame: tuple[int, int]
) -> tuple[int, int, Int16[np.ndarray, "_ _ 4"]]:
    """The spline's coefficients of what two frames show of a photograph, with a border of :data:`PAD` pixels.

    Returns:
        Row and column of the photograph at which they begin, and the coefficients.
    """
    image = texels[PAD:-PAD, PAD:-PAD]
    (height, width), (rows, columns) = frame, image.shape[:2]
    corners = np.array([[0, 0, 1], [width - 1, 0, 1], [0, height - 1, 1], [width - 1, height - 1, 1]], float)
    points = (inverses @ corners.T).transpose(1, 0, 2).reshape(2, -1)
    spans = []
    for low, high, length in zip(points.min(axis=1), points.max(axis=1), (columns, rows), strict=True):
        # What a frame sees beyond an edge is mirrored to this side of it.
        start, end = min(low, 2 * (length - 1) - high), max(high, -low)
        margin = spline.RADIUS + PAD
        spans.append((max(0, math.floor(start) - margin), min(length, math.ceil(end) + 1 + margin)))
    (left, right), (top, bottom) = spans
    found = spline.coefficients(np.ascontiguousarray(image[top:bottom, left:right]))
    return top, left, cv2.copyMakeBorder(found, PAD, PAD, PAD, PAD, cv2.BORDER_REFLECT_101)


@_kernel
@no_type_check
def _bin(
    sizes: Int32[np.ndarray, "layers 2"], inverse: Float64[np.ndarray, "layers 2 3"], height: int, width: int
) -> tuple[UInt8[np.ndarray, "rows columns layers"], Int32[np.ndarray, "rows columns"]]:
    """For every tile the layers whose texture's rectangle may reach it, nearest first, and their number."""
    rows, columns = (height + TILE - 1) // TILE, (width + TILE - 1) // TILE
    near = np.zeros((rows, columns, len(sizes)), np.uint8)
    counts = np.zeros((rows, columns), np.int32)
    half = 0.5 * TILE
    for row in range(rows):
        for column in range(columns):
            x, y = column * TILE - 0.5 + half, row * TILE - 0.5 + half
            count = 0
            for layer in range(len(sizes) - 1, -1, -1):
                if sizes[layer, 0] == 0:
                    continue
                may_reach = True
                for axis in range(2):
                    length = sizes[layer, 1 - axis]
                    middle = (
                        inverse[layer, axis, 0] * x + inverse[layer, axis, 1] * y + inverse[layer, axis, 2]
                    )
                    # A hair more than the tile, so that no rounding loses a point on its edge.
                    reach = (abs(inverse[layer, axis, 0]) + abs(inverse[layer, axis, 1])) * (half + 1e-6)
                    may_reach &= middle + reach > -REACH and middle - reach < length - 1 + REACH
                if may_reach or layer == 0:
                    near[row, column, count] = layer
                    count += 1
            counts[row, column] = count
    return near, counts


@_kernel
@no_type_check
def _paint(
    photo: Int16[np.ndarray, " values"],
    texels: UInt8[np.ndarray, " bytes"],
    first: Int64[np.ndarray, " layers"],
    pitch: Int64[np.ndarray, " layers"],
    sizes: Int32[np.ndarray, "layers 2"],
    inverse: Float64[np.ndarray, "layers 2 3"],
    near: UInt8[np.ndarray, "rows columns layers"],
    counts: Int32[np.ndarray, "rows columns"],
    height: int,
    width: int,
) -> tuple[Image, LayerMap]:
    """A frame and its layer map: tile by tile, each tile's layers from the nearest to the photograph."""
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
                (a, b, c), (d, e, f) = inverse[layer, 0], inverse[layer, 1]
                for j in range(rows):
                    for i in range(columns):
                        if through[j, i] < SEEN_THROUGH and front[j, i] >= 0:
                            continue
                        u = to_texture(a, b, c, left + i, top + j)
                        v = to_texture(d, e, f, left + i, top + j)
                        if layer == 0:
                            alpha = np.float32(1)
                            red, green, blue = photo_at(photo, start, step, mirrored(u, w), mirrored(v, h))
                        elif reaches(u, v, h, w):
                            red, green, blue, alpha = sprite_at(texels, start, step, u, v)
                        else:
                            continue
                        share = through[j, i]
                        colour[j, i, 0] += share * red
                        colour[j, i, 1] += share * green
                        colour[j, i, 2] += share * blue
                        through[j, i] = share * (np.float32(1) - alpha)
                        if front[j, i] < 0 and is_solid(alpha):
                            front[j, i] = layer
            for j in range(rows):
                for i in range(columns):
                    for channel in range(3):
                        rounded = colour[j, i, channel] + np.float32(0.5)
                        image[top + j, left + i, channel] = np.uint8(min(rounded, np.float32(255)))
                    layer_id[top + j, left + i] = front[j, i]
    return image, layer_id


@_kernel
@no_type_check
def _occlusion(
    layer_id: LayerMap,
    motions: Float64[np.ndarray, "layers 3 3"],
    texels: UInt8[np.ndarray, " bytes"],
    first: Int64[np.ndarray, " layers"],
    pitch: Int64[np.ndarray, " layers"],
    sizes: Int32[np.ndarray, "layers 2"],
    inverse: Float64[np.ndarray, "layers 2 3"],
    near: UInt8[np.ndarray, "rows columns layers"],
    counts: Int32[np.ndarray, "rows columns"],
) -> Bool[np.ndarray, "height width"]:
    """Where the point that a pixel shows is covered in the other frame, which all but ``layer_id`` describe."""
    height, width = layer_id.shape
    occluded = np.zeros((height, width), np.bool_)
    for y in range(height):
        for x in range(width):
            own = layer_id[y, x]
            there_x, there_y = moved(motions, own, x, y)
            if is_outside(there_x, there_y, height, width):
                continue
            row = min(int((there_y + 0.5) / TILE), counts.shape[0] - 1)
            column = min(int((there_x + 0.5) / TILE), counts.shape[1] - 1)
            for k in range(counts[row, column]):
                layer = near[row, column, k]
                if layer <= own:
                    break
                (a, b, c), (d, e, f) = inverse[layer, 0], inverse[layer, 1]
                u, v = to_texture(a, b, c, there_x, there_y), to_texture(d, e, f, there_x, there_y)
                if not reaches(u, v, sizes[layer, 0], sizes[layer, 1]):
                    continue
                alpha = sprite_at(texels, first[layer], pitch[layer], u, v)[3]
                if is_solid(alpha):
                    occluded[y, x] = True
                    break
    return occluded
