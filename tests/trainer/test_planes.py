"""Laws of unpacking images with their channels apart: what Blosc2 itself unpacks, transposed."""

import contextlib

import blosc2
import made
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chairsgen.packing import pack
from trainer.data.planes import unpack_map, unpack_planes

SIZES = st.tuples(st.integers(2, 70), st.integers(2, 90))

PICTURES = {
    "a picture": lambda rng, size: made.photo(int(rng.integers(99)), *size),
    "noise, which is stored as it is": lambda rng, size: rng.integers(0, 256, (*size, 3), dtype=np.uint8),
    "black, which is stored as a flag": lambda rng, size: np.zeros((*size, 3), np.uint8),
    "one colour": lambda rng, size: np.broadcast_to(rng.integers(0, 256, 3, dtype=np.uint8), (*size, 3)),
    "one channel of noise": lambda rng, size: np.stack(
        [np.zeros(size, np.uint8), rng.integers(0, 256, size, dtype=np.uint8), np.full(size, 9, np.uint8)], -1
    ),
}


@pytest.mark.parametrize("kind", PICTURES)
@given(size=SIZES, seed=st.integers(0, 2**32 - 1))
def test_planes_are_the_image_channels_first(kind: str, size: tuple[int, int], seed: int) -> None:
    image = PICTURES[kind](np.random.default_rng(seed), size)
    planes = unpack_planes(pack(image, pixel_bytes=3), *size)
    np.testing.assert_array_equal(planes, np.moveaxis(image, -1, 0))


@pytest.mark.parametrize("size", [(384, 512), (375, 1242), (97, 1031)])
def test_images_of_several_blocks(size: tuple[int, int]) -> None:
    image = made.photo(1, *size)
    planes = unpack_planes(pack(image, pixel_bytes=3), *size)
    np.testing.assert_array_equal(planes, np.moveaxis(image, -1, 0))


SHUFFLE, BITSHUFFLE, BYTEDELTA = blosc2.Filter.SHUFFLE, blosc2.Filter.BITSHUFFLE, blosc2.Filter.BYTEDELTA


@pytest.mark.parametrize("type_bytes", [1, 3, 4])
@pytest.mark.parametrize("filters", [[], [SHUFFLE], [BITSHUFFLE], [SHUFFLE, BYTEDELTA]])
def test_images_packed_in_another_way(type_bytes: int, filters: list[blosc2.Filter]) -> None:
    image = made.photo(2, 40, 30)
    all_filters = [*filters, *[blosc2.Filter.NOFILTER] * (6 - len(filters))]
    params = blosc2.CParams(typesize=type_bytes, filters=all_filters, filters_meta=[0] * 6)
    packed = blosc2.SChunk(chunksize=image.nbytes, data=image.reshape(-1), cparams=params).to_cframe()
    np.testing.assert_array_equal(unpack_planes(packed, 40, 30), np.moveaxis(image, -1, 0))


@given(size=SIZES, seed=st.integers(0, 2**32 - 1))
def test_maps_come_back(size: tuple[int, int], seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 3, size, dtype=np.uint8)
    np.testing.assert_array_equal(unpack_map(pack(values), *size), values)


@given(st.data())
def test_damage_is_an_error_or_another_image(data: st.DataObject) -> None:
    """Shards' hashes tell damage for certain; here it must only not end the process."""
    packed = bytearray(pack(made.photo(3, 20, 30), pixel_bytes=3))
    for _ in range(data.draw(st.integers(1, 4))):
        packed[data.draw(st.integers(0, len(packed) - 1))] ^= data.draw(st.integers(1, 255))
    cut = data.draw(st.integers(0, len(packed)))
    for damaged in (bytes(packed), bytes(packed[:cut])):
        with contextlib.suppress(ValueError):
            assert unpack_planes(damaged, 20, 30).shape == (3, 20, 30)


def test_another_size_is_an_error() -> None:
    packed = pack(made.photo(3, 20, 30), pixel_bytes=3)
    for size in ((20, 31), (30, 19)):
        with pytest.raises(ValueError, match="damaged"):
            unpack_planes(packed, *size)
    with pytest.raises(ValueError, match="damaged"):
        unpack_map(packed, 20, 30)
