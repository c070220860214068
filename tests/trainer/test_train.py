"""The loop: what it learns, alone and with others, and what it says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import moving
import pytest
import torch
from trained import ask, log_of, same, saved_in, train_here

from chairsgen.errors import InputError
from trainer.checkpoint import Checkpoint
from trainer.cli import main
from trainer.guards import Diverged
from trainer.models import create_model, stages_of
from trainer.runs import CONFIG, Run
from trainer.settings import TrainConfig, configure
from trainer.weights import load_model

GOLDEN = Path(__file__).parents[1] / "golden"


# What it learns.


def test_a_network_of_ones_own_is_trained_by_name(data: Path, tmp_path: Path) -> None:
    config = ask(
        "networks:small", data, "options.channels=16", "optimiser.lr=2e-2", steps=60, val=[str(data)]
    )
    outcome = train_here(config, tmp_path / "run")
    lines = log_of(tmp_path / "run")
    assert [line["step"] for line in lines] == list(range(1, 61))
    assert lines[-1]["loss"] < 0.9 * lines[0]["loss"]
    model = load_model(outcome.checkpoint)
    assert model.first[0].out_channels == 16
    score = Checkpoint.load(outcome.checkpoint).scores[str(data)]
    assert score["pairs"] == 2
    assert score["epe"] < score["zero"]


def test_a_module_that_is_no_flow_model_is_trained_too(data: Path, tmp_path: Path) -> None:
    train_here(ask("networks:plain", data, "optimiser.lr=2e-2", steps=20), tmp_path / "run")
    lines = log_of(tmp_path / "run")
    assert lines[-1]["loss"] < lines[0]["loss"]


GOLDENS = {
    "spynet": ["options.num_levels=3"],
    "pwcnet": [],
    "networks:twice": ["ema=0.9", "optimiser.clip=1"],
}


@pytest.mark.parametrize("model", GOLDENS)
def test_twenty_steps_lose_what_they_always_lost(model: str, data: Path, tmp_path: Path) -> None:
    """A change here changes every training: say why in its own commit."""
    config = ask(model, data, "optimiser.lr=1e-4", *GOLDENS[model], steps=20, augment="flownet2")
    train_here(config, tmp_path / "run")
    losses = [line["loss"] for line in log_of(tmp_path / "run")]
    golden = json.loads((GOLDEN / "losses.json").read_text())
    # Processors sum in different orders, and steps build upon each other.
    assert losses == pytest.approx(golden[model], rel=2e-3)


def test_every_stage_changes_its_layers_alone(data: Path, tmp_path: Path) -> None:
    config = ask("spynet", data, "options.num_levels=3", "checkpoint.every=1", "checkpoint.keep=9", steps=6)
    train_here(config, tmp_path / "run")
    states = saved_in(tmp_path / "run")
    assert [line["stage"] for line in log_of(tmp_path / "run")] == [
        f"level {level} of 3" for level in (1, 1, 2, 2, 3, 3)
    ]
    for step in range(2, 7):
        before, after = states[step - 1].weights, states[step].weights
        changed = {name.split(".")[1] for name in after if not torch.equal(before[name], after[name])}
        assert changed == {str((step - 1) // 2)}


def test_a_level_starts_from_the_one_before(data: Path, tmp_path: Path) -> None:
    train_here(ask("spynet", data, "options.num_levels=3", "optimiser.lr=0", steps=3), tmp_path / "run")
    weights = saved_in(tmp_path / "run")[3].weights
    for name in weights:
        assert torch.equal(
            weights[name], weights[name.replace("levels.1.", "levels.0.").replace("levels.2.", "levels.0.")]
        )


def test_flownet2_learns_one_network_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = moving.dataset(tmp_path / "data", 1, size=(64, 64))
    learned = []

    def remember(self: Run, checkpoint: Checkpoint, *, best: bool) -> None:
        learned.append(checkpoint.optimiser["param_groups"][0]["params"])  # type: ignore[index]

    # A checkpoint of it is 2 GB.
    monkeypatch.setattr(Run, "save", remember)
    config = configure(
        "flownet2",
        data=[str(data)],
        steps=5,
        batch_size=1,
        crop=(64, 64),
        augment="none",
        overrides=["machine.workers=0", "log_every=1"],
    )
    train_here(config, tmp_path / "run")
    stages = [line["stage"] for line in log_of(tmp_path / "run")]
    assert stages == ["FlowNetC", "refinement 1", "refinement 2", "FlowNet2-SD", "fusion"]
    assert len(learned) == 5


def test_averaged_weights_are_judged_kept_and_handed_on(data: Path, tmp_path: Path) -> None:
    config = ask("networks:twice", data, "ema=0.9", "checkpoint.every=1", "checkpoint.keep=20", steps=12)
    train_here(config, tmp_path / "run")
    states = saved_in(tmp_path / "run")
    mean = None
    for step in range(1, 7):
        # The stage's first weights are not kept: begin with the second step.
        live, averaged = states[step].weights, states[step].averaged
        assert averaged is not None
        if mean is not None:
            keep = min(0.9, step / (9 + step))
            for name in live:
                torch.testing.assert_close(averaged[name], keep * mean[name] + (1 - keep) * live[name])
        mean = averaged
    # In the second stage, the first one's layers are its average.
    coarse = [name for name in states[7].weights if name.startswith("coarse.")]
    assert mean is not None
    assert all(torch.equal(states[7].weights[name], mean[name]) for name in coarse)
    assert not all(torch.equal(states[6].weights[name], mean[name]) for name in coarse)


@pytest.mark.parametrize(
    "override", ["precision=bf16", "machine.channels_last=true", "loss.matched=true", "loss.form=mean"]
)
def test_other_ways_to_compute_learn_as_well(override: str, data: Path, tmp_path: Path) -> None:
    config = ask("networks:small", data, override, "optimiser.lr=2e-2", steps=30)
    train_here(config, tmp_path / "run")
    lines = log_of(tmp_path / "run")
    assert lines[-1]["epe"] < 0.9 * lines[0]["epe"]


@pytest.mark.usefixtures("untyped")
def test_a_compiled_network_makes_the_same_losses(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = torch.compile
    monkeypatch.setattr(torch, "compile", lambda network: compiled(network, backend="eager"))
    for name in ("false", "true"):
        train_here(ask("networks:small", data, f"machine.compile={name}", steps=4), tmp_path / name)
    assert [line["loss"] for line in log_of(tmp_path / "true")] == pytest.approx(
        [line["loss"] for line in log_of(tmp_path / "false")]
    )


# With others.


def test_two_processes_lose_what_one_loses(data: Path, tmp_path: Path) -> None:
    settings = ["loss.form=sum", "validation.every=3"]
    config = ask("networks:twice", data, *settings, steps=6, val=[str(data)])
    train_here(config, tmp_path / "one")
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node=2",
        "-m",
        "--",
        "trainer",
    ]
    arguments = [
        "train",
        "--model=networks:twice",
        f"--data={data}",
        f"--val={data}",
        f"--run={tmp_path / 'two'}",
    ]
    arguments += ["--steps=6", "--batch-size=4", "--crop", "32", "48", "--augment=none", "--device=cpu"]
    changes = ["machine.workers=0", "log_every=1", "optimiser.lr=1e-3", *settings]
    sets = [word for change in changes for word in ("--set", change)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parent)}
    result = subprocess.run([*command, *arguments, *sets], env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("next: trainer evaluate") == 1
    for kind, figures in (("train", ("loss", "epe", "gradient")), ("val", ("epe", "zero"))):
        one, two = log_of(tmp_path / "one", kind), log_of(tmp_path / "two", kind)
        assert len(one) == len(two) > 0
        for figure in figures:
            assert [line[figure] for line in two] == pytest.approx([line[figure] for line in one], rel=1e-4)


# What it says.


def test_gradients_that_are_not_finite_are_named_and_skipped(
    data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = ask(
        "networks:poisoned", data, "options.count=2", "checkpoint.every=1", "checkpoint.keep=9", steps=6
    )
    train_here(config, tmp_path / "run")
    said = capfd.readouterr().err.splitlines()
    assert said == [
        f"trainer: step {step}: the gradient of second.0.weight is not finite: skipped ({count} of at most 20)"
        for count, step in ((1, 2), (2, 3))
    ]
    states = saved_in(tmp_path / "run")
    assert same(states[2].weights, states[4].weights)
    assert not same(states[4].weights, states[5].weights)
    lines = log_of(tmp_path / "run")
    assert [line["skipped"] for line in lines] == [0, 0, 1, 2, 2, 2]
    assert [line["loss"] is None for line in lines] == [False, False, True, True, False, False]


def test_too_many_of_them_end_the_training(data: Path, tmp_path: Path) -> None:
    config = ask("networks:poisoned", data, "options.count=9", "nan_limit=3", steps=12)
    with pytest.raises(
        Diverged, match=r"step 5: the gradient of second\.0\.weight is not finite, after 3 such"
    ):
        train_here(config, tmp_path / "run")


def test_a_network_that_predicts_zero_is_noticed_once(
    data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    train_here(ask("networks:still", data, "stuck_after=5"), tmp_path / "still")
    said = capfd.readouterr().err
    assert said.count("for 5 steps the error was that of zero flow") == 1
    assert "--seed" in said
    train_here(ask("networks:small", data, "stuck_after=8", "optimiser.lr=2e-2"), tmp_path / "small")
    assert not capfd.readouterr().err


def test_decay_that_stalls_a_mean_is_doubted(
    data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for decay, doubted in (("4e-4", True), ("1e-5", False)):
        settings = ["optimiser.name=adam", f"optimiser.decay={decay}", "loss.form=mean"]
        train_here(ask("networks:small", data, *settings, steps=1), tmp_path / decay)
        assert ("learning stalls" in capfd.readouterr().err) == doubted


def _call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as leaving:
        main(["train", "--device=cpu", "--set=machine.workers=0", *arguments])
    assert isinstance(leaving.value.code, int)
    return leaving.value.code


def _common(data: Path, folder: Path, *, model: str = "networks:small") -> list[str]:
    return [f"--model={model}", f"--data={data}", f"--run={folder}", "--crop", "32", "48", "--augment=none"]


def test_the_command_shows_how_it_goes_and_what_comes_next(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    arguments = [*_common(data, run), f"--val={data}", "--steps=4", "--batch-size=4", "--seed=3"]
    assert _call(*arguments) == 0
    said = capsys.readouterr()
    assert "training networks:small: 4/4 steps" in said.err
    assert all(word in said.err for word in ("loss ", "EPE ", "pairs/s", "waiting for data"))
    lines = said.out.splitlines()
    assert lines[0].startswith(f"{run}: networks:small, 4 steps; 4 now, in ")
    assert lines[1].startswith(f"{data}: EPE ")
    assert "zero flow: " in lines[1]
    assert lines[2] == f"next: trainer evaluate --checkpoint {run}/checkpoints/best.pt --data {data}"
    assert TrainConfig.load(run / CONFIG).seed == 3
    assert _call(*arguments) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"{run}: networks:small, 4 steps"


def test_a_training_that_diverges_ends_with_one(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--steps=12", "--batch-size=4", "--set=options.count=9", "--set=nan_limit=0"]
    assert _call(*_common(data, tmp_path / "run", model="networks:poisoned"), *arguments) == 1
    assert "stopped. Lower optimiser.lr" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--steps=0"], "steps = 0: must be at least 1"),
        (["--steps=-5"], "steps = -5: must be at least 1"),
        (["--model=pwcnett"], "unknown model 'pwcnett': did you mean 'pwcnet'?"),
        (["--set=optimiser.lrr=1"], "unknown key 'optimiser.lrr': did you mean 'optimiser.lr'?"),
        (["--set=options.channel=4"], "unknown key 'options.channel': did you mean 'options.channels'?"),
        (["--augment=flownet3"], "unknown augmentation 'flownet3': did you mean"),
        (["--crop", "64", "48"], "crop 64 x 48 is larger than the frames, 32 x 48"),
        (["--data=nowhere"], "nowhere: no dataset here"),
        (["--val=nowhere"], "nowhere: no dataset here"),
        (["--val=stream:flyingchairs"], "--val stream:flyingchairs: has no end: say how many pairs"),
        (["--init=nowhere.pt"], "nowhere.pt: cannot be read: No such file"),
        (["--model=networks:greedy"], "out of memory: lower --batch-size (now 2) or --crop (now 32 48)"),
        (["--model=networks:twice", "--steps=1"], "--steps 1: the network has 2 stages"),
        (["--run=/proc/run"], "--run /proc/run: cannot be made"),
    ],
)
def test_a_mistaken_call_ends_in_one_line(
    arguments: list[str],
    message: str,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert _call(*_common(data, tmp_path / "run"), "--batch-size=2", "--steps=2", *arguments) == 2
    said = capsys.readouterr().err.splitlines()
    assert message in said[-1]
    # Plain lines of progress may stand before it.
    assert all("steps" in line for line in said[:-1])


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one here")
def test_cuda_where_there_is_none(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _call(*_common(data, tmp_path / "run"), "--device=cuda") == 2
    assert "--device cuda: PyTorch finds no CUDA device here" in capsys.readouterr().err


def test_a_damaged_shard_and_another_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = moving.dataset(tmp_path / "data", 2, size=(32, 48))
    shard = data / "shard-00000.h5"
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2])
    arguments = [*_common(data, tmp_path / "run"), "--batch-size=2", "--steps=2"]
    assert _call(*arguments) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "shard-00000.h5: damaged" in said
    assert "chairsgen verify" in said
    manifest = data / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"schema": 1', '"schema": 7'))
    assert _call(*arguments) == 2
    assert "schema 7, this version reads 1" in capsys.readouterr().err


def test_a_folder_of_another_run_is_refused(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train_here(ask("networks:small", data), run)
    with pytest.raises(
        InputError, match=r"steps: 12 there, 13 here; optimiser\.lr: 0\.001 there, 0\.002 here"
    ):
        train_here(ask("networks:small", data, "optimiser.lr=2e-3", steps=13), run)
    with pytest.raises(InputError, match="model: 'networks:small' there, 'spynet' here"):
        train_here(ask("spynet", data), run)
    # How the work is done may change.
    train_here(ask("networks:small", data, "machine.channels_last=true"), run)


def test_data_that_has_changed_is_refused(tmp_path: Path) -> None:
    data = moving.dataset(tmp_path / "data", 4, size=(32, 48))
    config = ask("networks:small", data)
    train_here(config, tmp_path / "run")
    data.rename(tmp_path / "old")
    moving.dataset(data, 5, size=(32, 48))
    with pytest.raises(InputError, match="data has changed"):
        train_here(config, tmp_path / "run")


def test_two_trainings_do_not_share_a_folder(data: Path, tmp_path: Path) -> None:
    config = ask("networks:small", data)
    with (
        Run.opened(tmp_path / "run", config, {}),
        pytest.raises(InputError, match="another training is at work"),
    ):
        train_here(config, tmp_path / "run")


def test_an_interruption_says_how_to_go_on(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ask("networks:small", data, "checkpoint.every=2")
    save = Run.save

    def interrupted(self: Run, checkpoint: Checkpoint, *, best: bool) -> None:
        if checkpoint.step == 4:
            raise KeyboardInterrupt
        save(self, checkpoint, best=best)

    monkeypatch.setattr(Run, "save", interrupted)
    with pytest.raises(KeyboardInterrupt, match=r"the same command goes on from .*step-00000002\.pt"):
        train_here(config, tmp_path / "run")


def test_stages_hold_every_layer_once() -> None:
    for name in ("flownet2-css", "spynet", "pwcnet-small"):
        with torch.device("meta"):
            model = create_model(name)
        learned = [parameter for stage in stages_of(model) for parameter in stage.learns.parameters()]
        assert len(learned) == len(set(learned)) == len(list(model.parameters()))
        for stage in stages_of(model):
            assert set(stage.learns.parameters()) <= set(stage.network.parameters())
        assert set(stages_of(model)[-1].network.parameters()) == set(model.parameters())
