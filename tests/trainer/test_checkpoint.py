"""Checkpoints: whole or not there, read without running anything, refused with a cause."""

import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from chairsgen.errors import InputError
from trainer import create_model
from trainer.average import Average
from trainer.checkpoint import KIND, Checkpoint, load_state
from trainer.weights import load_model


def _checkpoint(**changes: Any) -> Checkpoint:
    torch.manual_seed(0)
    model = create_model("spynet", num_levels=2)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    sum(flow.square().mean() for flow in model(*torch.rand(2, 1, 3, 16, 16))).backward()
    optimiser.step()
    values = {
        "model": "spynet",
        "options": {"num_levels": 2},
        "step": 7,
        "weights": model.state_dict(),
        "averaged": {name: tensor + 1 for name, tensor in model.state_dict().items()},
        "optimiser": optimiser.state_dict(),
        "scores": {"data/chairs": {"epe": 2.5, "zero": 11.0, "pairs": 3}},
        "best": 2.5,
    }
    return Checkpoint(**(values | changes))


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    saved = _checkpoint()
    saved.save(tmp_path / "new" / "a.pt")
    read = Checkpoint.load(tmp_path / "new" / "a.pt")
    for name in ("model", "options", "step", "scores", "best", "skipped"):
        assert getattr(read, name) == getattr(saved, name)
    for name, tensor in saved.weights.items():
        assert torch.equal(read.weights[name], tensor)
        assert torch.equal(read.result[name], tensor + 1)
    model = create_model("spynet", num_levels=2)
    optimiser = torch.optim.Adam(model.parameters())
    assert read.optimiser
    optimiser.load_state_dict(read.optimiser)
    assert optimiser.param_groups[0]["lr"] == 1e-3
    assert os.listdir(tmp_path / "new") == ["a.pt"]


def test_for_use_the_averaged_weights_are_the_weights(tmp_path: Path) -> None:
    _checkpoint().for_use().save(tmp_path / "a.pt")
    _checkpoint(averaged=None).for_use().save(tmp_path / "b.pt")
    assert (tmp_path / "a.pt").stat().st_size < 0.5 * _size(_checkpoint(), tmp_path)
    weights = _checkpoint().weights
    for file, offset in (("a.pt", 1), ("b.pt", 0)):
        assert Checkpoint.load(tmp_path / file).optimiser is None
        state = load_model(tmp_path / file).state_dict()
        assert all(torch.equal(state[name], weights[name] + offset) for name in weights)


def _size(checkpoint: Checkpoint, folder: Path) -> int:
    checkpoint.save(folder / "whole.pt")
    return (folder / "whole.pt").stat().st_size


def test_a_save_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.pt"
    _checkpoint().save(path)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"a\.pt: cannot be written .*No space left.*free some space"):
        _checkpoint(step=8).save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.pt"]


class Bomb:
    """What a checkpoint from elsewhere could hold."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("exploded",)


def test_nothing_is_run_by_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"kind": KIND, "version": 1, "weights": Bomb()}, "a.pt")
    (tmp_path / "b.pt").write_bytes(pickle.dumps(Bomb()))
    for name in ("a.pt", "b.pt"):
        with pytest.raises(InputError, match=name):
            Checkpoint.load(Path(name))
    assert not (tmp_path / "exploded").exists()


def test_other_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    _checkpoint().save(path)
    whole = path.read_bytes()
    content = torch.load(path, weights_only=True)
    cases: list[tuple[object, str]] = [
        (whole[:-1000], "damaged"),
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git-LFS pointer"),
        ({"a": torch.zeros(1)}, "no checkpoint of this trainer"),
        ([1, 2], "no checkpoint of this trainer"),
        (content | {"version": 9}, "layout 9, this version reads 1"),
        ({name: value for name, value in content.items() if name != "step"}, "damaged: 'step' is missing"),
    ]
    for held, message in cases:
        if isinstance(held, bytes):
            path.write_bytes(held)
        else:
            torch.save(held, path)
        with pytest.raises(InputError, match=message):
            Checkpoint.load(path)
    with pytest.raises(InputError, match="cannot be read: No such file"):
        Checkpoint.load(tmp_path / "none.pt")


def test_weights_of_another_network_are_named() -> None:
    model, weights = create_model("spynet", num_levels=2), _checkpoint().weights
    load_state(model, weights, "a.pt")
    first = next(iter(weights))
    cases = [
        ({name: tensor for name, tensor in weights.items() if name != first}, f"{first} is missing"),
        (weights | {"more": torch.zeros(1)}, "more is not known there"),
        (weights | {first: torch.zeros(2, 3)}, r"\(2, 3\), not \(32, 8, 7, 7\)"),
    ]
    for other, message in cases:
        with pytest.raises(InputError, match=f"a.pt does not fit this network: .*{message}"):
            load_state(model, other, "a.pt")


def test_an_average_is_the_sum_that_defines_it() -> None:
    model = torch.nn.Linear(3, 2)
    start = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    average, expected = Average(model, 0.8), start
    generator = torch.Generator().manual_seed(0)
    for step in range(30):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator))
        average.update(step)
        keep = min(0.8, (1 + step) / (10 + step))
        expected = {
            name: keep * expected[name] + (1 - keep) * parameter.detach()
            for name, parameter in model.named_parameters()
        }
    live = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    state = average.state()
    assert state is not None
    torch.testing.assert_close(state, expected)
    with average.applied():
        torch.testing.assert_close(model.state_dict(), expected)
    assert all(torch.equal(model.state_dict()[name], live[name]) for name in live)
    other = Average(model, 0.8)
    other.load(state)
    assert all(torch.equal(tensor, state[name]) for name, tensor in (other.state() or {}).items())
    average.settle()
    assert all(torch.equal(model.state_dict()[name], state[name]) for name in state)


def test_no_average_is_the_network_itself() -> None:
    model = torch.nn.Linear(3, 2)
    average = Average(model, 0.0)
    before = model.weight.detach().clone()
    average.update(1)
    average.settle()
    with average.applied():
        assert torch.equal(model.weight, before)
    assert average.state() is None
