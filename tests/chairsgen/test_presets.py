"""Laws of the presets: each draws valid scenes, does what it is for, and leaves all else as in FlyingChairs."""

import dataclasses
import functools
from collections.abc import Callable

import made
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chairsgen import geometry
from chairsgen import scene as scenes
from chairsgen.catalogue import Catalogue
from chairsgen.compose import compose
from chairsgen.config import difference
from chairsgen.effects import Effects
from chairsgen.recipe import PRESETS
from chairsgen.scene import GRADIENT, PLAIN, Layer, Scene, draw_scene, from_json, to_json

CATALOGUE = made.catalogue()
FLYINGCHAIRS = PRESETS["flyingchairs"]
SCENES = 40


@functools.cache
def _draw(preset: str, count: int = SCENES, *sets: str, catalogue: Catalogue = CATALOGUE) -> list[Scene]:
    recipe = PRESETS[preset].override(sets)
    return [draw_scene(recipe, catalogue, 5, index) for index in range(count)]


@pytest.fixture(scope="module")
def original() -> list[Scene]:
    return _draw("flyingchairs")


def _own(scene: Scene) -> list[np.ndarray]:
    """The background's motion, and each chair's relative to it."""
    background = geometry.inverse(scene.layers[0].motion)
    return [scene.layers[0].motion, *(background @ layer.motion for layer in scene.layers[1:])]


def _displacements(scene: Scene, grid: int = 5) -> np.ndarray:
    """The lengths of each layer's own displacements over the frame (background) or over a chair's square."""
    frame = np.stack(np.meshgrid(np.linspace(0, 511, grid), np.linspace(0, 383, grid)), axis=-1)
    unit = np.stack(np.meshgrid(*[np.linspace(-0.5, 0.5, grid)] * 2), axis=-1)
    points = [frame, *(geometry.apply(layer.pose1, unit) for layer in scene.layers[1:])]
    pairs = zip(_own(scene), points, strict=True)
    return np.array([np.linalg.norm(geometry.apply(m, p) - p, axis=-1).mean() for m, p in pairs])


def _where(layer: Layer) -> tuple[object, ...]:
    return layer.asset, layer.view, layer.box, layer.pose1.tobytes(), layer.pose2.tobytes()


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_draws_valid_scenes(preset: str) -> None:
    recipe = PRESETS[preset]

    @settings(max_examples=8)
    @given(st.integers(0, 2**63), st.integers(0, 30_000))
    def law(seed: int, index: int) -> None:
        scene = draw_scene(recipe, CATALOGUE, seed, index)
        assert recipe.chair.count_min <= len(scene.layers) - 1 <= recipe.chair.count_max
        for layer in scene.layers:
            poses = np.stack([layer.pose1, layer.pose2])
            assert np.isfinite(poses).all()
            assert np.linalg.det(poses).min() > 0
        assert to_json(from_json(to_json(scene))) == to_json(scene)
        assert to_json(scene.swapped().swapped()) == to_json(scene)

    law()


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_says_what_it_is_for_in_a_line_of_its_own(preset: str) -> None:
    about = PRESETS[preset].about
    assert "\n" not in about
    assert 20 < len(about) < 100
    assert [name for name, recipe in PRESETS.items() if recipe.about == about] == [preset]


@pytest.mark.parametrize("preset", PRESETS)
def test_no_preset_scales_what_stands_still(preset: str) -> None:
    """The middle of a range of scales is 1 to the last bit, so that what does not move is at rest exactly."""
    for section in (PRESETS[preset].background, PRESETS[preset].chair):
        assert (section.scale.min + section.scale.max) / 2 == 1


def test_flyingchairs2_draws_the_same_pairs(original: list[Scene]) -> None:
    assert [to_json(scene) for scene in _draw("flyingchairs2")] == [to_json(scene) for scene in original]
    assert {key for key, _, _ in difference(FLYINGCHAIRS, PRESETS["flyingchairs2"])} == {"name", "about"}


@pytest.mark.parametrize(
    ("preset", "factor"),
    [
        ("flyingchairs-x0.33", 1 / 3),
        ("flyingchairs-x0.5", 0.5),
        ("flyingchairs-x2", 2.0),
        ("flyingchairs-x3", 3.0),
        ("chairs-sdhom", 0.05),
    ],
)
def test_motions_are_multiplied(preset: str, factor: float, original: list[Scene]) -> None:
    """Layer by layer; not to the letter, since a chord does not grow with its angle."""
    one = np.concatenate([_displacements(scene) for scene in original])
    other = np.concatenate([_displacements(scene) for scene in _draw(preset)])
    assert other.mean() / one.mean() == pytest.approx(factor, rel=0.05)
    moving = one > 0.1
    assert np.median(other[moving] / one[moving]) == pytest.approx(factor, rel=0.02)
    assert np.array_equal(one < 1e-9, other < 1e-9)


