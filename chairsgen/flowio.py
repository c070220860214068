"""Files of flow, and PPM images: strict readers, and writers whose files are whole.

======  ==============================  =====================  ==============================
suffix  known from                      keeps                  unknown flow
======  ==============================  =====================  ==============================
.flo    Middlebury, Sintel, the Chairs  float32                beyond 1e9 px, written as 1e10
.png    KITTI, 16 bits a channel        steps of 1/64 px,      third channel 0
                                        -512 to 511.98 px
.pfm    FlyingThings3D                  float32                NaN
.flo5   Spring, HDF5                    float32                NaN
======  ==============================  =====================  ==============================

Every reader returns ``(flow, valid)``. Flow is unknown where the file says so and, in any format, where a
component is not a number, infinite, or beyond 1e9 px: ``valid`` is False there, and ``flow`` is 0. What a reader
returns is thus finite, and the mask alone tells what is unknown. Writers refuse such numbers where the mask does
not say that they are unknown.

A file that is not whole is an :class:`InputError` that names it and the cause. Sizes are held against the file's
own size before memory is taken for them.

Sources: .flo: the README of Middlebury's flow-code. .png: the readme of KITTI's development kit. .flo5: the Spring
benchmark's, whose fields have twice the resolution of its images in either direction.
"""

import io
import math
import os
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import cv2
import h5py
import numpy as np
from jaxtyping import Float, UInt8, UInt16

from chairsgen.aside import write_aside
from chairsgen.errors import InputError
from chairsgen.sample import Flow, Image, Mask

MAX_KNOWN_PX = 1e9
"""Flow longer than this, in either component, is unknown."""

FLO_MAGIC = struct.pack("<f", 202021.25)
FLO_UNKNOWN_PX = 1e10

KITTI_STEPS = 64
KITTI_ZERO = 1 << 15
"""KITTI stores a component as ``KITTI_STEPS * px + KITTI_ZERO``, a 16-bit whole number."""

_HEAD_BYTES = 1024
"""A header in text is no longer than this."""

_MAX_DEFLATION = 1032
"""No file is smaller by a larger factor than what zlib makes of it."""

_PFM = re.compile(rb"P([Ff])\s+(\d{1,9})\s+(\d{1,9})\s+([-+]?\d*\.?\d+(?:[eE][-+]?\d+)?)\s")
_GAP = rb"(?:\s|#[^\n]*\n)+"
_PPM = re.compile(_GAP.join((rb"P6", rb"(\d{1,9})", rb"(\d{1,9})", rb"(\d{1,9})\s")))
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"


# --- by suffix


def read_flow(path: str | os.PathLike[str]) -> tuple[Flow, Mask]:
    """Reads flow of any format, told by the suffix.

    Returns:
        The flow in pixels, 0 where unknown, and where it is known.

    Raises:
        InputError: The suffix is none of :data:`FORMATS`, or the file is missing or damaged.
    """
    reader, _ = _format(Path(path))
    return reader(Path(path))


def write_flow(
    path: str | os.PathLike[str], flow: Float[np.ndarray, "height width 2"], valid: Mask | None = None
) -> None:
    """Writes flow in the format that the suffix tells.

    Args:
        path: The file; its folder is made if missing.
        flow: In pixels.
        valid: Where it is known; everywhere, if None.

    Raises:
        InputError: The suffix is none of :data:`FORMATS`, or the format cannot hold this flow.
        OSError: The file cannot be written; nothing is left behind.
    """
    _, writer = _format(Path(path))
    writer(Path(path), flow, valid)


# --- .flo


def read_flo(path: Path) -> tuple[Flow, Mask]:
    """Reads Middlebury's format."""
    with _opened(path) as (file, size, head):
        if not head.startswith(FLO_MAGIC):
            raise InputError(f"{path}: no .flo file: it does not begin with 202021.25 (PIEH)")
        if size < 12:
            raise InputError(f"{path}: truncated: it ends in its header")
        width, height = struct.unpack_from("<ii", head, 4)
        return _known(_pixels(path, file, size, 12, "<f4", (height, width, 2)))


