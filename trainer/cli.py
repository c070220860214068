"""The command line ``trainer``. Each command imports what it needs, so that help comes at once."""

import os
import sys
from argparse import HelpFormatter, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chairsgen.arguments import Parser, run
from chairsgen.errors import InputError
from chairsgen.progress import duration
from trainer import __version__
from trainer.studies.commands import add_commands as add_studies

if TYPE_CHECKING:
    from trainer.methods import Method
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
        formatter_class=HelpFormatter,
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
    train.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="where (default: a GPU, if there is one)",
    )
    train.add_argument("--seed", type=int, metavar="N", help="of fresh weights and all draws (default: 0)")
    train.add_argument(
        "--init",
        metavar="FILE",
        help="begin with these weights: a checkpoint, a state dict, or a file published with a paper",
    )
    train.set_defaults(run=_train)

    evaluate = commands.add_parser(
        "evaluate",
        help="how good flow is on datasets",
        description="Judges networks and classical methods on datasets, as one table.",
        formatter_class=HelpFormatter,
    )
    _add_methods(evaluate, several=True)
    evaluate.add_argument(
        "--data",
        action="append",
        required=True,
        metavar="SPEC",
        help="a dataset, such as data/chairs or sintel:DIR:clean (of one with a split of its own the val pairs, "
        "but for ?split=all); may be repeated",
    )
    evaluate.add_argument("--batch-size", type=int, default=1, metavar="N", help=_BATCH_SIZE)
    evaluate.add_argument(
        "--limit", type=int, metavar="N", help="the first N pairs of each dataset (default: all)"
    )
    evaluate.add_argument(
        "--show",
        default="epe,fl,ms",
        metavar="NAME,...",
        help="the table's columns: epe, aae, over_1px, over_3px, over_5px, fl, each also of a part of the pixels: "
        "epe@matched, @unmatched, @s0-10, @s10-40, @s40+; and ms, for a pair (default: epe,fl,ms)",
    )
    evaluate.add_argument(
        "--average",
        choices=("pixels", "images"),
        default="pixels",
        help="over all pixels (default), or images",
    )
    evaluate.add_argument(
        "--published",
        action="store_true",
        help="add published figures of networks trained on FlyingChairs alone",
    )
    form = evaluate.add_mutually_exclusive_group()
    for name, what in (("json", "all measures, as JSON"), ("csv", "all, as CSV"), ("markdown", "the table")):
        form.add_argument(f"--{name}", action="store_const", const=name, dest="form", help=what)
    evaluate.add_argument(
        "--submission", type=Path, metavar="DIR", help="write the flow as the benchmark's server takes it"
    )
    evaluate.set_defaults(run=_evaluate)

    methods = commands.add_parser(
        "methods",
        help="the classical methods",
        description="Lists the classical methods that networks are compared with: name, source.",
    )
    methods.set_defaults(run=_methods)

    predict = commands.add_parser(
        "predict",
        help="flow of your own frames",
        description="Writes the flow from each frame to the next, of two images, a folder of frames, or a video.",
        formatter_class=HelpFormatter,
    )
    predict.add_argument(
        "inputs",
        type=Path,
        nargs="+",
        metavar="PATH",
        help="two images or more, a folder of frames (frame 2 comes before frame 10), or a video",
    )
    _add_methods(predict, several=False)
    predict.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to")
    predict.add_argument(
        "--write",
        metavar="KIND,...",
        help="flo; kitti: 16-bit PNG; colour; arrows: over frame 1; warped: frame 2 brought onto frame 1; video: "
        "frame 1 beside its flow (default: flo,colour; of a video: video)",
    )
    predict.add_argument(
        "--radius",
        type=float,
        metavar="PX",
        dest="longest",
        help="length of flow with full colour (default: of two images, the longest; of more, 4 %% of their width)",
    )
    predict.add_argument(
        "--scale", type=float, default=1.0, metavar="F", help="work on frames shrunk to F, such as 0.5"
    )
    predict.add_argument(
        "--tile",
        type=int,
        metavar="PX",
        help="work on overlapping tiles of this side: where memory is short",
    )
    predict.add_argument(
        "--batch-size",
        type=int,
        default=1,
        metavar="N",
        help="pairs that a network gets at once (default: 1)",
    )
    predict.add_argument(
        "--fps", type=float, metavar="N", help="frames a second of the video (default: as read, else 25)"
    )
    predict.set_defaults(run=_predict)

    add_studies(commands)

    arguments = parser.parse_args(argv)
    return int(arguments.run(arguments))


