"""Block matching: exhaustive search for the most similar block."""

import cv2
import numpy as np

from chairsgen.sample import Flow
from trainer.methods.base import Grey

BLOCK_PX = 8
MARGIN_PX = 4
SEARCH_PX = 32
LENGTH_COST = 1.0
"""What each pixel of a displacement costs, in squared grey levels: of equally good ones the shortest is best."""


def block_matching(image1: Grey, image2: Grey) -> Flow:
    """The whole displacement, up to :data:`SEARCH_PX` either way, under which frame 2 is most like a block.

    A block's surroundings are compared too; its pixels all get its displacement.
    """
    height, width = image1.shape
    flow = np.empty((height, width, 2), np.float32)
    for y in range(0, height, BLOCK_PX):
        rows, wide_rows = _reach(y, MARGIN_PX, height), _reach(y, MARGIN_PX + SEARCH_PX, height)
        for x in range(0, width, BLOCK_PX):
            columns, wide_columns = (
                _reach(x, MARGIN_PX, width),
                _reach(x, MARGIN_PX + SEARCH_PX, width),
            )
            block = image1[rows, columns]
            cost = cv2.matchTemplate(image2[wide_rows, wide_columns], block, cv2.TM_SQDIFF) / block.size
            v = np.arange(len(cost))[:, None] + wide_rows.start - rows.start
            u = np.arange(cost.shape[1]) + wide_columns.start - columns.start
            best = np.unravel_index(np.argmin(cost + LENGTH_COST * np.hypot(u, v)), cost.shape)
            flow[y : y + BLOCK_PX, x : x + BLOCK_PX] = u[best[1]], v[best[0], 0]
    return flow


def _reach(start: int, beyond: int, length: int) -> slice:
    """The pixels of a block and ``beyond`` more on either side, inside the frame."""
    return slice(max(start - beyond, 0), min(start + BLOCK_PX + beyond, length))
