"""``trainer ablate``: all runs of a study, whatever becomes of one of them, and what they say."""

import json
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chairsgen.aside import write_aside
from chairsgen.errors import InputError
from chairsgen.folder import check_disk, locked
from chairsgen.progress import duration
from trainer.data import open_validation
from trainer.devices import pick_device
from trainer.studies import answers as tables
from trainer.studies import importance as shares
from trainer.studies.answers import Answer, answers
from trainer.studies.cost import checkpoint_bytes
from trainer.studies.importance import Importance, importance
from trainer.studies.page import write_page
from trainer.studies.plan import Plan, Run, levels
from trainer.studies.running import RUNS, STUDY, Child, errors, is_made, make, share, train_here
from trainer.studies.study import Study, differences

MAY_CHANGE = ("options.seeds", "options.about")
"""What a started study may change: more seeds are more runs, fewer leave some out of the table."""


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """What a study came to.

    Attributes:
        answers: Every setting on every dataset.
        importance: What every axis explains of the error on every dataset.
        failures: Why runs failed, by their names.
        idle: Axes of which no value differs from the base in what a network learns from.
        page: The page that shows it.
    """

    answers: list[Answer]
    importance: list[Importance]
    failures: dict[str, str]
    idle: list[str]
    page: Path


def ablate(study: Study, out: Path, *, jobs: int = 1, device: str = "auto", quiet: bool = False) -> Ablation:
    """Runs a study, or goes on with it.

    Args:
        study: What is compared.
        out: Its folder; made if missing. It must stay where it is while the study goes on.
        jobs: Trainings at a time, each in a process of its own; GPUs are shared out among them.
        device: ``auto``, ``cpu`` or ``cuda``.
        quiet: Print nothing on the way.

    Raises:
        InputError: The study or an argument is wrong, the folder holds another study, or the disk is too small.
    """
    if jobs < 1:
        raise InputError(f"--jobs {jobs}: must be at least 1")
    pick_device(device)
    for spec in study.options.evaluate:
        open_validation(spec)
    plan = Plan(study=study, folder=out)
    runs = plan.runs
    with locked(out, "study"):
        _check_same(out, study)
        left = [run for run in runs if errors(out / RUNS / run.name, run.config) is None]
        _check_disk(plan, left)
        failures = _make_data(plan, left, quiet)
        done = len(runs) - len(left)
        ready = [run for run in left if run.name not in failures]
        for run, cause, seconds in _train(ready, out / RUNS, jobs, device):
            done += 1
            if cause:
                failures[run.name] = cause
            _say(f"{done}/{len(runs)} {run.name}: {cause or 'done'} ({duration(seconds)})", quiet)
        return _write(plan, failures)


def _check_same(out: Path, study: Study) -> None:
    path = out / STUDY
    if path.exists():
        there = json.loads(path.read_text(encoding="utf-8"))
        reasons = [
            text for text in differences(there, study.to_dict()) if text.partition(":")[0] not in MAY_CHANGE
        ]
        if reasons:
            raise InputError(
                f"--out {out}: holds another study ({'; '.join(reasons)}): choose another folder, or delete it"
            )
    write_aside(path, f"{json.dumps(study.to_dict(), indent=1)}\n".encode(), sync=True)


def _check_disk(plan: Plan, left: Sequence[Run]) -> None:
    needed = {name for run in left for name in run.datasets}
    data = sum(plan.datasets[name].bytes for name in needed if not is_made(plan.datasets[name], plan.folder))
    check_disk([(plan.folder, data + sum(checkpoint_bytes(run.config) for run in left))])


def _make_data(plan: Plan, left: Sequence[Run], quiet: bool) -> dict[str, str]:
    """Makes what is missing; why runs cannot be, by their names."""
    failures: dict[str, str] = {}
    for name in dict.fromkeys(name for run in left for name in sorted(run.datasets)):
        dataset = plan.datasets[name]
        if not is_made(dataset, plan.folder):
            try:
                make(dataset, plan.folder, quiet=quiet)
            except InputError as error:
                failures |= {run.name: str(error) for run in left if name in run.datasets}
    return failures


def _train(runs: Sequence[Run], folder: Path, jobs: int, device: str) -> Iterator[tuple[Run, str, float]]:
    """Trains; yields each run as it ends, why it failed, and the seconds that it took."""
    if jobs == 1:
        for run in runs:
            began = time.monotonic()
            yield run, train_here(run.config, folder / run.name, device), time.monotonic() - began
        return
    waiting, slots = deque(runs), deque(range(jobs))
    busy: dict[int, tuple[Run, Child, float]] = {}
    try:
        while waiting or busy:
            while waiting and slots:
                run, slot = waiting.popleft(), slots.popleft()
                child = Child(run.config, folder / run.name, device, share(slot, jobs))
                busy[slot] = run, child, time.monotonic()
            for slot, (run, child, began) in list(busy.items()):
                if not child.at_work:
                    del busy[slot]
                    slots.append(slot)
                    yield run, child.failure(), time.monotonic() - began
            time.sleep(0.2)
    finally:
        for _, child, _ in busy.values():
            child.stop()


def measured(plan: Plan) -> dict[tuple[str, str], dict[int, float]]:
    """Errors of the runs that have ended, by setting and dataset, then by seed."""
    found: dict[tuple[str, str], dict[int, float]] = {}
    for run in plan.runs:
        for spec, error in (errors(plan.folder / RUNS / run.name, run.config) or {}).items():
            found.setdefault((run.case, plan.evaluated[spec]), {})[run.seed] = error
    return found


def _write(plan: Plan, failures: Mapping[str, str]) -> Ablation:
    usable = {
        key: {seed: error for seed, error in by_seed.items() if error - error == 0}
        for key, by_seed in measured(plan).items()
    }
    data = list(plan.evaluated.values())
    found = answers([case.name for case in plan.cases], data, usable)
    cases = levels(plan)
    explained = [
        one
        for name in data
        for one in importance(cases, {case: usable.get((case, name), {}) for case in cases}, name)
    ]
    mode = plan.study.options.mode
    for name, text in (
        ("table.txt", f"{tables.as_text(found)}\n\n{shares.as_text(explained, mode)}\n"),
        ("table.md", f"{tables.as_markdown(found)}\n{shares.as_markdown(explained, mode)}"),
        ("table.csv", tables.as_csv(found)),
        ("table.json", tables.as_json(found)),
        ("importance.csv", shares.as_csv(explained)),
        ("importance.json", shares.as_json(explained)),
    ):
        write_aside(plan.folder / name, text.encode())
    base = plan.cases[0].setting.key
    idle = [
        axis.name
        for axis in plan.study.axes
        if all(plan.study.setting(value.changes).key == base for value in axis.values)
    ]
    page = write_page(plan, found, explained, dict(failures), idle)
    return Ablation(answers=found, importance=explained, failures=dict(failures), idle=idle, page=page)


def _say(text: str, quiet: bool) -> None:
    if not quiet:
        print(text, file=sys.stderr, flush=True)
