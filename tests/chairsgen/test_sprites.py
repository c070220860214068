"""What textures are known by, and what is kept of a look at a user's file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chairsgen.catalogue import Asset, Finding
from chairsgen.errors import InputError
from chairsgen.photos import files
from chairsgen.sprites import Sprites

CHAIR, PHOTO, SHAPE = (
    Asset(id=kind, kind=kind, sha256=sha256)  # type: ignore[arg-type]
    for kind, sha256 in (("chair", "1"), ("photo", "2"), ("shape", "3"))
)


def _sprites(root: Path) -> Sprites:
    return Sprites(root=root, assets=(), side=64, rendering="GL\ncode", reading="code")


@pytest.mark.parametrize(
    ("change", "renewed"),
    [
        ({"rendering": "other"}, {"chair"}),
        ({"reading": "other"}, {"photo", "shape"}),
        ({"side": 65}, {"chair", "shape"}),
    ],
)
def test_the_hash_tells_whatever_renews_a_texture(
    tmp_path: Path, change: dict[str, object], renewed: set[str]
) -> None:
    one = _sprites(tmp_path)
    other = replace(one, **change)  # type: ignore[arg-type]
    assert {a.kind for a in (CHAIR, PHOTO, SHAPE) if one.key(a, 0) != other.key(a, 0)} == renewed
    assert one.hash != other.hash


def test_what_was_found_is_kept_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sprites = _sprites(tmp_path / "bank")
    path = tmp_path / "a.png"
    Image.new("RGB", (200, 200)).save(path)
    found = sprites.inspect("photo", path)
    assert found == Finding(cause="one flat colour")
    monkeypatch.setattr(files, "read", None)
    assert sprites.inspect("photo", path.rename(tmp_path / "b.png")) == found


def test_want_of_memory_is_told_and_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sprites = _sprites(tmp_path / "bank")
    path = tmp_path / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)).save(path)
    with monkeypatch.context() as patched:
        patched.setattr(Image.Image, "convert", _fail)
        with pytest.raises(InputError, match=r"a\.png: .*memory"):
            sprites.inspect("photo", path)
    assert not sprites.inspect("photo", path).cause


def _fail(*_: object) -> None:
    raise MemoryError


def test_a_cause_is_kept_whatever_characters_it_has(tmp_path: Path) -> None:
    path = tmp_path / "a.gltf"
    path.write_text(
        '{"asset": {"version": "2.0"}, "buffers": [{"byteLength": 9, "uri": "\\ud800\\u00e9.bin"}]}'
    )
    sprites = _sprites(tmp_path / "bank")
    first, again = (sprites.inspect("chair", path) for _ in range(2))
    assert first == again
    assert "é.bin, which is missing" in first.cause
    assert first.cause.encode()
