"""What axes explain: cases computed by hand, planted variances, and agreement with the table's verdicts."""

import csv
import io
import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.studies import importance as tables
from trainer.studies.answers import compare
from trainer.studies.importance import SEEDS, TOGETHER, Importance, importance

Errors = dict[str, dict[int, float]]
Levels = dict[str, dict[str, str]]


def grid(**axes: list[float]) -> tuple[Levels, dict[str, float]]:
    """Every combination of values, and the sum of the effects given for them."""
    levels, sums = {}, {}
    for picked in itertools.product(*(enumerate(effects) for effects in axes.values())):
        name = " ".join(str(place) for place, _ in picked)
        levels[name] = {axis: f"v{place}" for axis, (place, _) in zip(axes, picked, strict=True)}
        sums[name] = 5.0 + sum(effect for _, effect in picked)
    return levels, sums


def drawn(sums: dict[str, float], noise: float, seeds: int, rng: np.random.Generator) -> Errors:
    """Errors around sums, with a part that all runs of a seed share."""
    common = rng.standard_normal(seeds)
    return {
        case: {seed: value + noise * (common[seed] + rng.standard_normal()) for seed in range(seeds)}
        for case, value in sums.items()
    }


def by_axis(found: list[Importance]) -> dict[str, Importance]:
    return {one.axis: one for one in found}


def test_by_hand() -> None:
    # Differences 2 - d and 2 + d: effects of 1 to each side, that scatter by d / 2.
    # Variance: 1 less 1 * MS / (2 * 2), with MS = 2 * 2 * (d / 2)^2 / 1 = d^2.
    d = 0.2
    levels = {"base": {"a": "x"}, "other": {"a": "y"}}
    found = by_axis(importance(levels, {"base": {0: 1.0, 1: 2.0}, "other": {0: 3.0 - d, 1: 4.0 + d}}, "here"))
    assert set(found) == {"a", SEEDS}
    variance = 1 - d**2 / 4
    # Within settings: 1 / 2 for the base, (1 + 2 d)^2 / 2 for the other.
    noise = (1 + (1 + 2 * d) ** 2) / 4
    assert found["a"].variance == pytest.approx(variance)
    assert found[SEEDS].variance == pytest.approx(noise)
    assert found["a"].share == pytest.approx(variance / (variance + noise))
    # F = 2 * 2 / d^2 = 100, below F(0.95; 1, 1) = 161.4.
    assert found["a"].beyond_noise is False
    closer = by_axis(importance(levels, {"base": {0: 1, 1: 2}, "other": {0: 3 - 0.1, 1: 4 + 0.1}}, "here"))
    assert closer["a"].beyond_noise is True


@given(st.integers(0, 1000), st.integers(2, 5), st.sampled_from([0.0, 0.3, 1.0]))
def test_of_two_values_the_verdict_is_that_of_the_paired_difference(
    seed: int, seeds: int, effect: float
) -> None:
    rng = np.random.default_rng(seed)
    levels = {"base": {"a": "0", "b": "0"}, "a1": {"a": "1", "b": "0"}, "b1": {"a": "0", "b": "1"}}
    errors = drawn({"base": 5.0, "a1": 5.0 + effect, "b1": 5.0}, 0.2, seeds, rng)
    found = by_axis(importance(levels, errors, "here"))
    for axis in "ab":
        difference = compare(errors[f"{axis}1"], errors["base"])
        assert difference is not None
        assert found[axis].beyond_noise is difference.beyond_noise


@given(st.integers(0, 1000))
def test_shares_are_of_all_and_do_not_depend_on_order_or_unit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    levels, sums = grid(a=[0.0, 1.0, 0.3], b=[0.0, 0.2])
    errors = drawn(sums, 0.2, 3, rng)
    first = by_axis(importance(levels, errors, "here"))
    assert sum(one.share for one in first.values()) == pytest.approx(1)
    turned = {case: {seed: 10 * error for seed, error in errors[case].items()} for case in reversed(levels)}
    second = by_axis(importance(dict(reversed(levels.items())), turned, "here"))
    for axis, one in first.items():
        assert second[axis].share == pytest.approx(one.share)
        assert second[axis].share_error == pytest.approx(one.share_error)
        assert second[axis].spread == pytest.approx(10 * one.spread)


