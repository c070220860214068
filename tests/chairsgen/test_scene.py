"""Laws of scenes: what they depend on and what not, where things lie, who may show what."""

import dataclasses
import math
from collections import Counter

import made
import numpy as np
import pytest

from chairsgen import geometry
from chairsgen import scene as scenes
from chairsgen.catalogue import Catalogue
from chairsgen.config import Config
from chairsgen.recipe import Recipe
from chairsgen.scene import Scene, draw_scene, from_json, side_of, to_json
from chairsgen.views import VIEWS

CATALOGUE = made.catalogue()
RECIPE = Recipe()


def _draw(
    index: int = 0, *, recipe: Recipe = RECIPE, seed: int = 0, catalogue: Catalogue = CATALOGUE
) -> Scene:
    return draw_scene(recipe, catalogue, seed, index)


@pytest.fixture(scope="module")
def many() -> list[Scene]:
    return [_draw(i) for i in range(150)]


def _own_motions(scene: Scene) -> list[np.ndarray]:
    """The background's motion, then every chair's relative to the background's."""
    background = scene.layers[0].motion
    return [background, *[np.linalg.inv(background) @ layer.motion for layer in scene.layers[1:]]]


def test_a_scene_depends_on_recipe_catalogue_seed_and_index_alone() -> None:
    first = [to_json(_draw(i)) for i in range(5)]
    np.random.default_rng(0).normal(size=100)
    np.random.seed(3)
    again = [to_json(_draw(i, catalogue=made.catalogue())) for i in (4, 3, 2, 1, 0)]
    assert first == again[::-1]


def test_neighbouring_seeds_and_indices_give_different_scenes() -> None:
    seen = {to_json(_draw(i, seed=s)) for s in range(6) for i in range(6)}
    assert len(seen) == 36
    poses = {_draw(i, seed=s).layers[0].pose1.tobytes() for s in range(6) for i in range(6)}
    assert len(poses) == 36


def test_the_global_generator_is_left_alone() -> None:
    np.random.seed(5)
    before = np.random.get_state()[1].tolist()  # type: ignore[index, union-attr]
    _draw()
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index, union-attr]


def test_json_gives_back_every_bit() -> None:
    rng = np.random.default_rng(0)
    for scene in [*(_draw(i) for i in range(10)), made.scene(rng, 33, 41, 9)]:
        back = from_json(to_json(scene))
        assert to_json(back) == to_json(scene)
        assert (back.height, back.width, len(back.layers)) == (scene.height, scene.width, len(scene.layers))
        for one, two in zip(back.layers, scene.layers, strict=True):
            assert (one.asset, one.view, one.box) == (two.asset, two.view, two.box)
            assert one.pose1.tobytes() == two.pose1.tobytes()
            assert one.pose2.tobytes() == two.pose2.tobytes()
        assert "\n" not in to_json(scene)


def test_swapping_twice_is_no_change() -> None:
    scene = _draw()
    assert to_json(scene.swapped().swapped()) == to_json(scene)
    assert to_json(scene.swapped()) != to_json(scene)


def test_every_motion_is_a_similarity(many: list[Scene]) -> None:
    for scene in many[:50]:
        for layer in scene.layers:
            (a, b), (c, d) = layer.motion[:2, :2]
            assert np.allclose([a, b], [d, -c], atol=1e-12)
            assert np.array_equal(layer.motion[2], [0, 0, 1])


def test_equal_poses_are_no_motion_exactly() -> None:
    """Also of a background that is enlarged, and of chairs of any size and place."""
    still = [f"{layer}.{part}.probability=0" for layer in ("background", "chair") for part in MOTIONS]
    recipe = RECIPE.override(["frame.height=1000", *still])
    for i in range(20):
        for layer in _draw(i, recipe=recipe).layers:
            assert np.array_equal(layer.motion, np.eye(3))
    turned = made.scene(np.random.default_rng(0), 40, 60, 30, strength=0)
    assert all(np.array_equal(layer.motion, np.eye(3)) for layer in turned.layers)


MOTIONS = ("translation", "rotation", "scale")


def test_backgrounds_move_within_the_ranges_about_the_frames_centre(many: list[Scene]) -> None:
    centre = np.array([(RECIPE.frame.width - 1) / 2, (RECIPE.frame.height - 1) / 2])
    _check_ranges([(_own_motions(scene)[0], centre) for scene in many], RECIPE.background)


def test_chairs_move_within_the_ranges_about_their_own_centres_relative_to_the_background(
    many: list[Scene],
) -> None:
    moves = []
    for scene in many[:60]:
        for motion, layer in zip(_own_motions(scene)[1:], scene.layers[1:], strict=True):
            moves.append((motion, layer.pose1[:2, 2]))
    _check_ranges(moves, RECIPE.chair)


