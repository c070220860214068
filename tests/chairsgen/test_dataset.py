"""Laws of datasets: samples by index in any process, a manifest that survives, damage that is named."""

import dataclasses
import multiprocessing
import os
import pickle
from pathlib import Path

import made
import numpy as np
import pytest

from chairsgen import open_dataset
from chairsgen.compose import compose
from chairsgen.dataset import MANIFEST, Dataset, Manifest
from chairsgen.errors import InputError
from chairsgen.recipe import Recipe
from chairsgen.sample import FlowSample
from chairsgen.shards import Shard

COUNTS = (2, 2, 1)


@pytest.fixture(scope="module")
def samples() -> list[FlowSample]:
    rng = np.random.default_rng(2)
    return [compose(made.scene(rng, 18, 25, 4), made.load, index) for index in range(sum(COUNTS))]


def _build(folder: Path, samples: list[FlowSample]) -> Path:
    folder.mkdir(exist_ok=True)
    shards, start = [], 0
    for number, count in enumerate(COUNTS):
        shards.append(
            made.write_shard(folder / f"shard-{number:05d}.h5", samples[start : start + count], start)
        )
        start += count
    made.manifest(num_samples=len(samples), shards=tuple(shards)).save(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, samples: list[FlowSample]) -> Path:
    return _build(tmp_path_factory.mktemp("data") / "set", samples)


@pytest.fixture
def own_folder(tmp_path: Path, samples: list[FlowSample]) -> Path:
    """A dataset that a test may damage."""
    return _build(tmp_path / "set", samples)


def test_samples_come_back_by_index(folder: Path, samples: list[FlowSample]) -> None:
    dataset = open_dataset(str(folder))
    expected = [made.digest(sample) for sample in samples]
    assert len(dataset) == len(samples)
    assert [made.digest(sample) for sample in dataset] == expected
    assert [made.digest(dataset[i]) for i in (4, 0, 3, 1, 2)] == [expected[i] for i in (4, 0, 3, 1, 2)]
    assert [dataset[i].index for i in range(5)] == list(range(5))
    assert dataset.recipe == Recipe()
    assert dataset.manifest.num_samples == 5


def test_negative_indices_count_from_the_end(folder: Path, samples: list[FlowSample]) -> None:
    dataset = open_dataset(folder)
    for index in range(1, 6):
        assert made.digest(dataset[-index]) == made.digest(samples[-index])


@pytest.mark.parametrize("index", [5, -6, 1000])
def test_beyond_the_end_is_an_index_error(folder: Path, index: int) -> None:
    with pytest.raises(IndexError, match=rf"{index} of 5"):
        open_dataset(folder)[index]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_read_and_hand_on_at_once_what_the_parent_reads(
    folder: Path, samples: list[FlowSample], method: str
) -> None:
    dataset = open_dataset(folder)
    assert dataset[0].index == 0, "the parent has a file open"
    context = multiprocessing.get_context(method)
    answers = context.Queue()
    workers = [context.Process(target=made.read_all, args=(dataset, 5, answers)) for _ in range(2)]
    for worker in workers:
        worker.start()
    expected = [made.digest(sample) for sample in samples]
    assert [made.digest(sample) for _ in range(5) for sample in dataset] == 5 * expected
    for _ in workers:
        assert answers.get(timeout=60) == 6 * expected
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert made.digest(dataset[4]) == expected[4], "the parent's files are still open"


def test_a_pickled_dataset_reads_the_same(folder: Path, samples: list[FlowSample]) -> None:
    dataset = open_dataset(folder)
    assert dataset[3].index == 3
    copy = pickle.loads(pickle.dumps(dataset))
    assert [made.digest(sample) for sample in copy] == [made.digest(sample) for sample in samples]
    assert (copy.recipe, copy.manifest) == (dataset.recipe, dataset.manifest)


def test_few_files_stay_open(
    own_folder: Path, samples: list[FlowSample], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Dataset, "_MAX_OPEN", 2)
    dataset = open_dataset(own_folder)
    for index in (0, 2, 4, 1, 3, 4, 0):
        assert made.digest(dataset[index]) == made.digest(samples[index])
        assert 1 <= _open_files(own_folder) <= 2


def _open_files(folder: Path) -> int:
    targets = (os.readlink(entry) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink())
    return sum(Path(target).parent == folder for target in targets)


