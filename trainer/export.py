"""A trained network as a file that needs nothing of this project: ONNX, or TorchScript.

It takes two batches of frames, uint8 RGB from 0 to 255, (batch, 3, height, width), of any size, and gives their
flow in pixels, (batch, 2, height, width).

The network is traced: sizes are recorded as what follows from the frames' own, so that it works on others. That is
checked on some, since tracing cannot know it.
"""

import io
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from chairsgen.aside import write_aside
from chairsgen.errors import InputError
from trainer.weights import load_model

# Without the types of PyTorch, which has none for these.
trace: Any = torch.jit.trace
load: Any = torch.jit.load

ENDINGS = {"onnx": ".onnx", "torchscript": ".torchscript"}

INPUTS, OUTPUT = ("image1", "image2"), "flow"
"""Names in an ONNX file."""

OPSET = 18

TOLERANCE_PX = 2e-3
"""How far exported flow may be from the network's own: rounding, at flow of some hundred pixels."""

Run = Callable[[Tensor, Tensor], Tensor]


class _Result(nn.Module):
    """A network's finest flow alone."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, image1: Tensor, image2: Tensor) -> Tensor:
        flow: Tensor = self.model(image1, image2)[0]
        return flow


@torch.no_grad()
def export(checkpoint: Path, format: str, out: Path | None = None) -> Path:
    """Writes a network for use elsewhere, when it has given the right flow on frames of several sizes.

    Args:
        checkpoint: What :func:`trainer.weights.load_model` reads.
        format: One of :data:`ENDINGS`.
        out: The file; if None, beside the checkpoint.

    Returns:
        The file.

    Raises:
        InputError: The checkpoint cannot be read, its network cannot be exported, or the file cannot be written.
    """
    network = _Result(load_model(checkpoint)).eval()
    out = out or checkpoint.with_suffix(ENDINGS[format])
    stride = getattr(network.model, "stride", 64)
    example = _frames(2, 2 * stride + 5, 3 * stride + 7)
    with warnings.catch_warnings():
        # Of sizes that could be recorded as fixed, which is checked below; and that newer tools exist.
        warnings.simplefilter("ignore")
        traced = trace(network, example, check_trace=False)
        content, run = (_onnx if format == "onnx" else _torchscript)(traced, example)
    for batch, height, width in (
        (1, stride, stride),
        (3, 4 * stride - 3, 2 * stride),
        (1, 50, 5 * stride + 1),
    ):
        frames = _frames(batch, height, width)
        difference = float((run(*frames) - network(*frames)).abs().max())
        if not difference <= TOLERANCE_PX:
            raise InputError(
                f"{checkpoint}: cannot be exported: on frames of {width} x {height} px the exported network's "
                f"flow is off by {difference:.3g} px"
            )
    try:
        write_aside(out, content)
    except OSError as error:
        raise InputError(f"--out {out}: cannot be written: {error.strerror}") from None
    return out


def _frames(batch: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Smooth frames of which the second is the first, moved."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    waves = torch.stack([torch.sin(x / 7 + c) + torch.cos(y / (5 + c)) for c in range(3)])
    image1 = (127 + 60 * waves).to(torch.uint8).expand(batch, -1, -1, -1)
    return image1.contiguous(), image1.roll((1, 2), (2, 3)).contiguous()


def _torchscript(traced: torch.jit.ScriptModule, example: tuple[Tensor, Tensor]) -> tuple[bytes, Run]:
    file = io.BytesIO()
    torch.jit.save(traced, file)
    file.seek(0)
    return file.getvalue(), load(file)


def _onnx(traced: torch.jit.ScriptModule, example: tuple[Tensor, Tensor]) -> tuple[bytes, Run]:
    try:
        import_module("onnx")  # what PyTorch writes with
        onnxruntime = import_module("onnxruntime")
    except ImportError as error:
        raise InputError(f"--format onnx: needs {error.name}: pip install onnx onnxruntime") from None
    axes = {0: "batch", 2: "height", 3: "width"}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        torch.onnx.export(
            traced,
            example,
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=list(INPUTS),
            output_names=[OUTPUT],
            dynamic_axes={name: axes for name in (*INPUTS, OUTPUT)},
        )
        content = path.read_bytes()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])

    def run(image1: Tensor, image2: Tensor) -> Tensor:
        frames = {name: image.numpy() for name, image in zip(INPUTS, (image1, image2), strict=True)}
        return torch.from_numpy(session.run([OUTPUT], frames)[0])

    return content, run
