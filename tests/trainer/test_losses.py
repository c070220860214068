"""Losses against sums done by hand, in NumPy, pixel by pixel."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from chairsgen.errors import InputError
from trainer.batch import Batch
from trainer.losses import LossConfig, end_point_error, flow_loss

WEIGHTS = (0.005, 0.01, 0.02, 0.08, 0.32)


def _batch(seed: int, size: tuple[int, int], count: int = 2) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    shape = (count, 1, *size)
    flow = 6 * torch.randn(count, 2, *size, generator=generator)
    valid = torch.rand(shape, generator=generator) < 0.8
    images = torch.rand(2, count, 3, *size, generator=generator)
    return Batch(
        image1=images[0],
        image2=images[1],
        flow=torch.where(valid, flow, 0.0),
        valid=valid,
        occ=torch.rand(shape, generator=generator) < 0.2,
    )


def _pyramid(seed: int, size: tuple[int, int], scales: tuple[int, ...], count: int = 2) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed + 1)
    return [
        6 * torch.randn(count, 2, *(-(-side // scale) for side in size), generator=generator)
        for scale in scales
    ]


def _by_hand(
    flows: list[Tensor], scales: tuple[int, ...], batch: Batch, config: LossConfig, units: tuple[float, ...]
) -> float:
    """The definition, one vector after the other, in float64."""
    known = (batch.matched if config.matched else batch.valid).numpy()[:, 0]
    truth = batch.flow.numpy().astype(np.float64)
    losses = []
    for n in range(len(batch)):
        loss = 0.0
        for flow, scale, unit, weight in zip(flows, scales, units, config.weights, strict=False):
            penalties = []
            for y in range(flow.shape[2]):
                for x in range(flow.shape[3]):
                    cell = np.s_[y * scale : (y + 1) * scale, x * scale : (x + 1) * scale]
                    inside = known[n][cell]
                    if not inside.any():
                        continue
                    mean = truth[n][(slice(None), *cell)][:, inside].mean(axis=1)
                    u, v = (flow[n, :, y, x].numpy().astype(np.float64) - mean) / unit
                    if config.penalty == "epe":
                        penalties.append(math.sqrt(u * u + v * v + config.epsilon))
                    else:
                        penalties.append((abs(u) + abs(v) + config.epsilon) ** config.exponent)
            level = sum(penalties) / (max(len(penalties), 1) if config.form == "mean" else 1)
            loss += (1.0 if config.levels == "finest" else weight) * level
        losses.append(loss)
    return sum(losses) / len(losses)


@given(
    st.integers(0, 999),
    st.sampled_from(["epe", "robust"]),
    st.sampled_from(["sum", "mean"]),
    st.booleans(),
    st.sampled_from([(32, 48), (30, 41)]),
)
def test_a_pyramid_of_five_levels(
    seed: int, penalty: str, form: str, matched: bool, size: tuple[int, int]
) -> None:
    # The first flow is the second, enlarged: it does not count.
    scales = (1, 4, 8, 16, 32, 64)
    batch, flows = _batch(seed, size), _pyramid(seed, size, scales)
    config = LossConfig(penalty=penalty, form=form, matched=matched)
    assert config.weights == WEIGHTS
    loss = flow_loss(flows, batch, config, finest=4, flow_unit=20.0)
    expected = _by_hand(flows[1:], scales[1:], batch, config, (20.0,) * 5)
    assert loss.dtype == torch.float32
    assert float(loss) == pytest.approx(expected, rel=1e-5)


@given(st.integers(0, 999), st.sampled_from([1, 2, 8]), st.booleans())
def test_the_finest_level_in_its_own_pixels(seed: int, finest: int, matched: bool) -> None:
    config = LossConfig(levels="finest", form="mean", epsilon=0.0, matched=matched)
    scales = (1, 2, 4, 8)
    batch, flows = _batch(seed, (24, 40)), _pyramid(seed, (24, 40), scales)
    i = scales.index(finest)
    expected = _by_hand(flows[i : i + 1], (finest,), batch, config, (float(finest),))
    assert float(flow_loss(flows, batch, config, finest=finest)) == pytest.approx(expected, rel=1e-5)


def test_one_pixel_off_by_known_vectors() -> None:
    # Off by (3, 4) px in units of 20 px, at every pixel of 8 x 8 cells of 1/4.
    still = _batch(0, (32, 32), count=1)
    truth = torch.tensor([1.0, -2.0]).view(1, 2, 1, 1).expand(1, 2, 32, 32)
    batch = Batch(
        image1=still.image1,
        image2=still.image2,
        flow=truth,
        valid=torch.ones_like(still.valid),
        occ=torch.zeros_like(still.occ),
    )
    flows = [truth[:, :, ::4, ::4] + torch.tensor([3.0, 4.0]).view(1, 2, 1, 1)]
    epe = flow_loss(flows, batch, LossConfig(), finest=4, flow_unit=20.0)
    assert float(epe) == pytest.approx(0.005 * 64 * math.sqrt(0.25**2 + 0.01))
    robust = flow_loss(flows, batch, LossConfig(penalty="robust"), finest=4, flow_unit=20.0)
    assert float(robust) == pytest.approx(0.005 * 64 * (0.35 + 0.01) ** 0.4)
    finest = LossConfig(levels="finest", form="mean", epsilon=0.0)
    assert float(flow_loss(flows, batch, finest, finest=4)) == pytest.approx(5 / 4)
    assert float(end_point_error(truth + 3, truth).mean()) == pytest.approx(3 * math.sqrt(2))


def test_sums_weigh_levels_as_means_do_4_2_1_1_1() -> None:
    # Each level off alike: a level has a quarter of the pixels of the one before.
    shares = [weight / 4**i for i, weight in enumerate(WEIGHTS)]
    assert [share / shares[-1] for share in shares] == pytest.approx([4, 2, 1, 1, 1])


def test_truth_gives_the_least_loss_and_no_gradient_that_is_not_finite() -> None:
    batch = _batch(3, (16, 16))
    for config in (LossConfig(levels="finest", epsilon=0.0), LossConfig(), LossConfig(penalty="robust")):
        flow = batch.flow.clone().requires_grad_()
        loss = flow_loss([flow], batch, config)
        loss.backward()
        assert flow.grad is not None
        assert not flow.grad.any()
        worse = flow_loss([batch.flow + 1], batch, config)
        assert float(loss.detach()) < float(worse)


def test_pixels_that_do_not_count_have_no_gradient() -> None:
    batch = _batch(5, (16, 24))
    for matched in (False, True):
        flow = torch.zeros_like(batch.flow, requires_grad=True)
        flow_loss([flow], batch, LossConfig(matched=matched)).backward()
        known = batch.matched if matched else batch.valid
        assert flow.grad is not None
        assert torch.equal(flow.grad.abs().sum(1, keepdim=True) > 0, known)
    assert (batch.matched & ~batch.valid).sum() == 0
    assert batch.matched.sum() < batch.valid.sum()


def test_a_pair_without_known_flow_costs_nothing() -> None:
    batch = _batch(1, (8, 8), count=1)
    unknown = Batch(
        image1=batch.image1,
        image2=batch.image2,
        flow=torch.zeros_like(batch.flow),
        valid=torch.zeros_like(batch.valid),
        occ=batch.occ,
    )
    for form in ("sum", "mean"):
        assert float(flow_loss([batch.flow], unknown, LossConfig(form=form))) == 0


def test_half_precision_is_summed_in_float32() -> None:
    batch, flows = _batch(0, (64, 64)), _pyramid(0, (64, 64), (4, 8))
    halves = [flow.bfloat16() for flow in flows]
    with torch.autocast("cpu", torch.bfloat16):
        loss = flow_loss(halves, batch, LossConfig())
    assert loss.dtype == torch.float32
    assert torch.equal(loss, flow_loss([half.float() for half in halves], batch, LossConfig()))


def test_more_levels_than_weights_are_named() -> None:
    batch, flows = _batch(0, (32, 32)), _pyramid(0, (32, 32), (1, 2, 4))
    with pytest.raises(InputError, match=r"loss\.weights has 2 values, the network's pyramid 3 levels"):
        flow_loss(flows, batch, LossConfig(weights=(0.5, 0.5)))


def test_a_robust_penalty_needs_a_slope_at_no_error() -> None:
    with pytest.raises(InputError, match="epsilon = 0: must be above 0 where penalty = robust"):
        LossConfig(penalty="robust", epsilon=0.0)