def write_flo(path: Path, flow: Float[np.ndarray, "height width 2"], valid: Mask | None = None) -> None:
    """Writes Middlebury's format."""
    values = _storable(path, flow, valid, FLO_UNKNOWN_PX)
    height, width, _ = values.shape
    write_aside(path, FLO_MAGIC, struct.pack("<ii", width, height), values.astype("<f4").tobytes())


# --- .png


def read_kitti(path: Path) -> tuple[Flow, Mask]:
    """Reads KITTI's 16-bit PNG."""
    with _opened(path) as (file, size, head):
        if not head.startswith(_PNG_MAGIC):
            raise InputError(f"{path}: no PNG file")
        if size < 33 or head[8:16] != b"\0\0\0\x0dIHDR":
            raise InputError(f"{path}: truncated or damaged: it ends in its header, or has none")
        width, height, *kind = struct.unpack_from(">IIBBBBB", head, 16)
        if kind != [16, 2, 0, 0, 0]:
            raise InputError(f"{path}: no flow of KITTI's: that is a PNG of 3 channels, 16 bits each")
        need = height * (1 + 6 * width)
        _check_deflated(path, (height, width), need, size)
        data = file.read()
    _check_png(path, data, need)
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.shape != (height, width, 3) or decoded.dtype != np.uint16:
        raise InputError(f"{path}: damaged: its pixels cannot be decoded")
    valid, v, u = cv2.split(decoded)
    flow = (np.dstack([u, v]).astype(np.float32) - KITTI_ZERO) / np.float32(KITTI_STEPS)
    return _known(flow, valid > 0)


def write_kitti(path: Path, flow: Float[np.ndarray, "height width 2"], valid: Mask | None = None) -> None:
    """Writes KITTI's 16-bit PNG, rounded to the nearest step; unknown flow as three zeros.

    Raises:
        InputError: Known flow is longer than the format holds (see :func:`fits_kitti`).
    """
    values = _storable(path, flow, valid, 0.0)
    valid = np.ones(values.shape[:2], bool) if valid is None else valid
    beyond = np.count_nonzero(valid & ~fits_kitti(values))
    if beyond:
        raise InputError(
            f"{path}: KITTI's PNG holds flow from -512 to 511.98 px, {beyond:,} pixels have longer: "
            "mark them as unknown, or choose .flo"
        )
    pixels = np.dstack([_kitti_steps(values), valid])
    write_png(path, np.where(valid[..., None], pixels, 0).astype(np.uint16))


def fits_kitti(flow: Float[np.ndarray, "height width 2"]) -> Mask:
    """Where both components round to what KITTI's PNG can hold."""
    steps = _kitti_steps(flow)
    return np.logical_and.reduce((steps >= 0) & (steps < 1 << 16), axis=-1)


def _kitti_steps(flow: np.ndarray) -> np.ndarray:
    return np.rint(flow.astype(np.float64) * KITTI_STEPS + KITTI_ZERO)


def write_png(
    path: Path, pixels: Image | UInt8[np.ndarray, "height width"] | UInt16[np.ndarray, "h w 3"]
) -> None:
    """Writes an RGB or grey PNG.

    Raises:
        OSError: The file cannot be written; nothing is left behind.
    """
    _, encoded = cv2.imencode(".png", pixels[..., ::-1] if pixels.ndim == 3 else pixels)
    write_aside(path, encoded.tobytes())


