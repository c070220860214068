"""Doing a study's work: making its datasets, training its runs, reading what came of them."""

import math
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from chairsgen.aside import write_aside
from chairsgen.builder import build
from chairsgen.dataset import MANIFEST, Manifest
from chairsgen.errors import InputError, WorkerDied
from trainer.guards import Diverged
from trainer.runs import METRICS, read_log
from trainer.settings import TrainConfig
from trainer.studies.plan import Dataset
from trainer.train import train

STUDY, RUNS, DATA = "study.json", "runs", "data"
FAILURES = (InputError, WorkerDied, Diverged, RuntimeError, OSError)
"""What ends a run, and not its study."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """A validation: the step after which it was made, and the end-point error in pixels."""

    step: int
    epe: float


def is_made(dataset: Dataset, folder: Path) -> bool:
    """Whether a dataset is whole, in a study's folder."""
    place = folder / DATA / dataset.name
    if not dataset.data.pairs:
        return place.with_name(f"{dataset.name}.toml").exists()
    return (place / MANIFEST).exists() and Manifest.load(place).complete


def make(dataset: Dataset, folder: Path, *, quiet: bool = False) -> None:
    """Builds a dataset in a study's folder, or goes on with it; of a stream, writes the recipe.

    Raises:
        InputError: Its meshes or photos are not usable, or the disk is too small.
    """
    place = folder / DATA / dataset.name
    if dataset.data.pairs:
        build(
            place,
            n=dataset.data.pairs,
            recipe=dataset.recipe,
            seed=dataset.seed,
            meshes=dataset.data.meshes,
            photos=dataset.data.photos,
            quiet=quiet,
        )
    else:
        write_aside(place.with_name(f"{dataset.name}.toml"), dataset.recipe.to_toml().encode())


def curves(folder: Path) -> dict[str, list[Point]]:
    """A run's validations so far, by SPEC."""
    found: dict[str, list[Point]] = {}
    path = folder / METRICS
    for _, line in read_log(path) if path.exists() else ():
        if line.get("kind") == "val":
            found.setdefault(line["data"], []).append(Point(step=line["step"], epe=line["epe"]))
    return found


def errors(folder: Path, config: TrainConfig) -> dict[str, float] | None:
    """A run's errors by SPEC, after its last step (not after the best: that would be chosen by what it is judged
    on); None if it has not ended."""
    last = {spec: points[-1] for spec, points in curves(folder).items()}
    if not config.val or any(spec not in last or last[spec].step < config.steps for spec in config.val):
        return None
    return {spec: last[spec].epe for spec in config.val}


def train_here(config: TrainConfig, folder: Path, device: str) -> str:
    """Trains a run, or goes on with it, in this process.

    Returns:
        In one line, why it failed; empty if it did not.
    """
    try:
        train(config, folder, device=device, quiet=True)
    except FAILURES as error:
        return _one_line(error)
    return _unusable(config, folder)


class Child:
    """A run at work in a process of its own, which ends with this one, or when it is stopped."""

    def __init__(
        self, config: TrainConfig, folder: Path, device: str, environment: Mapping[str, str] | None = None
    ) -> None:
        """Starts it.

        Args:
            config: What is trained, and how.
            folder: The run's; what the process says goes into a file beside it.
            device: ``auto``, ``cpu`` or ``cuda``.
            environment: Variables to set.
        """
        self.config, self.folder = config, folder
        self._log = folder.with_name(f"{folder.name}.log")
        asked = folder.with_name(f"{folder.name}.toml")
        write_aside(asked, config.to_toml().encode())
        command = [sys.executable, "-m", "trainer.studies.running", str(asked), str(folder), device]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                # The process reads this pipe to its end, which comes when this process stops it, or dies.
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )

    @property
    def at_work(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Ends it, whatever it does."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdin
        self._process.stdin.close()

    def failure(self) -> str:
        """Of one that has ended: in one line, why it failed; empty if it did not."""
        self.stop()
        if self._process.returncode < 0:
            return f"its process was killed (signal {-self._process.returncode})"
        if self._process.returncode:
            said = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            return said[-1] if said else f"its process ended with code {self._process.returncode}"
        return _unusable(self.config, self.folder)


def share(slot: int, jobs: int) -> dict[str, str]:
    """The environment of process ``slot`` of ``jobs``: one GPU, and its share of the cores."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    gpus = named.split(",") if named else [str(gpu) for gpu in range(torch.cuda.device_count())]
    threads = max(len(os.sched_getaffinity(0)) // jobs, 1)
    variables = {"OMP_NUM_THREADS": str(threads)}
    return variables | ({"CUDA_VISIBLE_DEVICES": gpus[slot % len(gpus)]} if gpus else {})


def _unusable(config: TrainConfig, folder: Path) -> str:
    found = errors(folder, config)
    if found is None:
        return "it was not judged to its end"
    return "" if all(map(math.isfinite, found.values())) else "its error is not finite"


def _one_line(error: BaseException) -> str:
    first = str(error).strip().splitlines()
    return first[0] if first else type(error).__name__


def _main(asked: str, folder: str, device: str) -> int:
    def end_with_parent() -> None:
        # Not by sys.stdin, whose lock this thread would hold when the interpreter ends.
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
    config = TrainConfig.load(Path(asked))
    cause = train_here(config, Path(folder), device)
    if cause:
        print(cause, file=sys.stderr)
    return 1 if cause else 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
