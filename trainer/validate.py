"""How far a network's flow is from the truth, while it learns."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainer.batch import Batch, Pairs
from trainer.metrics import Metrics


@dataclass(frozen=True, kw_only=True)
class Score:
    """A network on one validation set; means over all pixels whose flow is known.

    Attributes:
        epe: End-point error, in pixels.
        zero: That of zero flow, in pixels: what a network that has learned nothing gets.
        pairs: How many were judged.
    """

    epe: float
    zero: float
    pairs: int


@torch.no_grad()
def validate(network: nn.Module, batches: Iterable[Pairs], show: Callable[[Batch, Tensor], None]) -> Score:
    """Judges a network, in float32.

    Args:
        network: In evaluation mode meanwhile.
        batches: On the network's device.
        show: Is given the first batch, and its flow.
    """
    training = network.training
    network.eval()
    device = next(network.parameters()).device
    metrics, zero, pairs = Metrics(device), Metrics(device), 0
    for batch in map(Batch.of, batches):
        flow = network(batch.image1, batch.image2)[0]
        metrics.add(flow, batch)
        zero.add(torch.zeros_like(flow), batch)
        if not pairs:
            show(batch, flow)
        pairs += len(batch)
    network.train(training)
    return Score(epe=metrics.result().epe, zero=zero.result().epe, pairs=pairs)
