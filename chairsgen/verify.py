"""Checking a dataset against its manifest, its schema and its own geometry."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from chairsgen import scene, shards
from chairsgen.dataset import Manifest
from chairsgen.errors import InputError
from chairsgen.progress import progress
from chairsgen.recipe import Recipe
from chairsgen.sample import FlowSample
from chairsgen.shards import Shard
from chairsgen.workers import light_workers

MATRIX_TOLERANCE = 1e-9
"""Largest difference between a stored motion and the one that the stored poses give."""


def verify(folder: Path, *, workers: int | None = None, quiet: bool = False) -> Iterator[str]:
    """Checks a dataset; yields a line for each defect, and nothing for a sound one.

    Args:
        folder: The dataset.
        workers: Processes; all cores, if None.
        quiet: Show no progress.

    Raises:
        InputError: There is no dataset.
    """
    manifest = Manifest.load(folder)
    try:
        recipe = Recipe.from_toml(manifest.recipe)
    except InputError as error:
        yield f"{folder}: the manifest's recipe is damaged: {error}"
        return
    if not manifest.complete:
        yield (
            f"{folder}: incomplete: {manifest.num_ready:,} of {manifest.num_samples:,} pairs; "
            "the command that began it goes on"
        )
    listed = {shard.name for shard in manifest.shards}
    for path in sorted(folder.glob("*.h5")):
        if path.name not in listed:
            yield f"{path}: not in the manifest"
    starts = np.cumsum([0, *(shard.count for shard in manifest.shards)]).tolist()
    for shard, start in zip(manifest.shards, starts, strict=False):
        if shard.start != start:
            yield f"{folder / shard.name}: begins with pair {shard.start}, expected {start}"
    yield from _split_defects(folder, manifest)
    with (
        light_workers(workers, len(manifest.shards)) as pool,
        progress("verifying", len(starts) - 1, "shards", quiet=quiet) as shown,
    ):
        for defects in pool.map(_shard_defects, pool.share((folder, manifest, recipe)), manifest.shards):
            yield from defects
            shown.advance(1)


def _split_defects(folder: Path, manifest: Manifest) -> Iterator[str]:
    if not set(manifest.val) <= set(range(manifest.num_samples)):
        yield f"{folder}: the manifest's val samples are not all in the dataset"
    for asset in manifest.assets:
        if asset.get("side") not in ("train", "val"):
            yield f"{folder}: asset {asset.get('id')} is on no side of the split"
    train, val = (
        {asset.get("sha256"): asset.get("id") for asset in manifest.assets if asset.get("side") == side}
        for side in ("train", "val")
    )
    for content in train.keys() & val.keys():
        yield f"{folder}: {train[content]} and {val[content]}, on either side of the split, are the same"


def _shard_defects(shared: tuple[Path, Manifest, Recipe], shard: Shard) -> list[str]:
    folder, manifest, recipe = shared
    path = folder / shard.name
    if not path.exists():
        return [f"{path}: missing"]
    if path.stat().st_size != shard.bytes:
        return [f"{path}: {path.stat().st_size} bytes, the manifest says {shard.bytes}"]
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != shard.sha256:
            return [f"{path}: its sha256 is not the manifest's"]
    try:
        with h5py.File(path, "r") as opened:
            return [f"{path}: {defect}" for defect in _content_defects(opened, manifest, recipe, shard)]
    except (OSError, KeyError, RuntimeError) as error:
        return [f"{path}: cannot be read: {error}"]


def _content_defects(file: h5py.File, manifest: Manifest, recipe: Recipe, shard: Shard) -> Iterator[str]:
    layers = recipe.chair.count_max + 1
    for name in ("schema", "seed", "recipe", "catalogue_hash", "sprite_bank_hash", "version"):
        if file.attrs.get(name) != getattr(manifest, name):
            yield f"attribute {name} is not the manifest's"
    complete = True
    for name, field in shards.fields(dense_flow=manifest.dense_flow).items():
        shape = (shard.count, *field.sizes(recipe.frame.height, recipe.frame.width, layers))
        if name not in file:
            yield f"no dataset {name}"
            complete = False
        elif file[name].shape != shape or file[name].dtype != field.dtype:
            yield f"{name} is {file[name].shape} {file[name].dtype}, expected {shape} {field.dtype}"
            complete = False
    if not complete:
        return
    sides = {asset["id"]: asset["side"] for asset in manifest.assets}
    val = set(manifest.val)
    for position in range(shard.count):
        index = shard.start + position
        sample = shards.read_sample(file, position)
        if sample.index != index:
            yield f"pair {index}: bears index {sample.index}"
        if not np.array_equal(
            file["motions"][position][len(sample.motions) :],
            np.tile(np.eye(3), (layers - len(sample.motions), 1, 1)),
        ):
            yield f"pair {index}: motions past num_layers are not the identity"
        found = [*_sample_defects(sample)]
        if not found:
            found += _scene_defects(sample, sides, index in val)
            found += _flow_defects(file, position, sample) if manifest.dense_flow else []
        yield from (f"pair {index}: {defect}" for defect in found)


def _flow_defects(file: h5py.File, position: int, sample: FlowSample) -> Iterator[str]:
    for name in shards.DENSE_FIELDS:
        if not np.array_equal(file[name][position], getattr(sample, name)):
            yield f"{name} is not what layers and motions give"


def _sample_defects(sample: FlowSample) -> Iterator[str]:
    count = len(sample.motions)
    if not np.isfinite(sample.motions).all() or not (sample.motions[:, 2] == (0, 0, 1)).all():
        yield "a motion is not affine"
        return
    if (np.abs(np.linalg.det(sample.motions)) < 1e-12).any():
        yield "a motion flattens the plane"
        return
    for name in ("layer_id1", "layer_id2"):
        if getattr(sample, name).max() >= count:
            yield f"{name} names a layer that is not there"
            return
    for direction in ("fw", "bw"):
        if (getattr(sample, f"occ_{direction}") & getattr(sample, f"out_{direction}")).any():
            yield f"occ_{direction} and out_{direction} overlap"


def _scene_defects(sample: FlowSample, sides: dict[str, str], is_val: bool) -> Iterator[str]:
    try:
        drawn = scene.from_json(sample.scene)
    except (ValueError, KeyError, TypeError) as error:
        yield f"its scene cannot be read: {error}"
        return
    if (drawn.height, drawn.width) != sample.size or len(drawn.layers) != len(sample.motions):
        yield "its scene is of another size"
        return
    motions = np.stack([layer.motion for layer in drawn.layers])
    if np.abs(motions - sample.motions).max() > MATRIX_TOLERANCE:
        yield "its motions are not those of its scene"
    expected = "val" if is_val else "train"
    for layer in drawn.layers:
        if not layer.colours and sides.get(layer.asset) != expected:
            yield f"shows {layer.asset}, which is not on the {expected} side"
