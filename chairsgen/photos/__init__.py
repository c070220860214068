"""Background photographs: procedural ones, made from a name, and reading them from disk (`photos.files`)."""

import hashlib
import re
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from chairsgen.assets import asset_path
from chairsgen.errors import InputError
from chairsgen.hashing import files_hash

# How many of each kind FlyingChairs took from Flickr.
SHARES = {"city": 321, "landscape": 129, "mountain": 514}

_NAME = re.compile(rf"({'|'.join(SHARES)})-(\d{{4}}|[1-9]\d{{4,}})")


def names(count: int = sum(SHARES.values())) -> list[str]:
    """The first `count` names, kinds interleaved in their shares; a shorter list is a prefix of a longer."""
    total = sum(SHARES.values())
    given = dict.fromkeys(SHARES, 0)
    result = []
    for i in range(1, count + 1):
        kind = max(SHARES, key=lambda kind: SHARES[kind] * i / total - given[kind])
        result.append(f"{kind}-{given[kind]:04d}")
        given[kind] += 1
    return result


def make(name: str) -> UInt8[np.ndarray, "768 1024 3"]:
    """The procedural photograph of that name, which alone determines it; RGB.

    Raises:
        InputError: There is no such name.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise InputError(f"no procedural photograph is called {name!r}: see chairsgen.photos.names()")
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "little")
    scene = import_module(f"{__name__}.{match[1]}")
    return scene.paint(np.random.default_rng(seed))


@cache
def source_hash() -> str:
    """sha256, in hex, of all that decides what `make` paints: this package's source and its data."""
    data = sorted(asset_path("photos").glob("*.toml"))
    return files_hash([*sorted(Path(__file__).parent.glob("*.py")), *data])