def test_planted_variances_come_back_within_their_errors() -> None:
    rng = np.random.default_rng(6)
    levels, sums = grid(a=[0.0, 0.5, 1.0], b=[0.0, 0.3], c=[0.0, 0.0])
    # What neither alone explains: 0.2 up where both are the same, else down.
    for case, level in levels.items():
        sums[case] += 0.2 if level["b"] == level["c"] else -0.2
    truth = {"a": 1 / 6, "b": 0.15**2, "c": 0.0, TOGETHER: 0.2**2, SEEDS: 2 * 0.1**2}
    runs = [by_axis(importance(levels, drawn(sums, 0.1, 3, rng), "here")) for _ in range(400)]
    for axis, variance in truth.items():
        found = np.array([run[axis].variance for run in runs])
        assert np.mean(found) == pytest.approx(variance, rel=0.1, abs=5e-4)
        if variance and axis != SEEDS:
            # The errors that are stated are those that are made.
            stated = np.mean([run[axis].variance_error ** 2 for run in runs])
            assert stated == pytest.approx(np.var(found), rel=0.3)


def test_of_twenty_axes_that_do_nothing_one_seems_to() -> None:
    rng = np.random.default_rng(7)
    levels, sums = grid(a=[0.0, 0.0, 0.0], b=[0.0, 1.0])
    wrong = together = 0
    for _ in range(1000):
        found = by_axis(importance(levels, drawn(sums, 0.3, 3, rng), "here"))
        wrong += bool(found["a"].beyond_noise)
        together += bool(found[TOGETHER].beyond_noise)
    # Binomial: 50, with a deviation of 7.
    assert 25 < wrong < 75
    assert 25 < together < 75


def test_an_axis_that_changes_nothing_at_all_explains_nothing() -> None:
    levels, sums = grid(a=[0.0, 1.0], name=[0.0, 0.0])
    rng = np.random.default_rng(8)
    errors = drawn(sums, 0.1, 3, rng)
    for case, level in levels.items():
        if level["name"] == "v1":
            errors[case] = errors[next(other for other in levels if levels[other] == level | {"name": "v0"})]
    found = by_axis(importance(levels, errors, "here"))
    assert (found["name"].share, found["name"].beyond_noise) == (0, False)
    # Nor does one of a single value.
    single = {case: level | {"name": "v0"} for case, level in levels.items() if level["name"] == "v0"}
    found = by_axis(importance(single, errors, "here"))
    assert (found["name"].share, found["name"].beyond_noise) == (0, False)
    assert found["a"].beyond_noise is True


def test_it_is_told_only_of_what_can_be_told() -> None:
    levels, sums = grid(a=[0.0, 1.0], b=[0.0, 0.2])
    errors = drawn(sums, 0.1, 3, np.random.default_rng(9))
    one_seed = {case: {0: by_seed[0]} for case, by_seed in errors.items()}
    assert importance(levels, one_seed, "here") == []
    assert importance(levels, {}, "here") == []
    # Two settings of two axes: which of both made the difference?
    assert importance({case: levels[case] for case in ("0 0", "1 1")}, errors, "here") == []
    # A setting that failed is left out, and a seed that one lacks.
    whole = importance(levels, errors | {"1 1": {}}, "here")
    assert {one.axis for one in whole} == {"a", "b", SEEDS}
    without = {case: {seed: by_seed[seed] for seed in (0, 1)} for case, by_seed in errors.items()}
    assert importance(levels, errors | {"0 1": without["0 1"]}, "here") == importance(levels, without, "here")


def test_all_formats_say_the_same_with_the_digits_that_seeds_support() -> None:
    levels, sums = grid(**{"a | b": [0.0, 1.0], "c": [0.0, 0.0]})
    found = importance(levels, drawn(sums, 0.2, 3, np.random.default_rng(1)), "here")
    text, mark = tables.as_text(found, "grid"), tables.as_markdown(found, "grid")
    plain = json.loads(tables.as_json(found))
    rows = list(csv.DictReader(io.StringIO(tables.as_csv(found))))
    assert [one["axis"] for one in plain] == [row["axis"] for row in rows] == [one.axis for one in found]
    assert [one.axis for one in found] == ["a | b", "c", TOGETHER, SEEDS]
    for one, said, line in zip(found, plain, rows, strict=True):
        cells = tables.row(one)
        assert cells["share"] == f"{100 * said['share']:.0f} ± {100 * said['share_error']:.0f} %"
        assert said["share_error"] >= one.share_error
        assert float(line["spread, px"]) == float(cells["spread, px"]) == said["spread_px"]
        for cell in cells.values():
            assert cell in text
            assert cell.replace("|", r"\|") in mark
    assert "together was not tried" not in text
    assert "together was not tried" in tables.as_text(found, "one-at-a-time")
    assert "two seeds" in tables.as_text([], "grid")
