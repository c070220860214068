"""Checkpoints: all that a training needs to go on, and all that using its network needs.

A checkpoint holds plain values and tensors alone. It is read without unpickling anything else, so that one
from elsewhere cannot run code.
"""

import os
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from chairsgen.aside import aside_name
from chairsgen.errors import InputError
from trainer.torchfile import read_torch

KIND = "chairsgen-trainer"
VERSION = 1
"""Of the layout: ``{"kind": KIND, "version": VERSION}`` and the attributes of :class:`Checkpoint`."""

Weights = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A network on its way.

    What the schedule, the data and every draw are at a step follows from the step and the run's
    configuration: neither a schedule's state nor random states need be kept.

    Attributes:
        model: The network's name.
        options: Its options.
        step: How many steps it has learned.
        weights: The network's state.
        averaged: Its moving average; None where none is kept.
        optimiser: The optimiser's state, for the layers that learn at this step; None in a checkpoint that is
            for use alone.
        skipped: Steps whose gradients were not finite so far.
        scores: What :class:`trainer.validate.Score` holds for each validation set, when last measured.
        best: The lowest mean of their end-point errors so far, in pixels, of this stage.
    """

    model: str
    options: dict[str, Any]
    step: int
    weights: Weights = field(repr=False)
    averaged: Weights | None = field(default=None, repr=False)
    optimiser: dict[str, Any] | None = field(default=None, repr=False)
    skipped: int = 0
    scores: dict[str, dict[str, Any]] = field(default_factory=dict)
    best: float = float("inf")

    @property
    def result(self) -> Weights:
        """The weights to use: the averaged ones where there are."""
        return self.weights if self.averaged is None else self.averaged

    def for_use(self) -> "Checkpoint":
        """What using the network needs, and no more."""
        return replace(self, weights=self.result, averaged=None, optimiser=None)

    def save(self, path: Path) -> None:
        """Writes the checkpoint under another name, then renames it: what bears its name is whole.

        Raises:
            InputError: The disk is full, or the folder cannot be written.
        """
        content = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        aside = aside_name(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with aside.open("wb") as file:
                torch.save({"kind": KIND, "version": VERSION} | content, file)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(path)
        except (OSError, RuntimeError) as error:
            # PyTorch's writer wraps the cause in a RuntimeError.
            aside.unlink(missing_ok=True)
            cause = str(error).partition("\n")[0]
            raise InputError(
                f"{path}: cannot be written ({cause}): free some space, or choose another "
                "folder; the same command goes on from the last checkpoint"
            ) from None

    @classmethod
    def load(cls, path: Path) -> "Checkpoint":
        """Reads a checkpoint, onto the CPU.

        Raises:
            InputError: There is none, or it is damaged, or something else.
        """
        content = read_torch(path)
        if not isinstance(content, dict) or content.get("kind") != KIND:
            raise InputError(
                f"{path}: is no checkpoint of this trainer (--init also takes published weights)"
            )
        if content.get("version") != VERSION:
            raise InputError(f"{path}: layout {content.get('version')}, this version reads {VERSION}")
        try:
            return cls(**{entry.name: content[entry.name] for entry in fields(cls)})
        except KeyError as error:
            raise InputError(f"{path}: damaged: {error} is missing") from None


def load_state(model: nn.Module, weights: Weights, what: str) -> None:
    """Gives a network the weights of ``what``.

    Raises:
        InputError: They are of another network; the message names the first that does not fit.
    """
    own = model.state_dict()
    for name in (*own, *weights):
        if name not in weights:
            problem = f"{name} is missing"
        elif name not in own:
            problem = f"{name} is not known there"
        elif own[name].shape != weights[name].shape:
            problem = f"{name} is {tuple(weights[name].shape)}, not {tuple(own[name].shape)}"
        else:
            continue
        raise InputError(f"{what} does not fit this network: {problem}")
    model.load_state_dict(weights)