_BATCH_SIZE = "pairs that a network gets at once (default: 1)"


def _add_methods(command: Parser, *, several: bool) -> None:
    """Adds the options that say whose flow is asked for."""
    more = "; may be repeated" if several else ""
    whose = command if several else command.add_mutually_exclusive_group(required=True)
    whose.add_argument(
        "--checkpoint",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help=f"a network: a run's checkpoint, or published weights{more}",
    )
    whose.add_argument(
        "--method",
        action="append",
        default=[],
        metavar="NAME",
        help=f"a classical method: see `trainer methods`{more}",
    )
    command.add_argument(
        "--refine", choices=("variational",), help="what follows: OpenCV's variational refinement"
    )
    command.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="where a network computes (default: a GPU, if there is one)",
    )


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


def _evaluate(arguments: Namespace) -> int:
    from trainer.evaluate import evaluate
    from trainer.table import make_table, parse_columns

    _check_range("--batch-size", arguments.batch_size, 1, 4096)
    _check_range("--limit", arguments.limit, 1, 10**9)
    parse_columns(arguments.show)
    found = list(
        evaluate(
            _open_methods(arguments),
            arguments.data,
            batch_size=arguments.batch_size,
            limit=arguments.limit,
            submission=arguments.submission,
        )
    )
    table = make_table(found, arguments.show, average=arguments.average, published=arguments.published)
    print(
        {"json": table.json, "csv": table.csv, "markdown": table.markdown}.get(arguments.form, table.text)()
    )
    for evaluation in found:
        if evaluation.submission:
            print(evaluation.submission, file=sys.stderr)
    return 0


def _open_methods(arguments: Namespace) -> "list[Method]":
    from trainer.methods import open_method

    if not arguments.method and not arguments.checkpoint:
        raise InputError("whose flow? Give --checkpoint FILE or --method NAME, once or more")
    options = {"refine": bool(arguments.refine), "device": arguments.device}
    named = [open_method(name, **options) for name in dict.fromkeys(arguments.method)]
    return named + [open_method(checkpoint=path, **options) for path in dict.fromkeys(arguments.checkpoint)]


def _methods(_: Namespace) -> int:
    from trainer.methods import CLASSICAL

    for name, method in CLASSICAL.items():
        print(f"{name:14s}  {method.source}")
    return 0


def _predict(arguments: Namespace) -> int:
    from trainer.media import open_frames
    from trainer.methods import Scaled, Tiled
    from trainer.predict import parse_outputs, predict

    _check_range("--radius", arguments.longest, 0.01, 10_000)
    _check_range("--scale", arguments.scale, 0.01, 1)
    _check_range("--tile", arguments.tile, 32, 65_536)
    _check_range("--batch-size", arguments.batch_size, 1, 4096)
    _check_range("--fps", arguments.fps, 0.1, 1000)
    outputs = parse_outputs(arguments.write) if arguments.write else None
    if arguments.out.resolve() in [path.resolve() for path in arguments.inputs]:
        raise InputError(f"--out {arguments.out}: the frames lie there: choose another folder")
    frames = open_frames(arguments.inputs)
    method, *others = _open_methods(arguments)
    if others:
        raise InputError("predict takes one method or checkpoint")
    if arguments.tile:
        method = Tiled(method, arguments.tile)
    if arguments.scale < 1:
        method = Scaled(method, arguments.scale)
    pairs = predict(
        method,
        frames,
        arguments.out,
        outputs=outputs,
        longest=arguments.longest,
        fps=arguments.fps,
        batch_size=arguments.batch_size,
    )
    if pairs + 1 < frames.count:
        print(
            f"{frames.source}: ended after {pairs + 1:,} frames and says that it has {frames.count:,}: "
            "it may be damaged",
            file=sys.stderr,
        )
    print(f"{arguments.out}: flow of {pairs:,} {'pair' if pairs == 1 else 'pairs'} by {method.name}")
    return 0


def _check_range(option: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise InputError(f"{option} {value}: must be from {low} to {high}")
