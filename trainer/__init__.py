"""Training and comparing optical-flow networks on what `chairsgen` makes."""

from typing import TYPE_CHECKING, Any

from chairsgen import __version__

__all__ = ["__version__", "create_model", "register"]

if TYPE_CHECKING:
    from trainer.models import create_model, register


def __getattr__(name: str) -> Any:
    # Imported when asked for: `trainer --help` need not load PyTorch.
    if name in ("create_model", "register"):
        from trainer import models

        return getattr(models, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
