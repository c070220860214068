"""What ``trainer search`` makes small: a distance of statistics, or a trained network's error."""

import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from chairsgen.errors import InputError, WorkerDied
from trainer.data import open_validation
from trainer.runs import CHECKPOINTS
from trainer.settings import TrainConfig
from trainer.studies.plan import Dataset, training_data, val_data
from trainer.studies.running import DATA, Child, curves, errors, is_made, make, share
from trainer.studies.setting import content_hash
from trainer.studies.statistics import distance, flow_statistics
from trainer.studies.study import Study

if TYPE_CHECKING:
    import optuna

TEST_BENCHMARKS = ("sintel", "kitti2012", "kitti2015", "middlebury")
TRIALS = "trials"
SECONDS_A_LOOK = 0.5


class Failed(Exception):
    """A trial that came to nothing; the search goes on."""


def check_searchable(study: Study) -> None:
    """Checks that a study can be searched.

    Raises:
        InputError: It has no ranges or no target, its objective does not depend on one of them, or would be a test
            benchmark's error.
    """
    if not study.ranges:
        raise InputError(
            f"study {study.name}: has no ranges: name at least one, such as key = {{low = 1, high = 2}}"
        )
    if study.objective.kind == "statistics":
        if not study.target:
            raise InputError(
                f'study {study.name}: objective.target is missing: write "flyingchairs", or a table'
            )
        for key in study.ranges:
            if not key.startswith("recipe."):
                raise InputError(f"ranges.{key}: a recipe's statistics do not depend on it: leave it out")
        return
    for spec in study.options.evaluate:
        if spec.partition(":")[0] in TEST_BENCHMARKS and not study.objective.test_benchmark:
            raise InputError(
                f"evaluate {spec}: results on a benchmark that was searched on are no test: choose other data, or "
                "write objective.test_benchmark = true"
            )


class Objective:
    """The objective of a study, as one worker takes it."""

    def __init__(self, study: Study, out: Path, device: str, *, slot: int = 0, workers: int = 1) -> None:
        """Nothing is measured yet.

        Args:
            study: What is searched.
            out: Where datasets and trainings lie.
            device: Where networks are trained.
            slot: The worker's number among those of this machine.
            workers: How many these are.
        """
        self.study, self.out, self.device, self.slot, self.workers = study, out, device, slot, workers
        self._draws_data = any(not key.startswith("train.") for key in study.ranges)

    def prepare(self, *, quiet: bool) -> None:
        """Makes the datasets that all trials share."""
        if self.study.objective.kind == "error":
            for spec in self.study.options.evaluate:
                open_validation(spec)
            shared = [] if self._draws_data else [training_data(self.study.setting({}))]
            if not self.study.options.evaluate:
                shared.append(val_data(self.study))
            for dataset in shared:
                if not is_made(dataset, self.out):
                    make(dataset, self.out, quiet=quiet)

    def __call__(self, trial: "optuna.Trial", draws: Mapping[str, Any]) -> float:
        """A trial's value.

        Raises:
            Failed: The draws do not fit each other, or the training failed.
            optuna.TrialPruned: It was worse than others at the same step.
        """
        try:
            if self.study.objective.kind == "statistics":
                return statistics_distance(self.study, draws)
            return self._error(trial, draws)
        except (InputError, WorkerDied, Failed) as error:
            trial.set_user_attr("cause", str(error))
            raise Failed(str(error)) from None

    def _error(self, trial: "optuna.Trial", draws: Mapping[str, Any]) -> float:
        data = training_data(self.study.setting(draws))
        if not is_made(data, self.out):
            make(data, self.out, quiet=True)
        try:
            return self._trained(trial, self._config(draws, data))
        finally:
            if self._draws_data:
                # Each trial has data of its own: together they would fill the disk.
                shutil.rmtree(self.out / DATA / data.name, ignore_errors=True)

    def _config(self, draws: Mapping[str, Any], data: Dataset) -> TrainConfig:
        val = self.study.options.evaluate or (f"{val_data(self.study).spec(self.out)}?split=val",)
        return replace(self.study.setting(draws).train, data=(data.spec(self.out),), val=tuple(val))

    def _trained(self, trial: "optuna.Trial", config: TrainConfig) -> float:
        import optuna

        # Called after what it is, a training that a dead worker began is gone on with.
        folder = self.out / TRIALS / content_hash(config.to_dict())[:16]
        if found := errors(folder, config):
            return fmean(found.values())
        child = Child(config, folder, self.device, share(self.slot, self.workers))
        reported, pruned = 0, False
        try:
            while child.at_work and not pruned:
                time.sleep(SECONDS_A_LOOK)
                reported = _report(trial, folder, config, reported)
                pruned = trial.should_prune()
        finally:
            child.stop()
        if not pruned and (cause := child.failure()):
            raise Failed(cause)
        # Weights that nobody asked for: a hundred trials' would fill the disk.
        shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
        if pruned:
            raise optuna.TrialPruned
        return fmean((errors(folder, config) or {}).values())


def statistics_distance(study: Study, draws: Mapping[str, Any]) -> float:
    """How far the statistics of a recipe's flow are from the study's target.

    Raises:
        InputError: The draws do not fit each other.
    """
    recipe = study.setting(draws).recipe
    measured = flow_statistics(recipe, study.target, scenes=study.objective.scenes)
    return distance(measured, study.target)


def _report(trial: "optuna.Trial", folder: Path, config: TrainConfig, reported: int) -> int:
    """Reports validations after step ``reported``; gives the last step that was."""
    by_step: dict[int, list[float]] = {}
    for points in curves(folder).values():
        for point in points:
            by_step.setdefault(point.step, []).append(point.epe)
    for step, values in sorted(by_step.items()):
        if reported < step < config.steps and len(values) == len(config.val):
            trial.report(fmean(values), step)
            reported = step
    return reported