def test_the_flow_of_twice_the_motion_is_about_twice_as_long() -> None:
    few = "chair.count_max=20", "frame.height=96", "frame.width=128", "chair.size.min_px=20"
    small = (*few, "chair.size.mean_px=50", "chair.size.std_px=50")
    lengths = []
    for preset in ("flyingchairs-x0.5", "flyingchairs", "flyingchairs-x2"):
        samples = [compose(scene, _load) for scene in _draw(preset, 30, *small)]
        lengths.append(np.mean([np.linalg.norm(sample.flow_fw, axis=-1).mean() for sample in samples]))
    assert lengths[1] / lengths[0] == pytest.approx(2, rel=0.25)
    assert lengths[2] / lengths[1] == pytest.approx(2, rel=0.25)


def _load(asset: str, view: int) -> object:
    name, _, number = asset.partition("-")
    return made.load(f"photo-{int(number) % 3}" if name == "photo" else name, view)


def test_chairs_sdhom_has_tiny_motions_and_backgrounds_without_photographs(original: list[Scene]) -> None:
    drawn = _draw("chairs-sdhom", 120)
    names = [scene.layers[0].asset for scene in drawn]
    background = PRESETS["chairs-sdhom"].background
    assert names.count(PLAIN) / len(names) == pytest.approx(background.plain, abs=0.1)
    assert names.count(GRADIENT) / len(names) == pytest.approx(background.gradient, abs=0.1)
    displacements = [_displacements(scene) for scene in drawn]
    behind, before = (np.concatenate([d[part] for d in displacements]) for part in (slice(1), slice(1, None)))
    assert (behind < 1).mean() > 0.8
    assert (before < 1).mean() > 0.5
    for scene in drawn:
        first = scene.layers[0]
        assert (first.asset in (PLAIN, GRADIENT)) == bool(first.colours)
        assert len(set(first.colours)) <= 1 or first.asset == GRADIENT
        assert len(list(scenes.textures(scene))) == sum(
            scene.may_show(n) for n, layer in enumerate(scene.layers) if not layer.colours
        )
    colours = [scene.layers[0].colours for scene in drawn if scene.layers[0].colours]
    assert len(set(colours)) == len(colours)


def test_gradients_are_even_and_of_all_directions() -> None:
    """Opposite corners have equal sums, to rounding; the steepest way points anywhere."""
    drawn = _draw("flyingchairs", 100, "background.gradient=1.0", "chair.count_min=0", "chair.count_max=0")
    corners = np.array([scene.layers[0].colours for scene in drawn], float)
    assert np.abs(corners[:, 0] + corners[:, 3] - corners[:, 1] - corners[:, 2]).max() <= 2
    right, down = (corners[:, i].sum(axis=1) - corners[:, 0].sum(axis=1) for i in (1, 2))
    quarters = np.histogram(np.arctan2(down, right), 4, (-np.pi, np.pi))[0]
    assert quarters.min() > 12


def test_a_static_background_is_at_rest_exactly(original: list[Scene]) -> None:
    for scene, usual in zip(_draw("static-background"), original, strict=True):
        assert np.array_equal(scene.layers[0].pose1, scene.layers[0].pose2)
        for one, other in zip(_own(scene)[1:], _own(usual)[1:], strict=True):
            assert np.allclose(one, other, atol=1e-9 * max(1, np.abs(one).max()))


def test_translation_only_is_translation_only() -> None:
    moves = [motion for scene in _draw("translation-only") for motion in _own(scene)]
    assert all(np.allclose(motion[:2, :2], np.eye(2), atol=1e-12) for motion in moves)
    assert np.mean([np.abs(motion[:2, 2]).max() > 0.1 for motion in moves]) > 0.8


def test_first_steps_are_shifts_of_all_lengths_alike() -> None:
    own = np.concatenate([_own(scene) for scene in _draw("first-steps")])
    assert np.allclose(own[:, :2, :2], np.eye(2), atol=1e-12)
    shifts = own[:, :2, 2].ravel()
    assert np.abs(shifts).max() <= 8
    shares = np.histogram(shifts, 4, (-8, 8))[0] / len(shifts)
    assert shares == pytest.approx(np.full(4, 0.25), abs=0.03)


