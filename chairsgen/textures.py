"""Textures with mip levels, and the bank on disk that all workers and all builds share.

A texture is premultiplied RGBA. Level l halves level l - 1 by averaging 2 x 2 pixels, so that level 0's point x
is point (x + 0.5) / 2^l - 0.5 of level l. Every level is stored with a border of :data:`PAD` pixels, clear
around a sprite and mirrored around a photograph: the resampling filter never has to look where it reads.

A file of the bank is named by its content's key, written aside and renamed: what bears its name is whole. Its
levels are packed each by itself, so that only the one that a scene needs is ever unpacked.
"""

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import platformdirs
from jaxtyping import UInt8

from chairsgen import geometry
from chairsgen.aside import write_aside
from chairsgen.errors import InputError, UnusableAsset
from chairsgen.geometry import Matrix
from chairsgen.packing import pack, unpack

PAD = 3
"""Border in pixels around every level: the filter reaches 2, and may start 1 outside."""

Pixels = UInt8[np.ndarray, "_height _width 4"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Texture:
    """An image with its mip levels, and where it lies in its own coordinates.

    Attributes:
        levels: Premultiplied RGBA, each with its border; from the finest.
        origin: (x, y) of level 0's first pixel (inside the border) in the full image that it was cropped from.
        full: Side of that image in pixels for a sprite; 0 for a photograph, whose coordinates are its pixels.
    """

    levels: Sequence[Pixels]
    origin: tuple[int, int] = (0, 0)
    full: int = 0

    @property
    def opaque(self) -> bool:
        """Whether this is a photograph, which goes on for ever, mirrored at its edges."""
        return self.full == 0

    def size(self, level: int = 0) -> tuple[int, int]:
        """(height, width) of a level, without its border."""
        height, width = self.levels[level].shape[:2]
        return height - 2 * PAD, width - 2 * PAD

    def to_own(self, *, box: bool = False) -> Matrix:
        """From level 0's pixels to the texture's own coordinates, as :mod:`chairsgen.scene` defines them.

        Args:
            box: Let the crop's longer side, not the square's, have length 1, and the crop's centre be the origin.
        """
        if self.opaque:
            return np.eye(3)
        if box:
            height, width = self.size()
            return geometry.scaling(1 / max(height, width)) @ geometry.translation(
                -(width - 1) / 2, -(height - 1) / 2
            )
        centre = (self.full - 1) / 2
        return geometry.scaling(1 / self.full) @ geometry.translation(
            self.origin[0] - centre, self.origin[1] - centre
        )


def from_photo(image: UInt8[np.ndarray, "height width 3"]) -> Texture:
    """A photograph's texture."""
    pixels = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
    levels = _mips(pixels, cv2.BORDER_REPLICATE)
    return Texture(levels=tuple(_pad(level, cv2.BORDER_REFLECT_101) for level in levels))


def from_colours(colours: Sequence[tuple[int, int, int]], size: tuple[int, int]) -> Texture:
    """The texture in a photograph's place that has a colour at each corner, and all between lying evenly.

    Args:
        colours: Red, green and blue (0..255) of the top left, top right, bottom left and bottom right pixels.
        size: The photograph's (height, width).
    """
    down, across = (np.linspace([1, 0], [0, 1], length, dtype=np.float32) for length in size)
    corners = np.array(colours, np.float32).reshape(2, 2, 3)
    pixels = np.rint(across @ np.tensordot(down, corners, 1)).astype(np.uint8)
    opaque = cv2.cvtColor(pixels, cv2.COLOR_RGB2RGBA)
    return Texture(levels=(_pad(opaque, cv2.BORDER_REFLECT_101),))


def from_render(image: UInt8[np.ndarray, "side side 4"]) -> Texture:
    """A sprite's texture: the premultiplied render of a chair in its square, cropped to what is visible.

    Raises:
        UnusableAsset: Nothing is visible.
    """
    rows, columns = (np.flatnonzero(image[..., 3].any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        raise UnusableAsset("nothing of it is visible")
    crop = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    levels = tuple(_pad(level, cv2.BORDER_CONSTANT) for level in _mips(crop, cv2.BORDER_CONSTANT))
    return Texture(levels=levels, origin=(int(columns[0]), int(rows[0])), full=image.shape[0])


def _mips(pixels: Pixels, beyond: int) -> list[Pixels]:
    levels = [np.ascontiguousarray(pixels)]
    while max(levels[-1].shape[:2]) > 16:
        finer = levels[-1]
        height, width = finer.shape[:2]
        even = cv2.copyMakeBorder(finer, 0, height % 2, 0, width % 2, beyond)
        size = (even.shape[1] // 2, even.shape[0] // 2)
        levels.append(cv2.resize(even, size, interpolation=cv2.INTER_AREA))
    return levels


def _pad(level: Pixels, border: int) -> Pixels:
    return np.ascontiguousarray(cv2.copyMakeBorder(level, PAD, PAD, PAD, PAD, border))


def bank_folder() -> Path:
    """The bank's folder, made if missing: below ``$CHAIRSGEN_CACHE``, or the user's cache folder."""
    root = os.environ.get("CHAIRSGEN_CACHE") or platformdirs.user_cache_dir("chairsgen")
    folder = Path(root) / "textures"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


_MAGIC = int.from_bytes(b"CGT2", "little")
_HEADER_WORDS = 5


class _PackedLevels(Sequence[Pixels]):
    """A stored texture's levels, each unpacked when it is first looked at."""

    def __init__(self, path: Path, shapes: Sequence[tuple[int, int]], packed: Sequence[bytes]) -> None:
        self._path, self._shapes, self._packed = path, shapes, packed
        self._unpacked: dict[int, Pixels] = {}

    def __len__(self) -> int:
        return len(self._shapes)

    def __getitem__(self, level: Any) -> Any:
        if level not in self._unpacked:
            try:
                self._unpacked[level] = unpack(self._packed[level]).reshape(*self._shapes[level], 4)
            except ValueError:
                raise InputError(_DAMAGED.format(self._path)) from None
        return self._unpacked[level]


_DAMAGED = "{}: missing or damaged texture; delete it and run the same command again"


class Bank:
    """A folder of textures, each under the key of what it was made from."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, key: str) -> Path:
        """Where the texture of ``key`` (hexadecimal) is or will be."""
        return self.root / key[:2] / f"{key[2:]}.texture"

    def has(self, key: str) -> bool:
        """Whether the texture is there, whole."""
        return self.path(key).exists()

    def save(self, key: str, texture: Texture) -> None:
        """Adds a texture; adding one again changes nothing.

        Raises:
            OSError: The folder cannot be written, or the disk is full; nothing is left behind.
        """
        packed = [pack(level, pixel_bytes=4) for level in texture.levels]
        lengths = [
            number
            for level, data in zip(texture.levels, packed, strict=True)
            for number in (*level.shape[:2], len(data))
        ]
        header = np.array([_MAGIC, len(packed), *texture.origin, texture.full, *lengths], "<i4")
        write_aside(self.path(key), header.tobytes(), *packed)

    def load(self, key: str) -> Texture:
        """The texture of ``key``.

        Raises:
            InputError: The file is not a texture, or is cut short.
        """
        path = self.path(key)
        data = path.read_bytes() if path.exists() else b""
        if len(data) < 4 * _HEADER_WORDS:
            raise InputError(_DAMAGED.format(path))
        words = np.frombuffer(data, "<i4", len(data) // 4)
        magic, count, x, y, full = words[:_HEADER_WORDS].tolist()
        lengths = words[_HEADER_WORDS : _HEADER_WORDS + 3 * max(0, min(count, 32))]
        levels = lengths[: len(lengths) // 3 * 3].reshape(-1, 3).tolist()
        ends = np.cumsum([4 * (_HEADER_WORDS + 3 * count), *(length for _, _, length in levels)]).tolist()
        if magic != _MAGIC or not levels or len(levels) != count or len(data) != ends[-1]:
            raise InputError(_DAMAGED.format(path))
        packed = [data[begin:end] for begin, end in itertools.pairwise(ends)]
        shapes = [(height, width) for height, width, _ in levels]
        return Texture(levels=_PackedLevels(path, shapes, packed), origin=(x, y), full=full)
