"""Laws of the order: what a step sees is a function of seed, step, datasets and batch size."""

import itertools
import time

import numpy as np
import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st

from chairsgen.errors import InputError
from trainer.data import order as module
from trainer.data.order import Order, Part, Picks

LENGTHS = st.integers(1, 12)


def order(*parts: Part, batch_size: int = 3, seed: int = 0) -> Order:
    return Order(parts, batch_size=batch_size, seed=seed)


def part(count: int = 7, **options: float) -> Part:
    return Part(source=tiny.Numbers(count), **options)  # type: ignore[arg-type]


def seen(batches: list[Picks], source: int = 0) -> list[tuple[int, int]]:
    """(epoch, index) of all pairs of a source, in order."""
    return [pair for batch in batches if batch.source == source for pair in batch.pairs]


@given(LENGTHS, st.integers(1, 30), st.integers(0, 2**40))
def test_every_epoch_is_a_permutation(length: int, batch_size: int, seed: int) -> None:
    pairs = seen(list(order(part(length), batch_size=batch_size, seed=seed).batches(range(3 * length))))
    assert len(pairs) == 3 * length * batch_size
    for epoch in range(len(pairs) // length):
        block = pairs[epoch * length : (epoch + 1) * length]
        assert block == [(epoch, index) for _, index in block]
        assert sorted(index for _, index in block) == list(range(length))


def test_epochs_sources_and_seeds_have_orders_of_their_own() -> None:
    one = [index for _, index in seen(list(order(part(50), batch_size=50).batches(range(2))))]
    two = [index for _, index in seen(list(order(part(50), batch_size=50, seed=1).batches(range(1))))]
    mix = list(order(part(50, stop=1), part(50, start=1), batch_size=50).batches(range(2)))
    orders = [one[:50], one[50:], two, [index for _, index in seen(mix, 1)], list(range(50))]
    assert all(a != b for a, b in itertools.combinations(orders, 2))
    assert [index for _, index in seen(mix, 0)] == one[:50]


@given(st.data())
def test_going_on_in_the_middle_is_going_on(data: st.DataObject) -> None:
    parts = [
        part(data.draw(LENGTHS), weight=data.draw(st.sampled_from((1.0, 0.3, 5.0))), start=start, stop=stop)
        for start, stop in ((0, None), (5, 40), (33, None), (0, 20))
    ]
    seed, batch_size = data.draw(st.integers(0, 99)), data.draw(st.integers(1, 5))
    middle = data.draw(st.integers(0, 90))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", 16)
        whole = list(order(*parts, batch_size=batch_size, seed=seed).batches(range(90)))
        rest = list(order(*parts, batch_size=batch_size, seed=seed).batches(range(middle, 90)))
    assert [batch.step for batch in whole] == list(range(90))
    assert rest == whole[middle:]


def test_going_on_after_many_steps_takes_no_time() -> None:
    start = time.process_time()
    late = order(part(22_000, weight=2), part(22_000), batch_size=8).batches(range(1_200_000, 1_200_001))
    ((epoch, _), *_) = next(late).pairs
    assert time.process_time() - start < 2
    assert epoch in (290, 291, 145, 146)


def test_every_pair_of_a_mix_comes_once_an_epoch() -> None:
    batches = list(order(part(5), part(7), batch_size=4, seed=3).batches(range(200)))
    for number, length in ((0, 5), (1, 7)):
        pairs = seen(batches, number)
        whole = len(pairs) // length * length
        assert sorted(pairs[:whole]) == [(e, i) for e in range(whole // length) for i in range(length)]


@pytest.mark.parametrize("weights", [(1.0, 1.0), (3.0, 1.0), (0.2, 0.3, 0.5), (1e-3, 2e-3)])
def test_batches_follow_the_weights(weights: tuple[float, ...]) -> None:
    steps = 5000
    parts = [part(weight=weight) for weight in weights]
    counts = np.bincount([batch.source for batch in order(*parts, batch_size=1).batches(range(steps))])
    share = np.array(weights) / sum(weights)
    assert (np.abs(counts - share * steps) < 4 * np.sqrt(steps * share * (1 - share))).all()


def test_stages_begin_and_end_at_their_steps() -> None:
    parts = [part(stop=10), part(start=10, stop=30), part(start=20)]
    sources = [batch.source for batch in order(*parts, batch_size=1).batches(range(60))]
    assert set(sources[:10]) == {0}
    assert set(sources[10:20]) == {1}
    assert set(sources[20:30]) == {1, 2}
    assert set(sources[30:]) == {2}


@pytest.mark.parametrize(
    ("parts", "steps", "at"),
    [
        ([part(start=5)], range(9), "step 0"),
        ([part(stop=5)], range(9), "step 5"),
        ([part(stop=1200), part(start=1300)], range(2000), "step 1,200"),
        ([part(stop=5)], range(7, 9), "step 7"),
    ],
)
def test_a_step_without_a_dataset_is_said_at_once(parts: list[Part], steps: range, at: str) -> None:
    with pytest.raises(InputError, match=f"no dataset at {at}.*from=.*numbers"):
        order(*parts).check(steps)


def test_steps_that_have_datasets_pass() -> None:
    for steps in (range(5), range(3, 5), range(0)):
        order(part(stop=5), part(start=9)).check(steps)
    order(part(stop=5), part(start=5)).check(range(10**9))


def test_an_endless_source_never_shows_a_pair_again() -> None:
    parts = [Part(source=tiny.Endless(0)), part(3)]
    pairs = seen(list(order(*parts, batch_size=4).batches(range(50))))
    assert pairs == [(0, index) for index in range(len(pairs))]
    assert len(pairs) > 50
