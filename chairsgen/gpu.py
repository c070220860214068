"""Painting on an NVIDIA GPU: one thread a pixel, one block a tile, with the functions of :mod:`chairsgen.pixel`.

Every operation is done as written and rounded by itself there, too, so that the bytes are the CPU's: nothing needs
to say where a dataset was painted, and its build may go on elsewhere. Needs the extra ``gpu``. Without a GPU, the
simulator of numba (``NUMBA_ENABLE_CUDASIM=1`` and ``NUMBA_DISABLE_JIT=1``) runs the same kernels.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import Any, no_type_check

import numba
import numpy as np
from numba import cuda, float32, float64, int32
from numba.cuda.cudadrv import nvvm

from chairsgen import geometry, pixel
from chairsgen.errors import InputError
from chairsgen.pixel import (
    CLEAR,
    MIXED,
    TILE,
    covers,
    is_hidden,
    is_outside,
    is_solid,
    mirrored,
    moved,
    opacity_at,
    photo_at,
    reaches,
    sprite_at,
    tile_of,
    to_byte,
    to_texture,
)
from chairsgen.sample import Image, LayerMap, Mask
from chairsgen.textures import PAD

_STACK = ("texels", "opacity", "first", "pitch", "sizes", "inverse", "near", "counts")
"""What both kernels are given of a stack of layers, and of the layers near each tile."""

# Optimised at link time, operations would be fused then; the simulator has no such option.
_kernel = cuda.jit if numba.config.ENABLE_CUDASIM else cuda.jit(lto=False)


@_kernel
@no_type_check
def _paint(photo, texels, opacity, first, pitch, sizes, inverse, near, counts, image, layer_id):
    """:func:`chairsgen.pixel.paint` of one pixel."""
    x, y = cuda.grid(2)
    height, width = layer_id.shape
    if x >= width or y >= height:
        return
    red = green = blue = float32(0)
    through = float32(1)
    front = int32(-1)
    for k in range(counts[cuda.blockIdx.y, cuda.blockIdx.x]):
        if is_hidden(through, front):
            break
        layer = near[cuda.blockIdx.y, cuda.blockIdx.x, k]
        start, step, h, w = first[layer], pitch[layer], sizes[layer, 0], sizes[layer, 1]
        u = to_texture(inverse[layer, 0, 0], inverse[layer, 0, 1], inverse[layer, 0, 2], x, y)
        v = to_texture(inverse[layer, 1, 0], inverse[layer, 1, 1], inverse[layer, 1, 2], x, y)
        if layer == 0:
            alpha = float32(1)
            r, g, b = photo_at(photo, start, step, mirrored(u, w), mirrored(v, h))
        elif reaches(u, v, h, w) and opacity_at(opacity, start, step, u, v) != CLEAR:
            r, g, b, alpha = sprite_at(texels, start, step, u, v)
        else:
            continue
        red += through * r
        green += through * g
        blue += through * b
        through *= float32(1) - alpha
        if front < 0 and is_solid(alpha):
            front = int32(layer)
    image[y, x, 0] = to_byte(red)
    image[y, x, 1] = to_byte(green)
    image[y, x, 2] = to_byte(blue)
    layer_id[y, x] = front


@_kernel
@no_type_check
def _find_occlusion(layer_id, motions, texels, opacity, first, pitch, sizes, inverse, near, counts, occluded):
    """:func:`chairsgen.pixel.find_occlusion` of one pixel."""
    x, y = cuda.grid(2)
    height, width = layer_id.shape
    if x >= width or y >= height:
        return
    occluded[y, x] = False
    own = layer_id[y, x]
    there_x, there_y = moved(motions, own, x, y)
    if is_outside(there_x, there_y, height, width):
        return
    row, column = tile_of(there_y, counts.shape[0]), tile_of(there_x, counts.shape[1])
    for k in range(counts[row, column]):
        layer = near[row, column, k]
        if layer <= own:
            return
        if covers(texels, opacity, first, pitch, sizes, inverse, layer, there_x, there_y):
            occluded[y, x] = True
            return


class Gpu:
    """Paints as :mod:`chairsgen.pixel` does; methods take what its functions take, and give what they give.

    Its device memory is kept from call to call. An array that is handed over again, the same object for the same
    argument, is not moved again: frames of one scene share their textures.
    """

    def __init__(self) -> None:
        self._memory: dict[str, Any] = {}
        self._moved: dict[str, tuple[np.ndarray, Any]] = {}

    def paint(self, *arguments: Any) -> tuple[Image, LayerMap]:
        """As :func:`chairsgen.pixel.paint`."""
        *stack, height, width = arguments
        image = self._room("image", (height, width, 3), np.uint8)
        layer_id = self._room("painted", (height, width), np.uint8)
        self._launch(_paint, ("photo", *_STACK), stack, image, layer_id)
        return image.copy_to_host(), layer_id.copy_to_host()

    def find_occlusion(self, *arguments: Any) -> Mask:
        """As :func:`chairsgen.pixel.find_occlusion`."""
        layer_id, _, _, *others = arguments  # own_near and own_counts only spare a loop some work
        occluded = self._room("occluded", layer_id.shape, np.bool_)
        self._launch(_find_occlusion, ("layer_id", "motions", *_STACK), [layer_id, *others], occluded)
        return occluded.copy_to_host()

    def _launch(self, kernel: Any, names: tuple[str, ...], given: list[np.ndarray], *results: Any) -> None:
        there = [self._move(name, array) for name, array in zip(names, given, strict=True)]
        rows, columns = given[-1].shape
        with _unfused():
            kernel[(columns, rows), (TILE, TILE)](*there, *results)

    def _move(self, name: str, array: np.ndarray) -> Any:
        if name not in self._moved or self._moved[name][0] is not array:
            # An empty array would have no address, which kernels are not given.
            there = self._room(name, tuple(max(side, 1) for side in array.shape), array.dtype)
            if array.size:
                there.copy_to_device(array)
            self._moved[name] = array, there
        return self._moved[name][1]

    def _room(self, name: str, shape: tuple[int, ...], dtype: Any) -> Any:
        """Device memory for an array of that name, whose last one it may overwrite."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if name not in self._memory or self._memory[name].size < size:
            # More than is asked for, so that it need not grow scene by scene.
            self._memory[name] = cuda.device_array(max(2 * size, 256), np.uint8)
        return self._memory[name][:size].view(dtype).reshape(shape)


