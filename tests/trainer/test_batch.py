"""Laws of batches, and of the flow that layered truth makes."""

from dataclasses import dataclass

import made
import numpy as np
import pytest
import tiny
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from chairsgen import geometry
from trainer.augment import PRESETS, augment, draw, stack
from trainer.batch import Batch, DenseTruth, LayeredTruth, Pairs, Transport
from trainer.data.slots import collate
from trainer.data.source import Layers, Pair, Vectors
from trainer.ops import layered_flow

SEEDS = st.integers(0, 2**32 - 1)


def layered(seed: int, size: tuple[int, int], layers: int = 5) -> tuple[Tensor, Tensor]:
    """Layer maps and strong motions about pivots anywhere, of two pairs."""
    rng = np.random.default_rng(seed)
    pivots = rng.uniform(-1.5, 2.5, (2, layers, 2)) * size[::-1]
    motions = [[made.similarity(rng, tuple(pivot), 4.0) for pivot in pair] for pair in pivots]
    layer_id = rng.integers(0, layers, (2, *size), dtype=np.uint8)
    return torch.from_numpy(layer_id), torch.from_numpy(np.array(motions))


def reference(layer_id: Tensor, motions: Tensor) -> Tensor:
    flows = [geometry.affine_flow(*pair) for pair in zip(layer_id.numpy(), motions.numpy(), strict=True)]
    return torch.from_numpy(np.stack(flows)).permute(0, 3, 1, 2)


@given(SEEDS, st.tuples(st.integers(1, 40), st.integers(1, 40)))
def test_flow_on_the_device_is_that_of_the_dataset(seed: int, size: tuple[int, int]) -> None:
    layer_id, motions = layered(seed, size)
    torch.testing.assert_close(
        layered_flow(layer_id, motions), reference(layer_id, motions), rtol=1e-6, atol=1e-6
    )


def test_flow_stays_exact_in_large_frames() -> None:
    layer_id, motions = layered(1, (1080, 1920))
    flow = layered_flow(layer_id, motions)
    assert flow.abs().max() > 500
    torch.testing.assert_close(flow, reference(layer_id, motions), rtol=1e-6, atol=1e-6)


def test_flow_is_made_alike_inside_autocast() -> None:
    layer_id, motions = layered(2, (8, 9))
    with torch.autocast("cpu", torch.bfloat16):
        flow = layered_flow(layer_id, motions)
    assert torch.equal(flow, layered_flow(layer_id, motions))


@pytest.mark.usefixtures("untyped")
def test_flow_is_one_graph_to_the_compiler() -> None:
    compiled = torch.compile(layered_flow, fullgraph=True, backend="aot_eager")
    for seed, size in ((3, (12, 16)), (4, (9, 7))):
        layer_id, motions = layered(seed, size)
        torch.testing.assert_close(compiled(layer_id, motions), layered_flow(layer_id, motions))


def test_a_batch_of_layered_pairs_has_the_samples_flow() -> None:
    samples = tiny.samples(3)
    pairs = [
        Pair(
            name="",
            image1=sample.image1,
            image2=sample.image2,
            truth=Layers(layer_id=sample.layer_id1, motions=sample.motions),
            occ=sample.occ_fw,
        )
        for sample in samples
    ]
    batch = Batch.of(collate(pairs, tiny.Numbers(3)))
    assert len(batch) == 3
    assert batch.valid.all()
    for row, sample in enumerate(samples):
        torch.testing.assert_close(
            batch.flow[row].permute(1, 2, 0), torch.from_numpy(sample.flow_fw), rtol=1e-6, atol=1e-6
        )
        np.testing.assert_array_equal(batch.image2[row].permute(1, 2, 0), sample.image2)
        np.testing.assert_array_equal(batch.occ[row, 0], sample.occ_fw)
        seen = ~(sample.occ_fw | sample.out_fw)
        assert (batch.matched[row, 0].numpy() <= seen).all()


