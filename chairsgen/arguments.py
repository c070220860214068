"""What both command lines share: one-line errors, the nearest name for a mistyped word, and exit codes.

0: done. 1: the work found something wrong. 2: the call or its input was wrong. 130: interrupted.
"""

import argparse
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, NoReturn

from chairsgen.config import nearest
from chairsgen.errors import InputError, WorkerDied


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line that says what is wrong and where to look."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**({"allow_abbrev": False} | kwargs))

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parses all: a command refuses what it does not know itself, naming its own options."""
        namespace, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return namespace, unknown

    def error(self, message: str) -> NoReturn:
        choice = re.fullmatch(r"argument .*: invalid choice: '(.*)' \(choose from (.*)\)", message)
        unknown = re.fullmatch(r"unrecognized arguments: (--[^ =]+).*", message)
        if choice:
            known = [name.strip("' ") for name in choice[2].split(",")]
            message = f"unknown {choice[1]!r}: {nearest(choice[1], known)}"
        elif unknown:
            options = [option for action in self._actions for option in action.option_strings]
            message = f"unknown option {unknown[1]}: {nearest(unknown[1], options)}"
        print(f"{self.prog}: {message} (see {self.prog} --help)", file=sys.stderr)
        sys.exit(2)


def run(main: Callable[[Sequence[str]], int], argv: Sequence[str] | None = None) -> NoReturn:
    """Runs a command line to its exit code; a user's mistake and an interruption end in one line."""
    program = os.path.basename(sys.argv[0])
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = main(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except InputError as error:
        print(f"{program}: {error}", file=sys.stderr)
        code = 2
    except WorkerDied as error:
        print(f"{program}: {error}", file=sys.stderr)
        code = 1
    except KeyboardInterrupt as interruption:
        print(f"{program}: interrupted{': ' if interruption.args else ''}{interruption}", file=sys.stderr)
        code = 130
    except BrokenPipeError:
        # Whoever read our output has enough, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


def _interrupt(_: int, __: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
