"""What the benchmarks share: pairs in files of their own, in trees of folders that may be half there."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from chairsgen.errors import InputError
from chairsgen.flowio import read_flow
from chairsgen.sample import Mask
from trainer.data.images import read_image, read_mask
from trainer.data.source import Pair, Side, Source, Subset, Vectors

Read = TypeVar("Read", bound=np.ndarray)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """The files of one pair, by their paths within the dataset's folder.

    Attributes:
        name: What it is called.
        image1: Frame 1.
        image2: Frame 2.
        flow: From frame 1 to frame 2; None in a test set.
        occ: A mask of what is covered, or leaves the frame; None where there is none.
        visible: Flow of which the same is left out; None where there is none.
        invalid: A mask of where flow is not known; None where it is known, but for what the flow itself says.
        side: Of the dataset's own split.
    """

    name: str
    image1: str
    image2: str
    flow: str | None = None
    occ: str | None = None
    visible: str | None = None
    invalid: str | None = None
    side: Side | None = None

    @property
    def files(self) -> Iterator[str]:
        """All of them."""
        files = (self.image1, self.image2, self.flow, self.occ, self.visible, self.invalid)
        return (file for file in files if file)


class Benchmark(Source):
    """A public dataset.

    Flow that has no truth, a test set's, is known nowhere.
    """

    def __init__(
        self, name: str, root: Path, entries: Sequence[Entry], *, layout: str, one_size: bool = True
    ) -> None:
        """Checks that all files are there.

        Args:
            name: As the user wrote it.
            root: Its folder.
            entries: Its pairs, in their order.
            layout: What was looked for.
            one_size: Whether all frames are of one size.

        Raises:
            InputError: There are no pairs, or files are missing.
        """
        self.name, self.root, self.entries = name, root, tuple(entries)
        self._check_files(layout)
        height, width, _ = read_image(root / self.entries[0].image1).shape
        self._size = (height, width) if one_size else None

    def __len__(self) -> int:
        return len(self.entries)

    def read(self, index: int) -> Pair:
        entry = self.entries[index]
        image1 = read_image(self.root / entry.image1)
        height, width, _ = image1.shape
        size = (height, width)
        image2 = self._read(entry.image2, read_image, size)
        if entry.flow is None:
            nowhere = Vectors(flow=np.zeros((*size, 2), np.float32), valid=np.zeros(size, bool))
            return Pair(name=entry.name, image1=image1, image2=image2, truth=nowhere)
        flow, valid = read_flow(self.root / entry.flow)
        self._check_size(entry.flow, valid, size)
        occ = None
        if entry.occ:
            occ = self._read(entry.occ, read_mask, size)
        if entry.visible:
            occ = valid & ~self._read(entry.visible, _known, size)
        if entry.invalid:
            valid = valid & ~self._read(entry.invalid, read_mask, size)
        truth = Vectors(flow=flow, valid=valid)
        return Pair(name=entry.name, image1=image1, image2=image2, truth=truth, occ=occ)

    @property
    def size(self) -> tuple[int, int] | None:
        return self._size

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256("\n".join(entry.name for entry in self.entries).encode()).hexdigest()

    @property
    def has_truth(self) -> bool:
        return self.entries[0].flow is not None

    def side(self, side: Side) -> Source | None:
        if side == "train" and not self.has_truth:
            raise InputError(f"{self.name}: a test set has no truth to learn from")
        if not self.entries[0].side:
            return None
        return Subset(self, [i for i, entry in enumerate(self.entries) if entry.side == side])

    def _read(self, file: str, read: Callable[[Path], Read], size: tuple[int, int]) -> Read:
        array = read(self.root / file)
        self._check_size(file, array, size)
        return array

    def _check_size(self, file: str, array: np.ndarray, size: tuple[int, int]) -> None:
        if array.shape[:2] != size:
            height, width = array.shape[:2]
            raise InputError(
                f"{self.root / file}: is {width} x {height}, frame 1 is {size[1]} x {size[0]}: unpack it again"
            )

    def _check_files(self, layout: str) -> None:
        if not self.entries:
            raise InputError(f"{self.name}: there are no pairs in {self.root}: looked for {layout}")
        wanted = dict.fromkeys(file for entry in self.entries for file in entry.files)
        folders = dict.fromkeys(os.path.dirname(file) for file in wanted)
        there = {f"{folder}/{file}" for folder in folders for file in within(self.root / folder)}
        missing = [file for file in wanted if file not in there]
        if missing:
            raise InputError(
                f"{self.name}: half there: {len(missing):,} of {len(wanted):,} files are missing, the first is "
                f"{self.root / missing[0]}: unpack it again; looked for {layout}"
            )


def _known(path: Path) -> Mask:
    """Where a file of flow says that it is known."""
    return read_flow(path)[1]


# --- finding files


def folder(name: str, path: Path, layout: str) -> Path:
    """A folder of a dataset.

    Raises:
        InputError: It is not there; the message says what layout was looked for.
    """
    if not path.is_dir():
        raise InputError(f"{name}: there is no folder {path}: looked for {layout}")
    return path


def within(path: Path) -> list[str]:
    """The names of what a folder holds, in their order, hidden ones left out; none, if there is no folder."""
    return sorted(name for name in os.listdir(path) if name[0] != ".") if path.is_dir() else []


def between(path: Path, before: str, after: str) -> list[str]:
    """What stands between ``before`` and ``after`` in the names of what a folder holds."""
    return [
        name[len(before) : -len(after)]
        for name in within(path)
        if name.startswith(before) and name.endswith(after)
    ]


def numbers(path: Path, before: str, after: str) -> list[int]:
    """The whole numbers among what :func:`between` gives."""
    return [int(text) for text in between(path, before, after) if text.isdecimal()]


def split_place(name: str, place: str, choices: Sequence[str]) -> tuple[Path, str]:
    """A folder, and the choice behind the last colon.

    Raises:
        InputError: There is none.
    """
    path, _, choice = place.rpartition(":")
    if choice not in choices:
        words = " or ".join(f":{word}" for word in choices)
        raise InputError(f"{name}: say which images, by {words} at the end")
    return Path(path), choice


def choose(name: str, option: str, value: str, choices: Iterable[str]) -> None:
    """Checks an option.

    Raises:
        InputError: It is none of the choices.
    """
    if value not in choices:
        raise InputError(f"{name}: {option}={value}: must be {' or '.join(choices)}")
