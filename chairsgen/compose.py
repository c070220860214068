"""From a scene and its textures to a sample: both frames, layer maps and exact occlusion.

Here a scene's textures are chosen and laid out; :mod:`chairsgen.pixel` decides what is seen of them, and
:mod:`chairsgen.effects` what a camera makes of that.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64, UInt8

from chairsgen import geometry, pixel, spline, textures
from chairsgen import scene as scenes
from chairsgen.effects import Effects, Light, develop, to_light
from chairsgen.errors import InputError
from chairsgen.geometry import Matrix
from chairsgen.pixel import TILE, bin_layers
from chairsgen.sample import FlowSample, Image, LayerMap, Mask
from chairsgen.scene import PHOTO_SIZE, Layer, Scene
from chairsgen.textures import PAD, Pixels, Texture

MAX_MINIFICATION = 1.25
"""Texels a pixel (in each axis) up to which a mip level is used; beyond it, the next coarser one."""

STEP_PX = 1.0
"""For motion blur an exposure is cut into parts in which no point of a layer moves farther than this,"""

MAX_RANK = 4
"""but into no more than 2 to this power."""

STILL_PX = 0.01
"""What moves no farther in an exposure is not blurred."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Stack:
    """A scene's textures as :mod:`chairsgen.pixel` reads them, and where they lie at one time.

    See there for the fields' meaning.
    """

    photo: Float32[np.ndarray, " values"]
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


@runtime_checkable
class Painter(Protocol):
    """What asks every pixel of a frame: :mod:`chairsgen.pixel` on the CPU, or a GPU, with the same results."""

    def paint(self, *arguments: object) -> tuple[Image, LayerMap]:
        """As :func:`chairsgen.pixel.paint`."""
        ...

    def find_occlusion(self, *arguments: object) -> Mask:
        """As :func:`chairsgen.pixel.find_occlusion`."""
        ...


@cache
def painter_on(device: str) -> Painter:
    """What paints on a device: "cpu", "cuda", "cuda:1" for the second GPU, or "auto" for a GPU if there is one.

    Raises:
        InputError: A GPU was asked for, and none can be used; the message begins with ``cuda``.
    """
    if device == "cpu" or (device == "auto" and not find_spec("numba_cuda")):
        return pixel
    from chairsgen.gpu import open_gpu  # takes its time

    try:
        return open_gpu(int(device.partition(":")[2] or 0))
    except InputError:
        if device == "auto":
            return pixel
        raise


def compose(
    scene: Scene, load: Callable[[str, int], Texture], index: int = -1, painter: Painter = pixel
) -> FlowSample:
    """Renders a scene.

    Args:
        scene: What to show.
        load: Gives the texture of an (asset, view); asked only for layers that may show.
        index: The sample's position in its dataset.
        painter: Where its pixels are made.
    """
    ranks1, ranks2 = _ranks(scene, 0), _ranks(scene, 1)
    moments1, moments2 = _moments(scene, 0, int(ranks1.max())), _moments(scene, 1, int(ranks2.max()))
    stacks = stack_layers(scene, load, [*moments1, *moments2])
    size, count = (scene.height, scene.width), len(moments1)
    image1, layer_id1, sprites1, tiles1 = _expose(painter, stacks[:count], ranks1, size, scene.effects[0])
    image2, layer_id2, sprites2, tiles2 = _expose(painter, stacks[count:], ranks2, size, scene.effects[1])
    motions = np.stack([layer.motion for layer in scene.layers])
    inverse_motions = np.stack([geometry.inverse(motion) for motion in motions])
    return FlowSample(
        image1=image1,
        image2=image2,
        layer_id1=layer_id1,
        layer_id2=layer_id2,
        occ_fw=painter.find_occlusion(layer_id1, *tiles1, motions, *sprites2, *tiles2),
        occ_bw=painter.find_occlusion(layer_id2, *tiles2, inverse_motions, *sprites1, *tiles1),
        motions=motions,
        index=index,
        scene=scenes.to_json(scene),
    )


def _ranks(scene: Scene, frame: int) -> Int64[np.ndarray, " layers"]:
    """For each layer the rank of its motion blur in frame 0 or 1: its exposure is cut into 2**rank parts."""
    ranks = np.zeros(len(scene.layers), np.int64)
    if not scene.effects[frame].shutter:
        return ranks
    corners = np.array([[-0.5, -0.5], [0.5, -0.5], [-0.5, 0.5], [0.5, 0.5]])
    for number in filter(scene.may_show, range(len(scene.layers))):
        start, end = scene.poses(number, scene.exposure(frame))
        own = corners
        if number == 0:
            seen = (corners + 0.5) * (scene.width - 1, scene.height - 1)
            own = geometry.apply(geometry.inverse(start), seen)
        way = np.linalg.norm(geometry.apply(end, own) - geometry.apply(start, own), axis=1).max()
        if way > STILL_PX:
            ranks[number] = min(max(math.ceil(math.log2(way / STEP_PX)), 1), MAX_RANK)
    return ranks


