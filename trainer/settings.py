"""The configuration of a training, whole: what a run's ``config.toml`` holds and ``--set`` changes.

Every network starts from its paper's settings (:func:`defaults`). Learning-rate milestones are shares of the
run, so that ``--steps`` shortens a schedule instead of cutting it off.

Sources: FlowNet: Dosovitskiy et al., ICCV 2015, section 5.1 (the warm-up of FlowNetC from memory). FlowNet2:
Ilg et al., CVPR 2017, section 3, S_long for every network of a stack; its paper trains the networks for small
displacements and the fusion on other data (section 4), here the same stands in unless another is given.
PWC-Net: Sun et al., CVPR 2018, section 4. SpyNet: Ranjan and Black, CVPR 2017, section 3, and its published
code. Own networks start from RAFT's settings on FlyingChairs: Teed and Deng, ECCV 2020, and its code.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from chairsgen.config import Config, param, read_toml
from chairsgen.errors import InputError
from trainer.augment import PRESETS as AUGMENTATIONS
from trainer.augment import Augmentation
from trainer.losses import LossConfig
from trainer.models import model_options
from trainer.schedules import ScheduleConfig


@dataclass(frozen=True, kw_only=True)
class Crop(Config):
    """What a network sees of a frame while it learns."""

    height: int = param(320, "rows", unit="px", low=1)
    width: int = param(448, "columns", unit="px", low=1)


@dataclass(frozen=True, kw_only=True)
class OptimiserConfig(Config):
    """How the weights change."""

    name: str = param("adam", "decay as L2 (adam), or apart from the gradient", choices=("adam", "adamw"))
    lr: float = param(1e-4, "learning rate at the schedule's peak", low=0.0)
    beta1: float = param(0.9, "memory of the gradient's mean", low=0.0, high=0.9999999)
    beta2: float = param(0.999, "memory of its square's mean", low=0.0, high=0.9999999)
    decay: float = param(
        4e-4, "of the weights; with adam, fits loss.form = sum alone: a mean's gradient is too small", low=0.0
    )
    clip: float = param(0.0, "longest gradient over all weights; 0: any", low=0.0)


@dataclass(frozen=True, kw_only=True)
class ValidationConfig(Config):
    """How the network is judged on the way."""

    every: int = param(2000, "between validations; there is one at the end, too", unit="steps", low=1)
    pairs: int = param(0, "judged of each validation set; 0: all", low=0)


@dataclass(frozen=True, kw_only=True)
class CheckpointConfig(Config):
    """What is kept on the way, beside the best on validation and the end."""

    every: int = param(1000, "between checkpoints", unit="steps", low=1)
    keep: int = param(3, "the last ones that stay", low=1)


@dataclass(frozen=True, kw_only=True)
class MachineConfig(Config):
    """How the work is done; another choice goes on with the same run."""

    workers: int = param(4, "processes that read and draw; 0: none beside the training", low=0)
    paint: str = param("cpu", "what paints the pairs of streams, all alike", choices=("cpu", "cuda"))
    compile: bool = param(False, "compile the network (torch.compile)")
    channels_last: bool = param(False, "keep channels innermost in memory: faster with bf16 on new GPUs")


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Config):
    """A training. Made by :func:`defaults`, then changed."""

    model: str = param("spynet", "the network's name")
    options: Config = param(Config(), "of the network")
    data: tuple[str, ...] = param((), "what is learned from")
    val: tuple[str, ...] = param((), "what the network is judged on")
    init: str = param("", "file of weights to begin with; empty: fresh ones")
    seed: int = param(0, "of fresh weights and of all draws", low=0)
    steps: int = param(1_200_000, "in all, shared alike by a network's stages", low=1)
    batch_size: int = param(8, "pairs a step, over all devices", low=1)
    crop: Crop = param(Crop(), "")
    augment: Augmentation = param(AUGMENTATIONS["flownet2"], "")
    loss: LossConfig = param(LossConfig(), "")
    optimiser: OptimiserConfig = param(OptimiserConfig(), "")
    schedule: ScheduleConfig = param(ScheduleConfig(), "")
    ema: float = param(
        0.0, "share of the moving average that a step keeps; 0: no average", low=0.0, high=0.99999999
    )
    precision: str = param("fp32", "of the network; warp, flow and loss are fp32", choices=("fp32", "bf16"))
    validation: ValidationConfig = param(ValidationConfig(), "")
    checkpoint: CheckpointConfig = param(CheckpointConfig(), "")
    log_every: int = param(50, "between lines of the log", unit="steps", low=1)
    nan_limit: int = param(20, "steps skipped for gradients that are not finite before it stops", low=0)
    stuck_after: int = param(
        2000,
        "of error equal to the flow's length, then it says that the network predicts zero",
        unit="steps",
        low=1,
    )
    machine: MachineConfig = param(MachineConfig(), "")

    @classmethod
    def load(cls, path: Path) -> "TrainConfig":
        """A run's ``config.toml``.

        Raises:
            InputError: There is none, or it is damaged.
        """
        data = read_toml(path)
        data.pop("made_by", None)
        try:
            return cls.from_dict(data, defaults(str(data.get("model"))))
        except InputError as error:
            raise InputError(f"{path}: {error}") from None

    def doubt(self) -> str:
        """What is known to end badly in this configuration; empty if nothing is."""
        if self.optimiser.name == "adam" and self.optimiser.decay > 1e-5 and self.loss.form == "mean":
            return (
                f"optimiser.decay = {self.optimiser.decay} in adam outweighs the gradient of loss.form = mean: "
                "learning stalls; use optimiser.name=adamw, or optimiser.decay=1e-5"
            )
        return ""


_PYRAMID = TrainConfig()

PAPERS = {
    "flownets": replace(
        _PYRAMID,
        steps=600_000,
        schedule=ScheduleConfig(name="s-short"),
        augment=AUGMENTATIONS["flownet"],
    ),
    "flownetc": replace(
        _PYRAMID,
        steps=600_000,
        schedule=ScheduleConfig(name="s-short", warmup=10_000 / 600_000),
        augment=AUGMENTATIONS["flownet"],
    ),
    "flownet2-sd": _PYRAMID,
    "flownet2-cs": replace(_PYRAMID, steps=2 * 1_200_000),
    "flownet2-css": replace(_PYRAMID, steps=3 * 1_200_000),
    "flownet2": replace(_PYRAMID, steps=5 * 1_200_000),
    "pwcnet": replace(_PYRAMID, crop=Crop(height=384, width=448)),
    "pwcnet-small": replace(_PYRAMID, crop=Crop(height=384, width=448)),
    "spynet": replace(
        _PYRAMID,
        batch_size=32,
        steps=6 * 200_000,
        crop=Crop(height=384, width=512),
        augment=AUGMENTATIONS["spynet"],
        loss=LossConfig(epsilon=0.0, levels="finest", form="mean"),
        optimiser=OptimiserConfig(decay=0.0),
        schedule=ScheduleConfig(name="spynet"),
    ),
}
"""What papers, and the codes published with them, train on FlyingChairs with."""

OWN = replace(
    _PYRAMID,
    steps=100_000,
    batch_size=10,
    crop=Crop(height=368, width=496),
    augment=AUGMENTATIONS["raft"],
    loss=LossConfig(form="mean"),
    optimiser=OptimiserConfig(name="adamw", lr=4e-4, decay=1e-4, clip=1.0),
    schedule=ScheduleConfig(name="onecycle"),
)
"""For networks of one's own."""


