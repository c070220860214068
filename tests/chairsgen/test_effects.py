"""Laws of effects: none is none, each does what its numbers say, and what lies beneath is left alone."""

import dataclasses
import json

import made
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from chairsgen import geometry
from chairsgen.compose import compose
from chairsgen.effects import Effects, Field, Fog, Noise, Shadow, develop, to_light
from chairsgen.sample import FlowSample
from chairsgen.scene import Scene
from chairsgen.textures import from_colours, from_render

seeds = st.integers(0, 2**32 - 1)

FOG = Fog(seed=1, size_px=40.0, x=3.0, y=-2.0, depth=0.7, contrast=0.5, brightness=0.6)
SHADOW = Shadow(seed=2, size_px=50.0, strength=0.5, share=0.4, softness=0.3)
NOISE = Noise(read=0.002, shot=0.02, seed=3)
ALL = Effects(shutter=0.4, shadow=SHADOW, fog=FOG, blur_px=0.8, gain=(1.2, 1.0, 0.8), noise=NOISE, gamma=1.2)
EACH = {
    field.name: dataclasses.replace(Effects(), **{field.name: getattr(ALL, field.name)})
    for field in dataclasses.fields(Effects)
}


def _image(height: int = 40, width: int = 56) -> np.ndarray:
    return made.photo(5, height, width)


def _grey(value: float, height: int = 200, width: int = 300) -> np.ndarray:
    return np.full((height, width, 3), value, np.float32)


# --- light


def test_without_effects_a_picture_comes_back() -> None:
    every = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    assert np.array_equal(develop(to_light(every), Effects()), every)
    assert np.array_equal(develop(to_light(_image()), EACH["shutter"]), _image())


def test_light_is_srgb_decoded() -> None:
    """Known values: middle grey, the end of the linear part, black and white."""
    codes = np.array([[[0, 10, 119], [188, 255, 128]]], np.uint8)
    known = [[[0, 0.003035, 0.184475], [0.502886, 1, 0.215861]]]
    assert to_light(codes) == pytest.approx(np.array(known), abs=2e-6)


def test_effects_go_through_json_to_the_last_bit() -> None:
    for effects in (Effects(), ALL, *EACH.values()):
        assert Effects.from_dict(json.loads(json.dumps(effects.to_dict()))) == effects
    assert Effects().to_dict() == {}
    assert {name: set(effects.to_dict()) for name, effects in EACH.items()} == {name: {name} for name in EACH}


def test_only_motion_blur_leaves_a_picture_as_it_was_painted() -> None:
    light = to_light(_image())
    assert {name for name, effects in EACH.items() if effects.leaves_picture} == {"shutter"}
    for name, effects in EACH.items():
        assert np.array_equal(develop(light, effects), _image()) == (name == "shutter")


def test_effects_are_a_function_of_what_they_state() -> None:
    light = to_light(_image())
    before = light.copy()
    first = develop(light, ALL)
    np.random.default_rng(0).normal(size=9)
    np.random.seed(4)
    assert np.array_equal(develop(light, ALL), first)
    assert np.array_equal(light, before)


def test_gains_multiply_light_and_gamma_is_the_displayed_exponent() -> None:
    light = to_light(_image())
    doubled = develop(light, Effects(gain=(2.0, 1.0, 0.5)))
    expected = np.clip(light * (2, 1, 0.5), 0, 1)
    assert np.abs(to_light(doubled) - expected).max() < 0.005
    assert np.array_equal(doubled[..., 1], _image()[..., 1])
    darker = develop(light, Effects(gamma=1.3))
    assert np.abs(darker - 255 * (_image() / 255) ** 1.3).max() < 0.51


def test_blur_is_a_gaussian_of_light() -> None:
    light = to_light(_image())
    reference = np.dstack([ndimage.gaussian_filter(light[..., c], 1.4, mode="mirror") for c in range(3)])
    assert np.abs(to_light(develop(light, Effects(blur_px=1.4))) - reference).max() < 0.012


# --- noise


