"""Weights from files: what is read computes what was published, and what cannot be read is named in one line."""

import io
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from published import PUBLISHED, made
from published_flow import Tensors, pinard_flow
from torch import Tensor, nn

from chairsgen.errors import InputError
from trainer import create_model
from trainer.checkpoint import Checkpoint
from trainer.models import FlowModel
from trainer.models.base import FlowHead
from trainer.weights import load_model, load_weights

LEGACY = {"_use_new_zipfile_serialization": False}


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def unfilled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes networks without drawing fresh weights, which takes longer than what is tested: a file fills them."""
    for name in ("kaiming_uniform_", "kaiming_normal_"):
        monkeypatch.setattr(nn.init, name, lambda tensor, **_: tensor.fill_(torch.nan))


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A file, at times of hundreds of megabytes: not kept."""
    yield tmp_path / "weights.pth"
    (tmp_path / "weights.pth").unlink(missing_ok=True)


def pair(height: int = 64, width: int = 128) -> tuple[Tensor, Tensor]:
    """Two smooth images."""
    noise = torch.rand(2, 1, 3, height // 8, width // 8, generator=torch.Generator().manual_seed(1))
    image1, image2 = (
        nn.functional.interpolate(n, (height, width), mode="bicubic").clamp(0, 1) for n in noise
    )
    return image1, image2


@torch.no_grad()
def flow_like(expected: Tensor, model: nn.Module, images: tuple[Tensor, Tensor]) -> Tensor:
    """A network's flow of the resolution of another."""
    (flow,) = (flow for flow in model(*images) if flow.shape == expected.shape)
    return flow


def assert_same(flow: Tensor, expected: Tensor) -> None:
    """Equal up to rounding."""
    assert expected.abs().mean() > 0.1
    torch.testing.assert_close(flow, expected, rtol=0, atol=2e-5 * float(expected.abs().max()))


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    """Whether two networks have the same tensors."""
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)


# --- published files


def hollow(file: str) -> Tensors:
    """A published file's tensors, each of one stored number."""
    return {name: torch.full((), 0.5).expand(shape) for name, shape in PUBLISHED[file][1].items()}


WANTED = {"FlowNetPytorch": {"centre": "chairs"}, "pytorch-spynet": {"align_corners": True}}
"""Options of the networks that published weights are for."""


@pytest.mark.filterwarnings("ignore:for .*a no-op")
@pytest.mark.parametrize("file", PUBLISHED)
def test_every_published_tensor_has_its_place(file: str, path: Path) -> None:
    torch.save({"epoch": 0, "state_dict": hollow(file), "best_EPE": 1e10}, path)
    with torch.device("meta"):
        model = create_model(PUBLISHED[file][0], **WANTED.get(file.split()[0], {}))
    load_weights(model, path)


COMPUTED = [file for file in PUBLISHED if not file.endswith((" S", " CS", " CSS", " renamed"))]
"""The others are parts of these, or these under other names."""


@torch.no_grad()
@pytest.mark.usefixtures("unfilled")
@pytest.mark.parametrize("file", COMPUTED)
def test_published_networks_compute_the_same_here(file: str, path: Path) -> None:
    _, shapes, flow_of = PUBLISHED[file]
    tensors, images = made(shapes), pair()
    torch.save({"epoch": 0, "state_dict": tensors, "best_EPE": 1e10}, path)
    model = load_model(path)
    assert not model.training
    expected = flow_of(tensors, *images)
    assert_same(flow_like(expected, model, images), expected)


@torch.no_grad()
@pytest.mark.usefixtures("unfilled")
@pytest.mark.parametrize(
    ("file", "options"),
    [
        ("flownet2-pytorch SD", {"flow_unit": 7.0}),
        ("flownet2-pytorch CS", {"flow_unit": 5.0}),
        ("PWC-Net", {"flow_unit": 0.05}),
    ],
)
def test_another_unit_of_flow_changes_nothing(file: str, options: dict[str, float], path: Path) -> None:
    name, shapes, flow_of = PUBLISHED[file]
    tensors, images = made(shapes), pair()
    torch.save(tensors, path)
    model = create_model(name, **options)
    load_weights(model, path)
    expected = flow_of(tensors, *images)
    assert_same(flow_like(expected, model, images), expected)


@torch.no_grad()
@pytest.mark.usefixtures("unfilled")
def test_the_unit_of_flow_that_a_file_says_is_taken(path: Path) -> None:
    tensors, images = made(PUBLISHED["FlowNetPytorch flownets"][1]), pair(64, 64)
    torch.save({"arch": "flownets", "state_dict": tensors, "div_flow": 5.0}, path)
    expected = pinard_flow(tensors, *images, unit=5.0)
    assert_same(flow_like(expected, load_model(path), images), expected)


