"""A dataset's folder: ``manifest.json`` beside whole shards, and reading samples from it."""

import bisect
import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401  (registers the filter that shards are compressed with)

from chairsgen import shards
from chairsgen.aside import write_aside
from chairsgen.errors import InputError
from chairsgen.recipe import Recipe
from chairsgen.sample import FlowSample
from chairsgen.shards import SCHEMA_VERSION, Shard

MANIFEST = "manifest.json"


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a dataset is made of; a function of the call that made it, whatever happened on the way.

    Attributes:
        version: Of the code that made it.
        recipe: As TOML.
        seed: Of all draws.
        num_samples: How many there are, or will be.
        shard_size: Samples a shard; the last one may hold fewer.
        dense_flow: Whether shards hold the flow too.
        catalogue_hash: Over chairs and photographs, see :class:`chairsgen.catalogue.Catalogue`.
        sprite_bank_hash: Over all that determines how they are rendered.
        renderer: The OpenGL implementation.
        shards: The whole ones so far, in order.
        val: Indices of val samples; all others are train.
        assets: Every chair and photograph, as :class:`chairsgen.catalogue.Asset` has it.
        skipped: Files that were left out: path and cause.
        schema: Version of the shards' layout.
    """

    version: str
    recipe: str
    seed: int
    num_samples: int
    shard_size: int
    dense_flow: bool
    catalogue_hash: str
    sprite_bank_hash: str
    renderer: str
    shards: tuple[Shard, ...] = ()
    val: tuple[int, ...] = field(default=(), repr=False)
    assets: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    skipped: tuple[dict[str, str], ...] = field(default=(), repr=False)
    schema: int = SCHEMA_VERSION

    @property
    def num_ready(self) -> int:
        """How many samples the whole shards hold."""
        return sum(shard.count for shard in self.shards)

    @property
    def complete(self) -> bool:
        """Whether every shard is there."""
        return self.num_ready == self.num_samples

    def save(self, folder: Path) -> None:
        """Writes the manifest, aside first: a reader sees the old one or the new one."""
        text = json.dumps(asdict(self), indent=1) + "\n"
        write_aside(folder / MANIFEST, text.encode(), sync=True)

    @classmethod
    def load(cls, folder: Path) -> "Manifest":
        """Reads a dataset's manifest.

        Raises:
            InputError: There is none, it is damaged, or of a schema that this version does not read.
        """
        path = folder / MANIFEST
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise InputError(f"{folder}: no dataset here ({MANIFEST} is missing)") from None
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read: {error}") from None
        schema = data.get("schema") if isinstance(data, dict) else None
        if schema != SCHEMA_VERSION:
            raise InputError(
                f"{path}: schema {schema}, this version reads {SCHEMA_VERSION}: build the dataset again"
            )
        try:
            data["shards"] = [Shard(**shard) for shard in data["shards"]]
            for name in ("shards", "val", "assets", "skipped"):
                data[name] = tuple(data[name])
            return cls(**data)
        except (KeyError, TypeError) as error:
            raise InputError(f"{path}: damaged: {error}") from None


class Dataset:
    """Samples by index. Safe in forked and spawned workers: every process opens its own files, when it reads.

    Attributes:
        folder: Where it lies.
        manifest: What it is made of.
        recipe: What its scenes were drawn from.
    """

    _MAX_OPEN = 32

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = Manifest.load(folder)
        try:
            self.recipe = Recipe.from_toml(self.manifest.recipe)
        except InputError as error:
            raise InputError(f"{folder / MANIFEST}: damaged recipe: {error}") from None
        self._starts = [shard.start for shard in self.manifest.shards]
        # By process: a forked child must neither use nor close what its parent opened.
        self._open: dict[int, dict[str, h5py.File]] = {}

    def __len__(self) -> int:
        return self.manifest.num_ready

    def __getitem__(self, index: int) -> FlowSample:
        """Sample ``index``; negative ones count from the end.

        Raises:
            IndexError: There is no such sample.
            InputError: Its shard is damaged.
        """
        with self.at(index) as (file, position):
            return shards.read_sample(file, position)

    @contextlib.contextmanager
    def at(self, index: int) -> Iterator[tuple[h5py.File, int]]:
        """The open shard of sample ``index``, and its position there, to read a part of it.

        Raises:
            IndexError: There is no such sample.
            InputError: The shard is damaged, as it is opened or while the block reads.
        """
        if not -len(self) <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        index %= len(self)
        shard = self.manifest.shards[bisect.bisect_right(self._starts, index) - 1]
        with _damage(self.folder / shard.name):
            yield self._file(shard), index - shard.start

    def __iter__(self) -> Iterator[FlowSample]:
        return (self[index] for index in range(len(self)))

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_open": {}}

    def _file(self, shard: Shard) -> h5py.File:
        opened = self._open.setdefault(os.getpid(), {})
        if shard.name not in opened:
            if len(opened) >= self._MAX_OPEN:
                opened.pop(next(iter(opened))).close()
            opened[shard.name] = h5py.File(self.folder / shard.name, "r")
        return opened[shard.name]


def open_dataset(folder: str | os.PathLike[str]) -> Dataset:
    """Opens a dataset for reading.

    Raises:
        InputError: There is none, or it is of another schema version.
    """
    return Dataset(Path(folder))


@contextlib.contextmanager
def _damage(path: Path) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except (OSError, LookupError, ValueError, RuntimeError) as error:
        raise InputError(f"{path}: damaged ({error}): `chairsgen verify {path.parent}` says more") from error
