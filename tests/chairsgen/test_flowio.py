"""Flow files: what is written is read back, byte for byte as the formats say, and damage is always named."""

import io
import math
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chairsgen import flowio
from chairsgen.errors import InputError
from chairsgen.flowio import FORMATS, read_flow, read_ppm, write_flow, write_ppm

SUFFIXES = tuple(FORMATS)
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 1572876\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the drawn files lie."""
    made: Path = tmp_path_factory.mktemp("flow")
    return made


def field(seed: int, height: int = 5, width: int = 7, spread: float = 40.0) -> tuple[np.ndarray, np.ndarray]:
    """Flow with a few unknown pixels, and its mask."""
    rng = np.random.default_rng(seed)
    flow = np.clip(rng.normal(0, spread, (height, width, 2)), -511, 511).astype(np.float32)
    return flow, rng.random((height, width)) < 0.8


def made(path: Path) -> bytes:
    """Writes a small file of its suffix's format; its bytes."""
    if path.suffix == ".ppm":
        write_ppm(path, np.random.default_rng(1).integers(0, 256, (5, 7, 3), np.uint8))
    else:
        write_flow(path, *field(1))
    return path.read_bytes()


def read(path: Path) -> np.ndarray:
    """Reads a file of any format: the whole content as one array."""
    if path.suffix == ".ppm":
        return read_ppm(path)
    flow, valid = read_flow(path)
    assert flow.dtype == np.float32
    assert np.isfinite(flow).all()
    assert not flow[~valid].any()
    return np.dstack([flow, valid])


def refusal(path: Path, content: bytes | None = None) -> str:
    """The one line that refuses a file."""
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


# --- round trips


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(seed=st.integers(0, 2**32 - 1), height=st.integers(1, 12), width=st.integers(1, 12))
def test_what_is_written_is_read_back(folder: Path, suffix: str, seed: int, height: int, width: int) -> None:
    flow, valid = field(seed, height, width)
    path = folder / f"round{suffix}"
    write_flow(path, flow, valid)
    read_back, known = read_flow(path)
    np.testing.assert_array_equal(known, valid)
    expected = np.where(valid[..., None], flow, 0)
    if suffix == ".png":
        assert np.abs(read_back - expected).max() <= 1 / 128
    else:
        np.testing.assert_array_equal(read_back, expected)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_writing_again_what_was_read_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    content = made(tmp_path / f"a{suffix}")
    again = tmp_path / "new" / "folder" / f"b{suffix.upper()}"
    write_flow(again, *read_flow(tmp_path / f"a{suffix}"))
    assert again.read_bytes() == content
    assert list(again.parent.iterdir()) == [again]


@given(height=st.integers(1, 9), width=st.integers(1, 9), seed=st.integers(0, 99))
def test_images_are_read_back(folder: Path, height: int, width: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    write_ppm(folder / "a.ppm", image)
    np.testing.assert_array_equal(read_ppm(folder / "a.ppm"), image)
    np.testing.assert_array_equal(cv2.imread(str(folder / "a.ppm"))[..., ::-1], image)


# --- the formats, byte for byte

FLOW = np.array([[[1.5, -2.0], [0.25, 3.0]], [[-0.5, 0.0], [8.0, -16.0]]], np.float32)
VALID = np.array([[True, True], [True, False]])


def test_flo_bytes(tmp_path: Path) -> None:
    write_flow(tmp_path / "a.flo", FLOW, VALID)
    numbers = (1.5, -2.0, 0.25, 3.0, -0.5, 0.0, 1e10, 1e10)
    expected = b"PIEH" + struct.pack("<2i8f", 2, 2, *numbers)
    assert (tmp_path / "a.flo").read_bytes() == expected


def test_pfm_bytes(tmp_path: Path) -> None:
    write_flow(tmp_path / "a.pfm", FLOW[:, :1])
    expected = b"PF\n1 2\n-1.0\n" + struct.pack("<6f", -0.5, 0, 0, 1.5, -2, 0)
    assert (tmp_path / "a.pfm").read_bytes() == expected


@pytest.mark.parametrize(
    ("header", "order"),
    [(b"PF\n2 2\n-1.0\n", "<"), (b"PF\n2 2\n1\n", ">"), (b"PF 2 2 -1e0\n", "<"), (b"PF\r2  2\r+.5\r", ">")],
)
def test_pfm_of_both_byte_orders_from_the_bottom_up(tmp_path: Path, header: bytes, order: str) -> None:
    lower, upper = (-0.5, 0.0, 9.0, 8.0, -16.0, math.nan), (1.5, -2.0, 7.0, 0.25, 3.0, 1e20)
    (tmp_path / "a.pfm").write_bytes(header + struct.pack(f"{order}12f", *lower, *upper))
    flow, valid = read_flow(tmp_path / "a.pfm")
    np.testing.assert_array_equal(flow, FLOW)
    assert valid.all()


def test_kitti_values(tmp_path: Path) -> None:
    write_flow(tmp_path / "a.png", FLOW, VALID)
    stored = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)[..., ::-1]
    zero = 1 << 15
    assert stored.tolist() == [
        [[zero + 96, zero - 128, 1], [zero + 16, zero + 192, 1]],
        [[zero - 32, zero, 1], [0, 0, 0]],
    ]
    assert (tmp_path / "a.png").read_bytes()[:33] == (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0))
    )


