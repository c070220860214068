"""Packs: the nearest pack.toml governs, and a mistake in it is named with its file."""

import json
import re
from dataclasses import replace
from pathlib import Path

import cv2
import made
import numpy as np
import pytest
import trimesh

from chairsgen.builder import build
from chairsgen.dataset import open_dataset
from chairsgen.errors import InputError
from chairsgen.packs import Pack, packs_of
from chairsgen.recipe import Recipe
from chairsgen.scene import sample_scene

README = Path(__file__).parents[2] / "assets" / "README.md"


def _write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def _pack(folder: Path) -> Pack:
    """The pack of a file in ``folder``, which is the folder that the user named."""
    return packs_of([folder / "a.ply"], [folder])[0]


def test_without_a_pack_nothing_is_known(tmp_path: Path) -> None:
    assert _pack(tmp_path) == Pack()
    assert Pack().licence == "unknown"


def test_every_key_is_read_written_with_hyphens_or_underscores(tmp_path: Path) -> None:
    for key in ("up-axis", "up_axis"):
        text = f'licence = "MIT"\nauthor = "A"\nsource = "https://b.org"\n{key} = "-z"\nscale = 2\n'
        _write(tmp_path / "pack.toml", text)
        expected = Pack(licence="MIT", author="A", source="https://b.org", up_axis="-z", scale=2.0)
        assert _pack(tmp_path) == expected


def test_the_example_in_the_readme_is_right(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", README.read_text(), re.DOTALL)
    pack = _pack(_write(tmp_path / "pack.toml", example).parent)
    changed = [name for name, value in pack.to_dict().items() if value != getattr(Pack(), name)]
    assert changed == list(pack.to_dict()), "the example shows every key"
    for name in changed:
        assert f"`{name}`" in README.read_text()


def test_the_nearest_pack_governs_alone(tmp_path: Path) -> None:
    root = tmp_path / "root"
    _write(root / "pack.toml", 'licence = "MIT"\nauthor = "Outer"')
    _write(root / "inner/pack.toml", 'licence = "CC0-1.0"')
    files = [root / name for name in ("a.ply", "deep/down/b.ply", "inner/c.ply", "inner/deep/d.ply")]
    outer, inner = Pack(licence="MIT", author="Outer"), Pack(licence="CC0-1.0")
    assert packs_of(files, [root]) == [outer, outer, inner, inner]


def test_a_pack_above_what_was_named_does_not_count(tmp_path: Path) -> None:
    _write(tmp_path / "pack.toml", 'licence = "MIT"')
    root = tmp_path / "root"
    root.mkdir()
    assert _pack(root) == Pack()
    assert packs_of([root / "sub/a.ply"], [root]) == [Pack()]


def test_a_file_named_by_itself_has_the_pack_beside_it(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.ply")
    _write(tmp_path / "pack.toml", 'licence = "MIT"')
    assert packs_of([path], [path]) == [Pack(licence="MIT")]


def test_relative_paths_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _write(Path("pack.toml"), 'licence = "MIT"')
    assert packs_of([Path("sub/a.ply"), Path("b.ply")], [Path()]) == [Pack(licence="MIT")] * 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('license = "MIT"', "unknown key 'license': did you mean 'licence'?"),
        ('up-axes = "z"', "did you mean 'up_axis'?"),
        ('up-axis = "w"', "up_axis = 'w': must be one of auto, x, y, z, +x"),
        ("up-axis = 2", "up_axis = 2: must be of type str"),
        ("scale = 0.001", "scale = 0.001: must be from 0.1 to 10.0"),
        ("scale = nan", "scale = nan: must be a finite number"),
        ('scale = "large"', "scale = 'large': must be of type float"),
        ('licence = ""', "licence is empty"),
        ('author = "A\\nB"', "author = 'A\\nB': must be one line of text"),
        ("[licence]\nname = 1", "licence = {'name': 1}: must be of type str"),
        ("licence = MIT", "not valid TOML"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_file_and_the_key(text: str, said: str, tmp_path: Path) -> None:
    path = _write(tmp_path / "sub" / "pack.toml", text)
    with pytest.raises(InputError) as caught:
        _pack(path.parent)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("of", ["square", "box"])
def test_scale_enlarges_the_pack_s_chairs_and_changes_nothing_else(of: str) -> None:
    catalogue, recipe = made.catalogue(), Recipe().override([f"chair.size.of={of}"])
    larger = replace(catalogue, chairs=tuple(replace(chair, scale=3.0) for chair in catalogue.chairs))
    plain, scaled = (sample_scene(recipe, c, np.random.default_rng(1)) for c in (catalogue, larger))
    for one, other in zip(plain.layers, scaled.layers, strict=True):
        expected = one.pose1 if one is plain.layers[0] else one.pose1 @ np.diag([3.0, 3.0, 1.0])
        np.testing.assert_allclose(other.pose1, expected)
        np.testing.assert_allclose(other.motion, one.motion, atol=1e-9)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A chair and photographs of one's own, with a pack each."""
    for number in range(3):
        path = tmp_path / "own" / f"photo{number}.png"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), made.photo(number, 192, 256))
        box = trimesh.creation.box((1, 2 + number, 3))
        box.export(tmp_path / "own" / f"box{number}.ply")
    _write(tmp_path / "own/pack.toml", 'licence = "CC-BY-4.0"\nauthor = "A. Author"\nscale = 2')
    return tmp_path / "own"


RECIPE = Recipe().override(["frame.height=64", "frame.width=64", "assets.sprite_px=64"])


def test_a_build_records_licences_and_puts_them_right(own: Path, tmp_path: Path) -> None:
    def manifest() -> dict[str, object]:
        dataset = build(
            tmp_path / "out", n=2, recipe=RECIPE, meshes=[own], photos=[own], workers=1, quiet=True
        )
        assert dataset.manifest == open_dataset(tmp_path / "out").manifest
        return json.loads((tmp_path / "out/manifest.json").read_text())

    before = manifest()
    for asset in before["assets"]:
        assert (asset["licence"], asset["author"], asset["source"]) == ("CC-BY-4.0", "A. Author", "")
        assert Path(asset["path"]).is_file()
        assert asset["side"] in ("train", "val")
    content = [(shard["name"], shard["sha256"]) for shard in before["shards"]]
    _write(own / "pack.toml", 'licence = "CC-BY-SA-4.0"\nauthor = "A. Author"\nscale = 2')
    after = manifest()
    assert {asset["licence"] for asset in after["assets"]} == {"CC-BY-SA-4.0"}
    assert [(shard["name"], shard["sha256"]) for shard in after["shards"]] == content
    _write(own / "pack.toml", 'licence = "CC-BY-SA-4.0"\nup-axis = "z"')
    with pytest.raises(InputError, match="its chairs or photos are others"):
        manifest()


def test_a_wrong_pack_is_refused_before_any_work(own: Path, tmp_path: Path) -> None:
    path = _write(own / "pack.toml", 'license = "MIT"')
    with pytest.raises(InputError, match=re.escape(str(path))):
        build(tmp_path / "out", n=2, recipe=RECIPE, photos=[own], workers=1, quiet=True)
    assert not (tmp_path / "out").exists()
