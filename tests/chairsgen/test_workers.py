"""Laws of workers: how work is shared out among them."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chairsgen.errors import InputError
from chairsgen.workers import light_workers, pieces


@given(st.integers(0, 50), st.integers(1, 60))
def test_pieces_are_whole_and_make_up_all(count: int, size: int) -> None:
    made = pieces(range(count), size)
    assert [item for piece in made for item in piece] == list(range(count))
    assert all(len(piece) == size for piece in made[:-1])
    assert all(1 <= len(piece) <= size for piece in made[-1:])


def _process(base: int, item: int) -> tuple[int, int]:
    return os.getpid(), base + item


@pytest.mark.parametrize(
    ("count", "calls", "here"), [(1, 3, True), (2, 1, True), (None, 0, True), (2, 3, False)]
)
def test_light_work_is_shared_out_only_where_that_helps(count: int | None, calls: int, here: bool) -> None:
    with light_workers(count, calls) as pool:
        done = list(pool.map(_process, pool.share(10), range(calls)))
    assert [value for _, value in done] == list(range(10, 10 + calls))
    assert all((process == os.getpid()) == here for process, _ in done)


@pytest.mark.parametrize("calls", [0, 5])
def test_no_workers_at_all_are_refused(calls: int) -> None:
    with pytest.raises(InputError, match="--workers 0: must be at least 1"):
        light_workers(0, calls)