def test_a_truncated_shard_is_named(own_folder: Path) -> None:
    path = own_folder / "shard-00001.h5"
    whole = path.read_bytes()
    for length in (0, 7, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        dataset = open_dataset(own_folder)
        assert dataset[0].index == 0, "the others stay readable"
        with pytest.raises(InputError, match=r"shard-00001\.h5: damaged.*chairsgen verify") as caught:
            _ = dataset[2]
        assert "\n" not in str(caught.value)


def test_a_missing_a_foreign_and_a_too_short_shard_are_named(own_folder: Path) -> None:
    path = own_folder / "shard-00001.h5"
    path.unlink()
    with pytest.raises(InputError, match=r"shard-00001\.h5: damaged"):
        _ = open_dataset(own_folder)[2]
    path.write_bytes(b"not HDF5 at all" * 100)
    with pytest.raises(InputError, match=r"shard-00001\.h5: damaged"):
        _ = open_dataset(own_folder)[2]
    path.write_bytes((own_folder / "shard-00002.h5").read_bytes())
    with pytest.raises(InputError, match=r"shard-00001\.h5: damaged"):
        _ = open_dataset(own_folder)[3]


def test_a_mistake_told_while_a_shard_is_read_is_no_damage(folder: Path) -> None:
    with pytest.raises(InputError, match=r"^mistaken$"), open_dataset(folder).at(0):
        raise InputError("mistaken")


def test_a_manifest_comes_back_as_it_was(tmp_path: Path) -> None:
    whole = made.manifest(
        num_samples=3,
        shards=(Shard(name="shard-00000.h5", start=0, count=2, bytes=9, sha256="00"),),
        val=(1, 2),
        assets=({"id": "Stühle/椅子"},),
        skipped=({"path": "a", "cause": "b"},),
    )
    for _ in range(2):
        whole.save(tmp_path)
        assert Manifest.load(tmp_path) == whole
    assert [path.name for path in tmp_path.iterdir()] == [MANIFEST]
    assert (whole.num_ready, whole.complete) == (2, False)
    assert dataclasses.replace(whole, num_samples=2).complete


def test_an_interrupted_save_keeps_the_old_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    made.manifest(seed=1).save(tmp_path)
    monkeypatch.setattr("os.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        made.manifest(seed=2).save(tmp_path)
    assert Manifest.load(tmp_path).seed == 1
    assert [path.name for path in tmp_path.iterdir()] == [MANIFEST]


def test_a_folder_without_a_dataset_is_named(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "absent"):
        with pytest.raises(InputError, match=rf"{place.name}: no dataset here"):
            open_dataset(place)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file: no dataset here"):
        open_dataset(tmp_path / "file")


DAMAGES = {
    "emptied": ("", "", "cannot be read"),
    "cut short": ("}\n", "", "cannot be read"),
    "another schema": ('"schema": 1', '"schema": 99', "schema 99"),
    "a key missing": ('"seed": 3,', "", "damaged"),
    "a key too many": ('"seed": 3,', '"seed": 3, "sede": 3,', "damaged"),
    "shards missing": ('"shards"', '"shard"', "damaged"),
    "a shard's key missing": ('"sha256"', '"sha"', "damaged"),
    "shards of another kind": ('"shards": [', '"shards": 3, "x": [', "damaged"),
    "a recipe that is not TOML": ('"recipe": "', '"recipe": "[[', "damaged"),
    "a recipe with an unknown key": ("max_deg", "max_degrees", "max_degrees"),
    "a recipe out of range": ("height = 384", "height = 3", "height"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_manifest_is_named_in_one_line(own_folder: Path, damage: str) -> None:
    old, new, word = DAMAGES[damage]
    path = own_folder / MANIFEST
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(old, new, 1) if old else "", encoding="utf-8")
    assert path.read_text(encoding="utf-8") != text
    with pytest.raises(InputError) as caught:
        open_dataset(own_folder)
    assert word in str(caught.value)
    assert MANIFEST in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"[1, 2]", b"3", b"null", b"\xff\xfe\x00", b'{"schema": 1}'])
def test_what_is_no_manifest_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / MANIFEST).write_bytes(content)
    with pytest.raises(InputError, match=MANIFEST):
        open_dataset(tmp_path)
