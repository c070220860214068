"""The commands evaluate, predict, report, methods and export. What they need is imported when they run."""

import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chairsgen.errors import InputError
from trainer.arguments import add_batch_size, add_device, add_judging

if TYPE_CHECKING:
    from trainer.methods import Method


def add_commands(commands: Any) -> None:
    """Adds them to a parser's commands."""
    _add_evaluate(commands)
    _add_predict(commands)
    _add_report(commands)
    methods = commands.add_parser(
        "methods",
        help="the classical methods",
        description="Lists the classical methods that networks are compared with: name, source.",
    )
    methods.set_defaults(run=_methods)
    export = commands.add_parser(
        "export",
        help="a network for use elsewhere",
        description="Writes a trained network as one file that needs nothing of this project, and checks that it "
        "gives the same flow on frames of other sizes.",
    )
    export.add_argument(
        "--checkpoint",
        type=Path,
        required=True,
        metavar="FILE",
        help="a run's checkpoint, or published weights",
    )
    export.add_argument("--format", required=True, choices=("onnx", "torchscript"), help="the kind of file")
    export.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="where to (default: beside the checkpoint, with another ending)",
    )
    export.set_defaults(run=_export)


def _add_evaluate(commands: Any) -> None:
    evaluate = commands.add_parser(
        "evaluate",
        help="how good flow is on datasets",
        description="Judges networks and classical methods on datasets, as one table.",
    )
    _add_whose(evaluate, several=True)
    evaluate.add_argument(
        "--data",
        action="append",
        required=True,
        metavar="SPEC",
        help="a dataset, such as data/chairs or sintel:DIR:clean (of one with a split of its own the val pairs, "
        "but for ?split=all); may be repeated",
    )
    add_judging(evaluate)
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
    form = evaluate.add_mutually_exclusive_group()
    for name, what in (("json", "all measures, as JSON"), ("csv", "all, as CSV"), ("markdown", "the table")):
        form.add_argument(f"--{name}", action="store_const", const=name, dest="form", help=what)
    evaluate.add_argument(
        "--submission", type=Path, metavar="DIR", help="write the flow as the benchmark's server takes it"
    )
    evaluate.set_defaults(run=_evaluate)


def _add_predict(commands: Any) -> None:
    predict = commands.add_parser(
        "predict",
        help="flow of your own frames",
        description="Writes the flow from each frame to the next, of two images, a folder of frames, or a video.",
    )
    predict.add_argument(
        "inputs",
        type=Path,
        nargs="+",
        metavar="PATH",
        help="two images or more, a folder of frames (frame 2 comes before frame 10), or a video",
    )
    _add_whose(predict, several=False)
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
    add_batch_size(predict)
    predict.add_argument(
        "--fps", type=float, metavar="N", help="frames a second of the video (default: as read, else 25)"
    )
    predict.set_defaults(run=_predict)


def _add_report(commands: Any) -> None:
    report = commands.add_parser(
        "report",
        help="a page that compares runs",
        description="Writes one page about runs, a file that needs no other: how they learned, how good their "
        "networks are, what they cost, and the pairs that they do worst and best on.",
    )
    report.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="a run's folder")
    report.add_argument(
        "--out",
        type=Path,
        default=Path("report.html"),
        metavar="FILE",
        help="the page (default: report.html)",
    )
    report.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="SPEC",
        help="a dataset to judge them on; may be repeated (default: what they were validated on)",
    )
    report.add_argument(
        "--method",
        action="append",
        default=[],
        metavar="NAME",
        help="a classical method to judge beside them: see `trainer methods`; may be repeated",
    )
    report.add_argument(
        "--pairs",
        type=int,
        default=4,
        metavar="N",
        help="how many of the worst pairs, and of the best, are shown of each run on each dataset (default: 4)",
    )
    add_judging(report)
    add_device(report, "networks compute")
    report.set_defaults(run=_report)


def _add_whose(command: Any, *, several: bool) -> None:
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
    add_device(command, "a network computes")


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


def _report(arguments: Namespace) -> int:
    from trainer.report import write_report
    from trainer.table import make_table

    _check_range("--pairs", arguments.pairs, 0, 1000)
    _check_range("--limit", arguments.limit, 1, 10**9)
    _check_range("--batch-size", arguments.batch_size, 1, 4096)
    found = write_report(
        arguments.runs,
        arguments.out,
        data=arguments.data,
        methods=list(dict.fromkeys(arguments.method)),
        pairs=arguments.pairs,
        limit=arguments.limit,
        batch_size=arguments.batch_size,
        published=arguments.published,
        device=arguments.device,
    )
    print(make_table(found, published=arguments.published).text())
    print(f"{arguments.out}: the same with curves and pictures")
    return 0


def _export(arguments: Namespace) -> int:
    from trainer.export import export

    print(export(arguments.checkpoint, arguments.format, arguments.out))
    return 0


def _check_range(option: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise InputError(f"{option} {value}: must be from {low} to {high}")
