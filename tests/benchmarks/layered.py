"""The yardstick of composition: a plain layered compositor of OpenCV and NumPy calls.

Written as one would who needs it by tonight and knows the tools: ``cv2.warpAffine`` for every layer that
shows (in its tuned form only where the layer's box falls into the frame), blended in float32; flow in float32
from the layer map and the matrices; a point is occluded if the other frame's layer map shows a nearer layer
at the pixel nearest to it. It takes the same scenes, textures and mip levels as :mod:`chairsgen.compose`, and
makes the same frames, layer maps, flows and masks, but for OpenCV's rounding of coordinates and occlusion's.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from chairsgen import geometry
from chairsgen.scene import Scene
from chairsgen.textures import PAD, Texture


class Layered(NamedTuple):
    """What :func:`compose_layered` makes, by the names of :class:`chairsgen.sample.FlowSample`."""

    image1: np.ndarray
    image2: np.ndarray
    layer_id1: np.ndarray
    layer_id2: np.ndarray
    flow_fw: np.ndarray
    flow_bw: np.ndarray
    occ_fw: np.ndarray
    occ_bw: np.ndarray


class _Sprite(NamedTuple):
    number: int
    pixels: np.ndarray
    poses: tuple[np.ndarray, np.ndarray]


def compose_layered(
    scene: Scene,
    load: Callable[[str, int], Texture],
    *,
    interpolation: int = cv2.INTER_CUBIC,
    boxes: bool = False,
) -> Layered:
    """Renders a scene.

    Args:
        scene: What to show.
        load: Gives the texture of an (asset, view).
        interpolation: OpenCV's; cubic looks like the project's own.
        boxes: Warp only the part of the frame that a layer can reach, not all of it.
    """
    sprites = [_sprite(scene, number, load) for number in range(len(scene.layers)) if scene.may_show(number)]
    size = (scene.height, scene.width)
    image1, layer_id1 = _paint(sprites, 0, size, interpolation, boxes)
    image2, layer_id2 = _paint(sprites, 1, size, interpolation, boxes)
    motions = [layer.motion for layer in scene.layers]
    inverse_motions = [geometry.inverse(motion) for motion in motions]
    flow_fw, flow_bw = _flow(layer_id1, motions), _flow(layer_id2, inverse_motions)
    return Layered(
        image1=image1,
        image2=image2,
        layer_id1=layer_id1,
        layer_id2=layer_id2,
        flow_fw=flow_fw,
        flow_bw=flow_bw,
        occ_fw=_occluded(flow_fw, layer_id1, layer_id2),
        occ_bw=_occluded(flow_bw, layer_id2, layer_id1),
    )


def _sprite(scene: Scene, number: int, load: Callable[[str, int], Texture]) -> _Sprite:
    """A layer's pixels at the mip level that suits its size, and where both frames have them."""
    layer = scene.layers[number]
    texture = load(layer.asset, layer.view)
    own = texture.to_own(box=layer.box)
    poses = (layer.pose1 @ own, layer.pose2 @ own)
    minification = 1 / math.sqrt(geometry.mean_scale(poses[0]) * geometry.mean_scale(poses[1]))
    level = min(max(math.ceil(math.log2(minification / 1.25)), 0), len(texture.levels) - 1)
    finer = geometry.about((-0.5, -0.5), geometry.scaling(2.0**level))
    inside = np.s_[PAD:-PAD, PAD:-PAD]
    return _Sprite(number, texture.levels[level][inside], (poses[0] @ finer, poses[1] @ finer))


def _paint(
    sprites: Sequence[_Sprite], frame: int, size: tuple[int, int], interpolation: int, boxes: bool
) -> tuple[np.ndarray, np.ndarray]:
    height, width = size
    image = np.empty((height, width, 3), np.float32)
    layer_id = np.zeros(size, np.uint8)
    for sprite in sprites:
        pose = sprite.poses[frame]
        left, top, right, bottom = (0, 0, width, height)
        if boxes and sprite.number:
            left, top, right, bottom = _box(pose, sprite.pixels.shape[:2], size)
            if left >= right or top >= bottom:
                continue
        shifted = (geometry.translation(-left, -top) @ pose)[:2]
        warped = cv2.warpAffine(
            sprite.pixels,
            shifted,
            (right - left, bottom - top),
            flags=interpolation,
            borderMode=cv2.BORDER_CONSTANT if sprite.number else cv2.BORDER_REFLECT_101,
        )
        if sprite.number == 0:
            image[:] = warped[..., :3]
            continue
        place = np.s_[top:bottom, left:right]
        alpha = warped[..., 3]
        behind = (255 - alpha).astype(np.float32) * np.float32(1 / 255)
        image[place] *= behind[..., None]
        image[place] += warped[..., :3]
        layer_id[place][alpha >= 128] = sprite.number
    return np.clip(np.rint(image), 0, 255).astype(np.uint8), layer_id


def _box(pose: np.ndarray, texture: tuple[int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the pixels that a texture of this (height, width) can reach."""
    h, w = texture
    corners = geometry.apply(pose, np.array([[-2, -2], [w + 1, -2], [-2, h + 1], [w + 1, h + 1]], np.float64))
    (left, top), (right, bottom) = np.floor(corners.min(0)), np.ceil(corners.max(0)) + 1
    return max(int(left), 0), max(int(top), 0), min(int(right), size[1]), min(int(bottom), size[0])


def _flow(layer_id: np.ndarray, motions: Sequence[np.ndarray]) -> np.ndarray:
    height, width = layer_id.shape
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    moved = (np.stack(motions) - np.eye(3)).astype(np.float32)
    flow = np.empty((height, width, 2), np.float32)
    for axis in range(2):
        a, b, c = (moved[:, axis, column][layer_id] for column in range(3))
        flow[..., axis] = a * x + b * y + c
    return flow


def _occluded(flow: np.ndarray, layer_id: np.ndarray, other: np.ndarray) -> np.ndarray:
    height, width = layer_id.shape
    x = flow[..., 0] + np.arange(width, dtype=np.float32)
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    return cv2.remap(other, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=0) > layer_id
