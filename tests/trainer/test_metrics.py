"""Metrics: by hand, beside a plain reference, and whatever the batches are."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from trainer.batch import Batch
from trainer.metrics import ERRORS, REGIONS, Measures, Metrics, Result


def batch_of(flow: Tensor, valid: Tensor | None = None, occ: Tensor | None = None) -> Batch:
    """Truth without images."""
    shape = (len(flow), 1, *flow.shape[-2:])
    valid = torch.ones(shape, dtype=torch.bool) if valid is None else valid
    occ = torch.zeros(shape, dtype=torch.bool) if occ is None else occ
    images = torch.zeros(len(flow), 3, *flow.shape[-2:], dtype=torch.uint8)
    return Batch(image1=images, image2=images, flow=torch.where(valid, flow, 0.0), valid=valid, occ=occ)


def measure(flow: Tensor, truth: Batch) -> Result:
    """The result of one batch."""
    metrics = Metrics()
    metrics.add(flow, truth)
    return metrics.result()


def drawn(seed: int, batch: int = 3, height: int = 6, width: int = 9) -> tuple[Tensor, Batch]:
    """Flow and truth, with every region in it."""
    generator = torch.Generator().manual_seed(seed)
    truth = torch.randn(batch, 2, height, width, generator=generator) * torch.tensor(
        [3.0, 15.0, 50.0]
    ).repeat(batch)[:batch].view(-1, 1, 1, 1)
    flow = truth + 3 * torch.randn(truth.shape, generator=generator)
    valid, occ = (torch.rand(2, batch, 1, height, width, generator=generator) < 0.7).unbind(0)
    return flow, batch_of(truth, valid, ~occ)


# --- by hand


def test_what_is_not_finite_spoils_its_own_regions_alone() -> None:
    truth = torch.tensor([[[3.0, 20.0, 60.0]], [[4.0, 0.0, 0.0]]])[None]
    flow = truth + 1
    flow[0, 0, 0, 1] = math.inf
    result = measure(flow, batch_of(truth))
    assert math.isnan(result.epe)
    assert math.isnan(result.pixels["s10-40"].epe)
    assert result.pixels["s0-10"].epe == result.pixels["s40+"].epe == pytest.approx(math.sqrt(2))


def test_a_case_by_hand() -> None:
    # Lengths 5, 10, 40, 100 px; errors 0, 4, 3, 4.5 px, the last under 5 %.
    truth = torch.tensor([[[3.0, 6.0, 40.0, 100.0]], [[4.0, 8.0, 0.0, 0.0]]])[None]
    flow = torch.tensor([[[3.0, 6.0, 40.0, 100.0]], [[4.0, 12.0, 3.0, 4.5]]])[None]
    result = measure(flow, batch_of(truth))
    everything = result.pixels["all"]
    assert everything.pixels == 4
    assert everything.epe == result.epe == pytest.approx(11.5 / 4)
    assert (everything.over_1px, everything.over_3px, everything.over_5px) == (0.75, 0.5, 0.0)
    assert everything.fl == result.fl_all == 0.25
    slow, middle, fast = (result.pixels[name] for name in ("s0-10", "s10-40", "s40+"))
    assert (slow.pixels, middle.pixels, fast.pixels) == (1, 1, 2)
    assert (slow.epe, middle.epe, fast.epe) == pytest.approx((0.0, 4.0, 3.75))
    assert (slow.fl, middle.fl, fast.fl) == (0.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("flow", "truth", "degrees"),
    [
        ((0, 0), (0, 0), 0.0),
        ((1, 0), (0, 0), 45.0),
        ((1, 0), (0, 1), 60.0),
        ((0, 0), (3, 4), math.degrees(math.atan(5))),
        ((-1e6, 0), (1e6, 0), 180.0),
        ((5, 5), (5, 5 + 1e-4), math.degrees(1e-4 * math.sqrt(26) / 51)),
    ],
)
def test_angular_errors(flow: tuple[float, float], truth: tuple[float, float], degrees: float) -> None:
    fields = (torch.tensor(vector, dtype=torch.float64).view(1, 2, 1, 1) for vector in (flow, truth))
    flow_, truth_ = fields
    assert measure(flow_, batch_of(truth_)).pixels["all"].aae == pytest.approx(degrees, rel=1e-4)


def test_thresholds_are_exceeded_only_by_more() -> None:
    truth = torch.tensor([100.0, 100.0, 60.0, 1.0, 1.0, 1.0]).view(1, 1, 1, 6) * torch.tensor(
        [1.0, 0.0]
    ).view(1, 2, 1, 1)
    flow = truth + torch.tensor([5.0, 5.001, 3.0, 3.0, 1.0, 1.001]).view(1, 1, 1, 6) * torch.tensor(
        [0.0, 1.0]
    ).view(1, 2, 1, 1)
    everything = measure(flow, batch_of(truth)).pixels["all"]
    counts = [round(share * 6) for share in (everything.over_1px, everything.over_3px, everything.over_5px)]
    assert counts == [5, 2, 1]
    assert round(everything.fl * 6) == 1


def test_matched_is_what_frame_2_shows() -> None:
    # In a row of four: stays; covered; leaves the frame; unknown.
    truth = torch.tensor([[[1.0, 1.0, 2.0, 0.0]], [[0.0, 0.0, 0.0, 0.0]]])[None]
    flow = truth + torch.tensor([[[1.0, 2.0, 4.0, 100.0]], [[0.0] * 4]])
    valid, occ = (torch.tensor(row).view(1, 1, 1, 4) for row in ([1, 1, 1, 0], [0, 1, 0, 0]))
    result = measure(flow, batch_of(truth, valid.bool(), occ.bool()))
    matched, unmatched = result.pixels["matched"], result.pixels["unmatched"]
    assert (matched.pixels, unmatched.pixels, result.pixels["all"].pixels) == (1, 2, 3)
    assert (matched.epe, unmatched.epe) == pytest.approx((1.0, 3.0))


def test_means_over_pixels_and_over_images_differ() -> None:
    flow = torch.zeros(2, 2, 1, 4)
    flow[0, 0], flow[1, 0] = 1.0, 3.0
    valid = torch.ones(2, 1, 1, 4, dtype=torch.bool)
    valid[1, ..., 1:] = False
    result = measure(flow, batch_of(torch.zeros_like(flow), valid))
    assert result.pixels["all"].epe == pytest.approx((4 * 1 + 3) / 5)
    assert result.images["all"].epe == pytest.approx((1 + 3) / 2)
    assert result.num_images == {"all": 2, "s0-10": 2, "s10-40": 0, "s40+": 0, "matched": 2, "unmatched": 0}


def test_a_region_without_pixels_has_no_mean() -> None:
    flow = torch.zeros(1, 2, 2, 2)
    result = measure(flow, batch_of(flow, torch.zeros(1, 1, 2, 2, dtype=torch.bool)))
    assert math.isnan(result.epe)
    assert all(measures.pixels == 0 and math.isnan(measures.fl) for measures in result.images.values())
    assert not any(result.num_images.values())


def test_flow_that_is_no_number_is_not_forgiven() -> None:
    truth = torch.zeros(1, 2, 1, 4)
    flow = torch.tensor([math.nan, math.inf, 0.0, math.nan]).expand(1, 2, 1, 4)
    valid = torch.tensor([True, True, True, False]).view(1, 1, 1, 4)
    everything = measure(flow, batch_of(truth, valid)).pixels["all"]
    assert not math.isfinite(everything.epe)
    assert everything.fl == everything.over_5px == pytest.approx(2 / 3)


# --- beside a plain reference


def reference(flow: np.ndarray, truth: np.ndarray, where: np.ndarray) -> dict[str, float]:
    """The measures of one region, pixel by pixel."""
    rows = []
    for (u, v), (a, b), counts in zip(flow.tolist(), truth.tolist(), where.tolist(), strict=True):
        if counts:
            epe, length = math.hypot(u - a, v - b), math.hypot(a, b)
            cosine = (u * a + v * b + 1) / math.sqrt((u * u + v * v + 1) * (a * a + b * b + 1))
            angle = math.degrees(math.acos(min(1.0, cosine)))
            rows.append((epe, angle, epe > 1, epe > 3, epe > 5, epe > 3 and epe / length > 0.05))
    means = np.mean(np.array(rows, float), axis=0) if rows else [math.nan] * len(ERRORS)
    return dict(zip(ERRORS, means, strict=True)) | {"pixels": len(rows)}


def assert_close(measures: Measures, expected: dict[str, float]) -> None:
    """Equal up to rounding."""
    for name, value in expected.items():
        assert getattr(measures, name) == pytest.approx(value, rel=1e-9, abs=1e-6, nan_ok=True), name


@given(seed=st.integers(0, 10**6))
def test_all_measures_are_those_of_a_plain_loop(seed: int) -> None:
    flow, batch = drawn(seed)
    result = measure(flow, batch)
    vectors, truth = (
        field.permute(0, 2, 3, 1).double().reshape(-1, 2).numpy() for field in (flow, batch.flow)
    )
    speed = np.hypot(*truth.T)
    valid, matched = (mask.flatten().numpy() for mask in (batch.valid, batch.matched))
    regions = (speed >= 0, speed < 10, (speed >= 10) & (speed < 40), speed >= 40, matched, ~matched)
    image = np.repeat(np.arange(len(flow)), flow[0, 0].numel())
    for name, region in zip(REGIONS, regions, strict=True):
        assert_close(result.pixels[name], reference(vectors, truth, valid & region))
        alone = [reference(vectors, truth, valid & region & (image == i)) for i in range(len(flow))]
        alone = [measures for measures in alone if measures["pixels"]]
        assert result.num_images[name] == len(alone)
        for error in ERRORS:
            mean = np.mean([measures[error] for measures in alone]) if alone else math.nan
            value = getattr(result.images[name], error)
            assert value == pytest.approx(mean, rel=1e-9, abs=1e-6, nan_ok=True)


# --- however pairs are put together


def rows(batch: Batch, first: int, end: int) -> Batch:
    """Some pairs of a batch."""
    return batch_of(batch.flow[first:end], batch.valid[first:end], batch.occ[first:end])


@given(seed=st.integers(0, 10**6), cut=st.integers(0, 6))
def test_batches_may_be_cut_anywhere(seed: int, cut: int) -> None:
    flow, batch = drawn(seed, batch=6)
    parts = Metrics()
    for first, end in ((0, cut), (cut, 6)):
        parts.add(flow[first:end], rows(batch, first, end))
    assert_same(parts.result(), measure(flow, batch))


def assert_same(result: Result, expected: Result) -> None:
    """Equal but for the last bits, nan being nan."""
    for part in ("pixels", "images"):
        for name in REGIONS:
            assert_close(getattr(result, part)[name], vars(getattr(expected, part)[name]))
    assert result.num_images == expected.num_images
