"""Laws of the compositor: a slow reference in float64, brute-force occlusion, no sparkle."""

import dataclasses
from typing import Any

import made
import numpy as np
import pytest
from scipy import ndimage

from chairsgen import compose as composition
from chairsgen import geometry, pixel, textures
from chairsgen.compose import compose
from chairsgen.sample import FlowSample
from chairsgen.scene import Layer, Scene
from chairsgen.textures import PAD, Texture

UNSURE = 1e-4
"""Where an alpha lies as near to 0.5 as this, float32 may decide otherwise than float64."""


def reference_level(texture: Texture, layer: Layer) -> int:
    """The finest mip level of at most 1.25 texels a pixel, over both frames together."""
    height, width = texture.size()
    side = 1 if texture.opaque else max(height, width) if layer.box else texture.full
    areas = [np.linalg.det(pose[:2, :2]) / side**2 for pose in (layer.pose1, layer.pose2)]
    texels_per_pixel = (abs(areas[0]) * abs(areas[1])) ** -0.25
    level = 0
    while texels_per_pixel / 2**level > 1.25 and level + 1 < len(texture.levels):
        level += 1
    return level


def reference_colour(texture: Texture, layer: Layer, pose: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Premultiplied RGBA of a layer at points of a frame: a photo's cubic spline, or Keys' cubic kernel."""
    own = geometry.apply(np.linalg.inv(pose), points)
    if not texture.opaque and layer.box:
        height, width = texture.size()
        own = own * max(height, width) + ((width - 1) / 2, (height - 1) / 2)
    elif not texture.opaque:
        own = own * texture.full + (texture.full - 1) / 2 - np.array(texture.origin)
    level = reference_level(texture, layer)
    u, v = np.moveaxis((own + 0.5) / 2**level - 0.5, -1, 0)
    texels = texture.levels[level][PAD:-PAD, PAD:-PAD].astype(float)
    height, width = texels.shape[:2]
    coefficients = np.dstack([ndimage.spline_filter(texels[..., c], 3, mode="mirror") for c in range(4)])
    total = np.zeros((*u.shape, 4))
    for j in range(-1, 3):
        for i in range(-1, 3):
            column, row = np.floor(u).astype(int) + i, np.floor(v).astype(int) + j
            kernel = _b_spline if texture.opaque else _keys
            weight = (kernel(u - column) * kernel(v - row))[..., None]
            if texture.opaque:
                texel = coefficients[_folded(row, height), _folded(column, width)]
            else:
                inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
                texel = texels[row.clip(0, height - 1), column.clip(0, width - 1)] * inside[..., None]
            total += weight * texel
    total[..., 3] = total[..., 3].clip(0, 255)
    total[..., :3] = total[..., :3].clip(0, total[..., 3:])
    return total


def _b_spline(distance: np.ndarray) -> np.ndarray:
    d = np.abs(distance)
    near, far = 2 / 3 - d**2 + d**3 / 2, (2 - d) ** 3 / 6
    return np.where(d < 1, near, np.where(d < 2, far, 0))


def _keys(distance: np.ndarray) -> np.ndarray:
    d = np.abs(distance)
    near, far = 1.5 * d**3 - 2.5 * d**2 + 1, -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
    return np.where(d < 1, near, np.where(d < 2, far, 0))


def _folded(index: np.ndarray, length: int) -> np.ndarray:
    index = index % (2 * length - 2)
    return np.minimum(index, 2 * length - 2 - index)


def reference_frame(
    scene: Scene, poses: list[np.ndarray], load: object = made.load
) -> tuple[np.ndarray, ...]:
    """A frame, its layer map, and where that map is too near a decision to be compared; back to front."""
    points = geometry.pixel_grid(scene.height, scene.width)
    image = np.zeros((scene.height, scene.width, 3))
    layer_id = np.zeros((scene.height, scene.width), int)
    unsure = np.zeros((scene.height, scene.width), bool)
    for number, (layer, pose) in enumerate(zip(scene.layers, poses, strict=True)):
        rgba = reference_colour(load(layer.asset, layer.view), layer, pose, points)  # type: ignore[operator]
        alpha = rgba[..., 3] / 255
        image = rgba[..., :3] + (1 - alpha[..., None]) * image
        solid, near = alpha >= 0.5, np.abs(alpha - 0.5) < UNSURE
        layer_id[solid] = number
        unsure = (unsure & ~solid) | near
    return image, layer_id, unsure


def reference_occlusion(scene: Scene, sample: FlowSample, *, backward: bool) -> tuple[np.ndarray, np.ndarray]:
    """Every nearer layer asked at the exact position in the other frame, pixel by pixel's own layer."""
    layer_id = sample.layer_id2 if backward else sample.layer_id1
    occluded, unsure = np.zeros(layer_id.shape, bool), np.zeros(layer_id.shape, bool)
    points = geometry.pixel_grid(*layer_id.shape)
    for own in np.unique(layer_id):
        here = layer_id == own
        motion = np.linalg.inv(sample.motions[own]) if backward else sample.motions[own]
        there = geometry.apply(motion, points[here])
        inside = np.all((there >= -0.5) & (there <= np.array([scene.width, scene.height]) - 0.5), axis=-1)
        for layer in scene.layers[own + 1 :]:
            pose = layer.pose1 if backward else layer.pose2
            alpha = reference_colour(made.load(layer.asset, layer.view), layer, pose, there)[..., 3] / 255
            occluded[here] |= inside & (alpha >= 0.5)
            unsure[here] |= np.abs(alpha - 0.5) < UNSURE
    return occluded, unsure


def _scenes() -> list[Scene]:
    rng = np.random.default_rng(7)
    sizes = [(16, 16), (17, 33), (33, 47), (31, 16), (70, 69), (48, 64), (63, 65), (50, 21)]
    return [made.scene(rng, height, width, int(rng.integers(0, 24))) for height, width in sizes]


SCENES = _scenes()


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: f"{scene.width}x{scene.height}")
def test_frames_and_layer_maps_are_the_slow_references(scene: Scene) -> None:
    sample = compose(scene, made.load)
    poses1, poses2 = [layer.pose1 for layer in scene.layers], [layer.pose2 for layer in scene.layers]
    for poses, image, layer_id in (
        (poses1, sample.image1, sample.layer_id1),
        (poses2, sample.image2, sample.layer_id2),
    ):
        expected, expected_id, unsure = reference_frame(scene, poses)
        assert np.abs(image - expected).max() <= 1
        assert np.array_equal(layer_id[~unsure], expected_id[~unsure])
        assert unsure.mean() < 0.01


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: f"{scene.width}x{scene.height}")
def test_occlusion_is_a_brute_force_evaluation_of_the_scene(scene: Scene) -> None:
    sample = compose(scene, made.load)
    for backward, occlusion in ((False, sample.occ_fw), (True, sample.occ_bw)):
        expected, unsure = reference_occlusion(scene, sample, backward=backward)
        assert np.array_equal(occlusion[~unsure], expected[~unsure])
        assert unsure.mean() < 0.01


