"""What a training keeps: broken off, it goes on to what it would have come to."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from trained import ask, log_of, same, saved_in, train_here

from chairsgen.aside import aside_name
from chairsgen.errors import InputError
from trainer.checkpoint import Checkpoint
from trainer.runs import CONFIG, METRICS, Run
from trainer.settings import TrainConfig
from trainer.studies.running import curves

HERE = Path(__file__).parent


def test_a_runs_folder_says_all_of_it(data: Path, tmp_path: Path) -> None:
    config = ask(
        "networks:small",
        data,
        "validation.every=2",
        "checkpoint.every=3",
        "checkpoint.keep=2",
        val=[str(data)],
    )
    outcome = train_here(config, tmp_path / "run")
    assert TrainConfig.load(tmp_path / "run" / CONFIG) == config
    text = (tmp_path / "run" / CONFIG).read_text()
    assert "[made_by]\nversion = " in text
    assert f'[made_by.data]\n"{data}" = "' in text
    judged = log_of(tmp_path / "run", "val")
    assert [line["step"] for line in judged] == [2, 4, 6, 8, 10, 12]
    assert all(line["data"] == str(data) and line["pairs"] == 2 for line in judged)
    assert sorted(saved_in(tmp_path / "run")) == [10, 12]
    best = Checkpoint.load(outcome.checkpoint)
    assert outcome.checkpoint.name == "best.pt"
    assert best.scores[str(data)]["epe"] == best.best == min(line["epe"] for line in judged)
    assert best.optimiser is None
    events = list((tmp_path / "run").glob("events.out.tfevents.*"))
    assert len(events) == 1
    content = events[0].read_bytes()
    assert b"train/loss" in content
    assert b"\x89PNG" in content
    assert not list((tmp_path / "run").rglob("*.part"))


def test_a_run_that_is_done_stays_as_it_is(data: Path, tmp_path: Path) -> None:
    config = ask("networks:small", data, val=[str(data)])
    first = train_here(config, tmp_path / "run")
    log = (tmp_path / "run" / METRICS).read_bytes()
    again = train_here(config, tmp_path / "run")
    assert again.steps == 0
    assert again.checkpoint == first.checkpoint
    assert (tmp_path / "run" / METRICS).read_bytes() == log


def test_init_begins_with_a_files_weights(data: Path, tmp_path: Path) -> None:
    first = train_here(ask("networks:small", data), tmp_path / "one").checkpoint
    train_here(ask("networks:small", data, f"init='{first}'", "optimiser.lr=0", steps=1), tmp_path / "two")
    assert same(saved_in(tmp_path / "two")[1].weights, Checkpoint.load(first).weights)
    with pytest.raises(InputError, match="does not fit this network"):
        train_here(ask("networks:twice", data, f"init='{first}'"), tmp_path / "three")


EVERYTHING = [
    "ema=0.9",
    "options.dropout=0.3",
    "checkpoint.every=3",
    "checkpoint.keep=20",
    "validation.every=5",
    "log_every=2",
]
"""All that could tell a run that was broken off from one that was not."""


def test_a_run_that_was_killed_goes_on_to_the_last_bit(data: Path, tmp_path: Path) -> None:
    config = ask("networks:twice", data, *EVERYTHING, steps=30, val=[str(data)], augment="flownet2")
    train_here(config, tmp_path / "whole")

    # The same in a process of its own, killed as soon as it has a checkpoint.
    asked = tmp_path / "asked.toml"
    asked.write_text(config.to_toml())
    code = (
        "import sys, torch; from pathlib import Path; from trainer.settings import TrainConfig; "
        "from trainer.train import train; torch.set_num_threads(1); asked, folder = map(Path, sys.argv[1:]); "
        "train(TrainConfig.load(asked), folder, device='cpu', quiet=True)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-c", code, str(asked), str(tmp_path / "killed")]
    with subprocess.Popen(command, env=environment) as process:
        while not list((tmp_path / "killed").rglob("step-*.pt")):
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    steps = sorted(saved_in(tmp_path / "killed"))
    assert 0 < steps[-1] < 30
    aside_name(tmp_path / "killed" / "checkpoints" / "step-00000099.pt").write_bytes(b"cut off")
    with (tmp_path / "killed" / METRICS).open("a") as log:
        log.write('{"step": 29, "kind": "train", "loss": 1}\n{"step": 3')

    train_here(config, tmp_path / "killed")
    for kind in ("train", "val"):
        assert log_of(tmp_path / "killed", kind) == log_of(tmp_path / "whole", kind)
    ended, whole = saved_in(tmp_path / "killed")[30], saved_in(tmp_path / "whole")[30]
    assert same(ended.weights, whole.weights)
    assert same(ended.averaged, whole.averaged)
    assert ended.best == whole.best
    assert not list((tmp_path / "killed").rglob("*.part"))


@pytest.mark.parametrize("stop", [3, 12, 15, 18, 24])
def test_from_any_checkpoint_on_it_is_the_same(stop: int, data: Path, tmp_path: Path) -> None:
    """Within a stage, at its end, after a validation."""
    config = ask("networks:twice", data, *EVERYTHING, steps=24, augment="flownet2")
    train_here(config, tmp_path / "run")
    lines, last = log_of(tmp_path / "run"), saved_in(tmp_path / "run")[24]
    for path in (tmp_path / "run" / "checkpoints").glob("step-*.pt"):
        if int(path.stem[5:]) > stop:
            path.unlink()
    assert train_here(config, tmp_path / "run").steps == 24 - stop
    assert log_of(tmp_path / "run") == lines
    assert same(saved_in(tmp_path / "run")[24].weights, last.weights)


@pytest.mark.parametrize("first", ["false", "true"])
def test_a_run_goes_on_with_weights_that_lie_otherwise_in_memory(
    first: str, data: Path, tmp_path: Path
) -> None:
    def laid_out(channels_last: str) -> TrainConfig:
        layout = f"machine.channels_last={channels_last}"
        return ask("networks:small", data, "checkpoint.every=6", layout, augment="flownet2")

    train_here(laid_out(first), tmp_path / "run")
    lines = log_of(tmp_path / "run")
    (tmp_path / "run" / "checkpoints" / "step-00000012.pt").unlink()
    train_here(laid_out("true" if first == "false" else "false"), tmp_path / "run")
    for before, after in zip(lines, log_of(tmp_path / "run"), strict=True):
        assert after["loss"] == pytest.approx(before["loss"], rel=1e-4)
        assert after["gradient"] == pytest.approx(before["gradient"], rel=1e-3)


@pytest.mark.parametrize("stop", range(8))
def test_the_best_is_kept_wherever_a_run_is_killed(
    stop: int, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ask("networks:small", data, "validation.every=1", steps=4, val=[str(data)])
    whole = train_here(config, tmp_path / "whole").checkpoint
    written: list[Path] = []

    def save(checkpoint: Checkpoint, path: Path) -> None:
        if len(written) == stop:
            raise KeyboardInterrupt
        written.append(path)
        write(checkpoint, path)

    write = Checkpoint.save
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", save)
        try:
            train_here(config, tmp_path / "killed")
        except KeyboardInterrupt:
            assert len(written) == stop
    if written:
        with pytest.raises(InputError, match="holds another run"):
            train_here(ask("networks:plain", data), tmp_path / "killed")
    best = train_here(config, tmp_path / "killed").checkpoint
    assert best.name == whole.name == "best.pt"
    assert same(Checkpoint.load(best).weights, Checkpoint.load(whole).weights)


def test_a_run_that_learned_nothing_binds_nobody(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(self: Run, checkpoint: Checkpoint, *, best: bool) -> None:
        raise KeyboardInterrupt

    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(Run, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            train_here(ask("networks:twice", data, "checkpoint.every=5"), run)
    assert len(log_of(run)) == 5
    with pytest.raises(InputError, match="out of memory"):
        train_here(ask("networks:greedy", data), run)
    config = ask("networks:small", data, steps=3)
    train_here(config, run)
    assert TrainConfig.load(run / CONFIG) == config
    assert [line["step"] for line in log_of(run)] == [1, 2, 3]
    assert len(list(run.glob("events.out.tfevents.*"))) == 1


def test_a_configuration_of_something_else_is_not_replaced(data: Path, tmp_path: Path) -> None:
    path = tmp_path / CONFIG
    path.write_text("[tool]\nmine = true\n")
    with pytest.raises(InputError, match=f"^{path}: "):
        train_here(ask("networks:small", data), tmp_path)
    assert path.read_text() == "[tool]\nmine = true\n"


def test_a_full_disk_is_one_line(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(self: Run, *given: Any, **named: Any) -> None:
        with Path("/dev/full").open("w") as full:
            os.dup2(full.fileno(), self._metrics.fileno())
        log(self, *given, **named)

    log = Run.log
    monkeypatch.setattr(Run, "log", fill)
    with pytest.raises(InputError, match=r"^--run .*run: cannot be written: No space left on device"):
        train_here(ask("networks:small", data), tmp_path / "run")


def test_validating_and_saving_do_not_slow_down_what_is_logged(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(self: Run, checkpoint: Checkpoint, *, best: bool) -> None:
        time.sleep(0.3)

    monkeypatch.setattr(Run, "save", slowly)
    train_here(ask("networks:small", data, "checkpoint.every=1", steps=6), tmp_path / "run")
    lines = [json.loads(line) for line in (tmp_path / "run" / METRICS).read_text().splitlines()]
    assert min(4 / line["pairs_per_second"] for line in lines[1:]) < 0.3


def test_a_damaged_line_is_named_until_the_run_goes_on(data: Path, tmp_path: Path) -> None:
    config = ask("networks:small", data, "checkpoint.every=2", "validation.every=2", steps=4, val=[str(data)])
    run = tmp_path / "run"
    train_here(config, run)
    lines, points = log_of(run), curves(run)
    (run / "checkpoints" / "step-00000004.pt").unlink()
    with (run / METRICS).open("a") as log:
        log.write('{"step": 5, "ki')
    assert curves(run) == points
    with (run / METRICS).open("a") as log:
        log.write("\0\0\n")
    with pytest.raises(InputError, match=r"metrics\.jsonl: line 7 is damaged"):
        curves(run)
    train_here(config, run)
    assert (log_of(run), curves(run)) == (lines, points)