def _check_png(path: Path, data: bytes, need: int) -> None:
    """Checks that a PNG's chunks are whole, and that its pixels are the ``need`` bytes that its header says."""
    view, position, kind, compressed = memoryview(data), len(_PNG_MAGIC), b"", []
    while kind != b"IEND":
        if len(data) < position + 12:
            raise InputError(f"{path}: truncated: its end is missing")
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if len(data) < end:
            raise InputError(f"{path}: truncated or damaged: a part of it is longer than the file")
        if zlib.crc32(view[position + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
            raise InputError(f"{path}: damaged: a checksum is wrong")
        if kind == b"IDAT":
            compressed.append(view[position + 8 : end - 4])
        position = end
    if position != len(data):
        raise InputError(f"{path}: {len(data) - position:,} bytes too many at its end")
    inflater = zlib.decompressobj()
    try:
        pixels = inflater.decompress(b"".join(compressed), need + 1)
    except zlib.error as error:
        raise InputError(f"{path}: damaged: {error}") from None
    if len(pixels) != need or not inflater.eof:
        raise InputError(f"{path}: damaged: it holds other pixels than its header says")


# --- .pfm


def read_pfm(path: Path) -> tuple[Flow, Mask]:
    """Reads a PFM of three channels: u, v, and one that is ignored. The scale's sign is the byte order."""
    with _opened(path) as (file, size, head):
        header = _PFM.match(head)
        if not header:
            raise InputError(f"{path}: no PFM file: it does not begin with PF, a size, and a scale")
        if header[1] == b"f":
            raise InputError(f"{path}: a PFM of one channel holds no flow (a disparity, perhaps)")
        scale = float(header[4])
        if not scale or not math.isfinite(scale):
            raise InputError(f"{path}: damaged: its scale is {scale:g}")
        shape = int(header[3]), int(header[2]), 3
        raw = _pixels(path, file, size, header.end(), "<f4" if scale < 0 else ">f4", shape)
        return _known(raw[::-1, :, :2])


def write_pfm(path: Path, flow: Float[np.ndarray, "height width 2"], valid: Mask | None = None) -> None:
    """Writes a PFM of three channels, the third 0: little-endian, rows from the bottom up."""
    values = _storable(path, flow, valid, math.nan)
    height, width, _ = values.shape
    raw = np.zeros((height, width, 3), "<f4")
    raw[..., :2] = values[::-1]
    write_aside(path, f"PF\n{width} {height}\n-1.0\n".encode(), raw.tobytes())


# --- .flo5


def read_flo5(path: Path) -> tuple[Flow, Mask]:
    """Reads Spring's HDF5 as it is, at the resolution that it is stored in."""
    with _opened(path) as (_, size, head):
        _check_hdf5(path, size, head)
    try:
        with h5py.File(path, "r") as file:
            stored = file.get("flow")
            if not isinstance(stored, h5py.Dataset):
                raise InputError(f"{path}: no .flo5 file: it has no dataset `flow`")
            shape = stored.shape
            if stored.dtype.kind != "f" or not shape or len(shape) != 3 or shape[2] != 2:
                raise InputError(
                    f"{path}: no .flo5 file: `flow` is {stored.dtype} {shape}, not float (H, W, 2)"
                )
            chunk = math.prod(stored.chunks or ())
            need = max(math.prod(shape), chunk) * stored.dtype.itemsize
            _check_deflated(path, shape[:2], need, min(size, stored.id.get_storage_size()))
            return _known(stored[()])
    except InputError:
        raise
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, ArithmeticError, MemoryError) as error:
        cause = str(error).partition("\n")[0]
        raise InputError(f"{path}: damaged: {cause}") from None


def write_flo5(path: Path, flow: Float[np.ndarray, "height width 2"], valid: Mask | None = None) -> None:
    """Writes HDF5 as Spring has it, with checksums over all."""
    values = _storable(path, flow, valid, math.nan).astype("<f4")
    content = io.BytesIO()
    # From this version of the format on, HDF5 guards its own tables with checksums, too.
    with h5py.File(content, "w", libver=("v110", "v110")) as file:
        file.create_dataset("flow", data=values, compression="gzip", compression_opts=5, fletcher32=True)
    write_aside(path, content.getvalue())


def _check_hdf5(path: Path, size: int, head: bytes) -> None:
    """Holds the length that an HDF5 file's superblock states against the file's own."""
    if not head.startswith(_HDF5_MAGIC):
        raise InputError(f"{path}: no .flo5 file: it is not HDF5")
    layouts = {0: (13, 40), 1: (13, 44), 2: (9, 28), 3: (9, 28)}
    length_of_offsets, end_of_file = layouts.get(head[8] if size > 8 else -1, (0, 0))
    if size < 48 or not end_of_file or head[length_of_offsets] != 8:
        raise InputError(f"{path}: truncated or damaged: its superblock cannot be read")
    (stated,) = struct.unpack_from("<Q", head, end_of_file)
    if size != stated:
        what = "truncated" if size < stated else "too long"
        raise InputError(f"{path}: {what}: it has {size:,} bytes and says {stated:,}")


# --- .ppm


def read_ppm(path: Path) -> Image:
    """Reads a binary PPM (P6) of 8 bits a channel; any white space and comments between its header's words."""
    with _opened(path) as (file, size, head):
        header = _PPM.match(head)
        if not header:
            raise InputError(f"{path}: no PPM file: it does not begin with P6, a size, and 255")
        width, height, largest = (int(number) for number in header.groups())
        if largest != 255:
            raise InputError(f"{path}: its largest value is {largest}; only PPM of 255 is read")
        return _pixels(path, file, size, header.end(), "u1", (height, width, 3))


def write_ppm(path: Path, image: Image) -> None:
    """Writes a binary PPM with the one-line header of FlyingChairs.

    Raises:
        OSError: The file cannot be written; nothing is left behind.
    """
    height, width, _ = image.shape
    write_aside(path, f"P6 {width} {height} 255\n".encode(), image.tobytes())


# --- what they share

Reader = Callable[[Path], tuple[Flow, Mask]]
Writer = Callable[[Path, Float[np.ndarray, "height width 2"], Mask | None], None]

FORMATS: dict[str, tuple[Reader, Writer]] = {
    ".flo": (read_flo, write_flo),
    ".png": (read_kitti, write_kitti),
    ".pfm": (read_pfm, write_pfm),
    ".flo5": (read_flo5, write_flo5),
}
"""Reader and writer by suffix."""


def _format(path: Path) -> tuple[Reader, Writer]:
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        raise InputError(f"{path}: flow is kept in {', '.join(FORMATS)} files") from None


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, int, bytes]]:
    """The file opened at its beginning, its size in bytes, and the bytes that it begins with."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            head = file.read(min(_HEAD_BYTES, size))
            if not head:
                raise InputError(f"{path}: empty (zero bytes): copy or make it again")
            if head.startswith(b"version https://git-lfs"):
                raise InputError(f"{path}: a git-LFS pointer, not the file itself: run `git lfs pull`")
            file.seek(0)
            yield file, size, head
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None


def _pixels(
    path: Path, file: BinaryIO, size: int, start: int, dtype: str, shape: tuple[int, int, int]
) -> np.ndarray:
    """The numbers from byte ``start`` to the file's end, which must be those of ``shape``, and no more."""
    height, width, _ = shape
    if height < 1 or width < 1:
        raise InputError(f"{path}: damaged: it says that it has {width} x {height} pixels")
    need = start + math.prod(shape) * np.dtype(dtype).itemsize
    if size != need:
        what = "truncated or damaged" if size < need else "too long"
        raise InputError(f"{path}: {what}: {width} x {height} pixels are {need:,} bytes, it has {size:,}")
    file.seek(start)
    return np.fromfile(file, dtype, math.prod(shape)).reshape(shape)


