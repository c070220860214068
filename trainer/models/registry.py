"""Name -> builder of a network."""

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, make_dataclass
from functools import cache
from typing import Any

import torch
from torch import nn

from chairsgen.config import Config, nearest, param
from chairsgen.errors import InputError

Builder = Callable[..., nn.Module]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A registered network.

    Attributes:
        build: Makes it; keyword arguments are options of its configuration.
        source: Where it was published.
        options: Its configuration's defaults; None: the keyword arguments of ``build``, with theirs.
    """

    build: Builder
    source: str
    options: Config | None = None


ENTRIES: dict[str, Entry] = {}
"""All registered networks, in the order of registration."""


def register(name: str, *, source: str, options: Config | None = None) -> Callable[[Builder], Builder]:
    """Decorator: makes a builder, a function or a class, available by name; arguments as in :class:`Entry`.

    Raises:
        ValueError: Another builder has that name.
    """

    def add(build: Builder) -> Builder:
        if name in ENTRIES and ENTRIES[name].build is not build:
            raise ValueError(f"a model {name!r} is registered already")
        ENTRIES[name] = Entry(build=build, source=source, options=options)
        return build

    return add


def create_model(name: str, **options: Any) -> nn.Module:
    """A network with fresh weights.

    It is called with two images and returns flows, finest first: see
    :class:`~trainer.models.base.FlowModel` for what it takes and gives.

    Args:
        name: A registered name, or ``package.module:function`` for a builder of your own.
        **options: Changes of the network's configuration, such as ``radius=6``.

    Raises:
        InputError: No such model, or no such option; or what is named makes no network.
    """
    build = _builder(name)
    try:
        inspect.signature(build).bind(**options)
    except (TypeError, ValueError) as error:
        raise InputError(f"model {name!r}: {error}") from None
    model = build(**options)
    if not isinstance(model, nn.Module):
        raise InputError(f"model {name!r}: made a {type(model).__name__}, not a network")
    return model


def named_by_file(name: str) -> str:
    """A network's name that stands in a file, as it is.

    What a file names would be called with the file's options: it has to say of itself that it makes networks.

    Raises:
        InputError: No such model, or it is neither registered, nor a class of networks, nor annotated as a
            function that returns one.
    """
    build = _builder(name)
    if any(entry.build is build for entry in ENTRIES.values()):
        return name
    try:
        made = build if isinstance(build, type) else inspect.signature(build, eval_str=True).return_annotation
    except (AttributeError, NameError, SyntaxError, TypeError, ValueError):
        made = None
    if not (isinstance(made, type) and issubclass(made, nn.Module)):
        raise InputError(
            f"model {name!r}: a file names it, and it does not say that it makes networks, so it is not called: "
            "annotate it, as in `def build() -> nn.Module`"
        )
    return name


def model_options(name: str) -> Config:
    """The options that :func:`create_model` takes for a network, each at its default.

    Raises:
        InputError: No such model.
    """
    if name in ENTRIES and (options := ENTRIES[name].options):
        return options
    return _arguments(_builder(name))


@cache
def _arguments(build: Builder) -> Config:
    """The keyword arguments of a builder that are plain values."""
    parameters = inspect.signature(build).parameters.values()
    plain = [p for p in parameters if isinstance(p.default, bool | int | float | str)]
    fields = [(p.name, type(p.default), param(p.default, "")) for p in plain]
    made = make_dataclass("Options", fields, bases=(Config,), frozen=True, kw_only=True)
    return made()


def num_parameters(name: str, **options: Any) -> int:
    """How many parameters a network has, counted without making room for them."""
    with torch.device("meta"):
        model = create_model(name, **options)
    return sum(parameter.numel() for parameter in model.parameters())


def _builder(name: str) -> Builder:
    if name in ENTRIES:
        return ENTRIES[name].build
    module, colon, function = name.partition(":")
    if not colon:
        hint = nearest(name, ENTRIES)
        raise InputError(f"unknown model {name!r}: {hint} (your own: package.module:function)")
    try:
        build = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"model {name!r}: {error}") from error
    if not callable(build):
        raise InputError(f"model {name!r}: is not a function or a class")
    builder: Builder = build
    return builder
