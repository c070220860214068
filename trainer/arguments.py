"""Options that several commands have."""

from typing import Any


def add_device(command: Any, what: str) -> None:
    """``--device``; ``what`` says what is done there."""
    command.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help=f"where {what} (default: a GPU, if there is one)",
    )


def add_batch_size(command: Any) -> None:
    """``--batch-size``, of networks that are done with learning."""
    command.add_argument(
        "--batch-size",
        type=int,
        default=1,
        metavar="N",
        help="pairs that a network gets at once (default: %(default)s)",
    )


def add_judging(command: Any) -> None:
    """What flow is judged on, and beside."""
    add_batch_size(command)
    command.add_argument(
        "--limit", type=int, metavar="N", help="the first N pairs of each dataset (default: all)"
    )
    command.add_argument(
        "--published",
        action="store_true",
        help="add published figures of networks trained on FlyingChairs alone",
    )
