"""Which filter the shards' images should have: size, and time to write and read, of composed frames.

Every filter works as it would in a shard: one frame a chunk of an HDF5 file, here in memory, through h5py.
This is the evidence for the choice in :mod:`chairsgen.shards`.
"""

import time
from collections.abc import Callable
from typing import Any

import blosc2
import cv2
import h5py
import hdf5plugin
import numpy as np

from chairsgen.compose import compose
from tests.benchmarks.workload import Workload

HEADINGS = ("image filter", "kB/frame", "ms to write", "ms to read")

CHOSEN = "  <- shards"

Encoder = Callable[[np.ndarray], bytes]


def lines(workload: Workload) -> list[tuple[str, str, str, str]]:
    """A line for every filter, as :data:`HEADINGS` says."""
    frames = [compose(scene, workload.load).image1 for scene in workload.scenes]
    measured = []
    for name, options, encode in _hdf5_filters():
        try:
            measured.append((name, *_through_hdf5(frames, options, encode, workload.repeats)))
        except (OSError, ValueError, RuntimeError) as error:
            measured.append((f"{name}: not usable here ({error})", "", "", ""))
    measured += [
        (name, *_through_opencv(frames, suffix, options, workload.repeats))
        for name, suffix, options in _opencv_codecs()
    ]
    return measured


def _hdf5_filters() -> list[tuple[str, dict[str, Any], Encoder | None]]:
    """(name, options of the dataset, what compresses a chunk if HDF5 itself cannot with these settings)."""
    filters, codecs = blosc2.Filter, blosc2.Codec
    packed = {"compression": hdf5plugin.Blosc2(cname="zstd", clevel=1, filters=hdf5plugin.Blosc2.SHUFFLE)}
    delta = [filters.SHUFFLE, filters.BYTEDELTA]
    made: list[tuple[str, dict[str, Any], Encoder | None]] = [
        ("none", {}, None),
        ("zstd 3", {"compression": hdf5plugin.Zstd(clevel=3)}, None),
        ("gzip 4 + shuffle", {"compression": "gzip", "compression_opts": 4, "shuffle": True}, None),
        ("bitshuffle + lz4", {"compression": hdf5plugin.Bitshuffle(cname="lz4")}, None),
        ("HTJ2K", {"compression": hdf5plugin.Htj2k()}, None),
    ]
    for codec, level, chain, typesize in (
        (codecs.ZSTD, 1, [filters.SHUFFLE], 3),
        (codecs.ZSTD, 1, [filters.BITSHUFFLE], 3),
        (codecs.LZ4, 1, delta, 3),
        (codecs.LZ4, 5, delta, 3),
        (codecs.ZSTD, 1, delta, 3),
        (codecs.ZSTD, 3, delta, 3),
        (codecs.ZSTD, 5, delta, 3),
        (codecs.ZSTD, 9, delta, 3),
    ):
        chosen = CHOSEN if (codec, level, chain) == (codecs.ZSTD, 1, delta) else ""
        steps = " + ".join(step.name.lower() for step in chain)
        name = f"blosc2 {codec.name.lower()} {level}, {steps} by {typesize}{chosen}"
        made.append((name, packed, _blosc2_encoder(codec, level, chain, typesize)))
    return made


def _blosc2_encoder(codec: blosc2.Codec, level: int, chain: list[blosc2.Filter], typesize: int) -> Encoder:
    params = blosc2.CParams(
        codec=codec,
        clevel=level,
        typesize=typesize,
        filters=[*chain, *[blosc2.Filter.NOFILTER] * (6 - len(chain))],
        filters_meta=[0] * 6,
        nthreads=1,
    )

    def encode(frame: np.ndarray) -> bytes:
        flat = frame.reshape(-1)
        return blosc2.SChunk(chunksize=flat.nbytes, data=flat, cparams=params).to_cframe()

    return encode


def _opencv_codecs() -> list[tuple[str, str, list[int]]]:
    """(name, suffix, options) of image formats, whose bytes a shard would hold as they are."""
    paeth = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_PAETH]
    codecs = [
        ("PNG bytes, OpenCV's default", ".png", []),
        ("PNG bytes, level 1, filter Paeth", ".png", paeth),
        ("WebP bytes, lossless", ".webp", [cv2.IMWRITE_WEBP_QUALITY, 101]),
        ("JPEG 2000 bytes, lossless", ".jp2", [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000]),
    ]
    return [codec for codec in codecs if cv2.haveImageWriter(f"a{codec[1]}")]


def _through_hdf5(
    frames: list[np.ndarray], options: dict[str, Any], encode: Encoder | None, repeats: int
) -> tuple[str, str, str]:
    shape = frames[0].shape
    # No chunk cache: it would put work off, and hand out again what was read before.
    with h5py.File("memory.h5", "w", driver="core", backing_store=False, rdcc_nbytes=0) as file:
        dataset = file.create_dataset("image", (len(frames), *shape), np.uint8, chunks=(1, *shape), **options)

        def write(number: int) -> None:
            if encode:
                dataset.id.write_direct_chunk((number, 0, 0, 0), encode(frames[number]))
            else:
                dataset[number] = frames[number]

        writing = _best(write, len(frames), repeats)
        size = dataset.id.get_storage_size() / len(frames)
        reading = _best(lambda number: dataset[number], len(frames), repeats)
        for number, frame in enumerate(frames):
            if not np.array_equal(dataset[number], frame):
                raise ValueError("not lossless")
    return f"{size / 1e3:.0f}", f"{writing * 1e3:.1f}", f"{reading * 1e3:.1f}"


def _through_opencv(
    frames: list[np.ndarray], suffix: str, options: list[int], repeats: int
) -> tuple[str, str, str]:
    encoded = [cv2.imencode(suffix, frame, options)[1] for frame in frames]
    writing = _best(lambda number: cv2.imencode(suffix, frames[number], options), len(frames), repeats)
    reading = _best(lambda number: cv2.imdecode(encoded[number], cv2.IMREAD_UNCHANGED), len(frames), repeats)
    size = sum(map(len, encoded)) / len(frames)
    for frame, data in zip(frames, encoded, strict=True):
        decoded = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
        if decoded is None or not np.array_equal(decoded, frame):
            raise ValueError(f"{suffix}: not lossless")
    return f"{size / 1e3:.0f}", f"{writing * 1e3:.1f}", f"{reading * 1e3:.1f}"


def _best(work: Callable[[int], object], count: int, repeats: int) -> float:
    """Seconds an item on average, of every item the best time of several."""
    total = 0.0
    for number in range(count):
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            work(number)
            times.append(time.perf_counter() - start)
        total += min(times)
    return total / count
