"""Networks of a few numbers, and studies of them that take a second or some."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import torch
from torch import Tensor, nn

from chairsgen.workers import NoWorkers
from trainer.ops import cost_volume

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
        self.flow = nn.Parameter(torch.randn(2))

    def forward(self, image1: Tensor, image2: Tensor) -> list[Tensor]:
        if self.offset > 100:
            raise RuntimeError("offset is beyond belief")
        batch, _, height, width = image1.shape
        flow = 0.1 * self.flow + self.flow.new_tensor([self.offset, 0.0])
        return [flow.view(1, 2, 1, 1).expand(batch, 2, height, width)]


class Match(nn.Module):
    """The mean of displacements, weighted by how well pixels match, and by how likely each is held to be."""

    RADIUS = 4

    def __init__(self) -> None:
        super().__init__()
        side = torch.arange(-self.RADIUS, self.RADIUS + 1.0)
        self.register_buffer("moves", torch.cartesian_prod(side, side).flip(1), persistent=False)
        self.features = nn.Conv2d(3, 8, 5, padding=2, bias=False)
        self.trust = nn.Parameter(torch.zeros(()))
        self.prior = nn.Parameter(torch.zeros(len(side) ** 2, 1, 1))

    def forward(self, image1: Tensor, image2: Tensor) -> list[Tensor]:
        images = [image / 255 - image.float().mean((2, 3), keepdim=True) / 255 for image in (image1, image2)]
        features = [nn.functional.normalize(self.features(image), dim=1) for image in images]
        volume = cost_volume(*features, radius=self.RADIUS)
        weights = torch.softmax(8 * (20 * self.trust).exp() * volume + 10 * self.prior, dim=1)
        return [torch.einsum("bdhw,dc->bchw", weights, self.moves)]


def guess(offset: float = 0.0) -> nn.Module:
    """A network's builder."""
    return Guess(offset)


def match() -> nn.Module:
    """Another's."""
    return Match()


def write(folder: Path, text: str = STUDY, name: str = "quick") -> Path:
    """A study file."""
    path = folder / f"{name}.toml"
    path.write_text(text)
    return path


@contextmanager
def building_here() -> Iterator[None]:
    """Datasets are built in this process: to start others takes longer than pairs so small and few."""
    with mock.patch("chairsgen.builder.start_workers", return_value=NoWorkers()):
        yield
