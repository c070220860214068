"""Writing files so that what bears its name is whole."""

import os
from pathlib import Path


def write_aside(path: Path, *parts: bytes, sync: bool = False) -> None:
    """Writes a file under another name, then gives it its own, in place of what had it.

    Args:
        path: The file's name in the end; its folder is made if missing.
        parts: Its content.
        sync: Wait until it is on the disk.

    Raises:
        OSError: The folder cannot be written, or the disk is full; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with aside.open("wb") as file:
            file.writelines(parts)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