@pytest.mark.parametrize("level", [0.05, 0.3, 0.8])
def test_noise_has_the_stated_variance(level: float) -> None:
    noise = Noise(read=0.004, shot=0.03, seed=7)
    added = noise.add(_grey(level)) - level
    assert abs(added.mean()) < 5e-4
    assert added.var() == pytest.approx(0.004**2 + 0.03**2 * level, rel=0.02)
    channels = added.reshape(-1, 3).T
    assert np.abs(np.corrcoef(channels) - np.eye(3)).max() < 0.02
    assert abs(np.corrcoef(added[:, 1:].ravel(), added[:, :-1].ravel())[0, 1]) < 0.02


def test_another_seed_is_other_noise() -> None:
    first, second = (Noise(read=0.01, shot=0.0, seed=seed).add(_grey(0.5)) - 0.5 for seed in (1, 2))
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.02


# --- fields, fog and shadow


@given(seeds, st.floats(20, 500), st.floats(-50, 50), st.floats(-50, 50))
def test_a_field_is_a_sum_of_waves(seed: int, size_px: float, x: float, y: float) -> None:
    """Wave by wave; the longest is as long as stated, all are as strong as they are long."""
    octave, turn, phase = np.random.default_rng(seed).random((3, 64))
    lengths, turns = size_px / 8**octave, 2 * np.pi * turn
    columns, rows = np.meshgrid(np.arange(9) - x, np.arange(7) - y)
    total = np.zeros((7, 9))
    for length, angle, start in zip(lengths, turns, phase, strict=True):
        along = columns * np.cos(angle) + rows * np.sin(angle)
        total += length * np.cos(2 * np.pi * (along / length + start))
    expected = total / np.sqrt((lengths**2).sum() / 2)
    field = Field(seed=seed, size_px=size_px, x=x, y=y)
    assert np.abs(field.values(7, 9) - expected).max() < 2e-3


def test_fields_are_near_to_normal() -> None:
    fields = [Field(seed=seed, size_px=30.0).values(300, 300) for seed in range(8)]
    assert np.mean(fields) == pytest.approx(0, abs=0.03)
    assert np.std(fields) == pytest.approx(1, abs=0.03)
    assert np.mean(np.array(fields) > 1) == pytest.approx(0.159, abs=0.02)


@pytest.mark.parametrize("field", [Field(seed=4, size_px=60.0), FOG, SHADOW], ids=lambda f: type(f).__name__)
def test_what_drifts_is_the_same_elsewhere(field: Field) -> None:
    drifted = dataclasses.replace(field, x=field.x + 7, y=field.y - 4)
    assert np.abs(drifted.values(50, 60)[:46, 7:] - field.values(50, 60)[4:, :-7]).max() < 1e-3
    assert np.abs(drifted.values(50, 60) - field.values(50, 60)).max() > 0.1


def test_even_fog_lets_through_what_its_depth_says() -> None:
    fog = dataclasses.replace(FOG, contrast=0.0)
    share = np.exp(-0.7)
    for level in (0.0, 0.3, 1.0):
        assert np.abs(fog.cover(_grey(level)) - (share * level + (1 - share) * 0.6)).max() < 1e-5
    thick = dataclasses.replace(FOG, depth=1e4)
    assert np.abs(thick.cover(_grey(0.1)) - 0.6).max() < 1e-5


def test_uneven_fog_has_the_stated_depth_on_average() -> None:
    depths = -np.log(dataclasses.replace(FOG, brightness=0.0).cover(_grey(1.0, 600, 600)))
    assert depths.mean() == pytest.approx(0.7, rel=0.05)
    assert np.log(depths).std() == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize("softness", [0.0, 0.3])
@pytest.mark.parametrize("share", [0.2, 0.6])
def test_shadows_cover_their_share_and_take_their_part(share: float, softness: float) -> None:
    shadow = dataclasses.replace(SHADOW, share=share, softness=softness, size_px=30.0)
    lit = shadow.cover(_grey(0.8, 600, 600)) / 0.8
    assert lit.min() == pytest.approx(1 - shadow.strength, abs=1e-4)
    assert lit.max() == pytest.approx(1, abs=1e-4)
    assert (lit < 1 - shadow.strength / 2).mean() == pytest.approx(share, abs=0.05)
    between = ((lit > 0.501) & (lit < 0.999)).mean()
    assert (between > 0.02) == (softness > 0)


