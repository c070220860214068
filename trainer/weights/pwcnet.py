"""PWC-Net, as two others published it.

NVlabs/PWC-Net (PyTorch/models/PWCNet.py, script_pwc.py): with three convolutions a level of the pyramid, or two
(``pwc_dc_net_old``). sniklaus/pytorch-pwc (run.py): with three, its modules' names in two fashions. Both want BGR
images from 0 to 1 and give flow in units of 20 px. Each leaves out of the warped features what it could not read
to 99.9 % or more from inside the frame; here it is what lies outside by more than 1e-4 px.

pytorch-pwc stretches displacements by W / (W - 1) and H / (H - 1) since it requires PyTorch 1.3; the networks were
not trained so, and this project does not.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from trainer.weights.convert import FlowUnit, State, Weights, rename

UNIT_PX = 20.0
_FIRST = "pyramid.0.0.0.weight"
_NUMBERS = ("One", "Two", "Thr", "Fou", "Fiv", "Six")


def read(state: State, extra: Mapping[str, Any]) -> Weights | None:
    """Weights from a published file; None where it is another network's."""
    if "dc_conv7.weight" in state:
        name = "pwcnet" if "conv1aa.0.weight" in state else "pwcnet-small"
        source, layers = "NVlabs/PWC-Net", _nvlabs(small=name == "pwcnet-small")
    elif {"netRefiner.netMain.0.weight", "moduleRefiner.moduleMain.0.weight"} & set(state):
        state = {key.replace("module", "net"): tensor for key, tensor in state.items()}
        name, source, layers = "pwcnet", "pytorch-pwc", _sniklaus()
    else:
        return None
    state = rename(state, layers)
    if _FIRST in state:
        state[_FIRST] = state[_FIRST].flip(1)  # RGB instead of BGR
    return Weights(name=name, source=source, state=state, units={"": _flow_unit()})


def _nvlabs(*, small: bool) -> dict[str, str]:
    """This project's layers -> NVlabs'. At level 6 their second convolution has the name of others' first."""
    convolutions = [("a", "b") if small else ("a", "aa", "b")] * 5 + [
        ("a", "b") if small else ("aa", "a", "b")
    ]
    return {
        **{
            f"pyramid.{i}.{j}.0": f"conv{i + 1}{c}.0" for i in range(6) for j, c in enumerate(convolutions[i])
        },
        **{f"estimators.{i}.convs.{j}.0": f"conv{6 - i}_{j}.0" for i in range(5) for j in range(5)},
        **{f"estimators.{i}.head": f"predict_flow{6 - i}" for i in range(5)},
        **{f"flow_upsamplings.{i}": f"deconv{6 - i}" for i in range(4)},
        **{f"feature_upsamplings.{i}": f"upfeat{6 - i}" for i in range(4)},
        **{f"context.{i}.0": f"dc_conv{i + 1}.0" for i in range(6)},
        "context.6": "dc_conv7",
        "spare_upsampling": "deconv2",
    }


def _sniklaus() -> dict[str, str]:
    """This project's layers -> pytorch-pwc's, which begin with "net"."""
    decoders = [f"net{number}" for number in _NUMBERS[:0:-1]]
    return {
        **{
            f"pyramid.{i}.{j}.0": f"netExtractor.net{n}.{2 * j}"
            for i, n in enumerate(_NUMBERS)
            for j in range(3)
        },
        **{
            f"estimators.{i}.convs.{j}.0": f"{decoder}.net{_NUMBERS[j]}.0"
            for i, decoder in enumerate(decoders)
            for j in range(5)
        },
        **{f"estimators.{i}.head": f"{decoder}.netSix.0" for i, decoder in enumerate(decoders)},
        **{f"flow_upsamplings.{i}": f"{decoder}.netUpflow" for i, decoder in enumerate(decoders[1:])},
        **{f"feature_upsamplings.{i}": f"{decoder}.netUpfeat" for i, decoder in enumerate(decoders[1:])},
        **{f"context.{i}.0": f"netRefiner.netMain.{2 * i}" for i in range(6)},
        "context.6": "netRefiner.netMain.12",
    }


def _flow_unit() -> FlowUnit:
    """From level 5 on, all that sees an estimator's features sees flow and upsampled features as the last four."""
    sees = [f"estimators.{i}.convs.{j}.0" for i in range(1, 5) for j in range(5)]
    sees += [*(f"estimators.{i}.head" for i in range(1, 5)), "context.0.0"]
    return FlowUnit(
        pixels=UNIT_PX,
        heads=(*(f"estimators.{i}.head" for i in range(5)), "context.6"),
        enlargements=tuple(f"flow_upsamplings.{i}" for i in range(4)),
        inputs={
            **{layer: np.s_[:, -4:-2] for layer in sees},
            **{f"feature_upsamplings.{i}": np.s_[-4:-2] for i in range(1, 4)},
        },
    )
