"""What an ablation runs: settings, the datasets that they learn from, and one training for each seed."""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from chairsgen.builder import embedded_assets
from chairsgen.catalogue import Kind, Side, split
from chairsgen.errors import InputError
from chairsgen.recipe import Recipe
from chairsgen.shards import estimate
from trainer.settings import TrainConfig
from trainer.studies.setting import DataConfig, Setting, data_hash
from trainer.studies.study import Axis, Study

BASE = "base"
TRAIN_SEED, VAL_SEED = 0, 1
"""Of the pairs to learn from, and to judge on. With one seed for both, val pairs would move as the others do."""

VAL_NAME = "val pairs of the base"
DRAW_SEED = 0
"""Of the combinations, where a study's mode is random."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A setting of a study.

    Attributes:
        labels: The value's name on each axis that is not at the base's, by axis; none for the base.
        setting: What it is.
    """

    labels: Mapping[str, str]
    setting: Setting

    @property
    def name(self) -> str:
        """What tables call it."""
        return ", ".join(f"{axis} = {label}" for axis, label in self.labels.items()) or BASE


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Pairs that some runs share, in the study's folder.

    Attributes:
        name: Says what they are made from; see :func:`trainer.studies.setting.data_hash`.
        recipe: Of which all pairs are train pairs, or all are val pairs.
        data: How many, of what; ``pairs`` 0 for a stream.
        seed: Of all draws.
    """

    name: str
    recipe: Recipe
    data: DataConfig
    seed: int

    def spec(self, folder: Path) -> str:
        """How a training names it, in a study's folder."""
        place = (folder / "data" / self.name).resolve()
        return f"shards:{place}" if self.data.pairs else f"stream:{place}.toml?seed={self.seed}"

    @property
    def bytes(self) -> int:
        """About what it takes on the disk."""
        frame = self.recipe.frame
        return self.data.pairs * estimate((frame.height, frame.width), dense_flow=False)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training.

    Attributes:
        name: Of its folder, below ``runs``.
        case: Its setting's name.
        seed: Of its weights and draws.
        config: What is trained, and how.
        datasets: The names of those that it needs.
    """

    name: str
    case: str
    seed: int
    config: TrainConfig
    datasets: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that an ablation does.

    Attributes:
        study: What was asked.
        folder: Where everything comes to lie.
    """

    study: Study
    folder: Path

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """The settings, the base first, each once.

        Raises:
            InputError: There are no axes, a combination of values is wrong, or a setting would learn from assets
                that it is judged on.
        """
        cases = tuple(enumerate_cases(self.study))
        if not self.study.options.evaluate:
            for case in cases:
                check_sides(case, self._val_data)
        return cases

    @cached_property
    def datasets(self) -> dict[str, Dataset]:
        """Each that a run needs, by name."""
        needed = [training_data(case.setting) for case in self.cases]
        if not self.study.options.evaluate:
            needed.append(self._val_data)
        return {dataset.name: dataset for dataset in needed}

    @property
    def evaluated(self) -> dict[str, str]:
        """What networks are judged on: SPEC -> what tables call it."""
        given = self.study.options.evaluate
        return (
            {spec: spec for spec in given}
            if given
            else {f"{self._val_data.spec(self.folder)}?split=val": VAL_NAME}
        )

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """Seed by seed, so that a study that is stopped early has compared all settings."""
        return tuple(self._run(case, seed) for seed in range(self.study.options.seeds) for case in self.cases)

    def _run(self, case: Case, seed: int) -> Run:
        data = training_data(case.setting)
        names = {data.name} if self.study.options.evaluate else {data.name, self._val_data.name}
        slug = re.sub(r"[^A-Za-z0-9.=-]+", "-", case.name).strip("-")[:60]
        return Run(
            name=f"{slug}-{case.setting.key[:8]}-seed{seed}",
            case=case.name,
            seed=seed,
            config=replace(
                case.setting.train,
                data=(data.spec(self.folder),),
                val=tuple(self.evaluated),
                seed=seed,
            ),
            datasets=frozenset(names),
        )

    @cached_property
    def _val_data(self) -> Dataset:
        return val_data(self.study)


