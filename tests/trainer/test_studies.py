"""Study files and what they plan: laws of enumeration, and mistakes in one line."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import studied
from hypothesis import given, settings
from hypothesis import strategies as st

from chairsgen.assets import asset_path
from chairsgen.errors import InputError
from trainer.studies.plan import BASE, VAL_NAME, Plan, enumerate_cases, levels, points
from trainer.studies.study import Axis, Study, Value, differences

KEYS = ("recipe.chair.rotation.max_deg", "recipe.chair.translation.range_px", "recipe.background.scale.k")
OFF_BASE = (11.0, 12.0, 13.0)
"""Values that none of the keys has by default."""


def study(sizes: list[int], mode: str = "grid", count: int = 20) -> Study:
    axes = tuple(
        Axis(
            name=key, values=tuple(Value(label=f"{value}", changes={key: value}) for value in OFF_BASE[:size])
        )
        for key, size in zip(KEYS, sizes, strict=False)
    )
    return Study(name="law", axes=axes).override([f"mode={mode}", f"count={count}"])


SIZES = st.lists(st.integers(1, len(OFF_BASE)), min_size=1, max_size=len(KEYS))


@settings(max_examples=10)
@given(SIZES)
def test_a_grid_is_every_combination_and_the_base(sizes: list[int]) -> None:
    cases = list(enumerate_cases(study(sizes)))
    assert len(cases) == math.prod(sizes) + 1
    assert cases[0].name == "base"
    assert len({case.setting.key for case in cases}) == len({case.name for case in cases}) == len(cases)


@settings(max_examples=10)
@given(SIZES)
def test_one_at_a_time_changes_one_axis(sizes: list[int]) -> None:
    cases = list(enumerate_cases(study(sizes, "one-at-a-time")))
    assert len(cases) == sum(sizes) + 1
    assert all(len(case.labels) == 1 for case in cases[1:])


@settings(max_examples=10)
@given(SIZES, st.integers(1, 30))
def test_random_draws_are_some_of_the_grid_and_always_the_same(sizes: list[int], count: int) -> None:
    grid = {case.name for case in enumerate_cases(study(sizes))}
    drawn = [case.name for case in enumerate_cases(study(sizes, "random", count))]
    assert drawn == [case.name for case in enumerate_cases(study(sizes, "random", count))]
    assert len(drawn) == min(count, math.prod(sizes)) + 1
    assert set(drawn) <= grid


def test_a_value_of_the_base_is_not_run_twice(tmp_path: Path) -> None:
    plan = Plan(study=Study.load(studied.write(tmp_path)), folder=tmp_path)
    names = [case.name for case in plan.cases]
    assert names == ["base", "train.options.offset = 3", "train.log_every = 2"]
    assert len(plan.runs) == len({run.name for run in plan.runs}) == 2 * len(names)
    assert [points(plan, axis) for axis in plan.study.axes[::2]] == [
        [("0", ["base"]), ("3", ["train.options.offset = 3"])],
        [("here", ["base"]), ("there", ["base"])],
    ]


@settings(max_examples=10)
@given(SIZES, st.booleans())
def test_every_setting_has_a_value_on_every_axis(sizes: list[int], alone: bool) -> None:
    asked = study(sizes, "one-at-a-time" if alone else "grid")
    plan = Plan(study=asked, folder=Path("nowhere"))
    found = levels(plan)
    # The base of a grid that holds it not has values of its own on all axes at once.
    assert list(found) == [case.name for case in plan.cases][not alone :]
    for case in plan.cases[1:]:
        assert found[case.name] == {axis.name: BASE for axis in asked.axes} | dict(case.labels)
    within = replace(
        asked,
        axes=tuple(
            replace(axis, values=(Value(label="as it is", changes={}), *axis.values)) for axis in asked.axes
        ),
    )
    assert levels(Plan(study=within, folder=Path("nowhere")))["base"] == dict.fromkeys(
        (axis.name for axis in asked.axes), "as it is"
    )


def test_runs_share_datasets_by_content(tmp_path: Path) -> None:
    axes = """
