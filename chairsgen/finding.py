"""Finding the user's files: those of some endings among the files and folders that were named."""

from collections.abc import Sequence
from pathlib import Path

from chairsgen.errors import InputError


def find(paths: Sequence[Path], endings: Sequence[str], what: str) -> list[Path]:
    """The files of these endings among ``paths`` and, recursively, in the folders among them.

    Args:
        paths: Files and folders.
        endings: In lower case, with their dots; files may have them in capitals.
        what: One such file is called so in messages.

    Returns:
        In the order given, a folder's files sorted, each file once, hidden files and folders left out.

    Raises:
        InputError: A path does not exist or cannot be looked at, a file has another ending, or a folder, or the
            list, has no such file.
    """
    ends = f"files that end in {', '.join(endings)}"
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        try:
            if path.is_dir():
                inside = [file for file in sorted(path.rglob("*")) if _is_one(file, path, endings)]
                if not inside:
                    raise InputError(f"no {what} in the folder {path}: put {ends} there")
                found.update(dict.fromkeys(inside))
            elif not path.exists():
                raise InputError(f"no such {what} or folder: {path}: check the path")
            elif path.suffix.lower() not in endings:
                raise InputError(f"not a {what} by its name: {path}: give a folder, or {ends}")
            else:
                found[path] = None
        except OSError as error:
            raise InputError(f"{path}: cannot be looked at: {error.strerror}: check the path") from None
    if not found:
        raise InputError(f"no {what} given: name a folder, or {ends}")
    return list(found)


def _is_one(file: Path, folder: Path, endings: Sequence[str]) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    return not hidden and file.suffix.lower() in endings and file.is_file()