def test_shadows_of_everything_and_of_nothing_are_no_error() -> None:
    for share, left in ((0.0, 1.0), (1.0, 0.5)):
        shadow = dataclasses.replace(SHADOW, share=share)
        assert np.abs(shadow.cover(_grey(1.0)) - left).max() < 1e-5


# --- in a scene

ARRAYS = ("layer_id1", "layer_id2", "occ_fw", "occ_bw", "motions", "flow_fw", "flow_bw", "out_fw", "out_bw")


def _scene(seed: int = 3, effects: tuple[Effects, Effects] = (Effects(), Effects())) -> Scene:
    scene = made.scene(np.random.default_rng(seed), 48, 64, 7)
    return dataclasses.replace(scene, effects=effects)


@pytest.mark.parametrize("name", [*EACH, "all"])
def test_effects_change_pictures_and_nothing_else(name: str) -> None:
    effects = (EACH | {"all": ALL})[name]
    plain = compose(_scene(), made.load)
    changed = compose(_scene(effects=(effects, Effects())), made.load)
    for array in ARRAYS:
        assert np.array_equal(getattr(plain, array), getattr(changed, array)), array
    assert not np.array_equal(plain.image1, changed.image1)
    assert np.array_equal(plain.image2, changed.image2)


def test_a_scenes_effects_are_developed_after_painting() -> None:
    effects = dataclasses.replace(ALL, shutter=0.0)
    painted, seen = (compose(_scene(effects=(Effects(), e)), made.load).image2 for e in (Effects(), effects))
    assert np.array_equal(seen, develop(to_light(painted), effects))


def test_swapping_swaps_effects_too() -> None:
    scene = _scene(effects=(ALL, dataclasses.replace(EACH["shutter"], gamma=0.9)))
    forward, backward = compose(scene, made.load), compose(scene.swapped(), made.load)
    for one, two in (("image1", "image2"), ("layer_id1", "layer_id2"), ("occ_fw", "occ_bw")):
        for first, second in ((one, two), (two, one)):
            a, b = getattr(forward, first).astype(int), getattr(backward, second).astype(int)
            assert np.abs(a - b).max() <= 1
            assert (a != b).mean() < 0.01


def test_what_stands_still_is_not_blurred() -> None:
    still = made.scene(np.random.default_rng(8), 48, 64, 7, strength=0.0)
    open_shutter = dataclasses.replace(still, effects=(EACH["shutter"], EACH["shutter"]))
    one, two = compose(still, made.load), compose(open_shutter, made.load)
    assert np.array_equal(one.image1, two.image1)
    assert np.array_equal(one.image2, two.image2)


def _painted_at(scene: Scene, time: float) -> FlowSample:
    """The scene as it is at a time: each layer turned and moved by its share, about its middle or the frames'."""
    middle = np.array([(scene.width - 1) / 2, (scene.height - 1) / 2])
    layers = []
    for number, layer in enumerate(scene.layers):
        pivot = layer.pose1[:2, 2]
        if number == 0:
            back = geometry.inverse(layer.motion)
            pivot = (middle + geometry.apply(back, middle)) / 2
        angle = np.arctan2(layer.motion[1, 0], layer.motion[0, 0])
        scale = geometry.mean_scale(layer.motion)
        shift = time * (geometry.apply(layer.motion, pivot) - pivot)
        motion = geometry.similarity(scale**time, time * angle, (pivot[0], pivot[1]), (shift[0], shift[1]))
        layers.append(dataclasses.replace(layer, pose1=motion @ layer.pose1, pose2=motion @ layer.pose1))
    return compose(dataclasses.replace(scene, layers=tuple(layers)), made.load)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_motion_blur_is_the_mean_light_of_many_moments(seed: int) -> None:
    """Brute force: each frame painted at 60 moments of its exposure, every layer posed anew."""
    rng, shutter = np.random.default_rng(seed), 0.5
    scene = made.scene(rng, 40, 56, 5, strength=0.5)
    # As in a frame of one mip level for all moments: nothing changes its size.
    layers = tuple(
        dataclasses.replace(layer, pose2=_without_scaling(layer.motion, layer.pose1) @ layer.pose1)
        for layer in scene.layers
    )
    scene = dataclasses.replace(scene, layers=layers)
    exposed = dataclasses.replace(scene, effects=(Effects(shutter=shutter),) * 2)
    blurred, sharp = compose(exposed, made.load), compose(scene, made.load)
    for frame, (seen, unblurred) in enumerate(
        ((blurred.image1, sharp.image1), (blurred.image2, sharp.image2))
    ):
        times = frame + shutter * ((np.arange(60) + 0.5) / 60 - 0.5)
        light = np.mean([to_light(_painted_at(scene, time).image1) for time in times], axis=0)
        error = np.abs(seen.astype(float) - develop(light.astype(np.float32), Effects()))
        assert error.mean() < 0.12 * np.abs(seen.astype(float) - unblurred).mean()
        assert error.mean() < 0.6