def test_the_made_scenes_have_every_difficulty() -> None:
    samples = [compose(scene, made.load) for scene in SCENES]
    assert sum(sample.occ_fw.sum() for sample in samples) > 300
    assert sum(sample.out_fw.sum() for sample in samples) > 300
    assert max(len(np.unique(sample.layer_id1)) for sample in samples) >= 8
    levels = {
        reference_level(made.load(layer.asset, layer.view), layer)
        for scene in SCENES
        for layer in scene.layers
    }
    assert {0, 1, 2} <= levels


def test_layers_that_cannot_show_change_nothing() -> None:
    scene = SCENES[5]
    motion = geometry.translation(3.3, -2.1)
    far = [made.sprite_layer("disc", 30, x, y, motion=motion) for x, y in ((-60, 20), (200, 10), (30, -80))]
    layers = (scene.layers[0], far[0], *scene.layers[1:4], far[1], *scene.layers[4:], far[2])
    crowded, plain = compose(dataclasses.replace(scene, layers=layers), made.load), compose(scene, made.load)
    renamed = np.array([n for n, layer in enumerate(layers) if not any(layer is f for f in far)])
    for name in ("image1", "image2", "occ_fw", "occ_bw", "flow_fw", "flow_bw", "out_fw", "mb_bw"):
        assert np.array_equal(getattr(crowded, name), getattr(plain, name)), name
    assert np.array_equal(crowded.layer_id1, renamed[plain.layer_id1])
    asked = []
    compose(dataclasses.replace(scene, layers=layers), lambda *key: (asked.append(key), made.load(*key))[1])
    assert len(asked) <= len(scene.layers)