def points(plan: Plan, axis: Axis) -> list[tuple[str, list[str]]]:
    """An axis' values in their order, each with the names of the settings that have it."""
    base = plan.cases[0]
    found = []
    for value in axis.values:
        names = [case.name for case in plan.cases if case.labels.get(axis.name) == value.label]
        if plan.study.setting(value.changes).key == base.setting.key:
            names.append(base.name)
        found.append((value.label, names))
    return found


def levels(plan: Plan) -> dict[str, dict[str, str]]:
    """The value of every axis in each setting, by the setting's name, then by the axis'.

    Where every axis is varied with the others, a base of values that no axis names would have them all at once,
    and tell nothing of any: it is left out.
    """
    study, base = plan.study, plan.cases[0]
    of_base = {
        axis.name: next(
            (v.label for v in axis.values if study.setting(v.changes).key == base.setting.key), BASE
        )
        for axis in study.axes
    }
    within = study.options.mode == "one-at-a-time" or BASE not in of_base.values()
    return {case.name: of_base | dict(case.labels) for case in plan.cases if within or case is not base}


def enumerate_cases(study: Study) -> Iterator[Case]:
    """The settings of a study: the base, then those of its mode, each once.

    Raises:
        InputError: There are no axes, or a combination of values is wrong.
    """
    if not study.axes:
        raise InputError(f"study {study.name}: has no axes: name at least one, with its values")
    seen = set()
    for labels, changes in itertools.chain([({}, {})], _combinations(study)):
        setting = study.setting(changes)
        if setting.key not in seen:
            seen.add(setting.key)
            yield Case(labels=labels, setting=setting)


def _combinations(study: Study) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
    axes = study.axes
    if study.options.mode == "one-at-a-time":
        for axis in axes:
            for value in axis.values:
                yield {axis.name: value.label}, dict(value.changes)
        return
    sizes = [len(axis.values) for axis in axes]
    chosen: Iterator[int] = iter(range(int(np.prod(sizes))))
    if study.options.mode == "random":
        count = min(study.options.count, int(np.prod(sizes)))
        chosen = iter(np.random.default_rng(DRAW_SEED).permutation(int(np.prod(sizes)))[:count].tolist())
    for number in chosen:
        picked = [axis.values[i] for axis, i in zip(axes, np.unravel_index(number, sizes), strict=True)]
        labels = {axis.name: value.label for axis, value in zip(axes, picked, strict=True)}
        yield labels, {key: change for value in picked for key, change in value.changes.items()}


def check_sides(case: Case, val: Dataset) -> None:
    """Refuses a setting that would learn from assets of the pairs that all are judged on.

    Each dataset holds back a share of its own assets: of fewer chairs, not always those of the base.
    """
    data = training_data(case.setting)
    alike = data.recipe.assets.val_assets == val.recipe.assets.val_assets
    given: dict[Kind, tuple[tuple[str, ...], tuple[str, ...]]] = {
        "chair": (data.data.meshes, val.data.meshes),
        "photo": (data.data.photos, val.data.photos),
    }
    for kind, (files, held) in given.items():
        if files or held:
            shared = set() if alike and files == held else set(files) & set(held)
        else:
            shared = _of_side("train", kind, data.recipe) & _of_side("val", kind, val.recipe)
        if shared:
            raise InputError(
                f"{case.name}: would learn from {kind}s that all are judged on, such as {min(shared)}: leave its "
                "assets as they are in the base, or name what to evaluate on"
            )


def _of_side(side: Side, kind: Kind, recipe: Recipe) -> set[str]:
    assets = split(embedded_assets(kind, recipe), recipe.assets.val_assets)
    return {asset.id for asset in assets if asset.side == side}


def training_data(setting: Setting) -> Dataset:
    """What a setting learns from."""
    return _dataset(setting.recipe, setting.data, val=False)


def val_data(study: Study) -> Dataset:
    """What networks are judged on where a study names nothing else."""
    base = study.setting({})
    return _dataset(base.recipe, replace(base.data, pairs=study.options.val_pairs), val=True)


def _dataset(recipe: Recipe, data: DataConfig, *, val: bool) -> Dataset:
    """All pairs on one side: as many as are asked for, none of them of the other side's assets."""
    seed = VAL_SEED if val else TRAIN_SEED
    recipe = replace(recipe, assets=replace(recipe.assets, val_samples=float(val)))
    return Dataset(name=data_hash(recipe, data, seed), recipe=recipe, data=data, seed=seed)