def test_affine_motions_shear_and_stretch_and_keep_all_else(original: list[Scene]) -> None:
    """A motion taken apart as rotation, scales, shear; places, turns of rest and areas are FlyingChairs'."""
    for preset, expected in (("flyingchairs", 0.0), ("affine", 0.7)):
        bent = []
        for scene in _draw(preset):
            for motion in _own(scene)[1:]:
                wide, narrow = np.linalg.svd(motion[:2, :2], compute_uv=False)
                bent.append(wide / narrow > 1 + 1e-3)
        assert np.mean(bent) == pytest.approx(expected and 1 - (1 - expected) ** 2, abs=0.06)
    recipe = PRESETS["affine"].chair
    for scene, usual in zip(_draw("affine"), original, strict=True):
        pairs = zip(scene.layers, usual.layers, _own(scene), _own(usual), strict=True)
        for number, (layer, other, motion, similar) in enumerate(pairs):
            assert _where(layer)[:4] == _where(other)[:4]
            pivot = layer.pose1[:2, 2] if number else np.array([255.5, 191.5])
            assert np.allclose(geometry.apply(motion, pivot), geometry.apply(similar, pivot), atol=1e-8)
            assert geometry.mean_scale(motion) == pytest.approx(geometry.mean_scale(similar))
            bend = geometry.inverse(similar) @ motion
            assert bend[1, 0] == pytest.approx(0, abs=1e-9)
            if number:
                assert abs(bend[0, 1] / bend[0, 0]) <= recipe.shear.max + 1e-9
                assert 1 / recipe.stretch.max <= bend[0, 0] / bend[1, 1] <= recipe.stretch.max + 1e-9


def test_affine_flow_is_exact() -> None:
    """Where a point of frame 1 is not occluded, its layer's matrix leads to the same layer of frame 2."""
    sets = ("frame.height=96", "frame.width=128", "chair.size.mean_px=60", "chair.size.min_px=30")
    for scene in _draw("affine", 12, *sets):
        sample = compose(scene, _load)  # type: ignore[arg-type]
        for motion, layer in zip(sample.motions, scene.layers, strict=True):
            assert np.allclose(motion @ layer.pose1, layer.pose2, atol=1e-9)
        there = geometry.pixel_grid(*sample.size) + sample.flow_fw
        x, y = np.moveaxis(np.rint(there).astype(int), -1, 0)
        kept = ~sample.occ_fw & ~sample.out_fw & (x > 0) & (x < 127) & (y > 0) & (y < 95)
        same = sample.layer_id2[y[kept], x[kept]] == sample.layer_id1[kept]
        assert same.mean() > 0.97


@pytest.mark.parametrize(("preset", "factor"), [("few-chairs", 1 / 4), ("many-chairs", 3.0)])
def test_chairs_are_few_or_many(preset: str, factor: float, original: list[Scene]) -> None:
    counts = [np.mean([len(scene.layers) - 1 for scene in drawn]) for drawn in (_draw(preset), original)]
    assert counts[0] / counts[1] == pytest.approx(factor, rel=0.05)


@pytest.mark.parametrize("preset", ["photometric", "weather"])
def test_effects_leave_poses_as_they_were(preset: str, original: list[Scene]) -> None:
    for scene, usual in zip(_draw(preset), original, strict=True):
        bare = dataclasses.replace(scene, effects=usual.effects)
        assert to_json(bare) == to_json(usual)
        assert usual.effects == (Effects(), Effects())


@pytest.mark.parametrize(
    ("key", "part"),
    [
        ("background.plain", _where),
        ("background.shear.probability", "pose2"),
        ("chair.stretch.probability", "pose2"),
        ("photometric.shutter.probability", "effects"),
        ("weather.fog.depth.probability", "effects"),
    ],
)
def test_switching_one_thing_on_changes_nothing_else(key: str, part: object) -> None:
    """Whatever else is on: photometric and affine and all, with one more."""
    base = ("photometric.blur.probability=0.5", "weather.shadow.strength.probability=0.5")
    for one, two in zip(
        _draw("affine", 15, *base, f"{key}=0.0"), _draw("affine", 15, *base, f"{key}=1.0"), strict=True
    ):
        shown = [
            {"pose1": s.layers[0].pose1.tobytes(), "views": [x.view for x in s.layers]} for s in (one, two)
        ]
        assert shown[0] == shown[1]
        if part == "effects":
            assert [_where(layer) for layer in one.layers] == [_where(layer) for layer in two.layers]
            assert one.effects != two.effects
            assert [e.blur_px for e in one.effects] == [e.blur_px for e in two.effects]
            assert [e.shadow for e in one.effects] == [e.shadow for e in two.effects]
        else:
            assert one.effects == two.effects
            assert [x.pose1.tobytes() for x in one.layers] == [x.pose1.tobytes() for x in two.layers]
            assert [x.asset for x in one.layers[1:]] == [x.asset for x in two.layers[1:]]


