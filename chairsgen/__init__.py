"""Synthetic training data for optical flow: 3D chairs that fly over photographs, with exact ground truth."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["FlowSample", "InputError", "Recipe", "build", "open_dataset"]

if TYPE_CHECKING:
    from chairsgen.builder import build
    from chairsgen.dataset import open_dataset
    from chairsgen.errors import InputError
    from chairsgen.recipe import Recipe
    from chairsgen.sample import FlowSample

_HOMES = {
    "FlowSample": "chairsgen.sample",
    "InputError": "chairsgen.errors",
    "Recipe": "chairsgen.recipe",
    "build": "chairsgen.builder",
    "open_dataset": "chairsgen.dataset",
}


def __getattr__(name: str) -> Any:
    # Imported when asked for: `chairsgen --help` and readers of datasets need not load renderers.
    import importlib

    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
