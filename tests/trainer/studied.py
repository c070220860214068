"""A network of two numbers, and a study of it that takes a second."""

from pathlib import Path

import torch
from torch import Tensor, nn

STUDY = """
about = "What matters?"
seeds = 2
val_pairs = 3

[base]
data.pairs = 4
recipe.frame = { height = 16, width = 24 }
recipe.background.plain = 1.0
recipe.chair = { count_min = 0, count_max = 0 }
train.model = "studied:guess"
train.augment.preset = "none"
train.crop = { height = 16, width = 24 }
train.steps = 4
train.batch_size = 2
train.optimiser.lr = 1e-3
train.validation.every = 2
train.machine.workers = 0

[axes]
train.options.offset = [0.0, 3.0]
train.log_every = [50, 2]
recipe.name = ["here", "there"]
"""


class Guess(nn.Module):
    """The same flow everywhere: what is learned, and ``offset`` px to the right."""

    def __init__(self, offset: float) -> None:
        super().__init__()
        self.offset = offset
        self.flow = nn.Parameter(0.1 * torch.randn(2))

    def forward(self, image1: Tensor, image2: Tensor) -> list[Tensor]:
        if self.offset > 100:
            raise RuntimeError("offset is beyond belief")
        batch, _, height, width = image1.shape
        flow = self.flow + self.flow.new_tensor([self.offset, 0.0])
        return [flow.view(1, 2, 1, 1).expand(batch, 2, height, width)]


def guess(offset: float = 0.0) -> nn.Module:
    """The network's builder."""
    return Guess(offset)


def write(folder: Path, text: str = STUDY, name: str = "quick") -> Path:
    """A study file."""
    path = folder / f"{name}.toml"
    path.write_text(text)
    return path
