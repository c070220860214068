"""Parametric chairs: a name in, a textured mesh out, nothing else to know.

A family is a module of this package with a function `build(p, chair)` and a TOML file of the same name in
`assets/chairs`, which holds the ranges of its parameters; dropping in both adds the family.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import importlib
import re
from pathlib import Path

import numpy as np
import trimesh

from chairsgen.assets import asset_path
from chairsgen.chairs.assembly import Chair, draw
from chairsgen.errors import InputError
from chairsgen.hashing import files_hash


@functools.cache
def families() -> tuple[str, ...]:
    """The families' names, sorted."""
    return tuple(sorted(path.stem for path in asset_path("chairs").glob("*.toml")))


def model_names(count: int = 809) -> list[str]:
    """Names of `count` distinct chairs such as "windsor-017", the families taking turns."""
    kinds = families()
    return [f"{kinds[i % len(kinds)]}-{i // len(kinds):03d}" for i in range(count)]


def build(name: str) -> trimesh.Scene:
    """Makes the chair of this name; the name alone decides every detail.

    Args:
        name: family and number, as from `model_names`.

    Returns:
        A scene in metres, +Y up, facing +Z, standing on y = 0, centred in x and z. Each geometry has
        texture coordinates, a PBR material with a texture, and vertex normals.

    Raises:
        InputError: if there is no such family or the name has another form.
    """
    family, _, number = name.rpartition("-")
    if family not in families() or not re.fullmatch(r"[0-9]{3,}", number):
        nearest = difflib.get_close_matches(family or name, families(), n=1, cutoff=0.0)[0]
        raise InputError(f"no chair is called {name!r}: write a family and a number, such as {nearest}-000")
    digest = hashlib.sha256(name.encode()).digest()
    rng = np.random.default_rng(np.random.SeedSequence(int.from_bytes(digest[:16], "big")))
    chair = Chair(rng)
    importlib.import_module(f"{__name__}.{family}").build(draw(family, rng), chair)
    return chair.scene()


@functools.cache
def source_hash() -> str:
    """sha256, in hex, of the code and data that chairs are made from, for caches to be keyed by."""
    data = [asset_path("materials.toml"), *sorted(asset_path("chairs").glob("*.toml"))]
    return files_hash([*sorted(Path(__file__).parent.glob("*.py")), *data])
