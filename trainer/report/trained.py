"""A run as a report needs it: what was asked for, how it learned, and the checkpoint to judge."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chairsgen.config import read_toml
from chairsgen.errors import InputError
from trainer.checkpoint import Checkpoint
from trainer.models import named_by_file, num_parameters
from trainer.report.plots import Curve, Style
from trainer.runs import CONFIG, METRICS, damaged, latest, read_log, to_use
from trainer.settings import TrainConfig


@dataclass(kw_only=True)
class Log:
    """What a run has written down so far.

    Attributes:
        learned: ``loss``, ``epe`` and ``lr``; not a number where all steps of a line were skipped.
        judged: End-point error on validation sets, in pixels, by SPEC.
        zero: That of zero flow.
        step: The last one.
    """

    learned: dict[str, Curve] = field(default_factory=lambda: {"loss": [], "epe": [], "lr": []})
    judged: dict[str, Curve] = field(default_factory=dict)
    zero: dict[str, float] = field(default_factory=dict)
    step: int = 0

    @classmethod
    def read(cls, path: Path) -> "Log":
        """Reads a run's ``metrics.jsonl``, of a run at work, too.

        Raises:
            InputError: There is none, nothing is in it yet, or it is damaged.
        """
        log = cls()
        for number, line in read_log(path):
            try:
                log._add(line)
            except (LookupError, TypeError, ValueError):
                raise damaged(path, number) from None
        if not log.step:
            raise InputError(f"{path}: holds no metrics yet: wait for the run's first line")
        return log

    def _add(self, line: Mapping[str, Any]) -> None:
        step = line["step"]
        if line["kind"] == "train":
            for name, curve in self.learned.items():
                curve.append((step, math.nan if line[name] is None else float(line[name])))
        else:
            self.judged.setdefault(line["data"], []).append((step, float(line["epe"])))
            self.zero[line["data"]] = float(line["zero"])
        self.step = max(self.step, step)


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A run with a network to judge.

    Attributes:
        name: What tells it from the others.
        folder: The run's.
        config: What it was asked for.
        data: The identity of each of its datasets, by SPEC.
        log: How it went.
        checkpoint: The file that is judged: the best on validation, or the last.
        step: How many steps the checkpoint has learned.
        parameters: How many the network has.
        style: How it is drawn.
    """

    name: str
    folder: Path
    config: TrainConfig
    data: Mapping[str, str]
    log: Log
    checkpoint: Path
    step: int
    parameters: int
    style: Style

    @classmethod
    def open(cls, folder: Path, name: str, style: Style) -> "Trained":
        """Reads a run.

        Raises:
            InputError: The folder is no run's, has no checkpoint or no metrics yet, or one of these is damaged.
        """
        if not (folder / CONFIG).is_file():
            raise InputError(
                f"{folder}: is no run: there is no {CONFIG}: name a folder of `trainer train --run`"
            )
        config = TrainConfig.load(folder / CONFIG)
        if latest(folder) is None:
            raise InputError(f"{folder}: has no checkpoint yet: go on with its training first")
        log = Log.read(folder / METRICS)
        path = to_use(folder)
        checkpoint = Checkpoint.load(path)
        return cls(
            name=name,
            folder=folder,
            config=config,
            data=read_toml(folder / CONFIG).get("made_by", {}).get("data", {}),
            log=log,
            checkpoint=path,
            step=checkpoint.step,
            parameters=num_parameters(named_by_file(checkpoint.model), **checkpoint.options),
            style=style,
        )
