"""What a search leaves: the best recipe as a file, every trial as CSV, and a page."""

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chairsgen.aside import write_aside
from trainer.studies import plots
from trainer.studies.answers import rounded
from trainer.studies.page import Content, Picture, Table, write_content
from trainer.studies.statistics import flow_statistics
from trainer.studies.study import Study

ONE_RUN = "a trial is one network: the best of many is partly luck; trainer ablate, with seeds, tells"
BEST, AUGMENTATION, TABLE = "best.toml", "best-augment.toml", "trials.csv"


STATES = ("complete", "pruned", "failed")


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A trial that has ended.

    Attributes:
        number: Its number in the database.
        draws: By dotted key.
        state: ``complete``; ``pruned``, since others were better after as many steps; or ``failed``.
        value: The objective; None unless it is complete.
    """

    number: int
    draws: dict[str, Any]
    state: str
    value: float | None


@dataclass(frozen=True, kw_only=True)
class Search:
    """What a search came to.

    Attributes:
        value: The least of the objective.
        draws: Of the best trial, by dotted key.
        trials: Every trial that counts.
    """

    value: float
    draws: dict[str, Any]
    trials: list[Trial]

    @property
    def counts(self) -> str:
        """How many trials ended how, in words."""
        states = [trial.state for trial in self.trials]
        ended = ", ".join(f"{states.count(state):,} {state}" for state in STATES if state in states)
        return f"{len(states):,} trials ({ended})"


def write_results(study: Study, out: Path, found: Search, importance: Mapping[str, float]) -> None:
    """Writes all of it.

    Args:
        study: What was searched.
        out: The search's folder.
        found: What came of it.
        importance: Each key's share in what makes good trials good; empty where that is not known.
    """
    setting = study.setting(found.draws)
    about = f"the best of {len(found.trials)} trials of the study {study.name}"
    best = replace(setting.recipe, name=f"{study.name}-best", about=about)
    write_aside(out / BEST, best.to_toml().encode())
    files = {BEST: "the best recipe, for chairsgen build --recipe", TABLE: "every trial"}
    if any(key.startswith("train.augment.") for key in study.ranges):
        write_aside(out / AUGMENTATION, replace(setting.train.augment, name=best.name).to_toml().encode())
        files[AUGMENTATION] = "the best augmentation, for trainer train --augment"
    write_aside(out / TABLE, _as_csv(study, found).encode())
    label = "distance to the target" if study.objective.kind == "statistics" else "EPE, px"
    tables = [
        Table(
            title="The best trial",
            headings=("key", "value", "range"),
            rows=[[key, _short(value), _range(study, key)] for key, value in found.draws.items()],
        )
    ]
    if study.objective.kind == "statistics":
        measured = flow_statistics(setting.recipe, study.target, scenes=study.objective.scenes)
        rows = [[name, _short(measured[name]), _target(wanted)] for name, wanted in study.target.items()]
        tables.append(
            Table(
                title="Its flow, sketched from scenes",
                headings=("figure", "this recipe", "target"),
                rows=rows,
            )
        )
    ended = [(trial.number, trial.value) for trial in found.trials if trial.value is not None]
    pictures = [Picture(title="Trials", svg=plots.history(ended, label))]
    if importance:
        pictures.append(
            Picture(title="Which keys matter", svg=plots.bars(importance, "share of the importance"))
        )
    if len(study.ranges) > 1 and len(ended) > 1:
        lines = [trial.draws | {label: trial.value} for trial in found.trials if trial.value is not None]
        title = "Draws of the trials; the best tenth stands out"
        pictures.append(Picture(title=title, svg=plots.parallel_coordinates(lines, label)))
    write_content(
        out,
        Content(
            title=study.name,
            about=study.options.about,
            facts=[found.counts, f"{label}: {best_value(study, found)} at best"],
            tables=tables,
            notes=[] if study.objective.kind == "statistics" else [ONE_RUN],
            pictures=pictures,
            files=files,
        ),
    )


def _as_csv(study: Study, found: Search) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["trial", "state", "value", *study.ranges])
    for trial in found.trials:
        draws = (trial.draws.get(key, "") for key in study.ranges)
        writer.writerow([trial.number, trial.state, "" if trial.value is None else trial.value, *draws])
    return file.getvalue()


def best_value(study: Study, found: Search) -> str:
    """The least of the objective, with the digits that it has: two, if it is one network's error."""
    return _short(found.value) if study.objective.kind == "statistics" else rounded(found.value, None)


def _short(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.3g}" if math.isfinite(value) else str(value)


def _range(study: Study, key: str) -> str:
    range_ = study.ranges[key]
    return ", ".join(map(str, range_.values)) or f"{range_.low:g} to {range_.high:g}"


def _target(wanted: float | tuple[float, float]) -> str:
    return f"{wanted[0]:.3g} to {wanted[1]:.3g}" if isinstance(wanted, tuple) else _short(wanted)
