"""Statistics of studies: cases computed by hand, and the laws of intervals."""

import csv
import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.studies import answers as tables
from trainer.studies.answers import answers, compare, decimals, rounded


def test_paired_by_hand() -> None:
    # Differences 1, 2 and 3: mean 2, deviation 1, error 1 / sqrt(3); t(0.975, 2) = 4.302653.
    difference = compare({0: 11, 1: 22, 2: 33}, {0: 10, 1: 20, 2: 30})
    assert difference is not None
    assert difference.mean == 2
    assert difference.error == pytest.approx(3**-0.5)
    assert difference.half == pytest.approx(4.302653 / 3**0.5, rel=1e-6)
    assert difference.beyond_noise is False
    closer = compare({0: 11.9, 1: 22, 2: 32.1}, {0: 10, 1: 20, 2: 30})
    assert closer is not None
    assert closer.beyond_noise is True


def test_unpaired_by_hand() -> None:
    # Welch: variances 1 and 4 of three each: error sqrt(1/3 + 4/3), freedom (5/3)^2 / (1/18 + 16/18) = 2.941.
    difference = compare({0: 4, 1: 5, 2: 6}, {7: 0, 8: 2, 9: 4})
    assert difference is not None
    assert difference.mean == 3
    assert difference.error == pytest.approx((5 / 3) ** 0.5)
    # t(0.975, 2.941) lies between those of 2 and 3, 4.303 and 3.182.
    assert 3.182 < (difference.half or 0) / (5 / 3) ** 0.5 < 4.303


def test_one_seed_has_no_verdict() -> None:
    difference = compare({0: 3.0}, {0: 1.0})
    assert difference is not None
    assert (difference.mean, difference.half, difference.beyond_noise) == (2.0, None, None)
    assert compare({}, {0: 1.0}) is None
    assert compare({0: 1.0}, {}) is None


def test_what_is_the_same_for_every_seed_is_not_beyond_the_noise() -> None:
    difference = compare({0: 1.0, 1: 2.0}, {0: 1.0, 1: 2.0})
    assert difference is not None
    assert (difference.mean, difference.half, difference.beyond_noise) == (0.0, 0.0, False)


@pytest.mark.parametrize("paired", [True, False])
def test_of_twenty_differences_that_are_none_one_seems_to_be(paired: bool) -> None:
    rng = np.random.default_rng(4)
    wrong = 0
    for _ in range(1000):
        common = 10 * rng.standard_normal(4) if paired else np.zeros(4)
        first, second = (dict(enumerate((common + rng.standard_normal(4)).tolist())) for _ in range(2))
        if not paired:
            second = {seed + 10: error for seed, error in second.items()}
        difference = compare(first, second)
        assert difference is not None
        wrong += bool(difference.beyond_noise)
    # Binomial: 50, with a deviation of 7.
    assert 25 < wrong < 75


def test_a_true_difference_is_found() -> None:
    rng = np.random.default_rng(5)
    found = 0
    for _ in range(200):
        common = 10 * rng.standard_normal(5)
        base, other = common + 0.1 * rng.standard_normal(5), common + 1 + 0.1 * rng.standard_normal(5)
        difference = compare(dict(enumerate(other.tolist())), dict(enumerate(base.tolist())))
        assert difference is not None
        found += bool(difference.beyond_noise)
    assert found == 200


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (2.34567, 0.0321, "2.35"),
        (2.34567, 0.3, "2.3"),
        (2.34567, 3.0, "2"),
        (123.4, 20.0, "123"),
        (0.0123456, 0.00041, "0.0123"),
        (2.34567, None, "2.3"),
        (12.34567, None, "12"),
        (0.0, None, "0"),
    ],
)
def test_digits_end_where_the_error_begins(value: float, error: float | None, text: str) -> None:
    assert rounded(value, error) == text


@given(st.floats(1e-5, 1e3), st.floats(1e-5, 10))
def test_rounding_costs_less_than_the_error(value: float, error: float) -> None:
    places = decimals(error, value)
    assert abs(round(value, places) - value) <= max(0.5 * 10**-places, 1e-6)
    # The last digit is no finer than a tenth of the error, and no coarser than the error (above 1 px: than 1).
    assert 0.1 * error < 10**-places <= max(error, 1.0) * (1 + 1e-9) or places == tables.MOST_DECIMALS


ERRORS = {
    ("base", "here"): {0: 2.0, 1: 2.1, 2: 2.2},
    ("a | b", "here"): {0: 3.02, 1: 3.1, 2: 3.21},
    ("broken", "here"): {},
}


def test_all_formats_say_the_same() -> None:
    found = answers(["base", "a | b", "broken"], ["here"], ERRORS)
    text, mark, plain = tables.as_text(found), tables.as_markdown(found), json.loads(tables.as_json(found))
    rows = list(csv.DictReader(io.StringIO(tables.as_csv(found))))
    assert [row["setting"] for row in rows] == ["base", "a | b", "broken"]
    assert [row["EPE, px"] for row in rows] == ["2.10", "3.11", "failed"]
    assert [row["beyond noise"] for row in rows] == ["", "yes", ""]
    assert plain[1]["mean"] == 3.11
    assert plain[1]["errors"] == {"0": 3.02, "1": 3.1, "2": 3.21}
    assert plain[1]["beyond_noise"] is True
    for cell in ("2.10", "3.11", "failed", "+1.010"):
        assert cell in text
        assert cell in mark
    assert r"a \| b" in mark
    lines = mark.splitlines()
    assert len({line.replace(r"\|", "").count("|") for line in lines if line.startswith("|")}) == 1
    assert "of 1 comparisons" in text
