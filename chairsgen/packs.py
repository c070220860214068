"""``pack.toml``: what a folder says about the meshes and photographs in it.

The nearest such file governs an asset: the one in its folder, or else in the next folder above that has one, up to
the folder that was given. It governs alone: what it leaves out is not taken from another one further up, so that
no licence reaches files of which nobody said so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chairsgen.config import Config, param, read_toml
from chairsgen.errors import InputError

PACK = "pack.toml"

AUTO = "auto"
AXES = tuple(sign + axis for sign in ("", "+", "-") for axis in "xyz")


@dataclass(frozen=True, kw_only=True)
class Pack(Config):
    """What a ``pack.toml`` may say; keys may be written with hyphens, too."""

    licence: str = param("unknown", "under which the files may be used: an SPDX name, such as CC-BY-4.0")
    author: str = param("", "who made them")
    source: str = param("", "where they were got, such as a URL")
    up_axis: str = param(
        AUTO, "of meshes: what points up; auto: told by format and shape", choices=(AUTO, *AXES)
    )
    scale: float = param(
        1.0,
        "of meshes: how large the chairs are drawn, beside those of other packs; units do not matter, since every "
        "model is brought to one size first",
        low=0.1,
        high=10.0,
    )

    def check(self) -> None:
        if not self.licence.strip():
            raise InputError("licence is empty: name it, or leave the key out")
        for name in ("licence", "author", "source"):
            if not getattr(self, name).isprintable():
                raise InputError(f"{name} = {getattr(self, name)!r}: must be one line of text")


def packs_of(files: Sequence[Path], roots: Sequence[Path]) -> list[Pack]:
    """The pack that governs each file; one that says nothing, where there is none.

    Args:
        files: Meshes or photographs.
        roots: The files and folders that the user named: nothing above these folders counts.

    Raises:
        InputError: A ``pack.toml`` cannot be read, or one of its keys or values is wrong; the message names both.
    """
    tops = {root if root.is_dir() else root.parent for root in roots}
    known: dict[Path, Pack] = {}

    def governing(folder: Path) -> Pack:
        if folder not in known:
            file = folder / PACK
            if file.is_file():
                known[folder] = _read(file)
            elif folder in tops or folder == folder.parent:
                known[folder] = Pack()
            else:
                known[folder] = governing(folder.parent)
        return known[folder]

    return [governing(file.parent) for file in files]


def _read(path: Path) -> Pack:
    data = read_toml(path)
    try:
        return Pack.from_dict({key.replace("-", "_"): value for key, value in data.items()})
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
