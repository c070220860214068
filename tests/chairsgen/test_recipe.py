"""Laws of recipes: presets and files round-trip, mistakes are named, draws follow their distributions."""

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path

import made
import numpy as np
import pytest
from scipy import stats

from chairsgen.compose import compose
from chairsgen.config import Config, difference
from chairsgen.errors import InputError
from chairsgen.recipe import PRESETS, Recipe
from chairsgen.recipe.draws import (
    Amount,
    Change,
    Factor,
    Length,
    Motion,
    Rotation,
    Scale,
    Share,
    Shear,
    Translation,
)
from chairsgen.recipe.sections import Size
from chairsgen.scene import draw_scene

DRAWS = 8_000


@pytest.mark.parametrize("name", PRESETS)
def test_presets_round_trip_through_toml(name: str, tmp_path: Path) -> None:
    recipe = Recipe.load(name)
    assert recipe.name == name
    assert Recipe.from_toml(recipe.to_toml()) == recipe
    path = tmp_path / "printed.toml"
    path.write_text(recipe.to_toml(), encoding="utf-8")
    assert Recipe.load(path) == recipe


def test_a_file_states_what_differs_from_its_preset(tmp_path: Path) -> None:
    path = tmp_path / "slow.toml"
    path.write_text('preset = "flyingchairs"\n[chair.rotation]\nmax_deg = 3\n', encoding="utf-8")
    recipe = Recipe.load(path, ["chair.count_max=20", "chair.rotation.k=1"])
    changes = {key: new for key, _, new in difference(Recipe.load("flyingchairs"), recipe)}
    assert changes == {
        "name": "slow",
        "chair.rotation.max_deg": 3.0,
        "chair.rotation.k": 1.0,
        "chair.count_max": 20,
    }


def test_a_file_is_overridden_by_the_command_line_and_may_name_itself(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('name = "mine"\n[chair]\ncount_min = 3\ncount_max = 4\n', encoding="utf-8")
    recipe = Recipe.load(str(path), ["chair.count_min=2"])
    assert (recipe.name, recipe.chair.count_min, recipe.chair.count_max) == ("mine", 2, 4)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[chair]\ncuont_min = 3", ["'chair.cuont_min'", "'chair.count_min'"]),
        ("[chair.rotation]\nmax_deg = 'ten'", ["chair.rotation.max_deg = 'ten'", "float"]),
        ("[frame]\nheight = 8", ["frame.height = 8", "from 16 to"]),
        ("[chair.scale]\nmin = 3.0", ["chair.scale.min = 3.0 is above max = 1.2"]),
        ("[chair.size]\nmean_px = nan", ["chair.size.mean_px", "finite"]),
        ("chair = 3", ["chair is a section"]),
        ("preset = 'flyingchars'", ["'flyingchars'", "'flyingchairs'"]),
        ("[chair", ["not valid TOML"]),
        ("[background]\nplain = 0.7\ngradient = 0.4", ["background.plain = 0.7", "more than 1 together"]),
        ("[chair.shear]\nkind = 'uniforn'", ["chair.shear.kind = 'uniforn'", "normal, uniform"]),
        ("[photometric.exposure.change]\nmax = 0.9", ["photometric.exposure.change.max = 0.9", "from 1.0"]),
        ("[photometric.shutter]\nmax = 1.5", ["photometric.shutter.max = 1.5", "from 0.0 to 1.0"]),
        ("[photometric.blur]\nmin = 2.0", ["photometric.blur.min = 2.0 is above max = 1.5"]),
        ("[weather.fog.size]\nmin_px = 900.0", ["weather.fog.size.min_px = 900.0 is above max_px"]),
        ("[assets]\nobjects = 'boxen'", ["assets.objects = 'boxen'", "boxes"]),
    ],
)
def test_a_wrong_file_is_named_with_its_key(tmp_path: Path, content: str, words: list[str]) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        Recipe.load(path)
    message = str(caught.value)
    assert "\n" not in message
    for word in ["wrong.toml", *words]:
        assert word in message


