"""FlowNet and FlowNet2, as two others published them.

ClementPinard/FlowNetPytorch (models/FlowNetS.py, FlowNetC.py, util.py; main.py): FlowNetS and FlowNetC, with or
without batch normalisation, which is folded into the convolutions. Images are RGB from 0 to 1; what is taken from
them is :data:`~trainer.models.flownet.CHAIRS_MEAN`. Flow is in units of ``div_flow`` px, which a checkpoint says.
Neither the upsamplings nor the heads have biases. Not to be told apart from these are the weights that the same
place offers as converted from Caffe: those expect BGR images and no mean taken, and are read as if they did not.

NVIDIA/flownet2-pytorch (models.py, networks/; convert.py, utils/param_utils.py): FlowNet2, -CSS, -CS, -C, -S and
-SD. Images are RGB less their mean over the pair (the conversion from Caffe turned the colours around). Flow is in
units of 20 px, inside FlowNet2's network for small displacements of 1/20 px. FlowNet2-CSS repeats its last flow's
vectors on the way to full resolution, where this project interpolates; the flow itself is the same.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from trainer.weights.convert import FlowUnit, State, Weights, fold_batch_norm, rename

PINARD = "FlowNetPytorch"
NVIDIA = "flownet2-pytorch"
UNIT_PX = 20.0

_CONTRACTION = ("conv3_1", "conv4", "conv4_1", "conv5", "conv5_1", "conv6", "conv6_1")
_SHARED = {
    **{f"contraction.{layer}.0": f"{layer}.0" for layer in _CONTRACTION},
    **{f"expansion.deconvs.{i}.0": f"deconv{5 - i}.0" for i in range(4)},
    **{f"expansion.heads.{i}": f"predict_flow{6 - i}" for i in range(5)},
    **{f"expansion.upsamplings.{i}": f"upsampled_flow{6 - i}_to_{5 - i}" for i in range(4)},
}
_S = {**{f"conv{i}.0": f"conv{i}.0" for i in (1, 2, 3)}, **_SHARED}
_C = {**_S, "redirect.0": "conv_redir.0"}
_STEM = {
    "conv0.0": "conv0.0",
    **{f"conv{i}.{j}.0": f"conv{i}{'_1' * j}.0" for i in (1, 2) for j in (0, 1)},
}
_SD = {
    **_STEM,
    "conv3.0": "conv3.0",
    **_SHARED,
    **{f"expansion.between.{i}": f"inter_conv{5 - i}.0" for i in range(4)},
}
_FUSION = {
    **_STEM,
    **{f"deconv{i}.0": f"deconv{i}.0" for i in (0, 1)},
    **{f"between{i}": f"inter_conv{i}.0" for i in (0, 1)},
    **{f"heads.{i}": f"predict_flow{2 - i}" for i in range(3)},
    **{f"upsamplings.{i}": f"upsampled_flow{2 - i}_to_{1 - i}" for i in range(2)},
}
"""This project's layers -> the published ones."""


def read(state: State, extra: Mapping[str, Any]) -> Weights | None:
    """Weights from a published file; None where it is another network's.

    Args:
        state: The file's tensors.
        extra: What else the file holds.
    """
    if not {"deconv5.0.weight", "flownetc.deconv5.0.weight"} & set(state):
        return None
    state = fold_batch_norm(state)
    if "flownetc.deconv5.0.weight" in state:
        return _stack(state)
    if "conv0.0.weight" in state:
        name, layers = "flownet2-sd", _SD
    elif "conv_redir.0.weight" in state:
        name, layers = "flownetc", _C
    else:
        name, layers = "flownets", _S
    state, flow = rename(state, layers), _flow_unit(UNIT_PX, between=name == "flownet2-sd")
    if "expansion.heads.0.bias" in state:
        return Weights(name=name, source=NVIDIA, state=state, units={"": flow})
    flow = replace(flow, pixels=float(extra.get("div_flow", UNIT_PX)))
    state = _zero_biases(state, upsamplings=name == "flownetc")
    return Weights(name=name, source=PINARD, state=state, options={"centre": "chairs"}, units={"": flow})


def _zero_biases(state: State, *, upsamplings: bool) -> State:
    """Adds the biases that FlowNetPytorch leaves out of its expanding part."""
    without = ("expansion.deconvs", "expansion.heads", *["expansion.upsamplings"] * upsamplings)
    zeros = {
        name.replace("weight", "bias"): weight.new_zeros(weight.shape[0 if ".heads." in name else 1])
        for name, weight in state.items()
        if name.startswith(without)
    }
    return {**state, **zeros}


def _stack(state: State) -> Weights:
    """FlowNet2-CS, -CSS, or FlowNet2."""
    whole = "flownetfusion.conv0.0.weight" in state
    large = "large." if whole else ""
    parts = {f"{large}first": ("flownetc", _C), f"{large}refinements.0": ("flownets_1", _S)}
    flow = _flow_unit(UNIT_PX)
    refining = replace(flow, inputs={**flow.inputs, "conv1.0": np.s_[:, 9:11]})
    units = {f"{large}first": flow, f"{large}refinements.0": refining}
    if "flownets_2.conv1.0.weight" in state:
        parts[f"{large}refinements.1"] = ("flownets_2", _S)
        units[f"{large}refinements.1"] = refining
    if whole:
        parts |= {"small": ("flownets_d", _SD), "fusion": ("flownetfusion", _FUSION)}
        units["small"] = _flow_unit(1 / UNIT_PX, between=True)
    layers = {
        f"{ours}.{layer}": f"{theirs}.{their_layer}"
        for ours, (theirs, part) in parts.items()
        for layer, their_layer in part.items()
    }
    name = "flownet2" if whole else "flownet2-css" if len(parts) == 3 else "flownet2-cs"
    return Weights(name=name, source=NVIDIA, state=rename(state, layers), units=units)


def _flow_unit(pixels: float, *, between: bool = False) -> FlowUnit:
    """Flow within one network; ``between``: convolutions stand between features and flow."""
    heads = [f"expansion.between.{i}" if between else f"expansion.heads.{i + 1}" for i in range(4)]
    return FlowUnit(
        pixels=pixels,
        heads=tuple(f"expansion.heads.{i}" for i in range(5)),
        enlargements=tuple(f"expansion.upsamplings.{i}" for i in range(4)),
        inputs={
            **{f"expansion.deconvs.{i}.0": np.s_[-2:] for i in (1, 2, 3)},
            **{layer: np.s_[:, -2:] for layer in heads},
        },
    )
