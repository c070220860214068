"""Made inputs of augmentations: small samples as batches, and draws that leave what is not asked for."""

from collections.abc import Sequence

import made
import numpy as np
import torch
from torch import Tensor

from chairsgen.compose import compose
from chairsgen.sample import FlowSample
from trainer.augment import Draw
from trainer.batch import DenseTruth, LayeredTruth, Pairs


def neutral(a1: np.ndarray, a2: np.ndarray | None = None, **changes: object) -> Draw:
    """A draw that moves, and no more but for ``changes``."""
    values = {
        "A1": a1,
        "A2": a1 if a2 is None else a2,
        "erased": np.zeros((2, 4), np.int64),
        "colour": np.stack([np.eye(3, 7)] * 2),
        "gamma": np.ones(2),
        "tone": np.array([[1.0, 0.0]] * 2),
        "noise": 0.0,
        "noise_kind": "gaussian",
        "noise_seed": 0,
    }
    return Draw(**(values | changes))  # type: ignore[arg-type]


def pairs_of(samples: Sequence[FlowSample], *, dense: bool = False) -> Pairs:
    def images(name: str) -> Tensor:
        return torch.from_numpy(np.stack([getattr(sample, name) for sample in samples])).permute(0, 3, 1, 2)

    truth: LayeredTruth | DenseTruth
    if dense:
        flow = images("flow_fw")
        truth = DenseTruth(flow=flow, valid=torch.ones_like(flow[:, :1], dtype=torch.bool))
    else:
        truth = LayeredTruth(
            layer_id=torch.from_numpy(np.stack([sample.layer_id1 for sample in samples])),
            motions=torch.from_numpy(np.stack([sample.motions for sample in samples])),
        )
    occ = torch.from_numpy(np.stack([sample.occ_fw for sample in samples])).unsqueeze(1)
    return Pairs(image1=images("image1"), image2=images("image2"), truth=truth, occ=occ)


def made_sample(seed: int = 0, height: int = 96, width: int = 128, chairs: int = 6) -> FlowSample:
    scene = made.scene(np.random.default_rng(seed), height, width, chairs, strength=0.4)
    return compose(scene, made.load)
