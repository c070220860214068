"""Trainings that take a second or some, and what they leave."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from trainer.checkpoint import Checkpoint
from trainer.runs import METRICS
from trainer.settings import TrainConfig, configure
from trainer.train import Outcome, train

CLOCKS = ("pairs_per_second", "waiting")
"""What differs between two runs that learn the same."""


def ask(
    model: str, data: Path, *overrides: str, steps: int = 12, val: Sequence[str] = (), augment: str = "none"
) -> TrainConfig:
    quick = ["machine.workers=0", "log_every=1", "optimiser.lr=1e-3"]
    return configure(
        model,
        data=[str(data)],
        val=val,
        steps=steps,
        batch_size=4,
        crop=(32, 48) if augment == "none" else (24, 32),
        augment=augment,
        overrides=[*quick, *overrides],
    )


def train_here(config: TrainConfig, folder: Path) -> Outcome:
    return train(config, folder, device="cpu", quiet=True)


def log_of(folder: Path, kind: str = "train") -> list[dict[str, Any]]:
    """The log but for its clocks."""
    lines = [json.loads(line) for line in (folder / METRICS).read_text().splitlines()]
    return [
        {key: value for key, value in line.items() if key not in CLOCKS}
        for line in lines
        if line["kind"] == kind
    ]


def saved_in(folder: Path) -> dict[int, Checkpoint]:
    saved = [Checkpoint.load(path) for path in (folder / "checkpoints").glob("step-*.pt")]
    return {checkpoint.step: checkpoint for checkpoint in saved}


def same(one: dict[str, torch.Tensor] | None, other: dict[str, torch.Tensor] | None) -> bool:
    assert one is not None
    assert other is not None
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
