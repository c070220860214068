"""A trained network as a method."""

from pathlib import Path

import numpy as np
import torch

from chairsgen.errors import InputError
from trainer.devices import lacks_memory
from trainer.methods.base import Flows, Images
from trainer.weights import load_model


class Network:
    """A network from a checkpoint, or from weights published for one."""

    def __init__(self, path: Path, device: torch.device) -> None:
        """Loads it.

        Args:
            path: What :func:`trainer.weights.load_model` reads.
            device: Where it computes.

        Raises:
            InputError: The file cannot be read, or its network is not known.
        """
        self.model, self.device, self.name = load_model(path).to(device), device, str(path)

    @torch.inference_mode()
    def __call__(self, image1: Images, image2: Images) -> Flows:
        try:
            tensors = (torch.from_numpy(images).to(self.device) for images in (image1, image2))
            flow = self.model(*(images.movedim(-1, 1) for images in tensors))[0]
            return np.ascontiguousarray(flow.movedim(1, -1).cpu().numpy())
        except RuntimeError as error:
            if not lacks_memory(error):
                raise
            batch, height, width, _ = image1.shape
            raise InputError(
                f"{self.device.type} has not the memory for {batch} pairs of {width} x {height} px at once: "
                "lower --batch-size, or give --tile 512, or --scale 0.5"
            ) from None
