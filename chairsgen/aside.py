"""Writing files so that what bears its name is whole."""

import os
import secrets
from pathlib import Path

ASIDE = f".*.{16 * '[0-9a-f]'}.part"
"""What :func:`aside_name` gives, as a pattern for ``glob``."""


def aside_name(path: Path) -> Path:
    """A name beside ``path`` that nobody else has, on whatever machine, for what is not yet whole."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")


def write_aside(path: Path, *parts: bytes, sync: bool = False) -> None:
    """Writes a file under another name, then gives it its own, in place of what had it.

    Args:
        path: The file's name in the end; its folder is made if missing.
        parts: Its content.
        sync: Wait until it is on the disk.

    Raises:
        OSError: The folder cannot be written, or the disk is full; it names the file, and nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = aside_name(path)
    try:
        with aside.open("wb") as file:
            file.writelines(parts)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        aside.replace(path)
    except BaseException as error:
        aside.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = str(path)
        raise
