"""Laws of batches from shards: the same whoever reads, wherever one begins, however many share them."""

import gc
import os
import pickle
import time
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import tiny
import torch
from numpy.random import PCG64, SeedSequence

from chairsgen import open_dataset
from chairsgen.errors import InputError, WorkerDied
from chairsgen.workers import NoWorkers, Workers
from trainer.batch import Batch, DenseTruth, LayeredTruth, Pairs
from trainer.data import Loader, Part, open_training, open_validation, ordered, start_readers
from trainer.data.order import Order

CPU = torch.device("cpu")
COUNT, VAL = 11, (3, 8)
STEPS, BATCH = 7, 10


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.dataset(tmp_path_factory.mktemp("data") / "set", COUNT, val=VAL)


@pytest.fixture(scope="module")
def part(folder: Path) -> Part:
    return open_training(str(folder))


@pytest.fixture(scope="module")
def readers() -> Iterator[Workers]:
    """Two processes that read."""
    with start_readers(2) as workers:
        yield workers


def loader(parts: list[Part], readers: Workers, **changes: object) -> Loader:
    options = {
        "batch_size": BATCH,
        "steps": range(STEPS),
        "seed": 5,
        "device": CPU,
        "prepare": tiny.prepare,
        "stack": tiny.stack,
    }
    return Loader(parts, readers=readers, **(options | changes))  # type: ignore[arg-type]


def tensors(pairs: Pairs) -> list[torch.Tensor]:
    truth = pairs.truth
    both = [truth.layer_id, truth.motions] if isinstance(truth, LayeredTruth) else [truth.flow, truth.valid]
    return [pairs.image1, pairs.image2, pairs.occ, *both]


Step = tuple[int, list[torch.Tensor]]


def steps_of(loader: Loader) -> list[Step]:
    """Everything that a loader gives, by step."""
    return [(step, [*tensors(pairs), drawn.values]) for step, pairs, drawn in loader]


def assert_same(ones: list[Step], others: list[Step]) -> None:
    assert [step for step, _ in ones] == [step for step, _ in others]
    for (_, one), (_, other) in zip(ones, others, strict=True):
        assert all(map(torch.equal, one, other))


@pytest.fixture(scope="module")
def alone(part: Part) -> list[Step]:
    """What one process reads by itself."""
    return steps_of(loader([part], NoWorkers()))


def test_a_step_is_the_pairs_that_its_order_names(folder: Path, part: Part, alone: list[Step]) -> None:
    dataset = open_dataset(folder)
    train = [index for index in range(COUNT) if index not in VAL]
    order = Order([part], batch_size=BATCH, seed=5).batches(range(STEPS))
    for picks, (step, (image1, image2, occ, layer_id, motions, drawn)) in zip(order, alone, strict=True):
        assert step == picks.step
        for row, (epoch, index) in enumerate(picks.pairs):
            sample = dataset[train[index]]
            np.testing.assert_array_equal(image1[row].permute(1, 2, 0), sample.image1)
            np.testing.assert_array_equal(image2[row].permute(1, 2, 0), sample.image2)
            np.testing.assert_array_equal(occ[row, 0], sample.occ_fw)
            np.testing.assert_array_equal(layer_id[row], sample.layer_id1)
            np.testing.assert_array_equal(motions[row, : len(sample.motions)], sample.motions)
            rng = np.random.Generator(PCG64(SeedSequence(5, spawn_key=(0, epoch, index))))
            assert drawn[row].tolist() == [0, *tiny.SIZE, step, rng.random()]


def test_other_processes_read_the_same(part: Part, readers: Workers, alone: list[Step]) -> None:
    assert_same(steps_of(loader([part], readers)), alone)


def test_training_goes_on_in_the_middle(part: Part, readers: Workers, alone: list[Step]) -> None:
    assert_same(steps_of(loader([part], readers, steps=range(3, STEPS))), alone[3:])


def test_one_process_reads_the_same_and_is_named_when_it_dies(part: Part, alone: list[Step]) -> None:
    before = children()
    with start_readers(1) as workers:
        assert_same(steps_of(loader([part], workers)), alone)
        deadly = [Part(source=tiny.Numbers(40, name="deadly", dies_at=33))]
        with pytest.raises(WorkerDied, match="reading deadly: a worker process died"):
            list(loader(deadly, workers, batch_size=16))
    assert children() <= before, "none is left"