def _check_deflated(path: Path, shape: tuple[int, int], need: int, size: int) -> None:
    """Refuses pixels that need so many bytes that no ``size`` bytes can be inflated to them."""
    height, width = shape
    if height < 1 or width < 1 or need > _MAX_DEFLATION * size:
        raise InputError(f"{path}: truncated or damaged: {width} x {height} pixels are not in {size:,} bytes")


def _known(raw: np.ndarray, valid: np.ndarray | None = None) -> tuple[Flow, Mask]:
    """Flow as read, set to 0 where unknown, and where it is known."""
    with np.errstate(invalid="ignore", over="ignore"):
        known = (np.abs(raw) <= MAX_KNOWN_PX).all(axis=-1)
        if valid is not None:
            known &= valid
        return np.where(known[..., None], raw, 0).astype("=f4"), known


def _storable(path: Path, flow: np.ndarray, valid: np.ndarray | None, unknown: float) -> Flow:
    """Flow as float32 with ``unknown`` where it is not valid."""
    if flow.ndim != 3 or flow.shape[2] != 2 or not flow.size:
        raise InputError(f"{path}: flow is (height, width, 2), not {flow.shape}")
    known = (np.abs(flow) <= MAX_KNOWN_PX).all(axis=-1)
    valid = np.ones_like(known) if valid is None else valid
    wrong = np.count_nonzero(valid & ~known)
    if wrong:
        raise InputError(
            f"{path}: flow is not finite, or beyond 1e9 px, in {wrong:,} pixels: mark them as unknown"
        )
    return np.where(valid[..., None], flow, unknown).astype(np.float32)
