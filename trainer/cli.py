"""The command line ``trainer``. Each command imports what it needs, so that help comes at once."""

from argparse import Namespace
from collections.abc import Sequence

from chairsgen.arguments import Parser, run
from trainer import __version__


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

    arguments = parser.parse_args(argv)
    return int(arguments.run(arguments))


def _models(_: Namespace) -> int:
    from trainer.models import ENTRIES, num_parameters

    print(f"{'name':14s} {'parameters':>12s}  source")
    for name, entry in ENTRIES.items():
        print(f"{name:14s} {num_parameters(name):12,d}  {entry.source}")
    return 0