def test_processes_that_train_together_share_every_batch(part: Part, alone: list[Step]) -> None:
    shares = [steps_of(loader([part], NoWorkers(), rank=rank, world=2)) for rank in range(2)]
    for (_, whole), *parts in zip(alone, *shares, strict=True):
        for tensor, *rows in zip(whole, *(part[1] for part in parts), strict=True):
            assert torch.equal(tensor[0::2], rows[0])
            assert torch.equal(tensor[1::2], rows[1])


def test_a_batch_that_cannot_be_shared_alike_is_refused(part: Part) -> None:
    with pytest.raises(InputError, match="--batch-size 10: must be a multiple of the 3 processes"):
        loader([part], NoWorkers(), world=3)


def test_a_step_without_data_is_refused_before_any_is_read(part: Part) -> None:
    with pytest.raises(InputError, match="no dataset at step 4"):
        loader([Part(source=part.source, stop=4)], NoWorkers())


def mixed(part: Part) -> list[Part]:
    """Sources of all forms: layers, vectors, another size, a size that is not known, no end."""
    return [
        part,
        Part(source=tiny.Numbers(9, size=(5, 4), dense=True), start=1),
        Part(source=tiny.Numbers(1, size=None), weight=0.5),
        Part(source=tiny.Endless(0)),
    ]


def test_a_mix_reads_the_same_in_other_processes(part: Part, readers: Workers) -> None:
    changes: dict[str, object] = {"steps": range(25), "seed": 1}
    ones = steps_of(loader(mixed(part), NoWorkers(), **changes))
    assert {int(step[-1][0, 0]) for _, step in ones} == {0, 1, 2, 3}
    assert_same(steps_of(loader(mixed(part), readers, **changes)), ones)
    assert_same(steps_of(loader(mixed(part), readers, **(changes | {"steps": range(9, 25)}))), ones[9:])


def test_batches_that_are_kept_stay_as_they_are(part: Part, readers: Workers) -> None:
    numbers = [Part(source=tiny.Endless(0))]
    kept = list(loader(numbers, readers, batch_size=2, steps=range(40)))
    for step, pairs, _ in kept:
        assert pairs.image1[:, 0, 0, 0].tolist() == [2 * step, 2 * step + 1]


def test_without_draws_there_are_none(part: Part) -> None:
    (_, pairs, drawn), *_ = loader([part], NoWorkers(), prepare=None, stack=None)
    assert drawn is None
    assert len(pairs) == BATCH


