"""Laws of shards: the contract as plain HDF5 reads it, exact round trips, no half shard under the name."""

import hashlib
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401  (registers the shards' filter)
import made
import numpy as np
import pytest

from chairsgen.aside import aside_name
from chairsgen.compose import compose
from chairsgen.sample import FlowSample
from chairsgen.shards import Shard, ShardWriter, encode, read_sample

HEIGHT, WIDTH, LAYERS = 21, 34, 9

CONTRACT = {
    "image1": ((HEIGHT, WIDTH, 3), "u1"),
    "image2": ((HEIGHT, WIDTH, 3), "u1"),
    "layer_id1": ((HEIGHT, WIDTH), "u1"),
    "layer_id2": ((HEIGHT, WIDTH), "u1"),
    "occ_fw": ((HEIGHT, WIDTH), "u1"),
    "occ_bw": ((HEIGHT, WIDTH), "u1"),
    "motions": ((LAYERS, 3, 3), "f8"),
    "num_layers": ((), "i"),
    "index": ((), "i8"),
}
DENSE = {"flow_fw": ((HEIGHT, WIDTH, 2), "f4"), "flow_bw": ((HEIGHT, WIDTH, 2), "f4")}
ARRAYS = ("image1", "image2", "layer_id1", "layer_id2", "occ_fw", "occ_bw", "motions")


@pytest.fixture(scope="module")
def samples() -> list[FlowSample]:
    rng = np.random.default_rng(1)
    return [compose(made.scene(rng, HEIGHT, WIDTH, chairs), made.load, 10 + chairs) for chairs in (5, 8, 0)]


def _write(path: Path, samples: list[FlowSample], *, dense_flow: bool = False) -> Shard:
    return made.write_shard(path, samples, 10, layers=LAYERS, dense_flow=dense_flow)  # type: ignore[return-value]


@pytest.mark.parametrize("dense_flow", [False, True])
def test_plain_hdf5_reads_the_contract(tmp_path: Path, samples: list[FlowSample], dense_flow: bool) -> None:
    _write(tmp_path / "s.h5", samples, dense_flow=dense_flow)
    contract = CONTRACT | DENSE if dense_flow else CONTRACT
    with h5py.File(tmp_path / "s.h5", "r") as file:
        assert set(file) == {*contract, "scene"}
        for name, (shape, kind) in contract.items():
            dataset = file[name]
            assert dataset.shape == (3, *shape), name
            assert dataset.dtype.str.lstrip("<|").startswith(kind), name
            if len(shape) >= 2 and name != "motions":
                assert dataset.chunks == (1, *shape), name
        assert file["scene"].shape == (3,)
        assert h5py.check_string_dtype(file["scene"].dtype).encoding == "utf-8"
        for position, sample in enumerate(samples):
            for name in ("image1", "image2", "layer_id1", "layer_id2", "occ_fw", "occ_bw"):
                assert np.array_equal(file[name][position], getattr(sample, name)), name
            assert set(np.unique(file["occ_fw"])) <= {0, 1}
            count = file["num_layers"][position]
            assert count == len(sample.motions)
            assert file["motions"][position, :count].tobytes() == sample.motions.tobytes()
            assert np.array_equal(
                file["motions"][position, count:], np.tile(np.eye(3), (LAYERS - count, 1, 1))
            )
            assert file["index"][position] == sample.index
            assert file["scene"].asstr()[position] == sample.scene
            if dense_flow:
                assert np.array_equal(file["flow_fw"][position], sample.flow_fw)
                assert np.array_equal(file["flow_bw"][position], sample.flow_bw)
        assert file.attrs["schema"] == 1
        assert file.attrs["recipe"] == "name = 'made'"


def test_samples_come_back_exactly(tmp_path: Path, samples: list[FlowSample]) -> None:
    _write(tmp_path / "s.h5", samples)
    with h5py.File(tmp_path / "s.h5", "r") as file:
        for position, sample in enumerate(samples):
            back = read_sample(file, position)
            for name in ARRAYS:
                one, two = getattr(back, name), getattr(sample, name)
                assert (one.dtype, one.shape) == (two.dtype, two.shape), name
                assert one.tobytes() == two.tobytes(), name
            assert (back.index, back.scene) == (sample.index, sample.scene)
            for name in ("flow_fw", "flow_bw", "out_fw", "out_bw", "mb_fw", "mb_bw"):
                assert np.array_equal(getattr(back, name), getattr(sample, name)), name


def test_any_text_and_any_motion_survive(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    maps = {
        name: rng.integers(LAYERS, size=(HEIGHT, WIDTH), dtype=np.uint8)
        for name in ("layer_id1", "layer_id2")
    }
    masks = {name: rng.random((HEIGHT, WIDTH)) < 0.5 for name in ("occ_fw", "occ_bw")}
    images = {n: rng.integers(256, size=(HEIGHT, WIDTH, 3), dtype=np.uint8) for n in ("image1", "image2")}
    motions = rng.standard_normal((LAYERS, 3, 3)) * 10.0 ** rng.integers(-300, 300, (LAYERS, 3, 3))
    text = '{"asset": "Stühle/椅子 🪑\\u0000"}' + "x" * 100_000
    sample = FlowSample(**images, **maps, **masks, motions=motions, index=2**40, scene=text)
    _write(tmp_path / "s.h5", [sample])
    with h5py.File(tmp_path / "s.h5", "r") as file:
        back = read_sample(file, 0)
    assert made.digest(back) == made.digest(sample)
    assert (back.index, back.scene) == (2**40, text)


@pytest.mark.parametrize("dense_flow", [False, True])
def test_same_samples_same_bytes(tmp_path: Path, samples: list[FlowSample], dense_flow: bool) -> None:
    shards = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        shards.append(_write(tmp_path / folder / "s.h5", samples, dense_flow=dense_flow))
    assert shards[0] == shards[1]
    assert (tmp_path / "a" / "s.h5").read_bytes() == (tmp_path / "b" / "s.h5").read_bytes()
    with h5py.File(tmp_path / "a" / "s.h5", "r") as file:
        for name in file:
            assert not file[name].id.get_create_plist().get_obj_track_times(), "bytes would tell the time"


def test_the_listed_size_and_hash_are_the_files(tmp_path: Path, samples: list[FlowSample]) -> None:
    shard = _write(tmp_path / "s.h5", samples)
    content = (tmp_path / "s.h5").read_bytes()
    assert shard == Shard(
        name="s.h5", start=10, count=3, bytes=len(content), sha256=hashlib.sha256(content).hexdigest()
    )


def _writer(path: Path, count: int) -> ShardWriter:
    return ShardWriter(path, start=0, count=count, size=(HEIGHT, WIDTH), layers=LAYERS, attributes={})


def test_an_unfinished_shard_leaves_no_file(tmp_path: Path, samples: list[FlowSample]) -> None:
    path = tmp_path / "s.h5"
    with pytest.raises(KeyboardInterrupt):
        _begin_and_interrupt(path, samples[0])
    with _writer(path, 3) as writer:
        writer.add(encode(samples[0], LAYERS))
        with pytest.raises(ValueError, match=r"s\.h5: 1 of 3"):
            writer.finish()
    assert list(tmp_path.iterdir()) == []


def _begin_and_interrupt(path: Path, sample: FlowSample) -> None:
    with _writer(path, 3) as writer:
        writer.add(encode(sample, LAYERS))
        assert not path.exists()
        raise KeyboardInterrupt


def test_a_killed_writer_leaves_nothing_under_the_name_and_the_next_one_succeeds(
    tmp_path: Path, samples: list[FlowSample]
) -> None:
    path = tmp_path / "s.h5"
    left = aside_name(path)
    left.write_bytes(b"what a killed writer left")
    _write(path, samples)
    with h5py.File(path, "r") as file:
        assert made.digest(read_sample(file, 1)) == made.digest(samples[1])
    assert set(tmp_path.iterdir()) == {path, left}


def test_a_failing_rename_leaves_no_file(
    tmp_path: Path, samples: list[FlowSample], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="space"):
        _write(tmp_path / "s.h5", samples)
    assert list(tmp_path.iterdir()) == []
