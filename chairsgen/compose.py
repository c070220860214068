"""From a scene and its textures to a sample: both frames, layer maps and exact occlusion.

Here a scene's textures are chosen and laid out; :mod:`chairsgen.pixel` decides what is seen of them.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float64, Int16, Int32, Int64, UInt8

from chairsgen import geometry, spline
from chairsgen import scene as scenes
from chairsgen.pixel import bin_layers, find_occlusion, paint
from chairsgen.sample import FlowSample
from chairsgen.scene import Layer, Scene
from chairsgen.textures import PAD, Pixels, Texture

MAX_MINIFICATION = 1.25
"""Texels a pixel (in each axis) up to which a mip level is used; beyond it, the next coarser one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Stack:
    """A scene's textures as :mod:`chairsgen.pixel` reads them, and where they lie in one frame.

    See there for the fields' meaning.
    """

    photo: Int16[np.ndarray, " values"]
    texels: UInt8[np.ndarray, " bytes"]
    opacity: UInt8[np.ndarray, " texels"]
    first: Int64[np.ndarray, " layers"]
    pitch: Int64[np.ndarray, " layers"]
    sizes: Int32[np.ndarray, "layers 2"]
    inverse: Float64[np.ndarray, "layers 2 3"]

    @property
    def sprites(self) -> tuple[np.ndarray, ...]:
        """All but the photograph's coefficients, for a kernel."""
        return self.texels, self.opacity, self.first, self.pitch, self.sizes, self.inverse


def compose(scene: Scene, load: Callable[[str, int], Texture], index: int = -1) -> FlowSample:
    """Renders a scene.

    Args:
        scene: What to show.
        load: Gives the texture of an (asset, view); asked only for layers that may show.
        index: The sample's position in its dataset.
    """
    stack1, stack2 = stack_layers(scene, load)
    size = (scene.height, scene.width)
    tiles1, tiles2 = (bin_layers(stack.sizes, stack.inverse, *size) for stack in (stack1, stack2))
    image1, layer_id1 = paint(stack1.photo, *stack1.sprites, *tiles1, *size)
    image2, layer_id2 = paint(stack2.photo, *stack2.sprites, *tiles2, *size)
    motions = np.stack([layer.motion for layer in scene.layers])
    inverse_motions = np.stack([geometry.inverse(motion) for motion in motions])
    return FlowSample(
        image1=image1,
        image2=image2,
        layer_id1=layer_id1,
        layer_id2=layer_id2,
        occ_fw=find_occlusion(layer_id1, *tiles1, motions, *stack2.sprites, *tiles2),
        occ_bw=find_occlusion(layer_id2, *tiles2, inverse_motions, *stack1.sprites, *tiles1),
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
    sprites, opacities, start = [np.empty(0, np.uint8)], [np.empty(0, np.uint8)], 0
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
            opacities.append(_opacity(texels).ravel())
            pitch[number] = texels.strides[0]
            first[number] = start + PAD * texels.strides[0] + PAD * texels.strides[1]
            start += texels.size
    stack1 = Stack(
        photo=photo.ravel(),
        texels=np.concatenate(sprites),
        opacity=np.concatenate(opacities),
        first=first,
        pitch=pitch,
        sizes=sizes,
        inverse=inverses[0],
    )
    return stack1, replace(stack1, inverse=inverses[1])


def _place(layer: Layer, texture: Texture) -> tuple[int, Float64[np.ndarray, "2 2 3"]]:
    """A layer's mip level, and the first rows of the matrices from both frames to its texels."""
    own = texture.to_own(box=layer.box)
    poses = (layer.pose1 @ own, layer.pose2 @ own)
    magnification = math.sqrt(geometry.mean_scale(poses[0]) * geometry.mean_scale(poses[1]))
    wanted = math.ceil(math.log2(1 / (magnification * MAX_MINIFICATION)))
    level = min(max(wanted, 0), len(texture.levels) - 1)
    shrink = geometry.about((-0.5, -0.5), geometry.scaling(0.5**level))
    return level, np.stack([(shrink @ geometry.inverse(pose))[:2] for pose in poses])


def _opacity(texels: Pixels) -> UInt8[np.ndarray, "height width"]:
    """What :mod:`chairsgen.pixel` calls opacity: of the 4 x 4 texels from one before each texel on."""
    alpha = cv2.extractChannel(texels, 3)
    around = np.ones((4, 4), np.uint8)
    some, every = (change(alpha, around, anchor=(1, 1)) for change in (cv2.dilate, cv2.erode))
    return (some > 0).view(np.uint8) + (every == 255)


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
    return top, left, spline.coefficients(image[top:bottom, left:right], border=PAD)
