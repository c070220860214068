"""SpyNet, as sniklaus/pytorch-spynet published it (run.py), converted from the authors' (anuragranj/spynet).

Images are normalised as here, after a change from BGR to RGB. Flow is enlarged from level to level with the
outermost vectors on the outermost pixels, for which a network must be made with ``align_corners``. The original
leaves out the finest levels where no side of a frame exceeds 512, 256, ... px: all six run from 513 px on, here
always. Since it requires PyTorch 1.3, pytorch-spynet stretches displacements by W / (W - 1) and H / (H - 1); the
authors' code does not, nor does this project.
"""

import re
from collections.abc import Mapping
from typing import Any

from trainer.weights.convert import State, Weights

_LAYER = re.compile(r"(?:net|module)Basic\.(\d+)\.(?:net|module)Basic\.(?=\d)")


def read(state: State, extra: Mapping[str, Any]) -> Weights | None:
    """Weights from a published file; None where it is another network's."""
    if not any(_LAYER.match(name) for name in state):
        return None
    renamed = {_LAYER.sub(r"levels.\1.", name): tensor for name, tensor in state.items()}
    return Weights(name="spynet", source="pytorch-spynet", state=renamed, options={"align_corners": True})