def test_ppm_bytes(tmp_path: Path) -> None:
    write_ppm(tmp_path / "a.ppm", np.arange(6, dtype=np.uint8).reshape(1, 2, 3))
    assert (tmp_path / "a.ppm").read_bytes() == b"P6 2 1 255\n" + bytes(range(6))


@pytest.mark.parametrize(
    "header", [b"P6 2 1 255\n", b"P6 \n2 1 \n255\n", b"P6\n2 1\n255\n", b"P6\n# by hand\n2\t1\n# 255\n255 "]
)
def test_ppm_headers(tmp_path: Path, header: bytes) -> None:
    (tmp_path / "a.ppm").write_bytes(header + b"\n\x20#123")
    assert read_ppm(tmp_path / "a.ppm").tolist() == [[[10, 32, 35], [49, 50, 51]]]


def test_flo5_as_others_write_it(tmp_path: Path) -> None:
    flow = FLOW.astype(np.float64)
    flow[~VALID] = np.nan, 4
    with h5py.File(tmp_path / "a.flo5", "w") as file:
        file.create_dataset("flow", data=flow, compression="gzip", compression_opts=5)
    read_back, valid = read_flow(tmp_path / "a.flo5")
    np.testing.assert_array_equal(valid, VALID)
    np.testing.assert_array_equal(read_back, np.where(VALID[..., None], FLOW, 0))


def test_flo5_for_others_to_read(tmp_path: Path) -> None:
    write_flow(tmp_path / "a.flo5", FLOW, VALID)
    with h5py.File(tmp_path / "a.flo5") as file:
        stored = file["flow"][()]
    assert stored.dtype == np.float32
    np.testing.assert_array_equal(stored[VALID], FLOW[VALID])
    assert np.isnan(stored[~VALID]).all()


# --- OpenCV agrees


def test_opencv_reads_our_flo_and_we_read_its(tmp_path: Path) -> None:
    flow, _ = field(3)
    write_flow(tmp_path / "ours.flo", flow)
    assert read_flow(tmp_path / "ours.flo")[1].all()
    np.testing.assert_array_equal(cv2.readOpticalFlow(str(tmp_path / "ours.flo")), flow)
    cv2.writeOpticalFlow(str(tmp_path / "its.flo"), flow)
    assert (tmp_path / "its.flo").read_bytes() == (tmp_path / "ours.flo").read_bytes()


def test_we_read_opencvs_16_bit_png(tmp_path: Path) -> None:
    steps = np.random.default_rng(4).integers(0, 1 << 16, (6, 9, 3), np.uint16)
    steps[..., 2] = steps[..., 0] % 2
    cv2.imwrite(str(tmp_path / "a.png"), steps[..., ::-1])
    flow, valid = read_flow(tmp_path / "a.png")
    np.testing.assert_array_equal(valid, steps[..., 2] > 0)
    np.testing.assert_array_equal(flow[valid], (steps[valid][:, :2].astype(float) - 32768) / 64)


