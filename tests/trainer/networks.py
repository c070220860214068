"""Networks of one's own, by name: `networks:small`. Some are made to go wrong."""

import torch
from torch import Tensor, nn

from trainer.models import FlowModel, Stage
from trainer.models.base import FlowHead, conv


class Small(FlowModel):
    """Three convolutions, to a quarter of the resolution, and a parameter that no loss reaches."""

    stride = 4
    finest = 4
    flow_unit = 5.0

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.first = conv(6, channels, stride=2)
        self.second = conv(channels, channels, stride=2)
        self.dropout = nn.Dropout(dropout)
        self.head = FlowHead(channels)
        self.idle = nn.Parameter(torch.zeros(1))

    def estimate(self, image1: Tensor, image2: Tensor) -> list[Tensor]:
        features = self.second(self.first(torch.cat([image1, image2], 1)))
        return [self.flow_unit * self.head(self.dropout(features))]


class Twice(FlowModel):
    """A small network, and another of its kind that adds to its flow and learns after it."""

    stride = 4
    finest = 4

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.coarse, self.fine = Small(8, dropout), Small(8, dropout)

    def estimate(self, image1: Tensor, image2: Tensor) -> list[Tensor]:
        return [self.coarse.estimate(image1, image2)[0] + self.fine.estimate(image1, image2)[0]]

    def stages(self) -> list[Stage]:
        return [
            Stage(name="coarse", network=self.coarse, learns=self.coarse),
            Stage(name="fine", network=self, learns=self.fine, starts_from=self.coarse),
        ]


class Poisoned(Small):
    """The gradient of one weight is not a number from the third step on, ``count`` times."""

    def __init__(self, count: int) -> None:
        super().__init__(8, 0.0)
        self.left, self.calls = count, 0
        self.second[0].weight.register_hook(self._poison)

    def _poison(self, gradient: Tensor) -> Tensor:
        self.calls += 1
        if self.calls > 2 and self.left:
            self.left -= 1
            return gradient * float("nan")
        return gradient


class Still(FlowModel):
    """Predicts no motion, whatever it learns."""

    stride = 1

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def estimate(self, image1: Tensor, image2: Tensor) -> list[Tensor]:
        return [0.0 * self.weight * image1[:, :2]]


class Greedy(Still):
    """Wants more memory than there is."""

    def estimate(self, image1: Tensor, image2: Tensor) -> list[Tensor]:
        return [image1[:, :2] + torch.empty(1 << 50)[:1]]


class Plain(nn.Module):
    """No :class:`FlowModel`: what it lacks is taken to be the simplest."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(6, 2, 3, padding=1)

    def forward(self, image1: Tensor, image2: Tensor) -> list[Tensor]:
        return [self.layer(torch.cat([image1, image2], 1).float())]


def small(channels: int = 8, dropout: float = 0.0) -> Small:
    return Small(channels, dropout)


def twice(dropout: float = 0.0) -> Twice:
    return Twice(dropout)


def poisoned(count: int = 1) -> Poisoned:
    return Poisoned(count)


def still() -> Still:
    return Still()


def greedy() -> Greedy:
    return Greedy()


def plain() -> Plain:
    return Plain()
