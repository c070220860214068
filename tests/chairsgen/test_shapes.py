"""Laws of shapes: the name decides, they fit their square, edges are smooth, thin things are thin."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from scipy import ndimage

from chairsgen import shapes, textures
from chairsgen.builder import embedded_assets
from chairsgen.catalogue import Asset, Kind, split
from chairsgen.errors import InputError
from chairsgen.recipe import Recipe
from chairsgen.shapes import OBJECTS, make, names
from chairsgen.sprites import Sprites

SOLID, THIN = (names(objects, 45) for objects in ("shapes", "thin"))


def _mask(name: str, side: int = 96) -> np.ndarray:
    return make(name, side)[..., 3] / 255


def test_recipes_offer_these_objects_and_chairs() -> None:
    choices = {field.name: field for field in Recipe().assets.__dataclass_fields__.values()}["objects"]
    assert set(choices.metadata["choices"]) == {"chairs", *OBJECTS}


@pytest.mark.parametrize("objects", OBJECTS)
def test_names_are_distinct_and_more_names_begin_with_fewer(objects: str) -> None:
    many = names(objects, 809)
    assert len(set(many)) == 809
    assert names(objects, 100) == many[:100]
    assert {name.partition("-")[0] for name in many} == set(OBJECTS[objects])


@pytest.mark.parametrize("name", ["box", "box-1", "boxes-001", "box-0001x", "windsor-001"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=name):
        make(name, 64)


def test_the_name_alone_decides() -> None:
    pictures = {make(name, 48).tobytes() for name in (*SOLID, *THIN)}
    assert len(pictures) == len(SOLID) + len(THIN)
    np.random.default_rng(0).normal(size=10)
    assert np.array_equal(make(SOLID[3], 48), make(SOLID[3], 48))


@pytest.mark.parametrize("name", [*SOLID[:12], *THIN[:15]])
def test_they_are_premultiplied_and_fit_into_the_disc_in_their_square(name: str) -> None:
    image = make(name, 96)
    assert np.all(image[..., :3] <= image[..., 3:])
    y, x = np.nonzero(image[..., 3])
    radius = np.hypot(x - 47.5, y - 47.5)
    assert 0.3 * 96 < radius.max() < 0.5 * 96 + 1.5


@pytest.mark.parametrize("name", [*SOLID[:6], *THIN[:10]])
def test_sizes_agree(name: str) -> None:
    """Half the side is every 2 x 2 pixels averaged, up to where the finer drawing rounds its points."""
    fine = _mask(name, 192).reshape(96, 2, 96, 2).mean(axis=(1, 3))
    assert np.abs(fine - _mask(name)).mean() < 0.01


def test_edges_are_smooth() -> None:
    """Opaque inside, clear outside, and between them pixels of every alpha."""
    for name in names("ellipses", 12):
        alpha = _mask(name)
        partial = (alpha > 0) & (alpha < 1)
        outline = ndimage.binary_dilation(alpha >= 0.5) & ~ndimage.binary_erosion(alpha >= 0.5)
        assert 0.3 < partial.sum() / outline.sum() < 1
        assert len(np.unique(alpha[partial])) > 10


def test_some_shapes_have_holes_and_most_do_not() -> None:
    holes = [ndimage.label(_mask(name) < 0.5)[1] - 1 for name in SOLID]
    assert 0.1 < np.mean(np.array(holes) > 0) < shapes.HOLES + 0.2


def test_thin_things_are_thin() -> None:
    """A disc of five hundredths of their size hardly fits into any, but into nearly all others."""
    for chosen, fits in ((SOLID, 1.0), (THIN, 0.0)):
        widest = [ndimage.distance_transform_edt(_mask(name, 192) >= 0.5).max() for name in chosen]
        assert (np.array(widest) > 0.025 * 192).mean() == pytest.approx(fits, abs=0.15)
    coverage = [np.mean([_mask(name).mean() for name in chosen]) for chosen in (SOLID, THIN)]
    assert coverage[1] < coverage[0] / 5


def test_surfaces_have_detail_to_match() -> None:
    """Inside a shape grey levels differ from pixel to pixel, and by more over a distance."""
    for name in SOLID:
        image = make(name, 128)
        inside = ndimage.binary_erosion(image[..., 3] == 255, np.ones((5, 5)))
        grey = image[..., :3].mean(axis=-1)
        assert np.abs(ndimage.laplace(grey))[inside].mean() > 0.2
        assert grey[inside].std() > 2


def test_they_go_through_the_bank_without_opengl(tmp_path: Path) -> None:
    recipe = Recipe.load("shapes", ["assets.chairs=6"])
    assets = tuple(split(embedded_assets("chair", recipe), 0.3))
    assert {asset.kind for asset in assets} == {"shape"} < set(get_args(Kind))
    assert {asset.side for asset in assets} == {"train", "val"}
    sprites = _sprites(tmp_path, assets, 64)
    jobs = sprites.missing((asset.id, 0) for asset in assets)
    assert sum(sprites.make(job) for job in jobs) == 6
    assert not sprites.missing((asset.id, 0) for asset in assets)
    for asset in assets:
        expected = textures.from_render(make(asset.id, 64))
        loaded = sprites.load(asset.id, 0)
        assert (loaded.origin, loaded.full) == (expected.origin, 64)
        assert np.array_equal(loaded.levels[0], expected.levels[0])
    assert len(_sprites(tmp_path, assets, 128).missing((asset.id, 0) for asset in assets)) == 6


def _sprites(root: Path, assets: tuple[Asset, ...], side: int) -> Sprites:
    return Sprites(root=root, assets=assets, side=side, rendering="none", reading="this")