def _check_ranges(moves: list[tuple[np.ndarray, np.ndarray]], recipe: Config) -> None:
    """The pivot's displacement, the angle and the scale fill their ranges, and never leave them."""
    shifts = np.array([geometry.apply(motion, pivot) - pivot for motion, pivot in moves])
    angles = np.degrees([math.atan2(motion[1, 0], motion[0, 0]) for motion, _ in moves])
    sizes = np.array([geometry.mean_scale(motion) for motion, _ in moves])
    reach = recipe.translation.range_px  # type: ignore[attr-defined]
    limits = recipe.rotation.max_deg, recipe.scale.max - 1  # type: ignore[attr-defined]
    for values, limit in (
        (shifts[:, 0], reach),
        (shifts[:, 1], reach),
        (angles, limits[0]),
        (sizes - 1, limits[1]),
    ):
        assert np.abs(values).max() <= limit + 1e-9
        assert np.abs(values).max() > 0.25 * limit
        assert values.min() < 0 < values.max()
    still = 1 - recipe.rotation.probability  # type: ignore[attr-defined]
    assert (np.abs(angles) < 1e-9).mean() == pytest.approx(still, abs=0.08)


def test_frame_1_shows_a_whole_quadrant_off_the_pixel_grid(many: list[Scene]) -> None:
    corners = Counter()
    height, width = RECIPE.frame.height, RECIPE.frame.width
    for scene in many:
        pose = scene.layers[0].pose1
        assert np.allclose(pose[:2, :2], np.eye(2))
        x, y = -pose[:2, 2]
        column, row = round(x / width), round(y / height)
        assert max(abs(x - column * width), abs(y - row * height)) <= RECIPE.background.jitter_px
        assert x % 1 != 0
        assert y % 1 != 0
        corners[column, row] += 1
    assert set(corners) == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert min(corners.values()) > len(many) / 6


@pytest.mark.parametrize("size", ["frame.height=100", "frame.width=900", "frame.height=1000"])
def test_a_frame_of_another_size_is_filled_by_its_quadrant(size: str) -> None:
    recipe = RECIPE.override([size])
    frame = recipe.frame
    for i in range(20):
        pose = _draw(i, recipe=recipe).layers[0].pose1
        x0, y0 = geometry.apply(np.linalg.inv(pose), np.array([-0.5, -0.5]))
        x1, y1 = geometry.apply(np.linalg.inv(pose), np.array([frame.width - 0.5, frame.height - 0.5]))
        assert pose[0, 0] == pose[1, 1], "the aspect is kept"
        assert max((x1 - x0) / 512, (y1 - y0) / 384) == pytest.approx(1)
        quadrant = np.rint([(x0 + x1 + 1) / 1024 - 0.5, (y0 + y1 + 1) / 768 - 0.5])
        middle = (quadrant + 0.5) * (512, 384) - 0.5
        assert np.abs([(x0 + x1) / 2, (y0 + y1) / 2] - middle).max() <= 0.5 / pose[0, 0] + 1e-9


def test_chairs_are_counted_sized_and_placed_by_the_recipe(many: list[Scene]) -> None:
    counts = Counter(len(scene.layers) - 1 for scene in many)
    assert set(counts) == set(range(16, 24))
    chairs = [layer for scene in many for layer in scene.layers[1:]]
    sizes = np.array([chair.pose1[0, 0] for chair in chairs])
    assert all(
        np.array_equal(chair.pose1[:2, :2], size * np.eye(2))
        for chair, size in zip(chairs, sizes, strict=True)
    )
    square = sizes / RECIPE.chair.size.fill
    assert (square.min(), square.max()) == pytest.approx((50, 640))
    assert 180 < np.median(square) < 220
    for axis, length in enumerate((RECIPE.frame.width, RECIPE.frame.height)):
        centres = np.array([chair.pose1[axis, 2] for chair in chairs])
        low, high = -length / 2 - 50.5, 1.5 * length + 49.5
        assert low <= centres.min() < low + 10
        assert high - 10 < centres.max() <= high
        assert centres.mean() == pytest.approx(
            (low + high) / 2, abs=6 * (high - low) / math.sqrt(12 * len(centres))
        )


def test_centres_may_be_kept_inside_the_frame_and_sizes_be_the_tight_boxes() -> None:
    recipe = RECIPE.override(["chair.placement.spread=0", "chair.placement.margin_px=0", "chair.size.of=box"])
    for i in range(20):
        for layer, usual in zip(_draw(i, recipe=recipe).layers[1:], _draw(i).layers[1:], strict=True):
            assert layer.box
            assert usual.pose1[0, 0] == pytest.approx(layer.pose1[0, 0] * recipe.chair.size.fill)
            assert -0.5 <= layer.pose1[0, 2] <= 511.5
            assert -0.5 <= layer.pose1[1, 2] <= 383.5


def test_every_asset_and_view_is_drawn_alike_often(many: list[Scene]) -> None:
    layers = [
        layer
        for i, scene in enumerate(many)
        if side_of(RECIPE, CATALOGUE, i) == "train"
        for layer in scene.layers
    ]
    chairs = Counter(layer.asset for layer in layers if not layer.asset.startswith("photo"))
    views = Counter(layer.view for layer in layers if not layer.asset.startswith("photo"))
    assert set(chairs) == {asset.id for asset in CATALOGUE.sides["train"].chairs}
    assert set(views) == set(range(len(VIEWS)))
    for counter in (chairs, views):
        mean = sum(counter.values()) / len(counter)
        assert all(abs(count - mean) < 5 * math.sqrt(mean) for count in counter.values())


