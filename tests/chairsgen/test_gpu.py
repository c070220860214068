"""The GPU paints what the CPU paints, to the bit: numba's simulator stands in for it, and a GPU is asked if there is one."""

import dataclasses
import multiprocessing
import re
from concurrent.futures import ProcessPoolExecutor
from types import SimpleNamespace
from typing import Any

import made
import numpy as np
import pytest

from chairsgen import pixel
from chairsgen.compose import compose, painter_on, stack_layers
from chairsgen.errors import InputError
from chairsgen.pixel import TILE
from chairsgen.sample import FlowSample
from chairsgen.scene import Scene

PIXELS = ("image1", "image2", "layer_id1", "layer_id2", "occ_fw", "occ_bw")


def _scenes(sizes: list[tuple[int, int, int]]) -> list[Scene]:
    rng = np.random.default_rng(11)
    return [made.scene(rng, height, width, chairs, strength=0.4) for height, width, chairs in sizes]


SMALL = [(17, 20, 5), (9, 35, 8), (16, 16, 0), (21, 18, 12)]
"""Heights, widths and chairs: what a simulator can bear, and in turn larger and smaller than the last."""


def _simulated() -> list[FlowSample]:
    from chairsgen.gpu import Gpu

    gpu = Gpu()
    return [compose(scene, made.load, painter=gpu) for scene in _scenes(SMALL)]


def _tile_without_layers(painter: Any = pixel) -> np.ndarray: ...
