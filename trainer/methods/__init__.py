"""Methods: all that makes flow of two frames, whether it learned to or not."""

from pathlib import Path

from trainer.methods.around import Refined, Scaled, Tiled
from trainer.methods.base import Flows, Images, Method
from trainer.methods.classical import CLASSICAL, open_classical

__all__ = ["CLASSICAL", "Flows", "Images", "Method", "Refined", "Scaled", "Tiled", "open_method"]


def open_method(
    name: str | None = None, checkpoint: Path | None = None, *, refine: bool = False, device: str = "auto"
) -> Method:
    """A classical method by name, or a network from a file.

    Args:
        name: One of :data:`CLASSICAL`; if None, there must be a checkpoint.
        checkpoint: What :func:`trainer.weights.load_model` reads.
        refine: Whether variational refinement follows.
        device: Where a network computes: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        InputError: No such method, file or device.
    """
    method: Method
    if checkpoint is None:
        method = open_classical(name or "")
    else:
        # Imported when asked for: classical methods need no PyTorch.
        from trainer.devices import pick_device
        from trainer.methods.network import Network

        method = Network(checkpoint, pick_device(device))
    return Refined(method) if refine else method
