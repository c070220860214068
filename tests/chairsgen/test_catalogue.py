"""Laws of catalogues: identity without machine, each content once, a split without leaks."""

import hashlib
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chairsgen.catalogue import Asset, Catalogue, Finding, embedded, from_files, split
from chairsgen.chairs import model_names
from chairsgen.errors import InputError
from chairsgen.packs import Pack
from chairsgen.photos import names

shares = st.floats(0, 0.5)
counts = st.integers(1, 60)


def _assets(count: int, salt: str = "") -> list[Asset]:
    return embedded("chair", [f"chair-{i}" for i in range(count)], f"generator{salt}")


@given(counts, shares)
def test_the_split_gives_the_share_to_val_and_never_all(count: int, share: float) -> None:
    sides = [asset.side for asset in split(_assets(count), share)]
    assert len(sides) == count
    assert sides.count("val") == min(math.ceil(share * count), count - 1)
    assert sides.count("train") >= 1


@given(st.permutations(range(30)), shares)
def test_the_split_does_not_depend_on_the_order(order: list[int], share: float) -> None:
    assets = _assets(30)
    sides = {asset.id: asset.side for asset in split(assets, share)}
    shuffled = split([assets[i] for i in order], share)
    assert [asset.id for asset in shuffled] == [assets[i].id for i in order]
    assert {asset.id: asset.side for asset in shuffled} == sides


@given(shares, shares)
def test_a_larger_share_keeps_what_was_val(one: float, two: float) -> None:
    small, large = (
        {asset.id for asset in split(_assets(30), share) if asset.side == "val"}
        for share in sorted((one, two))
    )
    assert small <= large


def test_no_asset_stands_on_both_sides() -> None:
    photos = embedded("photo", [f"photo-{i}" for i in range(11)], "g")
    catalogue = Catalogue(chairs=split(_assets(20), 0.3), photos=split(photos, 0.3))
    train, val = catalogue.sides["train"], catalogue.sides["val"]
    for kind, number in (("chairs", 20), ("photos", 11)):
        ids = [{asset.id for asset in getattr(side, kind)} for side in (train, val)]
        assert not ids[0] & ids[1]
        assert len(ids[0] | ids[1]) == number
    assert catalogue.has_val
    assert not Catalogue(chairs=split(_assets(20), 0.3), photos=split(photos[:1], 0.3)).has_val


def test_embedded_assets_are_told_apart_by_generator_and_name() -> None:
    hashes = [asset.sha256 for salt in ("", "2") for asset in _assets(3, salt)]
    assert len(set(hashes)) == 6
    assert hashes[:3] == [asset.sha256 for asset in _assets(3)]
    assert {len(value) for value in hashes} == {64}


@given(st.text(), shares)
def test_embedded_assets_keep_their_side_when_their_generator_changes(salt: str, share: float) -> None:
    sides = [[asset.side for asset in split(_assets(30, s), share)] for s in ("", salt)]
    assert sides[0] == sides[1]


def test_the_embedded_split_is_what_it_always_was() -> None:
    chairs = split(embedded("chair", model_names(), "any generator"), 0.05)
    photos = split(embedded("photo", names(), "any generator"), 0.05)
    val = [[asset.id for asset in kind if asset.side == "val"] for kind in (chairs, photos)]
    assert [len(ids) for ids in val] == [41, 49]
    assert [ids[:3] for ids in val] == [
        ["windsor-001", "armchair-002", "bench-004"],
        ["mountain-0031", "city-0029", "mountain-0059"],
    ]


@given(st.permutations(range(12)), shares)
def test_files_keep_their_side_whatever_they_are_called(names: list[int], share: float) -> None:
    def sides(called: Sequence[int]) -> dict[str, str]:
        root = Path("photos")
        found = _found(root, {f"{name:02d}.png": str(i) for i, name in enumerate(called)})
        return {asset.sha256: asset.side for asset in split(from_files("photo", [root], found)[0], share)}

    assert sides(names) == sides(range(12))


def test_embedded_assets_are_free_and_need_no_file() -> None:
    for asset in _assets(3):
        assert asset.is_embedded
        assert (asset.licence, asset.source, asset.path) == ("CC0-1.0", "embedded", "")


def test_an_asset_bears_what_its_pack_says(tmp_path: Path) -> None:
    pack = Pack(
        licence="CC-BY-4.0", author="A. Author", source="https://example.org", up_axis="-z", scale=0.5
    )
    (asset,), _ = from_files("chair", [tmp_path], [(tmp_path / "a.ply", Finding(sha256="1"), pack)])
    assert not asset.is_embedded
    assert asset.side == "train"
    assert Pack(**{name: getattr(asset, name) for name in pack.to_dict()}) == pack