def configure(
    model: str,
    *,
    data: Sequence[str],
    val: Sequence[str] = (),
    steps: int | None = None,
    batch_size: int | None = None,
    crop: Sequence[int] | None = None,
    augment: str | None = None,
    precision: str | None = None,
    compile: bool = False,
    seed: int | None = None,
    init: str | None = None,
    overrides: Iterable[str] = (),
) -> TrainConfig:
    """The configuration that a command line asks for; None: as in :func:`defaults`.

    Args:
        model: The network's name.
        data: What is learned from.
        val: What the network is judged on.
        steps: In all.
        batch_size: Pairs a step.
        crop: (height, width).
        augment: A preset's name, or a file's.
        precision: ``fp32`` or ``bf16``.
        compile: Whether to compile the network.
        seed: Of all draws.
        init: File of weights to begin with.
        overrides: ``key.path=VALUE`` texts; the last word.

    Raises:
        InputError: A name or a value is wrong.
    """
    base = defaults(model)
    given = {
        "steps": steps,
        "batch_size": batch_size,
        "crop": crop and {"height": crop[0], "width": crop[1]},
        "precision": precision,
        "seed": seed,
        "init": init,
        "machine": {"compile": True} if compile else None,
    }
    changes = {key: value for key, value in given.items() if value is not None}
    config = TrainConfig.from_dict(changes | {"data": data, "val": val}, base)
    if augment is not None:
        config = replace(config, augment=Augmentation.load(augment))
    return config.override(overrides)


def defaults(model: str) -> TrainConfig:
    """What a network is trained with unless told else.

    Raises:
        InputError: No such model.
    """
    options = model_options(model)
    if model == "flownet2":
        # 1/20 px belongs to published weights; trained from scratch, all units are alike.
        options = replace(options, sd_flow_unit=20.0)  # type: ignore[call-arg]
    return replace(PAPERS.get(model, OWN), model=model, options=options)
