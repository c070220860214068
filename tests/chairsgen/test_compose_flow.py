"""Frames agree with their flow: the warp between them, over photographs made and real; and are equally sharp."""

import dataclasses
import functools

import made
import numpy as np
import pytest
from scipy import ndimage

from chairsgen import geometry, textures
from chairsgen.catalogue import Catalogue
from chairsgen.compose import compose
from chairsgen.recipe import Recipe
from chairsgen.sample import FlowSample
from chairsgen.scene import draw_scene
from chairsgen.textures import Texture


def _photo_catalogue(names: list[str]) -> Catalogue:
    plain = made.catalogue(chairs=1, photos=1)
    photos = tuple(dataclasses.replace(plain.photos[0], id=name, sha256=name) for name in names)
    return Catalogue(chairs=(dataclasses.replace(plain.chairs[0], id="ring-0"),), photos=photos)


def _recipe(chairs: int, *sets: str) -> Recipe:
    return Recipe().override(
        [f"chair.count_min={chairs}", f"chair.count_max={chairs}", "chair.size.max_px=256", *sets]
    )


def _windows(photos: dict[str, Texture], seed: int, *sets: str) -> list[FlowSample]:
    """The upper left parts of frames by the recipe: chairs with crisp edges over photographs."""
    catalogue = _photo_catalogue(list(photos))

    def load(asset: str, view: int) -> Texture:
        return photos[asset] if asset in photos else made.load(asset, view)

    whole = [draw_scene(_recipe(20, *sets), catalogue, seed, index) for index in range(40)]
    return [compose(dataclasses.replace(scene, height=180, width=240), load) for scene in whole]


@pytest.fixture(scope="module")
def scenery() -> list[FlowSample]:
    """Over made photographs of full size."""
    return _windows({name: made.load(name) for name in ("scenery-0", "scenery-1")}, seed=5)


@pytest.fixture(scope="module")
def bent() -> list[FlowSample]:
    """Likewise, everything sheared and stretched."""
    motions = [f"{layer}.{motion}" for layer in ("background", "chair") for motion in ("shear", "stretch")]
    photos = {name: made.load(name) for name in ("scenery-0", "scenery-1")}
    return _windows(photos, 7, *(f"{motion}.probability=1.0" for motion in motions))


@pytest.fixture(scope="module")
def photographed() -> list[FlowSample]:
    """Over real photographs."""
    images = made.real_photos(4)
    return _windows({f"real-{i}": textures.from_photo(image) for i, image in enumerate(images)}, seed=6)


@functools.cache
def _comparable(sample: FlowSample) -> np.ndarray:
    """Pixels of frame 1 that frame 2 shows too, and not within a pixel of a boundary in either."""
    edge1, edge2 = (
        ndimage.grey_dilation(m, (3, 3)) != ndimage.grey_erosion(m, (3, 3))
        for m in (sample.layer_id1, sample.layer_id2)
    )
    x, y = np.moveaxis(np.rint(_there(sample)).astype(int), -1, 0)
    height, width = sample.size
    inside = (x >= 2) & (x < width - 2) & (y >= 2) & (y < height - 2)
    hits_edge = edge2[y.clip(0, height - 1), x.clip(0, width - 1)]
    return ~sample.occ_fw & ~sample.out_fw & ~edge1 & inside & ~hits_edge


def _some(mask: np.ndarray) -> np.ndarray:
    """Two in five of a mask's pixels."""
    return mask & (np.random.default_rng(0).random(mask.shape) < 0.4)


def _there(sample: FlowSample) -> np.ndarray:
    return geometry.pixel_grid(*sample.size) + sample.flow_fw


class _Warped:
    """One channel of frame 2 at points of frame 1 that the flow, and an offset, lead to; against frame 1."""

    def __init__(self, sample: FlowSample, mask: np.ndarray, channel: int) -> None:
        self.target = sample.image1[..., channel][mask].astype(float)
        self.spline = ndimage.spline_filter(sample.image2[..., channel].astype(float), order=3)
        self.points = _there(sample)[mask]

    def difference(self, offset: np.ndarray) -> np.ndarray:
        x, y = (self.points + offset).T
        return ndimage.map_coordinates(self.spline, (y, x), order=3, prefilter=False) - self.target


@pytest.mark.parametrize("frames", ["scenery", "bent", "photographed"])
def test_frame_2_warped_by_the_flow_is_frame_1(frames: str, request: pytest.FixtureRequest) -> None:
    samples = request.getfixturevalue(frames)
    assert np.mean([_comparable(sample) for sample in samples]) > 0.4
    assert np.mean([len(np.unique(sample.layer_id1)) for sample in samples]) > 2
    for sample in samples:
        mask = _some(_comparable(sample))
        errors = [np.abs(_Warped(sample, mask, c).difference(np.zeros(2))).mean() for c in range(3)]
        assert np.mean(errors) < 2


@pytest.mark.parametrize("frames", ["scenery", "bent", "photographed"])
@pytest.mark.parametrize("axis", [0, 1])
def test_no_offset_of_the_flow_fits_better(frames: str, axis: int, request: pytest.FixtureRequest) -> None:
    """The warp's error over offsets of -0.5 to 0.5 px is least within 0.02 px of none.

    Over all samples together, each counting alike: one pair's minimum scatters by some 0.04 px, as its two
    frames sit at two different sub-pixel parts, where the resampling filter has two different small errors.
    """
    offsets = np.linspace(-0.5, 0.5, 11)
    errors = [_errors(sample, axis, offsets) for sample in request.getfixturevalue(frames)]
    assert abs(_least_at(offsets, sum(error / error.mean() for error in errors))) < 0.02


def _errors(sample: FlowSample, axis: int, offsets: np.ndarray) -> np.ndarray:
    warped = _Warped(sample, _some(_comparable(sample)), channel=1)
    return np.array([np.mean(warped.difference(offset * np.eye(2)[axis]) ** 2) for offset in offsets])


def _least_at(offsets: np.ndarray, errors: np.ndarray) -> float:
    """Where a parabola through the least error and its neighbours has its minimum."""
    least = int(np.clip(np.argmin(errors), 1, len(offsets) - 2))
    near = slice(least - 1, least + 2)
    square, linear, _ = np.polyfit(offsets[near], errors[near], 2)
    return float(-linear / (2 * square))


def _fine_detail(image: np.ndarray) -> float:
    return float(np.mean(ndimage.laplace(image.astype(float).mean(axis=-1))[2:-2, 2:-2] ** 2))


def test_both_frames_are_equally_sharp() -> None:
    catalogue, bare = _photo_catalogue(["scenery-0", "scenery-1"]), _recipe(0)
    detail = []
    for index in range(200):
        part = dataclasses.replace(draw_scene(bare, catalogue, 1, index), height=60, width=80)
        sample = compose(part, made.load)
        detail.append((_fine_detail(sample.image1), _fine_detail(sample.image2)))
    frame1, frame2 = np.mean(detail, axis=0)
    assert frame1 / frame2 == pytest.approx(1, abs=0.06)
