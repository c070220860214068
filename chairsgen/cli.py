"""The command line ``chairsgen``. Each command imports what it needs, so that help comes at once."""

import json
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chairsgen import __version__
from chairsgen.arguments import Parser, run

if TYPE_CHECKING:
    from chairsgen.dataset import Dataset


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point."""
    run(_main, argv)


def _main(argv: Sequence[str]) -> int:
    parser = Parser(
        prog="chairsgen", description="Synthetic training data for optical flow, with exact ground truth."
    )
    parser.add_argument("--version", action="version", version=f"chairsgen {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    build = commands.add_parser(
        "build",
        help="make a dataset, or go on with one",
        description="Makes a dataset of image pairs; the same command goes on with an interrupted one.",
    )
    build.add_argument("--out", type=Path, required=True, metavar="DIR", help="the dataset's folder")
    build.add_argument(
        "--n", type=int, default=22000, metavar="N", help="how many pairs (default: %(default)s)"
    )
    build.add_argument(
        "--recipe",
        default="flyingchairs",
        metavar="NAME|FILE.toml",
        help="what scenes are drawn from: see `chairsgen recipes` (default: %(default)s)",
    )
    build.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="change one value of the recipe, such as chair.rotation.max_deg=10; may be repeated",
    )
    build.add_argument("--seed", type=int, default=0, metavar="N", help="of all draws (default: %(default)s)")
    build.add_argument(
        "--meshes",
        type=Path,
        action="append",
        default=[],
        metavar="PATH",
        help="chair models: a file or a folder; may be repeated (default: embedded ones)",
    )
    build.add_argument(
        "--photos",
        type=Path,
        action="append",
        default=[],
        metavar="PATH",
        help="photographs: a file or a folder; may be repeated (default: embedded ones)",
    )
    _add_workers(build)
    build.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="what paints pairs, with the same result (default: a GPU where there is one)",
    )
    build.add_argument(
        "--shard-size", type=int, default=500, metavar="N", help="pairs a shard (default: %(default)s)"
    )
    build.add_argument(
        "--dense-flow",
        action="store_true",
        help="store the flow too; readers make it from layers and matrices anyway",
    )
    build.add_argument(
        "--executor",
        choices=("local", "ray"),
        default="local",
        help="who runs the workers (default: %(default)s)",
    )
    build.set_defaults(run=_build)

    verify = commands.add_parser(
        "verify",
        help="check a dataset",
        description="Checks files, schema and geometry. Exit code 0: sound; 1: not, a line for each defect.",
    )
    verify.add_argument("folder", type=Path, metavar="DIR", help="the dataset's folder")
    verify.set_defaults(run=_verify)

    stats = commands.add_parser(
        "stats",
        help="what is in a dataset",
        description="Flow, layers, images and licences of a dataset, beside FlyingChairs' published figures.",
    )
    stats.add_argument("folder", type=Path, metavar="DIR", help="the dataset's folder")
    stats.add_argument("--json", action="store_true", help="as JSON")
    stats.add_argument("--against", type=Path, metavar="DIR", help="another dataset, to stand beside it")
    _add_workers(stats)
    stats.set_defaults(run=_stats)

    view = commands.add_parser(
        "view",
        help="a page to leaf through a dataset",
        description="Writes a static page to leaf through a dataset; it opens from disk, without a server.",
    )
    view.add_argument("folder", type=Path, metavar="DIR", help="the dataset's folder")
    view.add_argument("--out", type=Path, metavar="DIR", help="its folder (default: DIR/view)")
    view.add_argument(
        "--limit",
        type=int,
        default=100,
        metavar="N",
        help="pairs shown at most, spread evenly (default: %(default)s)",
    )
    _add_workers(view)
    view.set_defaults(run=_view)

    export = commands.add_parser(
        "export",
        help="write a dataset in another layout",
        description="Writes a dataset in another's layout; the same command goes on with an interrupted export.",
    )
    export.add_argument("folder", type=Path, metavar="DIR", help="the dataset's folder")
    export.add_argument(
        "--format", required=True, choices=("flyingchairs", "flyingchairs2", "kitti"), help="the layout"
    )
    export.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to")
    _add_workers(export)
    export.set_defaults(run=_export)

    recipes = commands.add_parser(
        "recipes",
        help="the named recipes",
        description="Lists the named recipes, or prints one as TOML, with units.",
    )
    recipes.add_argument("name", nargs="?", metavar="NAME", help="of the one to print")
    recipes.set_defaults(run=_recipes)

    arguments = parser.parse_args(argv)
    return int(arguments.run(arguments))


def _add_workers(command: Any) -> None:
    command.add_argument("--workers", type=int, metavar="N", help="processes (default: all cores)")


def _build(arguments: Namespace) -> int:
    from chairsgen.recipe import Recipe

    recipe = Recipe.load(arguments.recipe, arguments.overrides)
    from chairsgen.builder import build

    dataset = build(
        arguments.out,
        n=arguments.n,
        recipe=recipe,
        seed=arguments.seed,
        meshes=arguments.meshes,
        photos=arguments.photos,
        workers=arguments.workers,
        device=arguments.device,
        shard_size=arguments.shard_size,
        dense_flow=arguments.dense_flow,
        executor=arguments.executor,
    )
    _summarise(dataset)
    return 0


def _summarise(dataset: "Dataset") -> None:
    manifest = dataset.manifest
    for skipped in manifest.skipped:
        print(f"skipped {skipped['path']}: {skipped['cause']}", file=sys.stderr)
    megabytes = sum(shard.bytes for shard in manifest.shards) / 1e6
    kinds = Counter(asset["kind"] for asset in manifest.assets)
    objects = f"{kinds['shape']} shapes" if kinds["shape"] else f"{kinds['chair']} chairs"
    print(
        f"{dataset.folder}: {len(dataset):,} pairs in {_count(manifest.shards, 'shard')}, {megabytes:,.1f} MB "
        f"({megabytes / len(dataset):.2f} MB a pair), of {objects} and {kinds['photo']} photos; "
        f"{_count(manifest.skipped, 'file')} skipped"
    )
    print(f"next: chairsgen verify {dataset.folder}")


def _count(things: Sequence[object], name: str) -> str:
    return f"{len(things):,} {name}" if len(things) == 1 else f"{len(things):,} {name}s"


def _verify(arguments: Namespace) -> int:
    from chairsgen.verify import verify

    defects = 0
    for defect in verify(arguments.folder):
        print(defect, flush=True)
        defects += 1
    if not defects:
        from chairsgen.dataset import open_dataset

        dataset = open_dataset(arguments.folder)
        print(
            f"{arguments.folder}: sound: {len(dataset):,} pairs in {_count(dataset.manifest.shards, 'shard')}"
        )
    return 1 if defects else 0


def _stats(arguments: Namespace) -> int:
    from chairsgen.dataset import open_dataset
    from chairsgen.stats import measure, published, table

    folders = [folder for folder in (arguments.folder, arguments.against) if folder]
    datasets = [open_dataset(folder) for folder in folders]
    measured = [measure(dataset, workers=arguments.workers) for dataset in datasets]
    if arguments.json:
        figures = measured[0] | {"published": published()}
        if arguments.against:
            figures["against"] = measured[1]
        print(json.dumps(figures, indent=1))
    else:
        print(table([(str(folder), figures) for folder, figures in zip(folders, measured, strict=True)]))
    return 0


def _view(arguments: Namespace) -> int:
    from chairsgen.page import write_page

    print(write_page(arguments.folder, arguments.out, limit=arguments.limit, workers=arguments.workers))
    return 0


def _export(arguments: Namespace) -> int:
    from chairsgen.export import export

    pairs = export(arguments.folder, arguments.out, arguments.format, workers=arguments.workers)
    print(f"{arguments.out}: {pairs:,} pairs in the layout of {arguments.format}")
    return 0


def _recipes(arguments: Namespace) -> int:
    from chairsgen.recipe import PRESETS, Recipe

    if arguments.name:
        print(Recipe.load(arguments.name).to_toml(), end="")
    else:
        for name, recipe in PRESETS.items():
            print(f"{name:24s} {recipe.about}")
    return 0
