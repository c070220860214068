"""Which chairs and photographs there are: identity, source, licence, and side of the train/val split."""

import hashlib
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

from chairsgen.errors import InputError
from chairsgen.packs import AUTO, Pack

Kind = Literal["chair", "shape", "photo"]
Side = Literal["train", "val"]

EMBEDDED = "embedded"
EMBEDDED_LICENCE = "CC0-1.0"


@dataclass(frozen=True, kw_only=True)
class Asset:
    """A chair model or a photograph.

    Attributes:
        id: Unique in its catalogue, the same on every machine: ``windsor-017``, ``meshes/oak/chair.glb``.
        kind: What it is.
        path: The file; empty for an embedded asset.
        sha256: Of the file and all that it refers to; for an embedded asset, of its generator and name.
        licence: SPDX name, or "unknown".
        author: Who made it; empty if unknown.
        source: Where it was got; empty if unknown.
        up_axis: Of a mesh: what its pack says points up (see :class:`chairsgen.packs.Pack`).
        scale: Of a mesh: the factor by which its pack has it drawn larger.
        side: Which samples may show it.
    """

    id: str
    kind: Kind
    sha256: str
    path: str = ""
    licence: str = "unknown"
    author: str = ""
    source: str = ""
    up_axis: str = AUTO
    scale: float = 1.0
    side: Side = "train"

    @property
    def is_embedded(self) -> bool:
        """Whether the project makes it itself."""
        return not self.path

    @property
    def lot(self) -> str:
        """What the split draws by, in hex: of a file its content; of an embedded asset its name alone.

        An embedded asset keeps its side, therefore, whatever becomes of its generator.
        """
        return hashlib.sha256(self.id.encode()).hexdigest() if self.is_embedded else self.sha256


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A usable file's sha256 (over all files that it refers to), or the cause why it cannot be used."""

    sha256: str = ""
    cause: str = ""


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A file that was left out, and why."""

    path: str
    cause: str


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """The chairs and photographs that scenes are drawn from."""

    chairs: tuple[Asset, ...]
    photos: tuple[Asset, ...]
    skipped: tuple[Skipped, ...] = ()

    @property
    def hash(self) -> str:
        """sha256 over what determines pairs: ids, contents, axes, scales and sides, in order; not over paths."""
        lines = [
            f"{asset.kind}\t{asset.id}\t{asset.sha256}\t{asset.up_axis}\t{asset.scale}\t{asset.side}"
            for asset in (*self.chairs, *self.photos)
        ]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    @cached_property
    def sides(self) -> "dict[Side, Catalogue]":
        """The train assets, and the val assets."""
        return {
            side: replace(
                self,
                chairs=tuple(asset for asset in self.chairs if asset.side == side),
                photos=tuple(asset for asset in self.photos if asset.side == side),
            )
            for side in get_args(Side)
        }

    @cached_property
    def has_val(self) -> bool:
        """Whether both kinds have assets on the val side."""
        return bool(self.sides["val"].chairs and self.sides["val"].photos)


def embedded(kind: Kind, names: Iterable[str], generator_hash: str) -> list[Asset]:
    """Assets that the project makes itself, ``generator_hash`` identifying the code and data that make them."""
    return [
        Asset(
            id=name,
            kind=kind,
            sha256=hashlib.sha256(f"{generator_hash}/{name}".encode()).hexdigest(),
            licence=EMBEDDED_LICENCE,
            source=EMBEDDED,
        )
        for name in names
    ]


def from_files(
    kind: Kind, roots: Sequence[Path], found: Iterable[tuple[Path, Finding, Pack]]
) -> tuple[list[Asset], list[Skipped]]:
    """The usable ones among a user's files, each content once.

    Args:
        kind: What the files are.
        roots: What the user named; ids are relative to these, so that they do not depend on the machine.
        found: Every file below them, what was found out about it, and what its pack says.

    Raises:
        InputError: None is usable.
    """
    assets: dict[str, Asset] = {}
    skipped: list[Skipped] = []
    seen_at: dict[str, Path] = {}
    for path, finding, pack in found:
        if finding.cause:
            skipped.append(Skipped(path=str(path), cause=finding.cause))
        elif finding.sha256 in seen_at:
            skipped.append(Skipped(path=str(path), cause=f"the same content as {seen_at[finding.sha256]}"))
        else:
            seen_at[finding.sha256] = path
            # A file's name is bytes, and an id is text.
            identity = os.fsencode(_relative(path, roots)).decode(errors="backslashreplace")
            if identity in assets:
                identity = f"{identity}#{finding.sha256[:8]}"
            assets[identity] = Asset(
                id=identity, kind=kind, path=str(path), sha256=finding.sha256, **pack.to_dict()
            )
    if not assets:
        what = "mesh" if kind == "chair" else "photo"
        such = f", such as {skipped[0].path}: {skipped[0].cause}" if skipped else ""
        raise InputError(f"{', '.join(map(str, roots))}: none of its {what} files is usable{such}")
    return sorted(assets.values(), key=lambda asset: asset.id), skipped


def split(assets: Sequence[Asset], share: float) -> tuple[Asset, ...]:
    """Gives a share of assets, at least one of two or more, to the val side: those of the lowest lots.

    An asset's lot depends on itself alone, not on the order or the names of the others.
    """
    count = min(math.ceil(share * len(assets)), len(assets) - 1)
    chosen = {asset.id for asset in sorted(assets, key=lambda asset: asset.lot)[:count]}
    return tuple(replace(asset, side="val") if asset.id in chosen else asset for asset in assets)


def _relative(path: Path, roots: Sequence[Path]) -> str:
    for root in roots:
        if path.is_relative_to(root):
            return (Path(root.resolve().name) / path.relative_to(root)).as_posix()
    return path.name