def pairs(truth: LayeredTruth | DenseTruth) -> Pairs:
    image = torch.arange(2 * 3 * 2 * 2, dtype=torch.uint8).view(2, 3, 2, 2)
    return Pairs(image1=image, image2=image + 1, truth=truth, occ=torch.zeros(2, 1, 2, 2, dtype=torch.bool))


def test_unknown_flow_is_zero_whatever_stood_there() -> None:
    flow = torch.full((2, 2, 2, 2), torch.nan)
    flow[0, :, 1, 0] = torch.tensor([3.0, -4.0])
    valid = torch.zeros(2, 1, 2, 2, dtype=torch.bool)
    valid[0, 0, 1, 0] = True
    batch = Batch.of(pairs(DenseTruth(flow=flow, valid=valid)))
    assert batch.flow[0, :, 1, 0].tolist() == [3.0, -4.0]
    assert batch.flow.abs().sum() == 7
    assert torch.equal(batch.valid, valid)


def test_matched_is_known_uncovered_and_in_frame() -> None:
    flow = torch.zeros(1, 2, 1, 5)
    flow[0, 0] = torch.tensor([[1.0, 4.0, 0.0, 0.0, 0.0]])
    valid = torch.tensor([[[[True, True, False, True, True]]]])
    occ = torch.tensor([[[[False, False, False, True, False]]]])
    image = torch.zeros(1, 3, 1, 5)
    batch = Batch(image1=image, image2=image, flow=flow, valid=valid, occ=occ)
    assert batch.matched.tolist() == [[[[True, False, False, False, True]]]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Outer(Transport):
    inner: tiny.Drawn
    extra: Tensor | None
    kind: str


def test_what_travels_travels_whole() -> None:
    outer = Outer(inner=tiny.Drawn(values=torch.arange(4.0)), extra=None, kind="kind")
    away = outer.to(torch.device("meta"))
    assert away.inner.values.device.type == "meta"
    assert (away.extra, away.kind) == (None, "kind")
    assert outer.inner.values.device.type == "cpu"
    copy = outer.clone()
    outer.inner.values[0] = 7
    assert copy.inner.values.tolist() == [0, 1, 2, 3]


def test_pairs_keep_their_kind_of_truth() -> None:
    truth = LayeredTruth(
        layer_id=torch.zeros(2, 2, 2, dtype=torch.uint8),
        motions=torch.eye(3, dtype=torch.float64).expand(2, 4, 3, 3),
    )
    copy = pairs(truth).clone()
    assert isinstance(copy.truth, LayeredTruth)
    assert torch.equal(copy.truth.motions, truth.motions)
    assert copy.image1.data_ptr() != pairs(truth).image1.data_ptr()


@pytest.mark.parametrize("preset", PRESETS)
def test_frames_of_several_sizes_are_augmented_as_each_alone(preset: str) -> None:
    rng = np.random.default_rng(7)
    pairs, source = [], tiny.Numbers(0, size=None, dense=True)
    for size in ((41, 70), (37, 76), (44, 66)):
        image1, image2 = rng.integers(0, 256, (2, *size, 3), dtype=np.uint8)
        truth = Vectors(flow=rng.normal(0, 9, (*size, 2)).astype(np.float32), valid=rng.random(size) < 0.6)
        pairs.append(Pair(name="", image1=image1, image2=image2, truth=truth, occ=rng.random(size) < 0.3))
    for _ in range(20):
        drawn = [draw(PRESETS[preset], rng, pair.size, (24, 40), 1.0) for pair in pairs]
        together = augment(collate(pairs, source), stack(drawn), (24, 40))
        for row, (pair, one) in enumerate(zip(pairs, drawn, strict=True)):
            alone = augment(collate([pair], source), stack([one]), (24, 40))
            for name in ("image1", "image2", "flow", "valid", "occ"):
                torch.testing.assert_close(getattr(together, name)[row], getattr(alone, name)[0])