def test_waiting_is_measured(part: Part, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tiny.Numbers(4)
    read = source.read
    monkeypatch.setattr(source, "read", lambda index: (time.sleep(0.01), read(index))[1])
    slow = loader([Part(source=source)], NoWorkers(), batch_size=2, steps=range(4))
    began = time.perf_counter()
    for _ in slow:
        time.sleep(0.05)
    assert 0.08 <= slow.waited <= time.perf_counter() - began - 4 * 0.05


@pytest.mark.parametrize("count", [0, 2])
def test_validation_reads_all_in_order(folder: Path, readers: Workers, count: int) -> None:
    dataset, source = open_dataset(folder), open_validation(f"{folder}?split=all")
    who = readers if count else None
    for size, limit in ((4, None), (4, 6), (100, 100)):
        batches = list(ordered(source, size, CPU, limit=limit, readers=who))
        expected = min(limit or COUNT, COUNT)
        assert [len(batch) for batch in batches[:-1]] == [size] * (len(batches) - 1)
        assert sum(map(len, batches)) == expected
        flow = torch.cat([Batch.of(batch).flow for batch in batches])
        for index in range(expected):
            np.testing.assert_allclose(flow[index].permute(1, 2, 0), dataset[index].flow_fw, atol=1e-5)


def test_validation_in_the_midst_of_training(
    part: Part, folder: Path, readers: Workers, alone: list[Step]
) -> None:
    source, steps = open_validation(str(folder)), []
    for step, pairs, drawn in loader([part], readers):
        steps.append((step, [*tensors(pairs), drawn.values]))
        assert sum(map(len, ordered(source, 4, CPU, readers=readers))) == len(VAL)
    assert_same(steps, alone)


@pytest.mark.parametrize("dense", [False, True])
def test_frames_of_many_sizes_are_validated_one_by_one(readers: Workers, dense: bool) -> None:
    source = tiny.Numbers(5, size=None, dense=dense)
    batches = list(ordered(source, 8, CPU, readers=readers))
    assert [tuple(batch.image1.shape) for batch in batches] == [(1, 3, 2 + i % 2, 3) for i in range(5)]
    for index, batch in enumerate(batches):
        assert isinstance(batch.truth, DenseTruth if dense else LayeredTruth)
        assert (batch.image1 == index).all()
        assert not batch.occ.any()


def test_validation_on_an_endless_source_needs_a_limit() -> None:
    with pytest.raises(InputError, match="has no end"):
        list(ordered(tiny.Endless(0), 4, CPU))
    assert sum(map(len, ordered(tiny.Endless(0), 4, CPU, limit=6))) == 6


@pytest.mark.parametrize("count", [0, 2])
def test_frames_of_several_sizes_go_into_a_batch_unless_of_layers(readers: Workers, count: int) -> None:
    given = readers if count else NoWorkers()
    parts = [Part(source=tiny.Numbers(5, size=None, dense=True))]
    for _, pairs, _ in loader(parts, given):
        index = pairs.image1[:, 0, 0, 0].long()
        heights = 2 + index % 2
        assert pairs.image1.shape[-2:] == (heights.max(), 3)
        assert (pairs.image1 == index.view(-1, 1, 1, 1)).all()
        assert isinstance(pairs.truth, DenseTruth)
        assert torch.equal(pairs.truth.valid.sum((1, 2, 3)), 3 * heights)
    parts = [Part(source=tiny.Numbers(5, size=None, name="kitti"))]
    with pytest.raises(InputError, match=r"kitti: \d is \d x 3, others are \d x 3: take it out") as caught:
        list(loader(parts, given))
    assert "\n" not in str(caught.value)
    assert len(list(loader(parts, readers, batch_size=1))) == STEPS, "who reads goes on"


@pytest.mark.parametrize("count", [0, 2])
def test_a_damaged_shard_is_one_line(tmp_path: Path, readers: Workers, count: int) -> None:
    folder = tiny.dataset(tmp_path / "damaged", 8)
    part = open_training(str(folder))
    shard = folder / "shard-00001.h5"
    shard.write_bytes(shard.read_bytes()[:3000])
    with pytest.raises(InputError, match=r"shard-00001\.h5: damaged.*chairsgen verify") as caught:
        list(loader([part], readers if count else NoWorkers()))
    assert "\n" not in str(caught.value)


def test_a_layer_without_a_motion_is_damage(tmp_path: Path) -> None:
    folder = tiny.dataset(tmp_path / "layers", 2)
    source = open_validation(str(folder))
    with h5py.File(folder / "shard-00000.h5", "r+") as file:
        values = file["motions"][:, :3]
        del file["motions"]
        file["motions"] = values
    with pytest.raises(InputError, match="layer 4 of 3"):
        source.read(0)


def children() -> set[int]:
    """The processes below this one."""
    tasks = Path(f"/proc/{os.getpid()}/task").iterdir()
    return {int(child) for task in tasks for child in (task / "children").read_text().split()}


def test_leaving_in_the_middle_leaves_nothing(part: Part, readers: Workers, alone: list[Step]) -> None:
    gc.collect()
    shared, open_files = Path(readers._folder.name), len(os.listdir("/proc/self/fd"))  # type: ignore[attr-defined]
    files = sorted(shared.iterdir())
    for _ in range(3):
        for _step, _pairs, _drawn in loader([part], readers):
            break
    assert len(os.listdir("/proc/self/fd")) <= open_files + 1
    assert sorted(shared.iterdir()) == files
    assert_same(steps_of(loader([part], readers)), alone)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("count", [0, 2])
def test_batches_on_a_gpu_are_those_on_the_cpu(part: Part, readers: Workers, count: int) -> None:
    who, changes = readers if count else NoWorkers(), {"steps": range(40), "seed": 1}
    gpu, found = torch.device("cuda"), []
    for step, pairs, drawn in loader(mixed(part), who, device=gpu, **changes):
        assert {tensor.device.type for tensor in (*tensors(pairs), drawn.values)} == {"cuda"}
        busy = torch.ones(2000, 2000, device=gpu)
        for _ in range(20):
            busy = busy @ busy * 1e-4
        found.append((step, [*tensors(pairs.clone()), drawn.values.clone()]))
    on_cpu = [(step, [tensor.cpu() for tensor in tensors]) for step, tensors in found]
    assert_same(on_cpu, steps_of(loader(mixed(part), NoWorkers(), **changes)))


def test_a_source_is_pickled_without_its_open_files(part: Part) -> None:
    before = part.source.read(0)
    after = pickle.loads(pickle.dumps(part.source)).read(0)
    np.testing.assert_array_equal(before.image1, after.image1)
    assert (before.name, len(part.source)) == (after.name, COUNT - len(VAL))