def _numbers(config: Config, prefix: str = "") -> Iterator[str]:
    """The dotted keys of all real numbers."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if isinstance(value, Config):
            yield from _numbers(value, f"{prefix}{field.name}.")
        elif isinstance(value, float):
            yield prefix + field.name


CATALOGUE = made.catalogue()
SMALL = Recipe.load(
    "weather",
    [
        "frame.height=16",
        "frame.width=24",
        "chair.count_min=2",
        "chair.count_max=2",
        *(f"photometric.{name}.probability=1" for name in ("shutter", "blur", "read_noise", "shot_noise")),
    ],
)


@pytest.mark.parametrize("key", [*_numbers(Recipe())])
def test_whatever_number_is_taken_makes_a_sample(key: str) -> None:
    recipe = _with_largest(key)
    for index in range(3):
        compose(draw_scene(recipe, CATALOGUE, 0, index), made.load, index)


def _with_largest(key: str) -> Recipe:
    """The largest number that is taken: nearly that of all numbers, or the bound that the refusal names last."""
    value = "1e308"
    for _ in range(3):
        try:
            return SMALL.override([f"{key}={value}"])
        except InputError as error:
            value = str(error).split()[-1]
    raise AssertionError(f"{key} = {value} is refused")


def test_an_unknown_recipe_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match="'flyingchars': did you mean 'flyingchairs'"):
        Recipe.load("flyingchars")
    with pytest.raises(InputError, match=r"absent\.toml: cannot be read"):
        Recipe.load("absent.toml")


def test_the_default_recipe_states_the_published_parameters() -> None:
    """k, half range, norm and probability, as published; the range's middle is 0, for scales 1."""
    background, chair = PRESETS["flyingchairs"].background, PRESETS["flyingchairs"].chair
    for motion, expected in (
        (background.translation, (4, 40, 15, 1)),
        (background.rotation, (2, 10, 6, 0.3)),
        (background.scale, (2, 0.07, 6, 0.6)),
        (chair.translation, (3, 120, 10, 1)),
        (chair.rotation, (2, 30, 6, 0.7)),
        (chair.scale, (2, 0.2, 6, 0.7)),
    ):
        assert (motion.k, _half_range(motion), motion.norm, motion.probability) == pytest.approx(expected)
        assert motion.outside == "reset"
    assert (chair.count_min, chair.count_max) == (16, 23)
    assert (chair.placement.spread, chair.placement.margin_px) == (0.5, 50)
    assert (chair.size.mean_px, chair.size.std_px, chair.size.min_px, chair.size.max_px) == (
        200,
        200,
        50,
        640,
    )


def _half_range(motion: Motion) -> float:
    match motion:
        case Translation():
            return motion.range_px
        case Rotation():
            return motion.max_deg
        case Scale():
            return (motion.max - motion.min) / 2
        case Shear():
            return motion.max
        case Factor():
            return math.log(motion.max)
    raise AssertionError(motion)


MOTIONS = [
    Translation(range_px=40.0, k=4.0, norm=15.0),
    Translation(range_px=120.0, k=3.0, norm=10.0, outside="clamp"),
    Translation(range_px=8.0, k=1.0, norm=1.0, probability=0.5),
    Rotation(max_deg=30.0, k=2.0, norm=1.5, probability=0.7, outside="clamp"),
    Scale(min=0.9, max=1.3, k=2.0, norm=2.0, probability=0.6),
    Translation(kind="uniform", range_px=5.0, k=1.0, norm=1.0, probability=0.8),
    Scale(kind="uniform", min=0.9, max=1.3, k=3.0, norm=0.5),
    Shear(max=0.4, k=1.0, norm=2.0, outside="clamp"),
    Factor(kind="uniform", max=2.0, k=1.0, norm=1.0, probability=0.5),
    Factor(max=1.5, k=1.0, norm=3.0),
]


@pytest.mark.parametrize("motion", MOTIONS, ids=repr)
def test_motions_follow_the_stated_distribution(motion: Motion) -> None:
    """Against a simulation: middle + sign(x) |x|^k half / norm; out of range, the middle or the end."""
    rng = np.random.default_rng(0)
    draws = np.array([motion.draw(rng) for _ in range(DRAWS)])  # type: ignore[attr-defined]
    if isinstance(motion, Rotation):
        draws = np.degrees(draws)
    if isinstance(motion, Factor):
        draws = np.log(draws)
    middle = (motion.min + motion.max) / 2 if isinstance(motion, Scale) else 0.0
    half = _half_range(motion)

    normal, uniform = np.random.default_rng(1).standard_normal(10 * DRAWS), np.random.default_rng(1).uniform
    x = normal if motion.kind == "normal" else uniform(-1, 1, 10 * DRAWS)
    offset = np.sign(x) * np.abs(x) ** motion.k * half / motion.norm
    beyond = np.abs(offset) > half
    offset[beyond] = 0 if motion.outside == "reset" else np.sign(x[beyond]) * half
    offset[np.random.default_rng(2).random(len(x)) >= motion.probability] = 0

    assert np.abs(draws - middle).max() <= half + 1e-9
    for simulated, drawn in ((offset, draws - middle), (np.abs(offset), np.abs(draws - middle))):
        assert drawn.mean() == pytest.approx(simulated.mean(), abs=5 * simulated.std() / DRAWS**0.5)
    assert (draws == middle).mean() == pytest.approx((offset == 0).mean(), abs=0.025)
    at_the_end = np.abs(np.abs(draws - middle) - half) < 1e-9
    assert at_the_end.mean() == pytest.approx((np.abs(offset) == half).mean(), abs=0.025)
    moved = draws[(draws != middle) & ~at_the_end] - middle
    assert stats.kstest(moved, offset[(offset != 0) & (np.abs(offset) < half)]).pvalue > 1e-3


