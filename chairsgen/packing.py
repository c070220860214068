"""Packing arrays into compressed bytes, for shards and for the bank of textures.

Blosc2 with zstd: its shuffle and byte-delta filters, told how many bytes a pixel has, predict each channel from
the pixel before. ``tests/benchmarks`` compares it with other filters; anything that reads Blosc2 frames, HDF5 with
hdf5plugin among them, reads it.
"""

import blosc2
import numpy as np

_PIXELS = [blosc2.Filter.SHUFFLE, blosc2.Filter.BYTEDELTA]
_PLAIN = [blosc2.Filter.NOFILTER]


def pack(array: np.ndarray, pixel_bytes: int = 1) -> bytes:
    """Compresses an array's bytes.

    Args:
        array: What to pack.
        pixel_bytes: How many bytes stand side by side for one pixel; 1 where values are seldom smooth, as in maps.
    """
    filters = _PIXELS if pixel_bytes > 1 else _PLAIN
    params = blosc2.CParams(
        codec=blosc2.Codec.ZSTD,
        clevel=1,
        typesize=pixel_bytes,
        filters=[*filters, *[blosc2.Filter.NOFILTER] * (6 - len(filters))],
        filters_meta=[0] * 6,
        nthreads=1,
    )
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return bytes(blosc2.SChunk(chunksize=flat.nbytes, data=flat, cparams=params).to_cframe())


def unpack(packed: bytes) -> np.ndarray:
    """The bytes that :func:`pack` was given, as a flat uint8 array.

    Raises:
        ValueError: They are damaged.
    """
    try:
        return np.frombuffer(blosc2.schunk_from_cframe(packed)[:], np.uint8)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"damaged: {error}") from None