@pytest.mark.parametrize(
    ("file", "option"), [("FlowNetPytorch flownets", "centre"), ("pytorch-spynet", "align")]
)
def test_networks_that_would_compute_another_function_are_refused(file: str, option: str, path: Path) -> None:
    torch.save(hollow(file), path)
    with pytest.raises(InputError, match=rf"made for networks with {option}.*--set options\.NAME"):
        load_weights(create_model(PUBLISHED[file][0]), path)


# --- files of this project


class Own(FlowModel):
    """A network of one's own: a single convolution."""

    stride = 1

    def __init__(self, channels: int = 6) -> None:
        super().__init__()
        self.head = FlowHead(channels)

    def estimate(self, image1: Tensor, image2: Tensor) -> list[Tensor]:
        return [self.head(torch.cat([image1, image2], 1))]


@pytest.mark.parametrize("arguments", [{}, LEGACY])
@pytest.mark.parametrize("make", [Own, lambda: create_model("spynet", num_levels=2)])
def test_a_state_dict_fills_the_network_that_it_came_from(
    make: Callable[[], nn.Module], arguments: dict[str, bool], path: Path
) -> None:
    model, other = make(), make()
    torch.save(model.state_dict(), path, **arguments)
    load_weights(other, str(path))
    assert same_weights(model, other)
    torch.save({f"module.{name}": tensor for name, tensor in model.state_dict().items()}, path)
    third = make()
    load_weights(third, path)
    assert same_weights(model, third)


@pytest.mark.parametrize("name", ["spynet", "pwcnet", "pwcnet-small"])
def test_a_state_dict_tells_its_network(name: str, path: Path) -> None:
    model = create_model(name)
    torch.save({"state_dict": model.state_dict()}, path)
    assert same_weights(load_model(path), model)


@pytest.mark.parametrize("averaged", [False, True])
def test_checkpoints(averaged: bool, path: Path) -> None:
    weights, mean = (create_model("spynet", num_levels=1).state_dict() for _ in range(2))
    Checkpoint(
        model="spynet",
        options={"num_levels": 1},
        step=7,
        weights=weights,
        averaged=mean if averaged else None,
    ).save(path)
    model = create_model("spynet", num_levels=1)
    load_weights(model, path)
    assert same_weights(model, load_model(path))
    wanted = mean if averaged else weights
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in model.state_dict().items())


def test_a_checkpoint_for_other_options_is_refused(path: Path) -> None:
    options = {"num_levels": 1, "align_corners": True}
    weights = create_model("spynet", **options).state_dict()
    Checkpoint(model="spynet", options=options, step=1, weights=weights).save(path)
    with pytest.raises(
        InputError, match=r"\(spynet, a checkpoint\): made for networks with align_corners = True"
    ):
        load_weights(create_model("spynet", num_levels=1), path)
    with pytest.raises(InputError, match=r"does not fit this network: levels\.1\.0\.weight is missing"):
        load_weights(create_model("spynet", num_levels=2, align_corners=True), path)


class Python2Pickler(pickle._Pickler):
    """Writes text as Python 2 did, in which some published files were written."""

    dispatch: ClassVar[dict[type, Any]] = dict(pickle._Pickler.dispatch)

    def save_str(self, text: str) -> None:
        self.write(pickle.SHORT_BINSTRING + bytes([len(text)]) + text.encode())
        self.memoize(text)

    dispatch[str] = save_str


def test_files_of_python_2_are_read(path: Path) -> None:
    model = create_model("spynet", num_levels=1)
    old = SimpleNamespace(__name__="old", Pickler=Python2Pickler, dump=pickle.dump)
    torch.save(
        {"state_dict": model.state_dict(), "arch": "x"}, path, pickle_module=old, pickle_protocol=2, **LEGACY
    )
    assert b"U\x11levels.0.0.weight" in path.read_bytes()
    filled = create_model("spynet", num_levels=1)
    load_weights(filled, path)
    assert same_weights(model, filled)


# --- what is refused


