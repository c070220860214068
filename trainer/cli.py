"""The command line ``trainer``. Each command imports what it needs, so that help comes at once."""

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chairsgen.arguments import Parser, run
from chairsgen.errors import InputError
from chairsgen.progress import duration
from trainer import __version__
from trainer.arguments import add_device
from trainer.commands import add_commands as add_using
from trainer.studies.commands import add_commands as add_studies

if TYPE_CHECKING:
    from trainer.settings import TrainConfig
    from trainer.train import Outcome


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point."""
    run(_main, argv)


def _main(argv: Sequence[str]) -> int:
    parser = Parser(prog="trainer", description="Trains and compares optical-flow networks.")
    parser.add_argument("--version", action="version", version=f"trainer {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    models = commands.add_parser(
        "models",
        help="the networks",
        description="Lists the networks: name, parameters, source. "
        "Your own, wherever a name is asked for: package.module:function.",
    )
    models.set_defaults(run=_models)

    train = commands.add_parser(
        "train",
        help="train a network, or go on with a run",
        description="Trains a network as its paper does, unless told else; the same command goes on with a run.",
    )
    train.add_argument("--model", required=True, metavar="NAME", help="the network: see `trainer models`")
    train.add_argument(
        "--data",
        action="append",
        required=True,
        metavar="SPEC",
        help="a dataset to learn from, such as data/chairs or stream:flyingchairs; repeated, they are mixed, "
        "with ?weight=2 for twice the share, ?from=STEP and ?until=STEP for a part of the run",
    )
    train.add_argument(
        "--run", type=Path, required=True, metavar="DIR", dest="folder", help="the run's folder"
    )
    train.add_argument(
        "--val", action="append", default=[], metavar="SPEC", help="a dataset to judge it on; may be repeated"
    )
    train.add_argument(
        "--steps",
        type=int,
        metavar="N",
        help="in all; the schedule is shortened to them (default: the paper's)",
    )
    train.add_argument(
        "--batch-size", type=int, metavar="N", help="pairs a step, over all devices (default: the paper's)"
    )
    train.add_argument(
        "--crop",
        type=int,
        nargs=2,
        metavar=("H", "W"),
        help="what it sees of a frame, px (default: the paper's)",
    )
    train.add_argument(
        "--augment", metavar="NAME|FILE|none", help="a preset, or a .toml file (default: the paper's)"
    )
    train.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="change one value of the configuration, such as optimiser.lr=4e-4 (all: config.toml of any run); "
        "may be repeated",
    )
    train.add_argument(
        "--precision", choices=("fp32", "bf16"), help="of the network; bf16 is faster on GPUs (default: fp32)"
    )
    train.add_argument(
        "--compile", action="store_true", help="compile the network: a slow start, then faster"
    )
    add_device(train, "it learns")
    train.add_argument("--seed", type=int, metavar="N", help="of fresh weights and all draws (default: 0)")
    train.add_argument(
        "--init",
        metavar="FILE",
        help="begin with these weights: a checkpoint, a state dict, or a file published with a paper",
    )
    train.set_defaults(run=_train)

    add_using(commands)
    add_studies(commands)

    arguments = parser.parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "tensorboard"):
            raise
        raise InputError(f"{error.name} is missing: pip install 'chairsgen[torch]'") from None


def _train(arguments: Namespace) -> int:
    from trainer.settings import configure

    config = configure(
        arguments.model,
        data=arguments.data,
        val=arguments.val,
        steps=arguments.steps,
        batch_size=arguments.batch_size,
        crop=arguments.crop,
        augment=arguments.augment,
        precision=arguments.precision,
        compile=arguments.compile,
        seed=arguments.seed,
        init=arguments.init,
        overrides=arguments.overrides,
    )
    from trainer.guards import Diverged
    from trainer.train import train

    try:
        outcome = train(config, arguments.folder, device=arguments.device)
    except Diverged as error:
        print(f"trainer: {error}", file=sys.stderr)
        return 1
    if os.environ.get("RANK", "0") == "0":
        _summarise(config, arguments.folder, outcome)
    return 0


def _summarise(config: "TrainConfig", folder: Path, outcome: "Outcome") -> None:
    from trainer.checkpoint import Checkpoint

    text = f"{folder}: {config.model}, {config.steps:,} steps"
    if outcome.steps:
        speed = f"{outcome.steps * config.batch_size / outcome.seconds:,.1f} pairs/s"
        text += f"; {outcome.steps:,} now, in {duration(outcome.seconds)}"
        text += f": {speed}, {outcome.waiting:.0%} of it waiting for data"
    print(text)
    checkpoint = Checkpoint.load(outcome.checkpoint)
    for spec, score in checkpoint.scores.items():
        against = f"zero flow: {score['zero']:.2f} px; {score['pairs']:,} pairs"
        print(f"{spec}: EPE {score['epe']:.2f} px after {checkpoint.step:,} steps ({against})")
    judged = config.val or config.data
    print(f"next: trainer evaluate --checkpoint {outcome.checkpoint} --data {judged[0]}")


def _models(_: Namespace) -> int:
    from trainer.models import ENTRIES, num_parameters

    print(f"{'name':14s} {'parameters':>12s}  source")
    for name, entry in ENTRIES.items():
        print(f"{name:14s} {num_parameters(name):12,d}  {entry.source}")
    return 0
