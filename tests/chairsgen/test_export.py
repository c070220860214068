"""What is exported is the dataset, pair by pair, as our own readers read it back."""

import errno
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import cv2
import made
import numpy as np
import pytest

from chairsgen import aside, flowio
from chairsgen import export as exporting
from chairsgen.compose import compose
from chairsgen.dataset import Dataset, Manifest, open_dataset
from chairsgen.errors import InputError
from chairsgen.export import LAYOUTS, RECORD, export
from chairsgen.flowio import read_flow, read_ppm
from chairsgen.sample import FlowSample

COUNT, VAL = 11, (3, 7)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Eleven crowded little pairs, more than one call of a worker; two are val."""
    folder: Path = tmp_path_factory.mktemp("export")
    rng = np.random.default_rng(6)
    samples = [compose(made.scene(rng, 24, 40, 5), made.load, index) for index in range(COUNT)]
    shard = made.write_shard(folder / "shard-00000.h5", samples)
    made.manifest(num_samples=COUNT, shard_size=COUNT, shards=(shard,), val=VAL).save(folder)
    return open_dataset(folder)


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def image(path: Path) -> np.ndarray:
    """A PNG, RGB or grey, read by OpenCV."""
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return pixels[..., ::-1] if pixels.ndim == 3 else pixels


def same_flow(path: Path, flow: np.ndarray, valid: np.ndarray | None = None) -> None:
    """A flow file holds this flow: exactly, or to half a step in KITTI's format."""
    read_back, known = read_flow(path)
    valid = np.ones(flow.shape[:2], bool) if valid is None else valid
    np.testing.assert_array_equal(known, valid)
    if path.suffix == ".png":
        assert np.abs(read_back - flow)[valid].max() <= 1 / 128
    else:
        np.testing.assert_array_equal(read_back, flow)


def check_flyingchairs(out: Path, index: int, sample: FlowSample) -> None:
    """The files of one pair."""
    stem = f"{index + 1:05d}"
    for name in ("image1", "image2"):
        path = out / "data" / f"{stem}_{name.replace('image', 'img')}.ppm"
        assert path.read_bytes().startswith(b"P6 40 24 255\n")
        np.testing.assert_array_equal(read_ppm(path), getattr(sample, name))
    same_flow(out / "data" / f"{stem}_flow.flo", sample.flow_fw)


def check_flyingchairs2(out: Path, index: int, sample: FlowSample) -> None:
    """The files of one pair; train and val count from 0, each by itself."""
    side = "val" if index in VAL else "train"
    number = VAL.index(index) if index in VAL else index - sum(val < index for val in VAL)
    stem = f"{side}/{number:07d}"
    masks = {
        "occ_01": sample.occ_fw | sample.out_fw,
        "occ_10": sample.occ_bw | sample.out_bw,
        "mb_01": sample.mb_fw,
        "mb_10": sample.mb_bw,
    }
    images = {
        "img_0": sample.image1,
        "img_1": sample.image2,
        "oids_0": sample.layer_id1,
        "oids_1": sample.layer_id2,
    }
    for name, expected in (images | {name: mask * np.uint8(255) for name, mask in masks.items()}).items():
        np.testing.assert_array_equal(image(out / f"{stem}-{name}.png"), expected)
    same_flow(out / f"{stem}-flow_01.flo", sample.flow_fw)
    same_flow(out / f"{stem}-flow_10.flo", sample.flow_bw)


def check_kitti(out: Path, index: int, sample: FlowSample) -> None:
    """The files of one pair."""
    folder, stem = out / "training", f"{index:06d}"
    np.testing.assert_array_equal(image(folder / "image_2" / f"{stem}_10.png"), sample.image1)
    np.testing.assert_array_equal(image(folder / "image_2" / f"{stem}_11.png"), sample.image2)
    same_flow(folder / "flow_occ" / f"{stem}_10.png", sample.flow_fw)
    seen = ~(sample.occ_fw | sample.out_fw)
    same_flow(folder / "flow_noc" / f"{stem}_10.png", sample.flow_fw, seen)