def refusal(path: Path, content: bytes | None = None, model: nn.Module | None = None) -> str:
    """The one line that refuses a file."""
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load_weights(model or create_model("spynet", num_levels=1), path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def saved(content: object, **arguments: bool) -> bytes:
    """A file of `torch.save`."""
    file = io.BytesIO()
    torch.save(content, file, **arguments)
    return file.getvalue()


def test_another_networks_weights_are_named(path: Path) -> None:
    model = create_model("pwcnet-small")
    for file in (
        "PWC-Net",
        "pytorch-pwc",
        "pytorch-spynet",
        "flownet2-pytorch CS",
        "FlowNetPytorch flownetc",
    ):
        message = refusal(path, saved(hollow(file)), model)
        assert f"({PUBLISHED[file][0]}, {file.split()[0].replace('PWC-Net', 'NVlabs/PWC-Net')})" in message
        assert "does not fit this network" in message
    message = refusal(path, saved(create_model("spynet").state_dict()), model)
    assert "(spynet, a state dict) does not fit this network" in message
    Checkpoint(model="spynet", options={}, step=1, weights=create_model("spynet").state_dict()).save(path)
    assert "(spynet, a checkpoint) does not fit this network" in refusal(path, model=model)


@pytest.mark.parametrize(
    "file", ["FlowNetPytorch flownets_bn", "PWC-Net", "pytorch-spynet", "flownet2-pytorch CS"]
)
def test_wrong_tensors_are_named(file: str, path: Path) -> None:
    name, shapes, _ = PUBLISHED[file]
    tensors = hollow(file)
    with torch.device("meta"):
        model = create_model(name, **WANTED.get(file.split()[0], {}))
    first = next(iter(shapes))
    message = refusal(path, saved(tensors | {"conv9.0.weight": torch.ones(1)}), model)
    assert "conv9.0.weight is not known there" in message
    message = refusal(path, saved(tensors | {first: torch.ones(1, 2, 3, 3)}), model)
    assert "is (" in message or "do not fit each other" in message
    del tensors[first]
    message = refusal(path, saved(tensors), model)
    assert "is missing" in message or "do not fit each other" in message


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "zero bytes"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 155\n", "git lfs pull"),
        (b"<!DOCTYPE html><title>Google Drive - Virus scan warning</title>", "no file of torch.save"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "no file of torch.save"),
        (saved([1, 2]), "an object of type list"),
        (saved({}), "holds no network's weights"),
        (saved({"state_dict": {}}), "holds no network's weights"),
        (saved({"state_dict": [torch.ones(1)]}), "holds no network's weights"),
        (saved({"epoch": 3, "model": {"conv": torch.ones(1)}}), "holds no network's weights"),
        (saved({1: torch.ones(1)}), "holds no network's weights"),
        (saved({"encoder.weight": torch.ones(1)}), "not known here (its first tensor: encoder.weight)"),
        (saved({"kind": "chairsgen-trainer", "version": 99}), "layout 99"),
    ],
)
def test_files_without_a_network_are_named(content: bytes, cause: str, path: Path) -> None:
    assert cause in refusal(path, content)


def test_files_that_cannot_be_opened_are_named(path: Path) -> None:
    assert "No such file" in refusal(path)
    assert "Is a directory" in refusal(path.parent)


class Malicious:
    """Runs a command when unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("arguments", [{}, LEGACY])
def test_code_in_a_file_is_not_run(arguments: dict[str, bool], path: Path, tmp_path: Path) -> None:
    message = refusal(path, saved({"state_dict": Malicious(tmp_path / "run")}, **arguments))
    assert "not unpickled" in message
    assert "posix.system" in message
    assert not (tmp_path / "run").exists()
    whole = saved(nn.Conv2d(1, 1, 1), **arguments)
    assert "save the state dict alone" in refusal(path, whole)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_other_formats_of_pytorch_are_named(path: Path) -> None:
    torch.jit.save(torch.jit.trace(nn.Conv2d(1, 1, 1), torch.ones(1, 1, 2, 2)), path)
    assert "TorchScript" in refusal(path)
    with tarfile.open(path, "w") as archive:
        for name in ("storages", "tensors", "pickle"):
            archive.addfile(tarfile.TarInfo(name))
    assert "first format" in refusal(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights.txt", "none")
    assert "not of torch.save" in refusal(path)


SOUND = {
    zipped: saved(create_model("spynet", num_levels=1).state_dict(), _use_new_zipfile_serialization=zipped)
    for zipped in (True, False)
}


@pytest.mark.parametrize("zipped", [True, False])
def test_truncated_files_are_named(zipped: bool, path: Path) -> None:
    content = SOUND[zipped]
    for length in (1, 3, 10, 100, 1000, len(content) // 2, len(content) - 100, len(content) - 1):
        message = refusal(path, content[:length])
        assert "truncated or damaged" in message or "no file of torch.save" in message


@pytest.mark.parametrize("zipped", [True, False])
@settings(max_examples=20)
@given(data=st.data())
def test_damage_never_ends_in_another_error(
    zipped: bool, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(SOUND[zipped])
    # The tables at the beginning and at the end; the numbers between have no structure.
    places = st.one_of(st.integers(0, 3000), st.integers(len(content) - 3000, len(content) - 1))
    for place in data.draw(st.lists(places, min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.pt"
    path.write_bytes(content)
    model = create_model("spynet", num_levels=1)
    try:
        load_weights(model, path)
    except InputError:
        refusal(path, model=model)


@pytest.mark.parametrize("name", ["subprocess:getoutput", "builtins:str", "collections:OrderedDict"])
def test_a_file_has_nothing_called_but_networks(name: str, tmp_path: Path) -> None:
    path, proof = tmp_path / "evil.pt", tmp_path / "proof"
    options = {"cmd": f"touch {proof}"} if "subprocess" in name else {}
    Checkpoint(model=name, options=options, step=1, weights={"x": torch.zeros(1)}).save(path)
    with pytest.raises(InputError, match="does not say that it makes networks"):
        load_model(path)
    with pytest.raises(InputError):
        load_weights(create_model("spynet", num_levels=1), path)
    assert not proof.exists()