def test_the_hash_tells_what_determines_pairs_but_neither_paths_nor_licences() -> None:
    def catalogue(**changes: Any) -> str:
        values = {"id": "a", "path": "/somewhere/a.ply", "sha256": "1", "side": "train"} | changes
        asset = Asset(kind="chair", **values)  # type: ignore[arg-type]
        return Catalogue(chairs=(asset,), photos=()).hash

    same: list[dict[str, Any]] = [
        {},
        {"path": "/elsewhere/a.ply"},
        {"licence": "MIT"},
        {"author": "A"},
        {"source": "B"},
    ]
    others: list[dict[str, Any]] = [
        {"id": "b"},
        {"sha256": "2"},
        {"side": "val"},
        {"up_axis": "z"},
        {"scale": 2.0},
    ]
    assert len({catalogue(**changes) for changes in same}) == 1
    assert len({catalogue(**changes) for changes in ({}, *others)}) == 1 + len(others)


def _found(root: Path, contents: dict[str, str]) -> list[tuple[Path, Finding, Pack]]:
    return [
        (root / name, Finding(sha256=hashlib.sha256(text.encode()).hexdigest()), Pack())
        for name, text in contents.items()
    ]


def test_ids_do_not_depend_on_the_absolute_folder(tmp_path: Path) -> None:
    contents = {"oak/chair.glb": "1", "stool.ply": "2"}
    ids = []
    for place in ("here", "there/deep"):
        root = tmp_path / place / "meshes"
        root.mkdir(parents=True)
        assets, _ = from_files("chair", [root], _found(root, contents))
        ids.append([asset.id for asset in assets])
    assert ids[0] == ids[1] == ["meshes/oak/chair.glb", "meshes/stool.ply"]


def test_a_file_named_by_itself_has_its_name_as_id(tmp_path: Path) -> None:
    path = tmp_path / "stool.ply"
    path.touch()
    assets, _ = from_files("chair", [path], [(path, Finding(sha256="1"), Pack())])
    assert [asset.id for asset in assets] == ["stool.ply"]


def test_ids_are_unique_where_roots_have_equal_names(tmp_path: Path) -> None:
    roots = [tmp_path / place / "meshes" for place in ("a", "b")]
    found = [*_found(roots[0], {"x.ply": "1"}), *_found(roots[1], {"x.ply": "2"})]
    assets, skipped = from_files("chair", roots, found)
    assert len({asset.id for asset in assets}) == 2
    assert len({asset.sha256 for asset in assets}) == 2
    assert not skipped


def test_a_name_that_is_not_utf_8_has_an_id_that_is(tmp_path: Path) -> None:
    contents = {os.fsdecode(b"caf\xe9.png"): "1", os.fsdecode(b"caf\xe8.png"): "2", "café.png": "3"}
    assets, _ = from_files("photo", [tmp_path], _found(tmp_path, contents))
    folder = tmp_path.name
    assert [asset.id for asset in assets] == [
        f"{folder}/caf\\xe8.png",
        f"{folder}/caf\\xe9.png",
        f"{folder}/café.png",
    ]
    assert {Path(asset.path).name for asset in assets} == set(contents)
    assert len(Catalogue(chairs=(), photos=tuple(assets)).hash) == 64


def test_each_content_is_taken_once_and_the_rest_is_accounted_for(tmp_path: Path) -> None:
    found = _found(tmp_path, {"a.png": "same", "b.png": "same", "c.png": "other"})
    found.append((tmp_path / "d.png", Finding(cause="not an image"), Pack()))
    assets, skipped = from_files("photo", [tmp_path], found)
    assert [Path(asset.path).name for asset in assets] == ["a.png", "c.png"]
    assert {Path(entry.path).name: entry.cause for entry in skipped} == {
        "b.png": f"the same content as {tmp_path / 'a.png'}",
        "d.png": "not an image",
    }


def test_assets_are_sorted_by_id_whatever_the_order_of_finding(tmp_path: Path) -> None:
    found = _found(tmp_path, {name: name for name in ("b.png", "z/a.png", "a.png")})
    forwards, backwards = (from_files("photo", [tmp_path], f)[0] for f in (found, found[::-1]))
    assert forwards == backwards
    assert [asset.id for asset in forwards] == sorted(asset.id for asset in forwards)


@pytest.mark.parametrize(("kind", "word"), [("chair", "mesh"), ("photo", "photo")])
def test_none_usable_is_an_error_that_names_folder_and_cause(tmp_path: Path, kind: str, word: str) -> None:
    found = [(tmp_path / "broken.xyz", Finding(cause="cut short"), Pack())]
    with pytest.raises(InputError, match=rf"{word}.*broken\.xyz: cut short") as caught:
        from_files(kind, [tmp_path], found)  # type: ignore[arg-type]
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nothing_found_is_an_error_that_names_the_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=tmp_path.name):
        from_files("photo", [tmp_path], [])