# --- unknown flow, and what a format cannot hold


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e10, -1.1e9])
@pytest.mark.parametrize("suffix", [".flo", ".pfm", ".flo5"])
def test_no_number_in_band_is_taken_for_flow(tmp_path: Path, suffix: str, value: float) -> None:
    path = tmp_path / f"a{suffix}"
    flow = FLOW.copy()
    flow[0, 1, 1] = value
    if suffix == ".flo":
        path.write_bytes(b"PIEH" + struct.pack("<2i", 2, 2) + flow.tobytes())
    elif suffix == ".pfm":
        path.write_bytes(b"PF\n2 2\n-1\n" + np.dstack([flow, FLOW[..., :1]])[::-1].tobytes())
    else:
        with h5py.File(path, "w") as file:
            file["flow"] = flow
    read_back, valid = read_flow(path)
    assert valid.tolist() == [[True, False], [True, True]]
    assert read_back[0, 1].tolist() == [0, 0]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("value", [math.nan, math.inf, 2e9])
def test_writers_refuse_what_is_not_said_to_be_unknown(tmp_path: Path, suffix: str, value: float) -> None:
    flow = FLOW.astype(np.float64)
    flow[1, 1, 0] = value
    with pytest.raises(InputError, match=r"not finite, or beyond 1e9 px, in 1 pixels"):
        write_flow(tmp_path / f"a{suffix}", flow)
    assert not list(tmp_path.iterdir())
    write_flow(tmp_path / f"a{suffix}", flow, VALID)
    np.testing.assert_array_equal(read_flow(tmp_path / f"a{suffix}")[1], VALID)


@pytest.mark.parametrize(
    ("px", "fits"),
    [(-512.0, True), (-512.007, True), (-512.01, False), (511.984375, True), (511.99, True), (512.0, False)],
)
def test_kitti_refuses_flow_beyond_its_range(tmp_path: Path, px: float, fits: bool) -> None:
    flow = np.array([[[0.0, px], [1.0, 1.0]]])
    assert flowio.fits_kitti(flow).tolist() == [[fits, True]]
    if fits:
        write_flow(tmp_path / "a.png", flow)
        assert read_flow(tmp_path / "a.png")[0][0, 0, 1] == pytest.approx(px, abs=1 / 128)
    else:
        with pytest.raises(InputError, match=r"holds flow from -512 to 511.98 px, 1 pixels"):
            write_flow(tmp_path / "a.png", flow)
        write_flow(tmp_path / "a.png", flow, np.array([[False, True]]))


@pytest.mark.parametrize("call", [read_flow, lambda path: write_flow(path, FLOW)])
def test_an_unknown_suffix_names_the_known_ones(tmp_path: Path, call: Callable[[Path], object]) -> None:
    with pytest.raises(InputError, match=r"a\.tif: flow is kept in \.flo, \.png, \.pfm, \.flo5 files"):
        call(tmp_path / "a.tif")


# --- damage

ALL = (*SUFFIXES, ".ppm")
CHECKED = (".png", ".flo5")
"""Formats with checksums, whose every changed bit is seen."""


