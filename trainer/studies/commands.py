"""The commands ``trainer ablate`` and ``trainer search``. What they need is imported when they run."""

import shlex
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from trainer.arguments import add_device


def add_commands(commands: Any) -> None:
    """Adds both to a parser's commands."""
    ablate = commands.add_parser(
        "ablate",
        help="which parameter matters",
        description="Trains a network for every setting and seed of a study, and says which settings differ "
        "beyond the noise of the seeds, and which parameter explains how much; the same command goes on with a "
        "study. Every setting is judged on the same pairs: those that the study names in evaluate, else val pairs "
        "of the base's recipe, of assets that none learns from.",
    )
    _add_study(ablate)
    ablate.add_argument(
        "--jobs",
        type=int,
        default=1,
        metavar="N",
        help="trainings at a time; GPUs are shared out among them (default: %(default)s)",
    )
    ablate.add_argument(
        "--dry-run", action="store_true", help="print the runs, and about what time and disk they take"
    )
    ablate.set_defaults(run=_ablate)

    search = commands.add_parser(
        "search",
        help="which values are best",
        description="Searches a study's ranges for the recipe or training that makes its objective least; the "
        "same command goes on with a search, on any number of machines that share a database.",
    )
    _add_study(search)
    search.add_argument(
        "--trials",
        type=int,
        default=100,
        metavar="N",
        help="in all, by all workers, earlier ones counted (default: %(default)s)",
    )
    search.add_argument(
        "--storage",
        metavar="URL",
        help="a database, such as postgresql://host/name (default: a file in --out)",
    )
    search.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes here (default: %(default)s)"
    )
    search.set_defaults(run=_search)


def _add_study(command: Any) -> None:
    command.add_argument(
        "study", metavar="STUDY", help="a study file (ending in .toml), or a shipped study's name"
    )
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="the study's folder")
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="change a value of the base, such as train.steps=10000, or of the study, such as seeds=5; "
        "may be repeated",
    )
    add_device(command, "networks train")


def _ablate(arguments: Namespace) -> int:
    from trainer.studies.study import Study

    study = Study.load(arguments.study, arguments.overrides)
    if arguments.dry_run:
        from trainer.studies.cost import forecast
        from trainer.studies.plan import Plan

        plan = Plan(study=study, folder=arguments.out)
        print(forecast(plan, jobs=arguments.jobs, device=arguments.device))
        return 0
    from trainer.studies import answers, importance
    from trainer.studies.ablation import ablate
    from trainer.studies.page import idle_notes

    found = ablate(study, arguments.out, jobs=arguments.jobs, device=arguments.device)
    print(answers.as_text(found.answers), end="\n\n")
    print(importance.as_text(found.importance, study.options.mode))
    for line in idle_notes(found.idle):
        print(line)
    for run, cause in found.failures.items():
        print(f"failed: {run}: {cause}", file=sys.stderr)
    print(f"{found.page}: the same with plots")
    if found.failures:
        print(f"{len(found.failures)} runs failed: the same command tries them again", file=sys.stderr)
    return 1 if found.failures else 0


def _search(arguments: Namespace) -> int:
    from trainer.studies.results import ONE_RUN, best_value
    from trainer.studies.search import search
    from trainer.studies.study import Study

    study = Study.load(arguments.study, arguments.overrides)
    found = search(
        study,
        arguments.out,
        trials=arguments.trials,
        storage=arguments.storage,
        workers=arguments.workers,
        device=arguments.device,
    )
    label = "distance to the target" if study.objective.kind == "statistics" else "EPE, px"
    print(f"{found.counts}; {label}: {best_value(study, found)}, with")
    for key, value in found.draws.items():
        print(f"  {key} = {value:.4g}" if isinstance(value, float) else f"  {key} = {value}")
    if study.objective.kind == "error":
        print(ONE_RUN)
    best = shlex.quote(str(arguments.out / "best.toml"))
    print(f"next: chairsgen build --recipe {best} --out DATA")
    return 0