def _moments(scene: Scene, frame: int, rank: int) -> list[float]:
    """The ends of the 2**rank parts of a frame's exposure; the middle one is the frame's own time."""
    parts = 2**rank
    steps = range(-(parts // 2), parts // 2 + 1)
    return [frame + scene.effects[frame].shutter * step / parts for step in steps]


def _expose(
    painter: Painter,
    stacks: list[Stack],
    ranks: Int64[np.ndarray, " layers"],
    size: tuple[int, int],
    effects: Effects,
) -> tuple[Image, LayerMap, tuple[np.ndarray, ...], tuple[np.ndarray, np.ndarray]]:
    """A frame's picture; of its exposure's middle the layer map, the sprites, and the layers near each tile."""
    tiles = [bin_layers(*stack.sprites[1:], *size) for stack in stacks]
    middle = len(stacks) // 2
    image, layer_id = painter.paint(stacks[middle].photo, *stacks[middle].sprites, *tiles[middle], *size)
    if middle or not effects.leaves_picture:
        image = develop(_light(painter, image, stacks, tiles, ranks), effects)
    return image, layer_id, stacks[middle].sprites, tiles[middle]


def _light(
    painter: Painter,
    image: Image,
    stacks: list[Stack],
    tiles: list[tuple[np.ndarray, np.ndarray]],
    ranks: Int64[np.ndarray, " layers"],
) -> Light:
    """The mean light of an exposure, of whose middle ``image`` is the picture.

    Integrated by the trapezoidal rule, tile by tile over as many parts as the layers there need: the ends of few
    parts are among those of many.
    """
    size, middle = image.shape[:2], len(stacks) // 2
    light = to_light(image)
    needed = np.max([ranks[near].max(axis=2) for near, _ in tiles], axis=0)
    for step, (stack, (near, counts)) in enumerate(zip(stacks, tiles, strict=True), -middle):
        if step:
            rank = next(rank for rank in range(1, MAX_RANK + 1) if step * 2**rank % (len(stacks) - 1) == 0)
            # A tile without layers is black, and no work.
            asked = np.where(needed >= rank, counts, 0)
            shot, _ = painter.paint(stack.photo, *stack.sprites, near, asked, *size)
            light += to_light(shot) * np.float32(0.5 if abs(step) == middle else 1)
    parts = (2**needed).repeat(TILE, axis=0).repeat(TILE, axis=1)[: size[0], : size[1], None]
    light /= parts.astype(np.float32)
    return light


def stack_layers(
    scene: Scene, load: Callable[[str, int], Texture], times: Sequence[float] = (0, 1)
) -> list[Stack]:
    """Lays a scene's textures out for each of some times (0 is frame 1's, 1 frame 2's), each at a mip level.

    A layer has the same level at all times, the one that suits the mean of its scales in both frames: were it
    sharper in one of them, a network could tell the frames apart.
    """
    count = len(scene.layers)
    first, pitch = np.zeros(count, np.int64), np.zeros(count, np.int64)
    sizes = np.zeros((count, 2), np.int32)
    inverses = np.zeros((len(times), count, 2, 3))
    sprites, opacities, start = [np.empty(0, np.uint8)], [np.empty(0, np.uint8)], 0
    for number, layer in enumerate(scene.layers):
        if not scene.may_show(number):
            continue
        texture = (
            textures.from_colours(layer.colours, PHOTO_SIZE)
            if layer.colours
            else load(layer.asset, layer.view)
        )
        level, inverses[:, number] = _place(layer, texture, scene.poses(number, times))
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
    stack = Stack(
        photo=photo.ravel(),
        texels=np.concatenate(sprites),
        opacity=np.concatenate(opacities),
        first=first,
        pitch=pitch,
        sizes=sizes,
        inverse=inverses[0],
    )
    return [replace(stack, inverse=inverse) for inverse in inverses]


def _place(
    layer: Layer, texture: Texture, poses: Sequence[Matrix]
) -> tuple[int, Float64[np.ndarray, "times 2 3"]]:
    """A layer's mip level, and the first rows of the matrices to its texels from where ``poses`` have them."""
    own = texture.to_own(box=layer.box)
    magnification = math.sqrt(geometry.mean_scale(layer.pose1 @ own) * geometry.mean_scale(layer.pose2 @ own))
    wanted = math.ceil(math.log2(1 / (magnification * MAX_MINIFICATION)))
    level = min(max(wanted, 0), len(texture.levels) - 1)
    shrink = geometry.about((-0.5, -0.5), geometry.scaling(0.5**level))
    return level, np.stack([(shrink @ geometry.inverse(pose @ own))[:2] for pose in poses])


def _opacity(texels: Pixels) -> UInt8[np.ndarray, "height width"]:
    """What :mod:`chairsgen.pixel` calls opacity: of the 4 x 4 texels from one before each texel on."""
    alpha = cv2.extractChannel(texels, 3)
    around = np.ones((4, 4), np.uint8)
    some, every = (change(alpha, around, anchor=(1, 1)) for change in (cv2.dilate, cv2.erode))
    return (some > 0).view(np.uint8) + (every == 255)


def _spline_seen(
    texels: Pixels, inverses: Float64[np.ndarray, "_ 2 3"], frame: tuple[int, int]
) -> tuple[int, int, Float32[np.ndarray, "_ _ 4"]]:
    """The spline's coefficients of what frames show of a photograph, with a border of :data:`PAD` pixels.

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
