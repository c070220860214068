"""Laws of configurations: dotted keys, checks that name the key, round trips."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chairsgen.config import Config, difference, nearest, param, read_toml
from chairsgen.errors import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inner(Config):
    low: float = param(1.0, "lower end", unit="px", low=0.0, high=10.0)
    high: float = param(2.0, "upper end", unit="px", low=0.0)

    def check(self) -> None:
        if self.low > self.high:
            raise InputError(f"low = {self.low} is above high = {self.high}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outer(Config):
    name: str = param("it", "what it is called")
    count: int = param(3, "how many", low=0)
    mode: str = param("reset", "what happens", choices=("reset", "clamp"))
    on: bool = param(True, "whether")
    inner: Inner = param(Inner(), "a part")
    weights: tuple[float, ...] = param((0.5, 2.0), "some numbers")


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
lows = st.floats(0, 10)


many = st.lists(lows, max_size=4).map(tuple)


@given(names, st.integers(0, 2**62), st.sampled_from(["reset", "clamp"]), st.booleans(), lows, lows, many)
def test_toml_round_trips_to_the_last_bit(
    name: str, count: int, mode: str, on: bool, a: float, b: float, weights: tuple[float, ...]
) -> None:
    inner = Inner(low=min(a, b), high=max(a, b))
    config = Outer(name=name, count=count, mode=mode, on=on, inner=inner, weights=weights)
    assert Outer.from_toml(config.to_toml()) == config
    assert Outer.from_dict(config.to_dict()) == config


def test_toml_says_units_meanings_and_choices() -> None:
    text = Outer().to_toml()
    assert "low = 1.0 # [px] lower end" in text
    assert "what happens: reset | clamp" in text
    assert "[inner] # a part" in text


@given(lows)
def test_an_override_changes_that_key_alone(low: float) -> None:
    changed = Outer(inner=Inner(high=10.0)).override([f"inner.low={low!r}"])
    assert changed == Outer(inner=Inner(low=low, high=10.0))


def test_later_overrides_win() -> None:
    assert Outer().override(["count=4", "count=5", "mode=clamp"]) == Outer(count=5, mode="clamp")


def test_a_bare_word_is_a_string_and_an_integer_serves_as_a_float() -> None:
    changed = Outer().override(["name=chairs", "inner.high = 7", "on=false"])
    assert changed == Outer(name="chairs", on=False, inner=Inner(high=7.0))
    assert isinstance(changed.inner.high, float)
    assert Outer().override(["weights=[3, 0.5]"]).weights == (3.0, 0.5)


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("cuont=4", ["'cuont'", "'count'"]),
        ("inner.lwo=4", ["'inner.lwo'", "'inner.low'"]),
        ("zzz=4", ["'zzz'", "name, count, mode, on, inner"]),
        ("count=four", ["count = 'four'", "int"]),
        ("weights=3", ["weights = 3", "list"]),
        ("weights=[1, 'x']", ["weights[1] = 'x'", "float"]),
        ("count=4.0", ["count = 4.0", "int"]),
        ("count=true", ["count = True", "int"]),
        ("on=1", ["on = 1", "bool"]),
        ("name=4", ["name = 4", "str"]),
        ("inner.low=true", ["inner.low = True", "float"]),
        ("inner.low=[1]", ["inner.low = [1]", "float"]),
        ("count=-1", ["count = -1", "at least 0"]),
        ("inner.low=11", ["inner.low = 11", "from 0.0 to 10.0"]),
        ("inner.high=-1", ["inner.high = -1", "at least 0.0"]),
        ("inner.high=nan", ["inner.high = nan", "finite"]),
        ("inner.low=inf", ["inner.low = inf"]),
        ("inner.high=inf", ["inner.high = inf", "finite"]),
        ("inner.low=3", ["inner.low = 3.0 is above high = 2.0"]),
        ("mode=wrap", ["mode = 'wrap'", "reset, clamp"]),
        ("inner=3", ["inner is a section", "low, high"]),
        ("count.more=3", ["count", "int"]),
        ("count", ["'count'", "KEY=VALUE"]),
        ("=4", ["'=4'", "KEY=VALUE"]),
        ("inner..low=4", ["'inner.'"]),
        pytest.param(f"inner.high=1{'0' * 400}", ["inner.high"], id="too large for a float"),
    ],
)
def test_a_wrong_assignment_is_named_in_one_line(assignment: str, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        Outer().override([assignment])
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


@pytest.mark.parametrize("order", [1, -1])
def test_several_values_are_checked_together(order: int) -> None:
    changed = Outer.from_dict({"inner": {"low": 8.0, "high": 9.0}})
    assert changed.inner == Inner(low=8.0, high=9.0)
    assert Outer().override(["inner.low=8", "inner.high=9"][::order]) == changed


def test_a_configuration_cannot_be_made_wrong() -> None:
    with pytest.raises(InputError):
        Inner(low=3.0)
    with pytest.raises(InputError):
        dataclasses.replace(Outer(), count=-1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Outer().count = 4  # type: ignore[misc]


def test_the_difference_names_what_changed() -> None:
    new = Outer(count=4, inner=Inner(high=5.0))
    assert list(difference(Outer(), new)) == [("count", 3, 4), ("inner.high", 2.0, 5.0)]
    assert not list(difference(new, new))


def test_the_nearest_name_is_offered_else_all() -> None:
    assert "'alpha'" in nearest("alhpa", ["alpha", "beta"])
    assert "alpha, beta" in nearest("zzz", ["alpha", "beta"])


@pytest.mark.parametrize("content", [b"a = ", b"= 3", b"a = 1\na = 2", b"\xff\xfe", b"[a\n"])
def test_a_file_that_is_not_toml_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "wrong.toml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"wrong\.toml: not valid TOML") as caught:
        read_toml(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.toml: cannot be read: No such file"):
        read_toml(tmp_path / "absent.toml")
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(InputError, match=r"folder\.toml: cannot be read"):
        read_toml(tmp_path / "folder.toml")
