"""Training by its own loop, from shards and with augmentation: its speed, and how long it waits for data.

A network's stages, which learn one after the other, are all measured, each without its first line of the log.
"""

import json
import os
import shutil
from pathlib import Path
from statistics import fmean, harmonic_mean

import torch

from tests.benchmarks.report import Row
from tests.benchmarks.workload import NUM_WORKERS, Workload
from trainer.models import ENTRIES, create_model, stages_of
from trainer.runs import METRICS
from trainer.settings import TrainConfig, configure
from trainer.train import train

SMALL = {"batch_size": 2, "crop": (128, 192)}
"""What a CPU learns from at a step; a GPU gets what the papers give it,"""

LARGE_BATCH = 64
"""but a batch of this size for :data:`JUDGED`,"""

JUDGED, MAX_WAITING = "flownets", 0.02
"""whose share of waiting must be less there."""

LINE_STEPS = {"cpu": 1, "cuda": 20}
"""Steps to a line of the log."""


def rows(workload: Workload) -> list[Row]:
    """Pairs a second and the share of waiting of every network: on a GPU where there is one, else on the CPU."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return [_row(name, workload, device) for name in ENTRIES]


def _row(name: str, workload: Workload, device: str) -> Row:
    with torch.device("meta"):
        num_stages = len(stages_of(create_model(name)))
    lines = 1 + -(-workload.repeats // num_stages)
    config = _config(name, workload.dataset.folder, num_stages * lines * LINE_STEPS[device], device)
    speed, waiting = _run(config, workload.folder / f"run-{name}", lines, device)
    judged = name == JUDGED and device == "cuda"
    crop = f"{config.crop.height}x{config.crop.width}"
    where = f"{torch.get_num_threads()} threads" if device == "cpu" else torch.cuda.get_device_name()
    return Row(
        what=f"training {name}, batch {config.batch_size}, crop {crop}, {config.machine.workers} readers, {where}",
        measured=f"{speed:.3g} pairs/s; {waiting:.1%} waiting",
        target=f"< {MAX_WAITING:.0%} waiting" if judged else "",
        met=waiting < MAX_WAITING if judged else None,
    )


def _config(name: str, data: Path, steps: int, device: str) -> TrainConfig:
    size = {"batch_size": LARGE_BATCH} if name == JUDGED else {}
    readers = NUM_WORKERS if device == "cpu" else len(os.sched_getaffinity(0))
    return configure(
        name,
        data=[str(data)],
        steps=steps,
        overrides=[f"log_every={LINE_STEPS[device]}", f"machine.workers={readers}", "checkpoint.keep=1"],
        **(SMALL if device == "cpu" else size),
    )


def _run(config: TrainConfig, folder: Path, lines: int, device: str) -> tuple[float, float]:
    """Pairs a second, and the share of waiting, of all but the first of every stage's ``lines`` of the log."""
    train(config, folder, device=device, quiet=True)
    log = [json.loads(line) for line in (folder / METRICS).read_text().splitlines()]
    shutil.rmtree(folder)  # some checkpoints are of a gigabyte
    kept = [line for number, line in enumerate(log) if number % lines]
    speeds = [line["pairs_per_second"] for line in kept]
    # The slower a line's steps, the longer they took.
    waiting = fmean((line["waiting"] for line in kept), [1 / speed for speed in speeds])
    return harmonic_mean(speeds), waiting