def _without_scaling(motion: np.ndarray, pose: np.ndarray) -> np.ndarray:
    pivot = (pose[0, 2], pose[1, 2])
    angle = np.arctan2(motion[1, 0], motion[0, 0])
    shift = geometry.apply(motion, np.array(pivot)) - pivot
    return geometry.similarity(1.0, angle, pivot, (shift[0], shift[1]))


@pytest.mark.parametrize(("way", "shutter"), [(16.0, 0.5), (40.0, 0.25), (60.0, 0.5)])
def test_a_moving_edge_becomes_a_ramp_of_light(way: float, shutter: float) -> None:
    """White before black, moved to the right: light falls evenly over as far as it moves while exposed."""
    sprite = from_render(made.premultiplied(np.full((64, 64, 3), 255.0), np.ones((64, 64))))
    black = dataclasses.replace(made.photo_layer(), colours=((0, 0, 0),) * 4)
    moving = made.sprite_layer("white", 64, 20, 8, motion=geometry.translation(way, 0))
    scene = Scene(height=16, width=120, layers=(black, moving), effects=(Effects(shutter=shutter), Effects()))
    seen = to_light(compose(scene, lambda *_: sprite).image1)[8, :, 0]
    edge, blur = 20 + 32 - 0.5 + 0.5, way * shutter
    expected = np.clip((edge - np.arange(120)) / blur + 0.5, 0, 1)
    expected[:21] = 1
    assert np.abs(seen - expected)[21:].max() < 0.09
    assert seen[21:].sum() == pytest.approx(expected[21:].sum(), abs=0.4)
    assert np.all(np.diff(seen[21:]) <= 1e-6)


def test_what_only_an_exposure_sees_is_asked_for() -> None:
    """A disc that is outside both frames at their own times, but comes in before frame 1's exposure ends."""
    moving = made.sprite_layer("disc", 20, -14.5, 12, motion=geometry.translation(120, 0))
    scene = Scene(height=24, width=32, layers=(made.photo_layer(), moving))
    exposed = dataclasses.replace(scene, effects=(Effects(shutter=0.4), Effects()))
    assert [scene.may_show(1), exposed.may_show(1)] == [False, True]
    plain, blurred = compose(scene, made.load), compose(exposed, made.load)
    assert not np.array_equal(plain.image1, blurred.image1)
    assert not blurred.layer_id1.any()


def test_colours_in_a_photographs_place_lie_evenly_between_its_corners() -> None:
    corners = ((10, 200, 30), (110, 100, 30), (60, 40, 230), (160, 0, 130))
    pixels = from_colours(corners, (31, 41)).levels[0][3:-3, 3:-3, :3].astype(float)
    y, x = np.mgrid[0:1:31j, 0:1:41j][..., None]
    a, b, c, d = (np.array(corner, float) for corner in corners)
    assert np.abs(pixels - ((1 - y) * ((1 - x) * a + x * b) + y * ((1 - x) * c + x * d))).max() <= 0.501
