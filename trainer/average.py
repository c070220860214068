"""The moving average of a network's weights over its steps (EMA)."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """An exponential moving average of a network's parameters; buffers are taken as they are.

    A step keeps ``decay`` of it; in the beginning less, (1 + steps) / (10 + steps), so that the fresh weights
    are soon forgotten.

    Args:
        model: The network; its average begins with its present weights.
        decay: Share that a step keeps; 0: the average is the network itself, and costs nothing.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._model, self._decay = model, decay
        self._live: list[Tensor] = list(model.parameters()) if decay else []
        self._mean = [parameter.detach().clone() for parameter in self._live]

    @torch.no_grad()
    def update(self, steps: int) -> None:
        """Takes in the weights after ``steps`` steps."""
        if self._live:
            keep = min(self._decay, (1 + steps) / (10 + steps))
            torch._foreach_lerp_(self._mean, self._live, 1 - keep)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The network has the averaged weights for as long as this lasts."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def state(self) -> dict[str, Tensor] | None:
        """The network's state with averaged weights; None where there is no average."""
        if not self._live:
            return None
        with self.applied():
            return {name: tensor.clone() for name, tensor in self._model.state_dict().items()}

    def load(self, state: dict[str, Tensor]) -> None:
        """Goes on from what :meth:`state` gave."""
        with torch.no_grad():
            for mean, (name, _) in zip(self._mean, self._model.named_parameters(), strict=True):
                mean.copy_(state[name])

    def settle(self) -> None:
        """The network takes the averaged weights for its own."""
        with torch.no_grad():
            for live, mean in zip(self._live, self._mean, strict=True):
                live.copy_(mean)

    @torch.no_grad()
    def _exchange(self) -> None:
        for live, mean in zip(self._live, self._mean, strict=True):
            kept = live.detach().clone()
            live.copy_(mean)
            mean.copy_(kept)
