"""Exported networks give the flow of the networks that they come from, on frames of any size."""

import io
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from chairsgen.errors import InputError
from trainer import export as exporting
from trainer.checkpoint import Checkpoint
from trainer.cli import main
from trainer.export import export
from trainer.matching import match_plainly, matches
from trainer.models import ENTRIES, FlowModel, create_model, register
from trainer.models.base import FlowHead, conv
from trainer.ops import cost_volume, upsample, warp

pytestmark = pytest.mark.usefixtures("untyped")


class Probe(FlowModel):
    """A little of all that networks are made of: a cost volume with a stride, a warp, two levels."""

    stride = 8
    flow_unit = 3.0

    def __init__(self, centre: bool = False) -> None:
        super().__init__()
        self.features = nn.Sequential(conv(3, 6, stride=2), conv(6, 8, stride=2))
        self.coarse, self.fine = FlowHead(25), FlowHead(6 + 2)
        self.centre = centre

    def estimate(self, image1: Tensor, image2: Tensor) -> list[Tensor]:
        features1, features2 = self.features(image1), self.features(image2)
        coarse = self.flow_unit * self.coarse(cost_volume(features1, features2, radius=4, stride=2))
        flow = upsample(coarse, image1.shape[-2:])
        warped = warp(image2, flow, padding="border")
        if self.centre:
            # A size that a trace takes for fixed.
            flow = flow + float(image1.shape[-1])
        return [flow + self.fine(torch.cat([image1, warped, flow], 1)), coarse]


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    monkeypatch.setattr("trainer.models.registry.ENTRIES", dict(ENTRIES))
    register("probe", source="this test")(Probe)
    torch.manual_seed(0)
    options = getattr(request, "param", {})
    model = create_model("probe", **options)
    path = tmp_path / "best.pt"
    Checkpoint(model="probe", options=options, step=1, weights=model.state_dict()).save(path)
    return path


def expected(checkpoint: Path, image1: Tensor, image2: Tensor) -> Tensor:
    model = create_model("probe").eval()
    model.load_state_dict(Checkpoint.load(checkpoint).weights)
    with torch.no_grad():
        flow: Tensor = model(image1, image2)[0]
    return flow


@pytest.mark.filterwarnings("ignore:.*torch.jit.load:DeprecationWarning")
@pytest.mark.parametrize("format", ["torchscript", "onnx"])
def test_an_exported_network_gives_the_same_flow_on_any_size(format: str, checkpoint: Path) -> None:
    runtime: Any = None
    if format == "onnx":
        pytest.importorskip("onnx")
        runtime = pytest.importorskip("onnxruntime")
    path = export(checkpoint, format)
    assert path.parent == checkpoint.parent
    assert path.suffix == f".{format}"
    generator = torch.Generator().manual_seed(1)
    for batch, height, width in ((1, 8, 8), (2, 33, 61), (5, 40, 17), (1, 96, 200)):
        size = (batch, 3, height, width)
        frames = [torch.randint(0, 256, size, dtype=torch.uint8, generator=generator) for _ in range(2)]
        if runtime:
            session = runtime.InferenceSession(str(path))
            feed = dict(zip(("image1", "image2"), (frame.numpy() for frame in frames), strict=True))
            flow = torch.from_numpy(session.run(["flow"], feed)[0])
        else:
            flow = exporting.load(io.BytesIO(path.read_bytes()))(*frames)
        wanted = expected(checkpoint, *frames)
        assert flow.shape == wanted.shape == (batch, 2, height, width)
        assert wanted.abs().max() > 0.1
        assert (flow - wanted).abs().max() < 1e-3


@pytest.mark.filterwarnings("ignore:.*torch.jit.load:DeprecationWarning")
def test_an_exported_network_runs_on_any_device(checkpoint: Path) -> None:
    network = exporting.load(io.BytesIO(export(checkpoint, "torchscript").read_bytes()))
    assert "cpu" not in str(network.inlined_graph)


@pytest.mark.parametrize("checkpoint", [{"centre": True}], indirect=True)
def test_a_network_that_cannot_be_traced_is_refused(checkpoint: Path) -> None:
    with pytest.raises(
        InputError, match=r"best\.pt: cannot be exported: on frames of \d+ x \d+ px .* is off by"
    ):
        export(checkpoint, "torchscript")
    assert [path.name for path in checkpoint.parent.iterdir()] == ["best.pt"]


def test_the_command_says_where_the_file_is(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = checkpoint.parent / "made" / "network.ts"
    with pytest.raises(SystemExit) as leaving:
        main(["export", "--checkpoint", str(checkpoint), "--format", "torchscript", "--out", str(out)])
    assert leaving.value.code == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert out.exists()


def test_mistakes_are_one_line(
    checkpoint: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise ImportError(name=name)

    monkeypatch.setattr(exporting, "import_module", missing)
    blocked = checkpoint.parent / "file"
    blocked.touch()
    for arguments, message in (
        (["--checkpoint", "nowhere.pt", "--format", "onnx"], "nowhere.pt: cannot be read"),
        (["--checkpoint", str(checkpoint), "--format", "tflite"], "unknown 'tflite'"),
        (["--checkpoint", str(checkpoint), "--format", "onnx"], "pip install onnx onnxruntime"),
        (
            ["--checkpoint", str(checkpoint), "--format", "torchscript", "--out", str(blocked / "a")],
            "cannot be written",
        ),
    ):
        with pytest.raises(SystemExit) as leaving:
            main(["export", *arguments])
        assert leaving.value.code == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line


@pytest.mark.parametrize(("shape", "reach"), [((2, 7, 13, 5), 4), ((1, 3, 2, 4), 10), ((3, 1, 1, 1), 0)])
def test_plain_operations_match_as_the_fast_ones(shape: tuple[int, ...], reach: int) -> None:
    maps = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(match_plainly(*maps, reach), matches(*maps, reach), atol=1e-6)
