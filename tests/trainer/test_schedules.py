"""Each schedule at its milestones, for runs of any length."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.schedules import HALVINGS, ScheduleConfig, rate

PUBLISHED = {
    "s-short": (600_000, [(0, 1), (299_999, 1), (300_000, 1 / 2), (400_000, 1 / 4), (500_000, 1 / 8)]),
    "s-long": (
        1_200_000,
        [(0, 1), (399_999, 1), (400_000, 1 / 2), (600_000, 1 / 4), (800_000, 1 / 8), (1_000_000, 1 / 16)],
    ),
    "s-fine": (
        600_000,
        [(0, 1), (199_999, 1), (200_000, 1 / 2), (300_000, 1 / 4), (400_000, 1 / 8), (500_000, 1 / 16)],
    ),
    "spynet": (200_000, [(0, 1), (159_999, 1), (160_000, 1 / 2), (199_999, 1 / 2)]),
    "constant": (10, [(0, 1), (9, 1)]),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_halved_at_the_published_steps(name: str) -> None:
    steps, milestones = PUBLISHED[name]
    for step, factor in milestones:
        assert rate(ScheduleConfig(name=name), step, steps) == factor


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_shorter_run_goes_through_the_whole_schedule(name: str) -> None:
    steps, milestones = PUBLISHED[name]
    for step, factor in milestones:
        if step % 10 == 0:
            assert rate(ScheduleConfig(name=name), step // 10, steps // 10) == factor


def test_onecycle_rises_over_a_twentieth_and_falls_to_nothing() -> None:
    config = ScheduleConfig(name="onecycle")
    rates = [rate(config, step, 10_000) for step in range(10_000)]
    top = rates.index(max(rates))
    assert top in (499, 500)
    assert rates[top] == pytest.approx(1, abs=2e-3)
    assert rates[0] == pytest.approx(1 / 25, abs=2e-3)
    assert rates[250] == pytest.approx((1 + 1 / 25) / 2, abs=2e-3)
    assert rates[5_250] == pytest.approx(0.5, abs=1e-3)
    assert 0 < rates[-1] < 1e-3


@given(st.sampled_from([*HALVINGS, "onecycle"]), st.integers(1, 3000), st.floats(0, 1))
def test_rates_lie_above_nothing_and_up_to_one(name: str, steps: int, warmup: float) -> None:
    config = ScheduleConfig(name=name, warmup=warmup)
    assert all(0 < rate(config, step, steps) <= 1 for step in range(0, steps, 1 + steps // 50))


def test_a_warmup_rises_evenly_and_then_is_over() -> None:
    config = ScheduleConfig(name="constant", warmup=0.1)
    rates = [rate(config, step, 1000) for step in range(1000)]
    assert rates[:4] == pytest.approx([0.01, 0.02, 0.03, 0.04])
    assert rates[99:] == [1.0] * 901