Reading = Callable[[Effects], object]

SHARES: dict[str, tuple[Reading, str]] = {
    "motion blur": (lambda effects: effects.shutter > 0, "photometric.shutter"),
    "blur": (lambda effects: effects.blur_px > 0, "photometric.blur"),
    "fog": (lambda effects: effects.fog is not None, "weather.fog.depth"),
    "shadow": (lambda effects: effects.shadow is not None, "weather.shadow.strength"),
    "gamma": (lambda effects: effects.gamma != 1, "photometric.gamma.common"),
    "read noise": (lambda effects: effects.noise and effects.noise.read, "photometric.read_noise"),
    "shot noise": (lambda effects: effects.noise and effects.noise.shot, "photometric.shot_noise"),
    "gain": (lambda effects: effects.gain != (1, 1, 1), "photometric.exposure.common"),
}


def test_effects_are_there_as_often_as_asked() -> None:
    drawn = _draw("flyingchairs", 120, *(f"{key}.probability=0.4" for _, key in SHARES.values()))
    for what, (reading, _) in SHARES.items():
        there = [bool(reading(effects)) for scene in drawn for effects in scene.effects]
        assert np.mean(there) == pytest.approx(0.4, abs=0.13), what
    assert all(scene.effects == (Effects(), Effects()) for scene in _draw("flyingchairs", 20))


def test_frames_share_what_a_camera_shares_and_differ_where_it_changes() -> None:
    for scene in _draw("photometric", 40, *(f"photometric.{n}.probability=1.0" for n in ("blur", "shutter"))):
        one, two = scene.effects
        assert one.shutter == two.shutter
        assert one.blur_px != two.blur_px
        if one.noise and two.noise:
            assert (one.noise.read, one.noise.shot) == (two.noise.read, two.noise.shot)
            assert one.noise.seed != two.noise.seed
    change = PRESETS["photometric"].photometric
    drawn = _draw("photometric", 120, "chair.count_min=0", "chair.count_max=0")
    ratios = np.array([np.divide(scene.effects[1].gain, scene.effects[0].gain) for scene in drawn])
    largest = change.exposure.change.max * max(change.tint.change.max, change.warmth.change.max**0.5)
    assert 1.15 < ratios.max() <= largest + 1e-9
    assert np.log(ratios).mean() == pytest.approx(0, abs=0.04)


def test_weather_drifts_by_itself() -> None:
    drifts = []
    for scene in _draw("weather", 150, "chair.count_min=0", "chair.count_max=0"):
        for first, second in ((e1, e2) for e1, e2 in zip(*map(_sky, scene.effects), strict=True) if e1):
            drift = (second.x - first.x, second.y - first.y)
            assert dataclasses.replace(second, x=first.x, y=first.y) == first
            background = scene.layers[0].motion[:2, 2]
            drifts.append((*drift, *background))
    limit = max(
        PRESETS["weather"].weather.fog.drift.range_px, PRESETS["weather"].weather.shadow.drift.range_px
    )
    moved = np.array(drifts)
    assert 0.9 * limit < np.abs(moved[:, :2]).max() <= limit
    for axis in (0, 1):
        assert abs(np.corrcoef(moved[:, axis], moved[:, 2 + axis])[0, 1]) < 0.25


def _sky(effects: Effects) -> tuple[object, object]:
    return effects.fog, effects.shadow


def test_shapes_have_one_view_and_lie_where_chairs_would(original: list[Scene]) -> None:
    shapes = tuple(dataclasses.replace(asset, kind="shape") for asset in CATALOGUE.chairs)
    catalogue = dataclasses.replace(CATALOGUE, chairs=shapes)
    fill = f"chair.size.fill={FLYINGCHAIRS.chair.size.fill}"
    for scene, usual in zip(_draw("shapes", SCENES, fill, catalogue=catalogue), original, strict=True):
        assert {layer.view for layer in scene.layers} == {0}
        for layer, other in zip(scene.layers, usual.layers, strict=True):
            assert (_where(layer)[0], *_where(layer)[2:]) == (_where(other)[0], *_where(other)[2:])
