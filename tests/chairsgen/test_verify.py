"""Verification: nothing to say of a sound dataset, and a line for every way in which one can be unsound."""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import h5py
import made
import numpy as np
import pytest

from chairsgen.compose import compose
from chairsgen.dataset import MANIFEST, Manifest
from chairsgen.errors import InputError
from chairsgen.recipe import Recipe
from chairsgen.scene import draw_scene, side_of
from chairsgen.shards import ShardWriter, encode
from chairsgen.verify import verify

PAIRS = 5
RECIPE = Recipe.load(
    "flyingchairs",
    [
        "frame.height=32",
        "frame.width=48",
        "chair.count_min=3",
        "chair.count_max=6",
        "chair.size.mean_px=30",
        "chair.size.min_px=10",
        "assets.val_samples=0.4",
    ],
)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A sound dataset of two shards, with dense flow."""
    return _write(tmp_path, RECIPE)


def _write(folder: Path, recipe: Recipe) -> Path:
    catalogue = made.catalogue()
    manifest = made.manifest(
        recipe=recipe.to_toml(),
        num_samples=PAIRS,
        shard_size=3,
        dense_flow=True,
        val=tuple(index for index in range(PAIRS) if side_of(recipe, catalogue, index) == "val"),
        assets=tuple(asdict(asset) for asset in (*catalogue.chairs, *catalogue.photos)),
    )
    attributes = {name: getattr(manifest, name) for name in ("schema", "seed", "recipe", "catalogue_hash")}
    attributes |= {"sprite_bank_hash": manifest.sprite_bank_hash, "version": manifest.version}
    layers = recipe.chair.count_max + 1
    shards = []
    for number, start in enumerate((0, 3)):
        count = min(3, PAIRS - start)
        with ShardWriter(
            folder / f"shard-{number:05d}.h5",
            start=start,
            count=count,
            size=(32, 48),
            layers=layers,
            attributes=attributes,
            dense_flow=True,
        ) as writer:
            for index in range(start, start + count):
                sample = compose(draw_scene(recipe, catalogue, manifest.seed, index), made.load, index)
                writer.add(encode(sample, layers, dense_flow=True))
            shards.append(writer.finish())
    dataclasses.replace(manifest, shards=tuple(shards)).save(folder)
    return folder


def defects(folder: Path) -> list[str]:
    """What verification says."""
    return list(verify(folder, workers=1, quiet=True))


def test_a_sound_dataset_has_no_defects(dataset: Path) -> None:
    assert defects(dataset) == []


def test_colours_without_chairs_and_effects_are_no_defects(tmp_path: Path) -> None:
    sets = ["background.plain=1.0", "chair.count_min=0", "chair.count_max=2"]
    for number, more in enumerate((sets, [*sets, "photometric.shutter.probability=1.0"])):
        folder = tmp_path / str(number)
        folder.mkdir()
        recipe = Recipe.load("weather", [f"frame.{side}" for side in ("height=32", "width=48")])
        assert defects(_write(folder, recipe.override(more))) == []


def test_thick_fog_is_no_defect(tmp_path: Path) -> None:
    sets = [f"weather.fog.{key}" for key in ("depth.min=99", "depth.max=99", "depth.probability=1")]
    assert defects(_write(tmp_path, RECIPE.override([*sets, "weather.fog.contrast.max=0.2"]))) == []


def signed_again(folder: Path) -> None:
    """Makes the manifest agree with the first shard's bytes, as one who tampers would."""
    manifest = Manifest.load(folder)
    path = folder / "shard-00000.h5"
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    first = dataclasses.replace(manifest.shards[0], bytes=path.stat().st_size, sha256=sha256)
    dataclasses.replace(manifest, shards=(first, *manifest.shards[1:])).save(folder)


def _truncate(folder: Path) -> None:
    path = folder / "shard-00000.h5"
    path.write_bytes(path.read_bytes()[:-100])


def _flip(folder: Path) -> None:
    path = folder / "shard-00000.h5"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _edit(change: Callable[[h5py.File], None]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        with h5py.File(folder / "shard-00000.h5", "r+") as file:
            change(file)
        signed_again(folder)

    return edit


def _set(name: str, position: tuple[int, ...], value: float) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        file[name][position] = value

    return change


def _no_scene(file: h5py.File) -> None:
    file["scene"][1] = "{}"


def _all_occluded(file: h5py.File) -> None:
    file["occ_fw"][0] = np.ones_like(file["occ_fw"][0])
    file["motions"][0, :, 0, 2] += 30


def _other_side(folder: Path) -> None:
    text = (folder / MANIFEST).read_text()
    data = json.loads(text)
    for asset in data["assets"]:
        asset["side"] = "val" if asset["side"] == "train" else "train"
    (folder / MANIFEST).write_text(json.dumps(data))


def _on_both_sides(folder: Path) -> None:
    data = json.loads((folder / MANIFEST).read_text())
    for side in ("train", "val"):
        next(asset for asset in data["assets"] if asset["side"] == side)["sha256"] = "same"
    (folder / MANIFEST).write_text(json.dumps(data))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "shard-00001.h5").unlink(), "shard-00001.h5: missing"),
        (lambda folder: (folder / "shard-00007.h5").touch(), "shard-00007.h5: not in the manifest"),
        (_truncate, "shard-00000.h5: "),
        (_flip, "sha256 is not the manifest's"),
        (_other_side, "which is not on the"),
        (_on_both_sides, "on either side of the split, are the same"),
        (_edit(lambda file: file.attrs.modify("seed", 99)), "attribute seed is not the manifest's"),
        (_edit(lambda file: file.__delitem__("occ_bw")), "no dataset occ_bw"),
        (_edit(_set("index", (2,), 17)), "pair 2: bears index 17"),
        (_edit(_set("motions", (1, 0, 2, 2), 2.0)), "pair 1: a motion is not affine"),
        (_edit(_set("motions", (1, 0, 0, 2), np.nan)), "pair 1: a motion is not affine"),
        (_edit(_set("motions", (1, 0, 0, 2), 5.5)), "pair 1: its motions are not those of its scene"),
        (_edit(_set("motions", (1, -1, 0, 0), 2.0)), "motions past num_layers are not the identity"),
        (_edit(_set("layer_id2", (0, 5, 5), 200)), "pair 0: layer_id2 names a layer that is not there"),
        (_edit(_set("flow_bw", (0, 5, 5, 0), 1e3)), "pair 0: flow_bw is not what layers and motions give"),
        (_edit(_all_occluded), "pair 0: occ_fw and out_fw overlap"),
        (_edit(_no_scene), "pair 1: its scene cannot be read"),
    ],
)
def test_every_damage_is_named(damage: Callable[[Path], None], said: str, dataset: Path) -> None:
    damage(dataset)
    found = defects(dataset)
    assert any(said in defect for defect in found), found
    assert all("\n" not in defect for defect in found)


def test_an_unfinished_dataset_says_how_to_go_on(dataset: Path) -> None:
    manifest = Manifest.load(dataset)
    dataclasses.replace(manifest, shards=manifest.shards[:1]).save(dataset)
    (dataset / "shard-00001.h5").unlink()
    assert defects(dataset) == [f"{dataset}: incomplete: 3 of 5 pairs; the command that began it goes on"]


def test_a_folder_without_a_dataset_is_wrong_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no dataset here"):
        defects(tmp_path)
