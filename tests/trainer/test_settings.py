"""The configuration: papers' settings, what a command line changes, and reading it back."""

from pathlib import Path

import pytest

from chairsgen.errors import InputError
from trainer.models import ENTRIES
from trainer.settings import PAPERS, TrainConfig, configure, defaults


def test_every_network_has_its_papers_settings() -> None:
    assert set(PAPERS) == set(ENTRIES)
    for name in ENTRIES:
        config = defaults(name)
        assert config.model == name
        assert not config.doubt()


def test_figures_of_the_papers() -> None:
    flownet, pwcnet, spynet = defaults("flownets"), defaults("pwcnet"), defaults("spynet")
    for config in (flownet, pwcnet):
        assert config.loss.weights == (0.005, 0.01, 0.02, 0.08, 0.32)
        assert (config.loss.form, config.loss.epsilon) == ("sum", 0.01)
        assert (config.optimiser.name, config.optimiser.lr, config.optimiser.decay) == ("adam", 1e-4, 4e-4)
        assert config.batch_size == 8
    assert (flownet.crop.height, flownet.crop.width) == (320, 448)
    assert (pwcnet.crop.height, pwcnet.crop.width) == (384, 448)
    assert (flownet.schedule.name, flownet.steps) == ("s-short", 600_000)
    assert (pwcnet.schedule.name, pwcnet.steps) == ("s-long", 1_200_000)
    assert (spynet.loss.levels, spynet.batch_size) == ("finest", 32)
    own = defaults("networks:small")
    assert (own.optimiser.name, own.optimiser.lr, own.optimiser.clip, own.steps) == (
        "adamw",
        4e-4,
        1.0,
        100_000,
    )
    assert defaults("flownet2").options.to_dict()["sd_flow_unit"] == 20


@pytest.mark.parametrize("name", [*ENTRIES, "networks:small"])
def test_what_is_written_is_read_back(name: str, tmp_path: Path) -> None:
    config = configure(
        name, data=["a", "b?weight=2"], val=["c"], overrides=["ema=0.999", "loss.matched=true"]
    )
    (tmp_path / "config.toml").write_text(config.to_toml() + "\n[made_by]\nversion = '0'\n")
    assert TrainConfig.load(tmp_path / "config.toml") == config


def test_what_a_command_line_changes() -> None:
    config = configure(
        "pwcnet",
        data=["a"],
        steps=100,
        batch_size=3,
        crop=(64, 128),
        augment="raft",
        precision="bf16",
        compile=True,
        seed=5,
        init="a.pt",
        overrides=["options.radius=3", "steps=200"],
    )
    assert (config.steps, config.batch_size, config.seed, config.init) == (200, 3, 5, "a.pt")
    assert (config.crop.height, config.crop.width) == (64, 128)
    assert (config.augment.name, config.precision, config.machine.compile) == ("raft", "bf16", True)
    assert config.options.to_dict()["radius"] == 3
    assert config.loss == defaults("pwcnet").loss


def test_an_augmentation_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("preset = 'raft'\n[spatial]\nflip_y = 0.25\n")
    config = configure("pwcnet", data=["a"], augment=str(path))
    assert (config.augment.name, config.augment.spatial.flip_y) == ("mine", 0.25)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["steps=0"], "steps = 0: must be at least 1"),
        (["optimiser.name=sgd"], "optimiser.name = 'sgd': must be one of adam, adamw"),
        (["schedule.name=s-longer"], "must be one of s-short, s-long"),
        (["ema=1"], "ema = 1.0: must be from"),
        (["options.radios=3"], "unknown key 'options.radios': did you mean 'options.radius'?"),
        (["loss.weights=1"], "loss.weights = 1: must be a list"),
        (["augment.spatial.zoom.min=3"], "augment.spatial.zoom.min"),
    ],
)
def test_mistakes_are_named(overrides: list[str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        configure("pwcnet", data=["a"], overrides=overrides)
    assert message in str(caught.value)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("model = 'pwcnet'\nsteps = 'many'\n")
    with pytest.raises(InputError, match=r"config\.toml: steps = 'many': must be of type int"):
        TrainConfig.load(path)
    path.write_text("steps = 3\n")
    with pytest.raises(InputError, match=r"config\.toml"):
        TrainConfig.load(path)