[axes.name]
other = { recipe.name = "other", train.steps = 3 }
[axes.pairs]
more = { data.pairs = 5, recipe.background.gradient = 0.5, recipe.background.plain = 0.0 }
stream = { data.pairs = 0 }
"""
    text = studied.STUDY.partition("[axes]")[0] + axes
    plan = Plan(study=Study.load(studied.write(tmp_path, text)), folder=tmp_path)
    assert len(plan.cases) == 4
    # The base's, which the other name shares; more pairs; a stream; and that to judge on.
    assert sorted(dataset.data.pairs for dataset in plan.datasets.values()) == [0, 3, 4, 5]
    specs = {run.case: run.config.data[0] for run in plan.runs}
    assert specs["base"] == specs["name = other"]
    assert specs["pairs = stream"].startswith("stream:")

    # All are judged on the same pairs, which are the base's.
    assert {run.config.val for run in plan.runs} == {tuple(plan.evaluated)}
    (val,) = (dataset for dataset in plan.datasets.values() if dataset.data.pairs == 3)
    assert plan.evaluated == {f"{val.spec(tmp_path)}?split=val": VAL_NAME}
    assert val.recipe.override(["assets.val_samples=0.0"]) == plan.cases[0].setting.recipe.override(
        ["assets.val_samples=0.0"]
    )


def test_shipped_studies_are_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    names = [path.stem for path in asset_path("studies").glob("*.toml")]
    assert len(names) >= 9
    for name in names:
        read = Study.load(name)
        assert read.options.about
        assert bool(read.axes) != bool(read.ranges)
        if read.axes:
            cases = list(enumerate_cases(read))
            # Every value but the base's own is a setting of its own.
            values = math.prod if read.options.mode == "grid" else sum
            assert values(len(axis.values) for axis in read.axes) - len(cases) <= 0


def test_a_file_comes_back_from_its_dictionary(tmp_path: Path) -> None:
    first = Study.load(studied.write(tmp_path))
    assert differences(first.to_dict(), first.to_dict()) == []
    second = Study.load(studied.write(tmp_path), ["train.steps=5", "seeds=3"])
    said = differences(first.to_dict(), second.to_dict())
    assert said == ["base.train.steps: 4 there, 5 here", "options.seeds: 2 there, 3 here"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sed = 3", "unknown key 'sed': did you mean 'seeds'"),
        ("seeds = 0", "seeds = 0: must be at least 1"),
        ('mode = "all"', "must be one of grid, one-at-a-time, random"),
        ("[base]\ntrain.stepps = 3", "unknown key 'train.stepps': did you mean 'train.steps'"),
        (
            "[base]\nrecipe.chair.rotaton.k = 3",
            "'recipe.chair.rotaton': did you mean 'recipe.chair.rotation'",
        ),
        ("[base]\ndata.pair = 3", "unknown key 'data.pair': did you mean 'data.pairs'"),
        ("[base]\nrecip.name = 'x'", "unknown key 'recip': did you mean 'recipe'"),
        ("[base]\ntrain.seed = 3", "train.seed: the study gives it"),
        ("[base]\nrecipe.preset = 'flyingchair'", "unknown recipe 'flyingchair': did you mean 'flyingchairs"),
        ("[base]\ntrain.model = 'pwc'", "unknown model 'pwc'"),
        ("[base]\ntrain.augment.preset = 'raf'", "unknown augmentation 'raf': did you mean 'raft'"),
        ("[base]\ndata.photos = ['nowhere']", "nowhere: there is no such file or folder"),
        ("[axes]\ntrain.steps = []", "axis train.steps: write the list of its values"),
        ("[axes]\ntrain.steps = [0]", "axis train.steps, value 0: train.steps = 0: must be at least 1"),
        ("[axes]\nstepps = [1]", "axis 'stepps'"),
        ("[axes.name]\na = 1", "axis 'name'"),
        ("[ranges]\nrecipe.chair.rotation.max_deg = { low = 3.0 }", r"write {low = A, high = B}"),
        ("[ranges]\nrecipe.chair.rotation.max_deg = { low = 3.0, high = 1.0 }", "must lie below high = 1"),
        ("[ranges]\nrecipe.chair.rotation.max_deg = { low = 3.0, high = 200.0 }", "from 0.0 to 180.0"),
        ("[ranges]\nrecipe.chair.rotation.k = { low = 0.0, high = 1.0, log = true }", "above 0 where log"),
        ("[ranges]\nrecipe.chair.rotation.k = { low = 1, hihg = 3 }", "did you mean 'high'"),
        ("[objective]\ntarget = { flow_men = 3 }", "did you mean 'flow_mean'"),
        ("[objective]\ntarget = { flow_mean = -3 }", "must be a number above 0"),
        ("about = 3 4", "not valid TOML"),
    ],
)
def test_mistakes_are_one_line(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said) as caught:
        Study.load(studied.write(tmp_path, text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "overrides", "said"),
    [
        ("motion", [], "unknown study 'motion': did you mean 'motion-magnitude'"),
        ("objects", ["seed=3"], "unknown key 'seed': did you mean 'seeds'"),
        ("objects", ["train.steps"], "write KEY=VALUE"),
        ("objects", ["train.steps=many"], "must be of type int"),
        ("nowhere.toml", [], "cannot be read"),
    ],
)
def test_mistaken_calls_are_one_line(name: str, overrides: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Study.load(name, overrides)


def test_a_study_without_axes_is_no_ablation() -> None:
    with pytest.raises(InputError, match="has no axes"):
        list(enumerate_cases(Study(name="none")))
