"""Where pairs come from: one interface for shards, streams and the public benchmarks."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float64, Int64

from chairsgen.sample import Flow, Image, LayerMap, Mask

Side = Literal["train", "val"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Layers:
    """Flow as layers and matrices; all pixels are valid.

    Attributes:
        layer_id: The front layer of every pixel of frame 1.
        motions: Frame 1 to frame 2, a matrix a layer; of one length for all pairs of a source.
    """

    layer_id: LayerMap
    motions: Float64[np.ndarray, "layers 3 3"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Vectors:
    """Flow as vectors.

    Attributes:
        flow: On frame 1, in pixels; anything where it is not known.
        valid: Where it is known.
    """

    flow: Flow
    valid: Mask


@dataclass(frozen=True, kw_only=True, eq=False)
class Pair:
    """One pair of a source, in the conventions of :mod:`chairsgen.sample`.

    Attributes:
        name: What it is called; unique in its source.
        image1: Frame 1.
        image2: Frame 2.
        truth: Flow from frame 1 to frame 2.
        occ: On frame 1: covered by a nearer surface in frame 2; None where the dataset does not say.
    """

    name: str
    image1: Image
    image2: Image
    truth: Layers | Vectors
    occ: Mask | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        height, width, _ = self.image1.shape
        return height, width


class Source(ABC):
    """A dataset that can be read by index, in any process.

    It is pickled on its way to the processes that read, and opens its files there, when it reads.

    Attributes:
        name: As the user wrote it: for messages and logs.
        endless: Whether it makes a pair for every index, however large; then it has no length.
    """

    name: str
    endless: ClassVar[bool] = False

    @abstractmethod
    def __len__(self) -> int:
        """How many pairs there are."""

    @abstractmethod
    def read(self, index: int) -> Pair:
        """Pair ``index``, from 0.

        Raises:
            InputError: A file of it is missing or damaged.
        """

    @property
    def size(self) -> tuple[int, int] | None:
        """(height, width) of all frames; None where it varies or is not known before reading."""
        return None

    @property
    def num_layers(self) -> int | None:
        """The length of all pairs' motions; None where flow comes as vectors."""
        return None

    @property
    def fingerprint(self) -> str:
        """What tells it from other data under the same name: a hash, or empty where nothing is known."""
        return ""

    @property
    def has_truth(self) -> bool:
        """Whether there is flow to learn from and to judge by."""
        return True

    def side(self, side: Side) -> "Source | None":
        """The pairs of one side of the dataset's own split; None if it has none.

        Raises:
            InputError: No pairs are on that side, or they have no truth to learn from.
        """
        return None

    def painted_on(self, device: str) -> "Source":
        """The same pairs, painted on a device where they are made when they are read: "cpu", or "cuda:1"."""
        return self


class Subset(Source):
    """Some pairs of a source."""

    def __init__(self, source: Source, indices: Sequence[int] | Int64[np.ndarray, " pairs"]) -> None:
        self.source, self.indices, self.name = source, np.asarray(indices, np.int64), source.name

    def __len__(self) -> int:
        return len(self.indices)

    def read(self, index: int) -> Pair:
        return self.source.read(int(self.indices[index]))

    @property
    def size(self) -> tuple[int, int] | None:
        return self.source.size

    @property
    def num_layers(self) -> int | None:
        return self.source.num_layers

    @property
    def fingerprint(self) -> str:
        return self.source.fingerprint
