"""Shards on disk: one schema that writes, reads and checks them.

A sample is one chunk of every dataset. Chunks are compressed by the workers and written as they are, so that the
one process that writes only copies bytes. Anything that reads HDF5 with the Blosc2 filter (hdf5plugin) reads them.
"""

import contextlib
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np

from chairsgen.aside import aside_name
from chairsgen.packing import pack
from chairsgen.sample import FlowSample

SCHEMA_VERSION = 1

Encoded = Mapping[str, "bytes | np.ndarray | str"]
"""What a shard holds of one sample: packed bytes where its field is packed, else the value."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """A dataset of a shard.

    Attributes:
        shape: Of one sample; "H", "W" and "L" stand for the frame's height and width and the layers' number.
        dtype: Of one element.
        pixel_bytes: Bytes a pixel, for packing (see :mod:`chairsgen.packing`); 0 if it is not packed.
    """

    shape: tuple[str | int, ...]
    dtype: np.dtype
    pixel_bytes: int = 0

    def sizes(self, height: int, width: int, layers: int) -> tuple[int, ...]:
        """The shape in numbers."""
        known = {"H": height, "W": width, "L": layers}
        return tuple(known[length] if isinstance(length, str) else length for length in self.shape)


_U8, _F4, _F8, _I8 = (np.dtype(code) for code in ("u1", "<f4", "<f8", "<i8"))

FIELDS = {
    "image1": Field(shape=("H", "W", 3), dtype=_U8, pixel_bytes=3),
    "image2": Field(shape=("H", "W", 3), dtype=_U8, pixel_bytes=3),
    "layer_id1": Field(shape=("H", "W"), dtype=_U8, pixel_bytes=1),
    "layer_id2": Field(shape=("H", "W"), dtype=_U8, pixel_bytes=1),
    "occ_fw": Field(shape=("H", "W"), dtype=_U8, pixel_bytes=1),
    "occ_bw": Field(shape=("H", "W"), dtype=_U8, pixel_bytes=1),
    "motions": Field(shape=("L", 3, 3), dtype=_F8),
    "num_layers": Field(shape=(), dtype=np.dtype("<i4")),
    "index": Field(shape=(), dtype=_I8),
    "scene": Field(shape=(), dtype=h5py.string_dtype()),
}
"""The contract."""

DENSE_FIELDS = {
    "flow_fw": Field(shape=("H", "W", 2), dtype=_F4, pixel_bytes=4),
    "flow_bw": Field(shape=("H", "W", 2), dtype=_F4, pixel_bytes=4),
}
"""Beside it, where dense flow was asked for."""


def fields(*, dense_flow: bool) -> dict[str, Field]:
    """All datasets of a shard."""
    return FIELDS | DENSE_FIELDS if dense_flow else FIELDS


def encode(sample: FlowSample, layers: int, *, dense_flow: bool = False) -> Encoded:
    """Prepares a sample for :meth:`ShardWriter.add`.

    Args:
        sample: What to store.
        layers: Length that the motions are filled up to, with identities.
        dense_flow: Whether to store the flow too.
    """
    motions = np.tile(np.eye(3), (layers, 1, 1))
    motions[: len(sample.motions)] = sample.motions
    values: dict[str, bytes | np.ndarray | str] = {
        "motions": motions,
        "num_layers": np.asarray(len(sample.motions)),
        "index": np.asarray(sample.index),
        "scene": sample.scene,
    }
    for name, field in fields(dense_flow=dense_flow).items():
        if field.pixel_bytes:
            array = np.ascontiguousarray(getattr(sample, name), field.dtype)
            values[name] = pack(array, field.pixel_bytes)
    return values


def estimate(size: tuple[int, int], *, dense_flow: bool) -> int:
    """About how many bytes a sample of frames of ``size`` (height, width) takes; seldom more."""
    # Per pixel, measured on photographs: 3.3 bytes, and with both flows 4.5 more.
    return size[0] * size[1] * (9 if dense_flow else 4)


@dataclass(frozen=True, kw_only=True)
class Shard:
    """A whole shard, as the manifest lists it: samples ``start`` to ``start + count - 1``."""

    name: str
    start: int
    count: int
    bytes: int
    sha256: str


class ShardWriter:
    """Writes a shard beside its name, and gives it its name when it is whole and on the disk."""

    def __init__(
        self,
        path: Path,
        *,
        start: int,
        count: int,
        size: tuple[int, int],
        layers: int,
        attributes: Mapping[str, str | int],
        dense_flow: bool = False,
    ) -> None:
        """Opens the file.

        Args:
            path: The shard's name in the end.
            start: Index of its first sample.
            count: How many samples it will hold.
            size: (height, width) of the frames.
            layers: Length of the motions.
            attributes: Written as the file's attributes.
            dense_flow: Whether it holds the flow too.

        Raises:
            OSError: The folder cannot be written, or the disk is full.
        """
        self.path, self.start, self.count = path, start, count
        self._aside = aside_name(path)
        self._fields = fields(dense_flow=dense_flow)
        self._small: dict[str, list[object]] = {
            name: [] for name, field in self._fields.items() if not field.pixel_bytes
        }
        self._filled = 0
        self._file = h5py.File(self._aside, "w", libver=("v110", "v110"))
        self._file.attrs.update(attributes)
        for name, field in self._fields.items():
            shape = field.sizes(*size, layers)
            if field.pixel_bytes:
                packed = hdf5plugin.Blosc2(cname="zstd", clevel=1, filters=hdf5plugin.Blosc2.SHUFFLE)
                self._file.create_dataset(
                    name, (count, *shape), field.dtype, chunks=(1, *shape), compression=packed
                )
            else:
                self._file.create_dataset(name, (count, *shape), field.dtype)

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        # On a full disk closing fails, too; what has failed already is said by whoever left the block.
        with contextlib.suppress(OSError, RuntimeError):
            self._file.close()
        self._aside.unlink(missing_ok=True)

    def add(self, values: Encoded) -> None:
        """Appends what :func:`encode` made."""
        for name, field in self._fields.items():
            value = values[name]
            if field.pixel_bytes:
                dataset = self._file[name]
                dataset.id.write_direct_chunk((self._filled, *[0] * (dataset.ndim - 1)), value)
            else:
                self._small[name].append(value)
        self._filled += 1

    def finish(self) -> Shard:
        """Completes the file and renames it.

        Raises:
            ValueError: Samples are missing.
            OSError: The disk is full.
        """
        if self._filled != self.count:
            raise ValueError(f"{self.path.name}: {self._filled} of {self.count} samples")
        for name, values in self._small.items():
            dataset = self._file[name]
            dataset[...] = values if name == "scene" else np.stack(values)  # type: ignore[arg-type]
        self._file.close()
        with self._aside.open("rb") as file:
            os.fsync(file.fileno())
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        bytes_ = self._aside.stat().st_size
        os.replace(self._aside, self.path)
        return Shard(name=self.path.name, start=self.start, count=self.count, bytes=bytes_, sha256=digest)


def read_sample(file: h5py.File, position: int) -> FlowSample:
    """Sample number ``position`` of an open shard."""
    count = int(file["num_layers"][position])
    return FlowSample(
        image1=file["image1"][position],
        image2=file["image2"][position],
        layer_id1=file["layer_id1"][position],
        layer_id2=file["layer_id2"][position],
        occ_fw=file["occ_fw"][position].astype(bool),
        occ_bw=file["occ_bw"][position].astype(bool),
        motions=file["motions"][position][:count],
        index=int(file["index"][position]),
        scene=file["scene"].asstr()[position],
    )
