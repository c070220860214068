"""Where the embedded data lies: the repository's assets/, or its copy inside an installed package."""

from pathlib import Path

from chairsgen.errors import InputError

_PLACES = (Path(__file__).parent / "_assets", Path(__file__).parent.parent / "assets")


def asset_path(*parts: str) -> Path:
    """Path of an embedded file or folder, such as ``asset_path("chairs")``.

    Raises:
        InputError: The installation lacks it.
    """
    for place in _PLACES:
        path = place.joinpath(*parts)
        if path.exists():
            return path
    raise InputError(f"embedded asset {'/'.join(parts)} is missing: install chairsgen again")
