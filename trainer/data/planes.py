"""Images of shards, unpacked with their channels apart.

A packed image was shuffled block by block, which puts the channels of a block's pixels one after the other, and
then each value was replaced by its difference from the one before (see :mod:`chairsgen.packing`). Blosc2 undoes
both, last filter first, and gives pixels whose channels lie together, which a network then wants apart again. Here
it is told to leave the shuffle as it is. That takes little more than half the time.

Source: C-Blosc2, README_CHUNK_FORMAT (the header of a chunk).
"""

import blosc2
import numpy as np
from jaxtyping import UInt8

_FLAGS, _TYPE_BYTES, _FILTERS, _BLOSC2_FLAGS = 2, 3, slice(16, 22), 31
"""Places in a chunk's header."""

_COPIED, _SPECIAL = 0x02, 0x70
"""Flags of chunks that went through no filter: copied as they were, or of one value."""

_SHUFFLED = bytes([blosc2.Filter.SHUFFLE.value, blosc2.Filter.BYTEDELTA.value, 0, 0, 0, 0])
_UNSHUFFLED = bytes([blosc2.Filter.NOFILTER.value]) + _SHUFFLED[1:]


def unpack_map(packed: bytes, height: int, width: int) -> UInt8[np.ndarray, "height width"]:
    """A map of one value a pixel.

    Raises:
        ValueError: It is damaged, or of another size.
    """
    return _decompress(_chunk(packed), height * width).reshape(height, width)


def unpack_planes(packed: bytes, height: int, width: int) -> UInt8[np.ndarray, "3 height width"]:
    """An RGB image, channels first.

    Raises:
        ValueError: It is damaged, or of another size.
    """
    chunk, planes = bytearray(_chunk(packed)), np.empty((3, height * width), np.uint8)
    unfiltered = chunk[_FLAGS] & _COPIED or chunk[_BLOSC2_FLAGS] & _SPECIAL
    if unfiltered or chunk[_TYPE_BYTES] != 3 or chunk[_FILTERS] != _SHUFFLED:
        planes[...] = _decompress(chunk, planes.size).reshape(-1, 3).T
    else:
        chunk[_FILTERS] = _UNSHUFFLED
        values = _decompress(chunk, planes.size)
        block = blosc2.get_cbuffer_sizes(chunk)[2] // 3
        whole = height * width // block * block
        planes[:, :whole].reshape(3, -1, block)[...] = (
            values[: 3 * whole].reshape(-1, 3, block).swapaxes(0, 1)
        )
        planes[:, whole:] = values[3 * whole :].reshape(3, -1)
    return planes.reshape(3, height, width)


def _chunk(packed: bytes) -> bytes:
    try:
        return blosc2.schunk_from_cframe(packed).get_chunk(0)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"damaged: {error}") from None


def _decompress(chunk: bytes | bytearray, size: int) -> UInt8[np.ndarray, " size"]:
    stored, _, _ = blosc2.get_cbuffer_sizes(chunk)
    if stored != size:
        raise ValueError(f"damaged: {stored} bytes, not {size}")
    values = np.empty(size, np.uint8)
    try:
        blosc2.decompress2(chunk, dst=values, nthreads=1)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"damaged: {error}") from None
    return values