@pytest.mark.parametrize("motion", MOTIONS, ids=repr)
def test_every_draw_takes_the_same_numbers_whatever_comes_of_it(motion: Motion) -> None:
    _take_the_same_numbers(motion, dataclasses.replace(motion, probability=0.0, k=0.5, norm=3.0))
    _take_the_same_numbers(motion, dataclasses.replace(motion, kind="uniform"))


def _take_the_same_numbers(first: object, second: object) -> None:
    one, two = np.random.default_rng(4), np.random.default_rng(4)
    for _ in range(50):
        first.draw(one)  # type: ignore[attr-defined]
        second.draw(two)  # type: ignore[attr-defined]
    assert one.bit_generator.state == two.bit_generator.state


def test_amounts_are_uniform_where_there_is_any() -> None:
    rng = np.random.default_rng(0)
    for amount in (Amount(min=2.0, max=6.0, probability=0.3), Share(min=0.2, max=0.4)):
        draws = np.array([amount.draw(rng) for _ in range(DRAWS)])
        some = draws[draws > 0]
        assert len(some) / DRAWS == pytest.approx(amount.probability, abs=0.025)
        assert stats.kstest(some, stats.uniform(amount.min, amount.max - amount.min).cdf).pvalue > 1e-3
        _take_the_same_numbers(amount, dataclasses.replace(amount, probability=0.1, min=0.0))


def test_lengths_are_uniform() -> None:
    length, rng = Length(min_px=20.0, max_px=30.0), np.random.default_rng(0)
    draws = [length.draw(rng) for _ in range(DRAWS)]
    assert stats.kstest(draws, stats.uniform(20, 10).cdf).pvalue > 1e-3


def test_a_change_is_what_frames_share_and_what_tells_them_apart() -> None:
    part = Factor(kind="uniform", k=1.0, norm=1.0, max=1.0)
    change = Change(common=dataclasses.replace(part, max=3.0), change=dataclasses.replace(part, max=1.2))
    rng = np.random.default_rng(0)
    first, second = np.log([change.draw(rng) for _ in range(DRAWS)]).T
    for logarithms, largest in (((first + second) / 2, 3.0), (second - first, 1.2)):
        limit = math.log(largest)
        assert stats.kstest(logarithms, stats.uniform(-limit, 2 * limit).cdf).pvalue > 1e-3
    assert abs(stats.pearsonr(first + second, second - first).statistic) < 0.05
    _take_the_same_numbers(change, Change(common=part, change=dataclasses.replace(part, probability=0.0)))


def test_no_probability_is_no_motion_exactly() -> None:
    rng = np.random.default_rng(0)
    assert {Rotation(probability=0.0).draw(rng) for _ in range(20)} == {0.0}
    assert {Scale(min=0.8, max=1.2, probability=0.0).draw(rng) for _ in range(20)} == {1.0}


def test_sizes_are_normal_and_clamped() -> None:
    rng, size = np.random.default_rng(0), Size()
    draws = np.array([size.draw(rng) for _ in range(DRAWS)])
    normal = stats.norm(size.mean_px, size.std_px)
    assert (draws == size.min_px).mean() == pytest.approx(normal.cdf(size.min_px), abs=0.025)
    assert (draws == size.max_px).mean() == pytest.approx(normal.sf(size.max_px), abs=0.025)
    assert np.median(draws) == pytest.approx(size.mean_px, abs=12)
    inner = draws[(draws > size.min_px) & (draws < size.max_px)]
    a, b = ((end - size.mean_px) / size.std_px for end in (size.min_px, size.max_px))
    assert stats.kstest(inner, stats.truncnorm(a, b, size.mean_px, size.std_px).cdf).pvalue > 1e-3


def test_angles_are_degrees_in_recipes_and_radians_in_code() -> None:
    rng = np.random.default_rng(0)
    clamped = Rotation(max_deg=180.0, k=0.0, norm=1.0)
    assert {abs(clamped.draw(rng)) for _ in range(10)} == {math.pi}
