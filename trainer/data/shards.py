"""Datasets that :func:`chairsgen.build` made, read for training: what a network needs of a pair, and no more."""

import hashlib

import h5py
import numpy as np
from jaxtyping import Int64

from chairsgen.dataset import Dataset, open_dataset
from chairsgen.errors import InputError
from trainer.data.planes import unpack_map, unpack_planes
from trainer.data.source import Layers, Pair, Side, Source


class Shards(Source):
    """Pairs of a built dataset."""

    def __init__(self, dataset: Dataset, indices: Int64[np.ndarray, " pairs"], name: str) -> None:
        self.dataset, self.indices, self.name = dataset, indices, name

    def __len__(self) -> int:
        return len(self.indices)

    def read(self, index: int) -> Pair:
        number, (height, width) = int(self.indices[index]), self.size
        with self.dataset.at(number) as (file, position):
            image1, image2 = (
                np.moveaxis(unpack_planes(_chunk(file, name, position), height, width), 0, -1)
                for name in ("image1", "image2")
            )
            layer_id, occ = (
                unpack_map(_chunk(file, name, position), height, width) for name in ("layer_id1", "occ_fw")
            )
            motions = _row(file, "motions", position)
            if layer_id.max() >= len(motions):
                raise ValueError(f"layer {layer_id.max()} of {len(motions)}")
        truth = Layers(layer_id=layer_id, motions=motions)
        return Pair(name=f"{number}", image1=image1, image2=image2, truth=truth, occ=occ.view(bool))

    @property
    def size(self) -> tuple[int, int]:
        frame = self.dataset.recipe.frame
        return frame.height, frame.width

    @property
    def num_layers(self) -> int:
        return self.dataset.recipe.chair.count_max + 1

    @property
    def fingerprint(self) -> str:
        content = "".join(shard.sha256 for shard in self.dataset.manifest.shards)
        return hashlib.sha256(content.encode()).hexdigest()

    def side(self, side: Side) -> "Shards | None":
        val = self.dataset.manifest.val
        if not val:
            return None
        is_val = np.isin(self.indices, val)
        return Shards(self.dataset, self.indices[is_val == (side == "val")], self.name)


def open_shards(place: str, *, name: str) -> Shards:
    """Opens a built dataset by its folder.

    Raises:
        InputError: There is none, it is of another schema version, or its build has not ended.
    """
    dataset = open_dataset(place)
    if not dataset.manifest.complete:
        raise InputError(
            f"{place}: incomplete: {len(dataset):,} of {dataset.manifest.num_samples:,} pairs: "
            "go on with the command that began it"
        )
    return Shards(dataset, np.arange(len(dataset)), name)


# Low-level calls: h5py's own objects take longer to make than a map to read.
def _chunk(file: h5py.File, name: str, position: int) -> bytes:
    dataset = h5py.h5d.open(file.id, name.encode())
    return dataset.read_direct_chunk((position, *[0] * (dataset.rank - 1)))[1]


def _row(file: h5py.File, name: str, position: int) -> np.ndarray:
    dataset = h5py.h5d.open(file.id, name.encode())
    shape, rows = dataset.shape[1:], dataset.get_space()
    rows.select_hyperslab((position, *[0] * len(shape)), (1, *shape))
    row = np.empty(shape)
    dataset.read(h5py.h5s.create_simple((1, *shape)), rows, row)
    return row