CHECKS: dict[str, tuple[Callable[[Path, int, FlowSample], None], int]] = {
    "flyingchairs": (check_flyingchairs, 3 * COUNT + 1),
    "flyingchairs2": (check_flyingchairs2, 10 * COUNT),
    "kitti": (check_kitti, 4 * COUNT),
}
"""By layout: what holds for a pair, and how many files there are."""


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_export_read_back_is_the_dataset(tmp_path: Path, dataset: Dataset, layout: str) -> None:
    assert export(dataset.folder, tmp_path / "out", layout, workers=1, quiet=True) == COUNT
    check, count = CHECKS[layout]
    for index, sample in enumerate(dataset):
        check(tmp_path / "out", index, sample)
    assert len(files(tmp_path / "out")) == count + 1


def test_the_split_file_is_the_manifests(tmp_path: Path, dataset: Dataset) -> None:
    export(dataset.folder, tmp_path, "flyingchairs", workers=1, quiet=True)
    text = (tmp_path / "FlyingChairs_train_val.txt").read_text()
    assert text == "1\n1\n1\n2\n1\n1\n1\n2\n1\n1\n1\n"
    assert json.loads((tmp_path / RECORD).read_text())["val"] == list(VAL)


def test_an_export_does_not_depend_on_workers(tmp_path: Path, dataset: Dataset) -> None:
    for workers in (1, 2):
        export(dataset.folder, tmp_path / str(workers), "kitti", workers=workers, quiet=True)
    assert files(tmp_path / "1") == files(tmp_path / "2")


def test_kitti_takes_flow_beyond_its_range_for_unknown(tmp_path: Path, dataset: Dataset) -> None:
    sample = dataset[0]
    motions = sample.motions.copy()
    front = sample.layer_id1.max()
    motions[front, 0, 2] += 700
    far = replace(sample, motions=motions)
    for name in ("flow_occ", "flow_noc"):
        exporting._LAYOUTS["kitti"].files[f"training/{name}/{{number}}_10.png"](tmp_path / "a.png", far)
        _, valid = read_flow(tmp_path / "a.png")
        assert not valid[far.layer_id1 == front].any()
        assert valid[far.layer_id1 != front].any()


def test_numbers_grow_together_so_that_names_sort() -> None:
    form = replace(exporting._LAYOUTS["flyingchairs"], digits=1)
    for count, last in ((9, "9"), (10, "10"), (1000, "1000")):
        numbers = [pair.number for pair in exporting._pairs(form, made.manifest(num_samples=count))]
        assert numbers == sorted(numbers)
        assert (int(numbers[0]), numbers[-1]) == (1, last)