@contextmanager
def _unfused() -> Iterator[None]:
    """Lets no multiplication be fused with an addition, as the CPU's are not; ``cuda.jit`` has no such option."""
    usual = nvvm.compile_ir

    def compile_ir(ir: Any, **options: Any) -> Any:
        return usual(ir, **options, fma=False)

    nvvm.compile_ir = compile_ir
    try:
        yield
    finally:
        nvvm.compile_ir = usual


def _prepare_numba() -> None:
    """Lets kernels call ``np.floor``, which numba-cuda knows as ``math.floor`` alone, and frames be small."""
    from numba.cuda.core import config
    from numba.cuda.extending import lower_builtin

    config.CUDA_LOW_OCCUPANCY_WARNINGS = 0

    @lower_builtin(np.floor, float64)
    def floor(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.get_function(math.floor, signature)(builder, arguments)


@cache
def open_gpu(number: int = 0) -> Gpu:
    """A GPU, by its number among those that CUDA shows. It is trusted when it has painted as the CPU does.

    A process uses one, from the first call on.

    Raises:
        InputError: There is none, or it cannot be used.
    """
    if not find_spec("numba_cuda"):
        raise InputError(
            'cuda: painting there needs numba-cuda: run `pip install "chairsgen[gpu]"`, or use cpu'
        )
    gpu = Gpu()
    try:
        _prepare_numba()
        cuda.select_device(number)
        painted = _trial(gpu)
    except Exception as error:  # A missing or old driver, a full or broken GPU: each says so in its own way.
        cause = " ".join(str(error).split()).rstrip(" :") or type(error).__name__
        raise InputError(f"cuda: no GPU can be used here ({cause}): use cpu") from error
    if not all(map(np.array_equal, painted, _trial(pixel))):
        raise InputError("cuda: this GPU does not paint as the CPU does: use cpu")
    return gpu


def _trial(painter: Any) -> tuple[np.ndarray, ...]:
    """What is painted of a sprite over a photograph, both of noise and turned, and what a shift of it occludes."""
    rng = np.random.default_rng(0)
    side, size = TILE + 2 * PAD, (2 * TILE, 3 * TILE)
    photo = rng.uniform(0, 255, 4 * side * side).astype(np.float32)
    texels = rng.integers(0, 256, (side, side, 4), np.uint8)
    texels[..., :3] = np.minimum(texels[..., :3], texels[..., 3:])
    opacity = np.full(side * side, MIXED, np.uint8)
    pitch, sizes = np.full(2, 4 * side), np.full((2, 2), TILE, np.int32)
    inverse = np.array([[[0.8, -0.5, 3.1], [0.6, 0.9, -4.2]], [[-0.4, 0.3, 8.3], [0.3, 0.5, -2.6]]])
    sprites = (texels.ravel(), opacity, PAD * (pitch + 4), pitch, sizes, inverse)
    tiles = pixel.bin_layers(*sprites[1:], *size)
    image, layer_id = painter.paint(photo, *sprites, *tiles, *size)
    motions = np.stack([geometry.translation(2.3, -1.7), np.eye(3)])
    return image, layer_id, painter.find_occlusion(layer_id, *tiles, motions, *sprites, *tiles)
