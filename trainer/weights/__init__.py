"""Weights from files: this project's, and those that others published for the same networks.

::

    load_weights(model, "flownets_EPE1.951.pth.tar")    # fills a network
    model = load_model("flownets_EPE1.951.pth.tar")     # makes the one that the file holds, and fills it

A file's format and network are told by the names of its tensors. One file here knows one family of networks:
what others call the layers, and what else differs; each says what it was taken from. What was converted
computes the same flows as the original, up to rounding, on images whose sides are multiples of the network's
stride (elsewhere others resize or crop where this project pads).
"""

from trainer.weights.load import load_model, load_weights

__all__ = ["load_model", "load_weights"]
