"""What conversions are made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

State = dict[str, Tensor]
"""A network's tensors by name."""

BATCH_NORM_EPSILON = 1e-5
"""PyTorch's default, which published networks kept."""


@dataclass(frozen=True, kw_only=True)
class FlowUnit:
    """The unit of flow inside a network, and where such flow leaves and enters its layers.

    Attributes:
        pixels: Pixels of the full frame for each unit.
        heads: Layers that make flow.
        enlargements: Layers from flow to flow.
        inputs: Layer -> index of the part of its weights that is applied to flow.
    """

    pixels: float
    heads: tuple[str, ...]
    enlargements: tuple[str, ...]
    inputs: Mapping[str, Any]

    def changed(self, state: Mapping[str, Tensor], pixels: float) -> State:
        """The tensors for another unit: the network stays the same function."""
        ratio, state = self.pixels / pixels, dict(state)
        if ratio == 1:
            return state
        for layer in self.heads:
            state[f"{layer}.weight"] = state[f"{layer}.weight"] * ratio
        for layer in (*self.heads, *self.enlargements):
            if f"{layer}.bias" in state:
                state[f"{layer}.bias"] = state[f"{layer}.bias"] * ratio
        for layer, index in self.inputs.items():
            weight = state[f"{layer}.weight"].clone()
            weight[index] /= ratio
            state[f"{layer}.weight"] = weight
        return state


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A network's weights in this project's terms.

    Attributes:
        name: The network's registered name.
        source: Where the file is from.
        state: Its tensors.
        options: Options of the network's configuration that the weights were made for.
        units: Part of the network ("": the whole) -> its unit of flow.
    """

    name: str
    source: str
    state: State
    options: Mapping[str, Any] = field(default_factory=dict)
    units: Mapping[str, FlowUnit] = field(default_factory=dict)


def rename(state: Mapping[str, Tensor], layers: Mapping[str, str]) -> State:
    """The tensors by other names: ``layers`` is new name -> old. Tensors of other layers keep theirs."""
    new = {theirs: ours for ours, theirs in layers.items()}
    renamed = {}
    for name, tensor in state.items():
        layer, dot, kind = name.rpartition(".")
        renamed[f"{new.get(layer, layer)}{dot}{kind}"] = tensor
    return renamed


def within(part: str, state: Mapping[str, Tensor]) -> State:
    """The tensors of a part of a network, under their names in the whole; "": the whole."""
    return {f"{part}.{name}" if part else name: tensor for name, tensor in state.items()}


def part_of(state: Mapping[str, Tensor], part: str) -> State:
    """The tensors of a part of a network, under their names within it; "": of the whole."""
    prefix = f"{part}." if part else ""
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def fold_batch_norm(state: Mapping[str, Tensor]) -> State:
    """Convolutions ``x.0`` with batch normalisations ``x.1`` behind them as convolutions alone.

    Exact in evaluation: both are linear, and the padding of zeros stands before the first.
    """
    folded = {name: tensor for name, tensor in state.items() if ".1." not in name}
    for name, mean in state.items():
        if not name.endswith(".1.running_mean"):
            continue
        layer = name.removesuffix(".1.running_mean")
        norm = part_of(state, f"{layer}.1")
        scale = norm["weight"] / torch.sqrt(norm["running_var"] + BATCH_NORM_EPSILON)
        weight = state[f"{layer}.0.weight"]
        bias = state.get(f"{layer}.0.bias", torch.zeros_like(mean))
        folded[f"{layer}.0.weight"] = weight * scale.view(-1, 1, 1, 1)
        folded[f"{layer}.0.bias"] = (bias - mean) * scale + norm["bias"]
    return folded