def test_val_samples_show_val_assets_only_and_train_samples_train_assets_only() -> None:
    recipe = RECIPE.override(["assets.val_samples=0.3"])
    sides = {asset.id: asset.side for asset in (*CATALOGUE.chairs, *CATALOGUE.photos)}
    seen = set()
    for i in range(60):
        side = side_of(recipe, CATALOGUE, i)
        seen.add(side)
        assert {sides[layer.asset] for layer in _draw(i, recipe=recipe).layers} == {side}
    assert seen == {"train", "val"}


@pytest.mark.parametrize("share", [0.0, 640 / 22872, 0.1, 1 / 3, 0.5, 1.0])
def test_val_samples_have_their_share_and_are_spread_evenly(share: float) -> None:
    recipe = RECIPE.override([f"assets.val_samples={share!r}"])
    val = np.array([side_of(recipe, CATALOGUE, i) == "val" for i in range(1200)])
    so_far = np.cumsum(val)
    assert np.abs(so_far - share * np.arange(1, 1201)).max() <= 1 + 1e-6


def test_without_val_assets_there_are_no_val_samples() -> None:
    recipe = RECIPE.override(["assets.val_samples=1.0"])
    bare = made.catalogue(val=0.0)
    assert {side_of(recipe, bare, i) for i in range(50)} == {"train"}
    assert _draw(recipe=recipe, catalogue=bare).layers


@pytest.mark.parametrize(
    ("key", "part"),
    [
        ("background.translation.range_px=3", "background shift"),
        ("background.rotation.max_deg=2", "background linear"),
        ("background.scale.probability=0.0", "background linear"),
        ("background.translation.outside=clamp", "background shift"),
        ("chair.translation.range_px=400", "chair shift"),
        ("chair.translation.k=1", "chair shift"),
        ("chair.rotation.max_deg=90", "chair linear"),
        ("chair.rotation.probability=1.0", "chair linear"),
        ("chair.scale.max=1.9", "chair linear"),
        ("chair.size.of=box", "size"),
        ("chair.size.fill=0.5", "size"),
        ("chair.size.std_px=3", "size"),
        ("chair.placement.spread=0", "centre"),
        ("background.jitter_px=0.1", "jitter"),
    ],
)
def test_one_parameter_leaves_all_other_draws_as_they_were(many: list[Scene], key: str, part: str) -> None:
    changed_anywhere, changed = set(), RECIPE.override([key])
    for i in range(20):
        one, two = _parts(many[i]), _parts(_draw(i, recipe=changed))
        assert one.keys() == two.keys()
        changed_anywhere |= {
            name
            for name in one
            if not np.allclose(one[name], two[name], rtol=1e-9, atol=1e-9)  # type: ignore[arg-type]
        }
    assert changed_anywhere == {part}


def _parts(scene: Scene) -> dict[str, object]:
    """A scene taken apart into what the recipe's parameters draw, each apart from the others."""
    background, *chairs = scene.layers
    motion, *own = _own_motions(scene)
    centre = np.array([(scene.width - 1) / 2, (scene.height - 1) / 2])
    centres = [layer.pose1[:2, 2] for layer in chairs]
    names = [CATALOGUE_IDS.index(layer.asset) for layer in scene.layers]
    return {
        "which": [*names, *(layer.view for layer in chairs)],
        "jitter": (background.pose1[:2, 2] + 100.5) % 1,
        "background shift": geometry.apply(motion, centre) - centre,
        "background linear": motion[:2, :2],
        "size": [layer.pose1[0, 0] for layer in chairs],
        "centre": centres,
        "chair shift": [geometry.apply(m, c) - c for m, c in zip(own, centres, strict=True)],
        "chair linear": [m[:2, :2] for m in own],
    }


CATALOGUE_IDS = [asset.id for asset in (*CATALOGUE.chairs, *CATALOGUE.photos)]


def test_a_scene_of_one_count_begins_as_one_of_a_range() -> None:
    """Fixing a number that was a range draws the same first chairs."""
    for i in range(5):
        free = _draw(i)
        fixed = _draw(i, recipe=RECIPE.override(["chair.count_min=16", "chair.count_max=16"]))
        assert to_json(dataclasses.replace(free, layers=free.layers[:17])) == to_json(fixed)


def test_only_what_may_show_asks_for_its_texture(many: list[Scene]) -> None:
    for scene in many[:20]:
        wanted = list(scenes.textures(scene))
        shown = [n for n in range(len(scene.layers)) if scene.may_show(n)]
        assert wanted == [(scene.layers[n].asset, scene.layers[n].view) for n in shown]
        assert 0 < len(wanted) <= len(scene.layers)
        assert shown[0] == 0
    assert sum(len(list(scenes.textures(scene))) for scene in many) < 0.8 * sum(len(s.layers) for s in many)