def test_no_tile_misses_a_layer_that_shows_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every layer asked in every tile gives the same bytes; and most of them are spared."""
    spared = [compose(scene, made.load) for scene in SCENES]
    shares = []

    def everywhere(*arguments: Any) -> tuple[np.ndarray, np.ndarray]:
        near, counts = pixel.bin_layers(*arguments)
        seen = np.flatnonzero(arguments[3][:, 0])[::-1]
        shares.append(counts.mean() / len(seen))
        near[..., : len(seen)] = seen
        return near, np.full_like(counts, len(seen))

    monkeypatch.setattr(composition, "bin_layers", everywhere)
    for scene, sample in zip(SCENES, spared, strict=True):
        whole = compose(scene, made.load)
        for name in ("image1", "image2", "layer_id1", "layer_id2", "occ_fw", "occ_bw"):
            assert np.array_equal(getattr(sample, name), getattr(whole, name)), name
    assert np.mean(shares) < 0.8


@pytest.mark.parametrize("box", [False, True])
@pytest.mark.parametrize("side", [8, 24, 64])
def test_what_is_culled_would_not_have_shown(side: int, box: bool) -> None:
    """Sprites of few and of many texels a pixel that just touch the frame, or just do not."""
    rng = np.random.default_rng(side)
    sprite = textures.from_render(made.veil(side, 1.0))
    for _ in range(12):
        size = float(rng.uniform(8, 160))
        edge = size / 2 + rng.uniform(-1, 0.4 + size / side)
        x, y = (-0.5 - edge, 14.0) if rng.random() < 0.5 else (11.0, 27.5 + edge)
        layers = (made.photo_layer(), made.sprite_layer("sprite", size, x, y, box=box))
        scene = Scene(height=28, width=24, layers=layers)

        def load(asset: str, view: int) -> Texture:
            return sprite if asset == "sprite" else made.load(asset, view)

        sample = compose(scene, load)
        expected, expected_id, unsure = reference_frame(scene, [layer.pose1 for layer in layers], load)
        assert np.abs(sample.image1 - expected).max() <= 1
        assert np.array_equal(sample.layer_id1[~unsure], expected_id[~unsure])


def test_behind_many_thin_veils_the_front_layer_is_still_named() -> None:
    sprite = textures.from_render(made.veil(32, 0.45))
    layers = (made.photo_layer(), *[made.sprite_layer("veil", 60, 8, 8) for _ in range(14)])
    scene = Scene(height=16, width=16, layers=layers)
    sample = compose(scene, lambda asset, view: sprite if asset == "veil" else made.load(asset, view))
    assert not sample.layer_id1.any()
    assert not sample.layer_id2.any()
    assert np.abs(sample.flow_fw).max() < 1e-9


@pytest.mark.parametrize("box", [False, True])
def test_the_drawn_size_is_that_of_the_square_or_of_the_tight_box(box: bool) -> None:
    image = np.zeros((64, 64, 4), np.uint8)
    image[20:52, 6:22] = 255
    sprite = textures.from_render(image)
    # (height, width) of the 32 x 16 part of a square of 64, drawn at size 50.
    expected = (50, 25) if box else (25, 12.5)
    centre = (36, 40) if box else (36 + 50 * (13.5 - 31.5) / 64, 40 + 50 * (35.5 - 31.5) / 64)
    layers = (made.photo_layer(), made.sprite_layer("sprite", 50, 36, 40, box=box))
    scene = Scene(height=80, width=72, layers=layers)
    seen = compose(scene, lambda asset, view: sprite if asset == "sprite" else made.load(asset, view))
    ys, xs = np.nonzero(seen.layer_id1 == 1)
    assert (np.ptp(ys) + 1, np.ptp(xs) + 1) == pytest.approx(expected, abs=1)
    assert (xs.mean(), ys.mean()) == pytest.approx(centre, abs=0.6)


def test_both_frames_read_the_same_mip_level() -> None:
    """Poses between which the level changes: the frames' own levels would differ, theirs must not."""
    grow = geometry.about((20, 20), geometry.scaling(1.9))
    layers = (made.photo_layer(), made.sprite_layer("stripes", 22, 20, 20, motion=grow))
    scene = Scene(height=40, width=40, layers=layers)
    sample = compose(scene, made.load)
    for image, poses in (
        (sample.image1, [layer.pose1 for layer in layers]),
        (sample.image2, [layer.pose2 for layer in layers]),
    ):
        assert np.abs(image - reference_frame(scene, poses)[0]).max() <= 1


@pytest.mark.parametrize("period", [2.0, 7 / 3, 3.0])
def test_minified_stripes_do_not_sparkle(period: float) -> None:
    """Drawn small, a fine pattern is near its mean wherever it moves; its finest level alone flickers."""
    whole = textures.from_render(made.stripes(240, period))
    finest = dataclasses.replace(whole, levels=whole.levels[:1])
    flicker, error = [], []
    for sprite in (whole, finest):
        frames = np.stack([_drawn_small(sprite, shift) for shift in np.linspace(0, 2, 9)])
        flicker.append(frames.std(axis=0).mean())
        error.append(np.abs(frames - whole.levels[0][PAD:-PAD, PAD:-PAD, 0].mean()).mean())
    assert flicker[0] < flicker[1] / 3
    assert error[0] < error[1] / 3


def _drawn_small(sprite: Texture, shift: float) -> np.ndarray:
    layers = (made.photo_layer(), made.sprite_layer("sprite", 52.3, 19.5 + shift, 20))
    scene = Scene(height=40, width=40, layers=layers)
    sample = compose(scene, lambda asset, view: sprite if asset == "sprite" else made.load(asset, view))
    return sample.image1[5:-5, 5:-5, 0].astype(float)