# --- interruptions


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_interrupted_export_leaves_whole_files_and_goes_on(
    tmp_path: Path, dataset: Dataset, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(dataset.folder, tmp_path / "whole", layout, workers=1, quiet=True)
    whole = files(tmp_path / "whole")
    written = 0

    def interrupted(path: Path, *parts: bytes) -> None:
        nonlocal written
        written += 1
        if written == 17:
            raise KeyboardInterrupt
        aside.write_aside(path, *parts)

    out = tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(flowio, "write_aside", interrupted)
        with pytest.raises(KeyboardInterrupt, match="files so far are whole, and the same command goes on"):
            export(dataset.folder, out, layout, workers=1, quiet=True)
    left = files(out)
    assert len(left) == 17
    assert left.items() <= whole.items()
    # What a killed process leaves, too.
    part = next(path for path in out.rglob("*_*") if path.is_file()).parent / "x.png"
    aside.aside_name(part).write_bytes(b"half")
    export(dataset.folder, out, layout, workers=1, quiet=True)
    assert files(out) == whole


def test_a_pair_that_is_there_is_not_written_again(tmp_path: Path, dataset: Dataset) -> None:
    export(dataset.folder, tmp_path, "kitti", workers=1, quiet=True)
    paths = sorted(tmp_path.rglob("*.png"))
    before = [path.stat().st_ino for path in paths]
    paths[0].unlink()
    export(dataset.folder, tmp_path, "kitti", workers=1, quiet=True)
    # Pair 0's four files are new, the rest are not.
    assert sum(path.stat().st_ino == old for path, old in zip(paths, before, strict=True)) >= len(paths) - 4


# --- what is refused


def refusal(dataset: Path, out: Path, layout: str = "kitti", workers: int = 1) -> str:
    """The one line that refuses an export."""
    with pytest.raises(InputError) as caught:
        export(dataset, out, layout, workers=workers, quiet=True)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_calls_that_cannot_be_done(tmp_path: Path, dataset: Dataset) -> None:
    assert "did you mean 'flyingchairs'?" in refusal(dataset.folder, tmp_path, "flyingchair")
    assert "at least 1" in refusal(dataset.folder, tmp_path, workers=0)
    assert "no dataset here" in refusal(tmp_path / "none", tmp_path / "out")
    assert "holds something else" in refusal(dataset.folder, dataset.folder)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("shards", [(), None])
def test_an_incomplete_dataset(tmp_path: Path, dataset: Dataset, shards: tuple[()] | None) -> None:
    manifest = Manifest.load(dataset.folder)
    changed = replace(manifest, num_samples=COUNT + 1) if shards is None else made.manifest()
    (tmp_path / "dataset").mkdir()
    changed.save(tmp_path / "dataset")
    assert "incomplete: " in refusal(tmp_path / "dataset", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_something_else(tmp_path: Path, dataset: Dataset) -> None:
    precious = tmp_path / ".precious.part"
    precious.touch()
    (tmp_path / "photo.jpg").touch()
    assert "holds something else" in refusal(dataset.folder, tmp_path)
    assert precious.exists()
    for damaged in ("{", "[]", "\xff"):
        (tmp_path / RECORD).write_text(damaged, encoding="latin-1")
        assert str(tmp_path) in refusal(dataset.folder, tmp_path)
    (tmp_path / "file").touch()
    assert "cannot be made" in refusal(dataset.folder, tmp_path / "file")


def test_a_folder_that_holds_another_export(tmp_path: Path, dataset: Dataset) -> None:
    export(dataset.folder, tmp_path / "out", "flyingchairs", workers=1, quiet=True)
    assert "another export (layout differ)" in refusal(dataset.folder, tmp_path / "out", "kitti")
    shutil.copytree(dataset.folder, tmp_path / "other")
    replace(Manifest.load(tmp_path / "other"), val=(1,)).save(tmp_path / "other")
    assert "another export (val differ)" in refusal(tmp_path / "other", tmp_path / "out", "flyingchairs")


def test_a_full_disk_is_one_line(tmp_path: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, *_: bytes) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(flowio, "write_aside", full)
        message = refusal(dataset.folder, tmp_path / "out")
    assert "000000_10.png: No space left on device: files so far are whole" in message
    usage = shutil._ntuple_diskusage(10**9, 10**9 - 9000, 9000)  # type: ignore[attr-defined]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert "are needed, 0.0 GB are free" in refusal(dataset.folder, tmp_path / "out2", "flyingchairs")


def test_a_worker_that_cannot_write_is_one_line(tmp_path: Path, dataset: Dataset) -> None:
    out = tmp_path / "out"
    export(dataset.folder, out, "kitti", workers=1, quiet=True)
    shutil.rmtree(out / "training")
    (out / "training").touch()
    assert "training" in refusal(dataset.folder, out, workers=2)


def test_a_damaged_shard_is_named(tmp_path: Path, dataset: Dataset) -> None:
    shutil.copytree(dataset.folder, tmp_path / "dataset")
    (tmp_path / "dataset" / "shard-00000.h5").write_bytes(b"nothing")
    assert "shard-00000.h5: damaged" in refusal(tmp_path / "dataset", tmp_path / "out")