@pytest.mark.parametrize("suffix", ALL)
def test_what_is_no_file_of_its_format_is_named(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    assert "No such file" in refusal(path)
    assert "zero bytes" in refusal(path, b"")
    assert "git lfs pull" in refusal(path, LFS)
    assert "no " in refusal(path, b"<!DOCTYPE html><title>404</title>" * 9)
    refusal(path, bytes(5000))
    for other in set(ALL) - {suffix}:
        refusal(path, made(tmp_path / f"other{other}"))
    path.unlink()
    path.mkdir()
    assert "Is a directory" in refusal(path)


@pytest.mark.parametrize("suffix", ALL)
def test_every_truncation_is_seen(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    content = made(path)
    for length in range(len(content)):
        refusal(path, content[:length])


@pytest.mark.parametrize("suffix", ALL)
@given(more=st.binary(min_size=1, max_size=40))
def test_trailing_bytes_are_seen(folder: Path, suffix: str, more: bytes) -> None:
    path = folder / f"more{suffix}"
    message = refusal(path, made(path) + more)
    assert "too long" in message or "too many" in message


@pytest.mark.parametrize("suffix", ALL)
@given(data=st.data())
def test_changed_bits_are_refused_or_read_as_other_numbers(
    folder: Path, suffix: str, data: st.DataObject
) -> None:
    path = folder / f"bits{suffix}"
    content = bytearray(made(path))
    whole = read(path)
    for bit in data.draw(st.sets(st.integers(0, 8 * len(content) - 1), min_size=1, max_size=3)):
        content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    if suffix in CHECKED:
        refusal(path)
        return
    try:
        assert read(path).shape == whole.shape
    except InputError:
        refusal(path)


@given(count=st.integers(1, 30), seed=st.integers(0, 999))
def test_hdf5_without_checksums_never_ends_in_another_error(folder: Path, count: int, seed: int) -> None:
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.create_dataset("flow", data=FLOW, compression="gzip")
    changed = np.frombuffer(content.getvalue(), np.uint8).copy()
    rng = np.random.default_rng(seed)
    # Where this old layout keeps its tables.
    changed[rng.integers(0, 2200, count)] = rng.integers(0, 256, count)
    path = folder / "old.flo5"
    path.write_bytes(changed.tobytes())
    try:
        read(path)
    except InputError:
        refusal(path)


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG, with its checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, pixels: bytes, *, depth: int = 16, colour: int = 2, lace: int = 0) -> bytes:
    """A PNG made by hand."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, lace)
    body = chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body


def hdf5(**dataset: object) -> bytes:
    """An HDF5 file with one dataset made by hand."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.create_dataset(**dataset)
    return content.getvalue()


ABSURD = {
    "negative.flo": b"PIEH" + struct.pack("<2i", -2, -2) + bytes(32),
    "zero.flo": b"PIEH" + struct.pack("<2i", 0, 4),
    "huge.flo": b"PIEH" + struct.pack("<2i", 2**31 - 1, 2**31 - 1) + bytes(64),
    "huge.pfm": b"PF\n999999999 999999999\n-1\n" + bytes(64),
    "scale.pfm": b"PF\n1 1\n0\n" + bytes(12),
    "grey.pfm": b"Pf\n1 1\n-1\n" + bytes(4),
    "huge.ppm": b"P6 999999999 999999999 255\n" + bytes(64),
    "deep.ppm": b"P6 1 1 65535\n" + bytes(6),
    "zero.png": png(0, 4, zlib.compress(b"")),
    "huge.png": png(2**31 - 1, 2**31 - 1, zlib.compress(bytes(64))),
    "large.png": png(1000, 100, zlib.compress(bytes(64))),
    "short.png": png(2, 2, zlib.compress(bytes(25))),
    "long.png": png(2, 2, zlib.compress(bytes(27))),
    "cut.png": png(2, 2, zlib.compress(bytes(26))[:-4]),
    "not-zlib.png": png(2, 2, b"pixels"),
    "laced.png": png(2, 2, zlib.compress(bytes(26)), lace=1),
    "eight-bits.png": png(2, 2, zlib.compress(bytes(14)), depth=8),
    "grey.png": png(2, 2, zlib.compress(bytes(10)), colour=0),
    "none.flo5": hdf5(name="disparity", data=FLOW),
    "flat.flo5": hdf5(name="flow", data=FLOW[..., 0]),
    "whole.flo5": hdf5(name="flow", data=FLOW.astype(int)),
    "scalar.flo5": hdf5(name="flow", data=1.0),
    "empty.flo5": hdf5(name="flow", dtype="f4", shape=None),
    "group.flo5": hdf5(name="flow/inner", data=FLOW),
    "huge.flo5": hdf5(name="flow", dtype="f4", shape=(10**6, 10**6, 2), chunks=(64, 64, 2)),
}


@pytest.mark.parametrize("name", ABSURD)
def test_absurd_headers_are_refused_before_memory_is_taken(tmp_path: Path, name: str) -> None:
    tracemalloc.start()
    refusal(tmp_path / name, ABSURD[name])
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1 << 20


def test_a_png_that_only_looks_whole_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    sound = png(2, 2, zlib.compress(bytes(26)))
    path.write_bytes(sound)
    assert not read(path).any()
    assert "checksum" in refusal(path, sound[:50] + bytes([sound[50] ^ 1]) + sound[51:])
    # Filter 9 is none.
    assert "cannot be decoded" in refusal(path, png(2, 2, zlib.compress(b"\x09" + bytes(25))))
