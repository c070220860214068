"""From a file to a network."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from chairsgen.errors import InputError
from trainer.checkpoint import KIND, Checkpoint, load_state
from trainer.models import ENTRIES, create_model, named_by_file
from trainer.torchfile import read_torch
from trainer.weights import flownet, pwcnet, spynet
from trainer.weights.convert import State, Weights, part_of, within

PUBLISHED = (pwcnet.read, spynet.read, flownet.read)

TRAITS = ("flow_unit", "centre", "align_corners")
"""Attributes of networks that weights depend on and do not show."""

SPARE = "spare_upsampling."
"""Begins the names of what nothing uses."""

WRAPPER = "module."
"""What DataParallel and DistributedDataParallel put before every name."""


def load_weights(model: nn.Module, path: str | os.PathLike[str]) -> None:
    """Fills a network from a checkpoint, a state dict, or a published file.

    Of a checkpoint with averaged weights, these are taken.

    Raises:
        InputError: The file cannot be read, is another network's, or was made for another configuration.
    """
    path = Path(path)
    _fill(model, _read(path, model.state_dict().keys()), path)


def load_model(path: str | os.PathLike[str]) -> nn.Module:
    """The network that a file holds, in evaluation mode.

    Raises:
        InputError: The file cannot be read, or its network is not known.
    """
    path = Path(path)
    weights = _read(path)
    model = create_model(named_by_file(weights.name), **weights.options)
    _fill(model, weights, path)
    return model.eval()


def _read(path: Path, wanted: Collection[str] = ()) -> Weights:
    """A file's weights; those that are the ``wanted`` tensors need not be of any known network."""
    content = read_torch(path)
    if not isinstance(content, Mapping):
        raise InputError(
            f"{path}: holds no network's weights, but an object of type {type(content).__name__}"
        )
    if content.get("kind") == KIND:
        saved = Checkpoint.load(path)
        return Weights(
            name=saved.model, source="a checkpoint", state=dict(saved.result), options=saved.options
        )
    state = _tensors(content)
    if not state:
        raise InputError(
            f"{path}: holds no network's weights: wanted are a state dict or a checkpoint with one"
        )
    if state.keys() == wanted:
        return Weights(name="", source="a state dict", state=state)
    try:
        for published in PUBLISHED:
            if weights := published(state, content):
                return weights
    except (LookupError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"{path}: damaged: its tensors do not fit each other ({error})") from None
    for name in ENTRIES:
        with torch.device("meta"):
            known = create_model(name).state_dict().keys()
        if state.keys() == known:
            return Weights(name=name, source="a state dict", state=state)
    raise InputError(
        f"{path}: holds a network that is not known here (its first tensor: {next(iter(state))})"
    )


def _tensors(content: Mapping[Any, Any]) -> State:
    """The network's tensors in a file's content; none, if there is anything else among them."""
    state = content.get("state_dict", content)
    if not isinstance(state, Mapping):
        return {}
    if not all(isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in state.items()):
        return {}
    return part_of(state, "module") if all(name.startswith(WRAPPER) for name in state) else dict(state)


def _fill(model: nn.Module, weights: Weights, path: Path) -> None:
    what = f"{path} ({', '.join(filter(None, (weights.name, weights.source)))})"
    own = model.state_dict()
    spare = {name: tensor for name, tensor in own.items() if name.startswith(SPARE)}
    state = {k: v for k, v in {**spare, **weights.state}.items() if k in own or not k.startswith(SPARE)}
    if {k: v.shape for k, v in state.items()} == {k: v.shape for k, v in own.items()}:
        _check_traits(model, weights, what)
        for part, unit in weights.units.items():
            pixels: Any = model.get_submodule(part).flow_unit
            state |= within(part, unit.changed(part_of(state, part), pixels))
    load_state(model, state, what)


def _check_traits(model: nn.Module, weights: Weights, what: str) -> None:
    """Refuses a network that was configured to compute another function of the same weights."""
    if not weights.name:
        return
    with torch.device("meta"):
        wanted = _traits(create_model(named_by_file(weights.name), **weights.options))
    for trait, value in _traits(model).items():
        convertible = weights.units and trait.endswith("flow_unit")
        if not convertible and wanted.get(trait, value) != value:
            raise InputError(
                f"{what}: made for networks with {trait} = {wanted[trait]!r}, this one has {value!r}: "
                "make it with that option, as --set options.NAME=VALUE does"
            )


def _traits(model: nn.Module) -> dict[str, Any]:
    return {
        f"{part}.{trait}".lstrip("."): getattr(module, trait)
        for part, module in model.named_modules()
        for trait in TRAITS
        if hasattr(module, trait)
    }
