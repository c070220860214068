"""Laws of drawing augmentations: the presets' ranges and distributions, what fits, and what depends on what."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from chairsgen import geometry
from chairsgen.errors import InputError
from trainer.augment import PRESETS, Augmentation, Draw, check_crop, draw, drawing

SIZE, CROP = (384, 512), (320, 448)
ROOMY = (4000, 5600)
"""Frames so large that every placement fits: draws have the distribution that is asked for."""
DRAWS = 400


def _draws(
    config: Augmentation, size: tuple[int, int], *, ramp: float = 1.0, count: int = DRAWS
) -> list[Draw]:
    return [draw(config, np.random.default_rng((0, i)), size, CROP, ramp) for i in range(count)]


def _parts(matrix: np.ndarray, size: tuple[int, int]) -> dict[str, float]:
    """Factors, angle (radians) and shift (crop pixels) of a placement without flips."""
    zoom_x, zoom_y = 1 / np.hypot(*matrix[0, :2]), 1 / np.hypot(*matrix[1, :2])
    middle = geometry.apply(matrix, np.array([(CROP[1] - 1) / 2, (CROP[0] - 1) / 2]))
    shift = (middle - (np.array(size[::-1]) - 1) / 2) * (zoom_x, zoom_y)
    return {
        "zoom": math.sqrt(zoom_x * zoom_y),
        "squeeze": math.sqrt(zoom_x / zoom_y),
        "angle": math.atan2(-matrix[0, 1], matrix[0, 0]),
        "x": shift[0],
        "y": shift[1],
    }


def _assert_uniform(values: Sequence[float] | np.ndarray, low: float, high: float) -> None:
    assert min(values) >= low - 1e-9
    assert max(values) <= high + 1e-9
    assert stats.kstest(values, stats.uniform(low, high - low).cdf).pvalue > 1e-3


def _assert_normal(values: Sequence[float] | np.ndarray, std: float) -> None:
    assert stats.kstest(values, stats.norm(0, std).cdf).pvalue > 1e-3


def test_flownet_draws_what_its_paper_gives() -> None:
    drawn = _draws(PRESETS["flownet"], ROOMY)
    parts = [_parts(d.A1, ROOMY) for d in drawn]
    _assert_uniform(np.log([p["zoom"] for p in parts]), math.log(0.9), math.log(2.0))
    assert np.allclose([p["squeeze"] for p in parts], 1)
    _assert_uniform([p["angle"] for p in parts], -math.radians(17), math.radians(17))
    for axis in "xy":
        _assert_uniform([p[axis] for p in parts], -0.2 * CROP[1], 0.2 * CROP[1])
    _assert_uniform([d.noise for d in drawn], 0, 0.04)
    assert {d.noise_kind for d in drawn} == {"gaussian"}
    _assert_uniform(np.log([d.gamma[0] for d in drawn]), math.log(0.7), math.log(1.5))
    contrast = np.array([d.tone[0, 0] for d in drawn])
    _assert_uniform(np.log(contrast), -0.8, 0.4)
    _assert_normal((np.array([d.tone[0, 1] for d in drawn]) - 0.5) / contrast + 0.5, 0.2)
    gains = np.array([np.diag(d.colour[0][:, :3]) for d in drawn])
    assert np.allclose(gains.mean(axis=1), 1)
    assert gains.max() / gains.min() <= 16
    # The ratio of two factors that are uniform in their logarithm.
    spread = math.log(4)
    assert (
        stats.kstest(np.log(gains[:, 0] / gains[:, 1]), stats.triang(0.5, -spread, 2 * spread).cdf).pvalue
        > 1e-3
    )
    for d in drawn:
        assert np.array_equal(d.colour[0], d.colour[1])
        assert d.gamma[0] == d.gamma[1]
        assert not d.erased.any()


@pytest.mark.parametrize(("step", "strength"), [(0, 0.5), (50_000, 0.75), (10_000_000, 1.0)])
def test_flownet2_draws_what_its_definitions_give(step: int, strength: float) -> None:
    config = PRESETS["flownet2"]
    drawn = _draws(config, ROOMY, ramp=config.ramp(step))
    first, second = ([_parts(getattr(d, name), ROOMY) for d in drawn] for name in ("A1", "A2"))
    _assert_uniform(np.log([p["zoom"] for p in first]), -0.2, 0.6)
    _assert_uniform(np.log([p["squeeze"] for p in first]), -0.3, 0.3)
    _assert_uniform([p["angle"] for p in first], -0.4, 0.4)
    _assert_uniform([p["x"] for p in first], -0.4 * CROP[1], 0.4 * CROP[1])
    _assert_uniform([p["y"] for p in first], -0.4 * CROP[0], 0.4 * CROP[0])
    change = {
        key: np.array([q[key] - p[key] for p, q in zip(first, second, strict=True)]) for key in first[0]
    }
    _assert_normal(change["angle"], 0.03 * strength)
    _assert_normal(change["x"], 0.03 * strength * CROP[1])
    _assert_normal(change["y"], 0.03 * strength * CROP[0])
    ratio = [q["zoom"] / p["zoom"] for p, q in zip(first, second, strict=True)]
    _assert_normal(np.log(ratio), 0.03 * strength)
    assert np.allclose(change["squeeze"], 0)
    _assert_normal([math.log(d.gamma[1] / d.gamma[0]) for d in drawn], 0.02 * strength)
    _assert_normal([math.log(d.tone[1, 0] / d.tone[0, 0]) for d in drawn], 0.02 * strength)
    brightness = np.array([(d.tone[:, 1] - 0.5) / d.tone[:, 0] + 0.5 for d in drawn])
    _assert_normal(brightness[:, 1] - brightness[:, 0], 0.02 * strength)
    gains = np.array([(d.colour[1] @ np.linalg.pinv(d.colour[0]))[range(3), range(3)] for d in drawn])
    _assert_normal(np.log(gains[:, 0] / gains[:, 1]), 0.02 * strength * math.sqrt(2))
    _assert_uniform([d.noise for d in drawn], 0, 0.06)
    _assert_uniform(np.log([d.gamma[0] for d in drawn]), -0.6, 0.2)


def test_raft_draws_what_its_code_gives() -> None:
    drawn = _draws(PRESETS["raft"], ROOMY)
    factors = np.array([1 / np.abs(np.diag(d.A1)[:2]) for d in drawn])
    moved = ~(factors == 1).all(axis=1)
    assert moved.mean() == pytest.approx(0.8, abs=0.06)
    stretched = moved & (np.abs(factors[:, 0] - factors[:, 1]) > 1e-9)
    assert stretched.sum() / moved.sum() == pytest.approx(0.8, abs=0.06)
    _assert_uniform(np.log2(factors[moved & ~stretched, 0]), -0.1, 1.0)
    assert np.log2(factors).min() >= -0.3
    assert np.log2(factors).max() <= 1.2
    assert (
        stats.kstest(
            np.log2(factors[stretched, 0] / factors[stretched, 1]), stats.triang(0.5, -0.4, 0.8).cdf
        ).pvalue
        > 1e-3
    )
    flips = np.array([np.diag(d.A1)[:2] < 0 for d in drawn])
    assert flips.mean(axis=0) == pytest.approx([0.5, 0.1], abs=0.08)
    for d in drawn:
        assert np.array_equal(d.A1, d.A2)
        assert np.array_equal(d.gamma, (1, 1))
        assert d.noise == 0
    assert np.mean([not np.array_equal(*d.colour) for d in drawn]) == pytest.approx(0.2, abs=0.06)
    # On grey, brightness alone is left of the four.
    _assert_uniform([(d.colour[0][:, :6] @ np.ones(6))[0] for d in drawn], 0.6, 1.4)

    counts = np.array([d.erased.any(axis=1).sum() for d in drawn])
    assert np.bincount(counts) / DRAWS == pytest.approx([0.5, 0.25, 0.25], abs=0.07)
    rectangles = np.concatenate([d.erased[d.erased.any(axis=1)] for d in drawn])
    sides = rectangles[:, 2:] - rectangles[:, :2]
    assert (sides.min(), sides.max()) == (50, 99)
    assert (rectangles[:, :2] >= 0).all()
    assert (rectangles[:, :2] < (CROP[1], CROP[0])).all()


def test_spynet_draws_what_its_code_gives() -> None:
    drawn = _draws(PRESETS["spynet"], ROOMY)
    parts = [_parts(d.A1, ROOMY) for d in drawn]
    _assert_uniform(np.log([p["zoom"] for p in parts]), 0, math.log(2.0))
    _assert_uniform([p["angle"] for p in parts], -0.3, 0.3)
    assert {(d.noise, d.noise_kind) for d in drawn} == {(0.1, "uniform")}
    light = np.array([d.colour[0][:, 6] for d in drawn])
    assert light.std(axis=0) == pytest.approx(
        [0.1 * math.hypot(*row) for row in drawing.LIGHTING.tolist()], rel=0.1
    )
    for d in drawn:
        assert np.array_equal(d.colour[0], d.colour[1])
        assert np.array_equal(d.A1, d.A2)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("size", [SIZE, (340, 470), (1080, 1920)])
def test_crops_lie_inside_the_source(name: str, size: tuple[int, int]) -> None:
    corners = np.array([[0, 0], [CROP[1] - 1, 0], [0, CROP[0] - 1], [CROP[1] - 1, CROP[0] - 1]], float)
    for d in _draws(PRESETS[name], size, count=60):
        for matrix in (d.A1, d.A2):
            points = geometry.apply(matrix, corners)
            assert (points >= -1e-5).all()
            assert (points <= np.array(size[::-1]) - 1 + 1e-5).all()


def test_turned_crops_lie_anywhere() -> None:
    """The box around a turned crop fits at once, wherever it is drawn, and reaches all sides."""
    config = PRESETS["none"].override(["spatial.rotation_deg=45", "spatial.tries=1"])
    config = config.override(["spatial.zoom.max=2", "spatial.zoom.min=2"])
    corners = np.array([[0, 0], [CROP[1] - 1, 0], [0, CROP[0] - 1], [CROP[1] - 1, CROP[0] - 1]], float)
    drawn = _draws(config, SIZE)
    assert all(d.A1[0, 1] != 0 for d in drawn)
    points = np.stack([geometry.apply(d.A1, corners) for d in drawn])
    _assert_uniform(points.min(axis=1)[:, 0] / (511 - np.ptp(points, axis=1)[:, 0]), 0, 1)
    _assert_uniform(points.min(axis=1)[:, 1] / (383 - np.ptp(points, axis=1)[:, 1]), 0, 1)


def test_the_ramp_is_half_way_after_its_half_steps() -> None:
    config = PRESETS["flownet2"]
    assert (config.ramp(0), config.ramp(50_000), config.ramp(100_000)) == pytest.approx((0, 0.5, 0.8))
    assert config.ramp(10**9) == pytest.approx(1)


def test_what_never_fits_is_not_moved() -> None:
    """A crop as large as the frame, and only shrinking or only turning: 50 times in vain."""
    for change in ("spatial.zoom.min=0.5", "spatial.rotation_deg=90"):
        config = PRESETS["none"].override([change, "spatial.zoom.max=0.9"][: 1 + ("zoom" in change)])
        assert np.array_equal(draw(config, np.random.default_rng(0), CROP, CROP, 1.0).A1, np.eye(3))
    relative = PRESETS["none"].override(["relative.shift=0.1"])
    drawn = draw(relative, np.random.default_rng(0), CROP, CROP, 1.0)
    assert np.array_equal(drawn.A1, drawn.A2)


def test_draws_are_a_function_of_the_generator_and_of_their_own_ranges() -> None:
    config = PRESETS["flownet2"]

    def drawn(seed: int, *overrides: str) -> Draw:
        return draw(config.override(overrides), np.random.default_rng(seed), SIZE, CROP, 0.5)

    for field in dataclasses.fields(Draw):
        same, other = getattr(drawn(1), field.name), getattr(drawn(1), field.name)
        assert np.array_equal(same, other)
    assert not np.array_equal(drawn(1).A1, drawn(2).A1)
    assert drawn(1).noise_seed != drawn(2).noise_seed
    changed = drawn(1, "tone.gamma.max=3", "eraser.probability=1", "noise.max=0.3", "jitter.asymmetric=1")
    assert np.array_equal(changed.A2, drawn(1).A2)
    assert np.array_equal(changed.colour[0], drawn(1).colour[0])
    assert not np.array_equal(changed.gamma, drawn(1).gamma)
    still = drawn(1, "spatial.probability=0", "relative.shift=0")
    assert np.array_equal(still.tone, drawn(1).tone)
    assert not np.array_equal(still.A1, drawn(1).A1)


def test_a_crop_larger_than_the_frames_is_refused() -> None:
    check_crop((384, 512), (384, 512))
    for crop in ((385, 512), (384, 513)):
        with pytest.raises(
            InputError, match=rf"crop {crop[0]} x {crop[1]} is larger than the frames, 384 x 512"
        ):
            check_crop((384, 512), crop)
        with pytest.raises(InputError, match="larger than the frames"):
            draw(PRESETS["none"], np.random.default_rng(0), (384, 512), crop, 1.0)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_loaded_by_name_and_round_trip(name: str) -> None:
    assert Augmentation.load(name) == PRESETS[name]
    assert Augmentation.load(name).name == name
    assert Augmentation.from_toml(PRESETS[name].to_toml()) == PRESETS[name]


def test_files_and_overrides_state_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "mild.toml"
    path.write_text('preset = "flownet2"\n[spatial]\nrotation_deg = 5\n', encoding="utf-8")
    config = Augmentation.load(path, ["noise.max=0.01"])
    assert (config.name, config.spatial.rotation_deg, config.noise.max) == ("mild", 5.0, 0.01)
    assert config.spatial.squeeze == PRESETS["flownet2"].spatial.squeeze
    for wrong, words in (
        (["spatial.zoom.min=3"], r"spatial\.zoom\.min = 3\.0 is above max = 1\.0"),
        (["noise.min=0.5"], r"noise\.min = 0\.5 is above max = 0\.0"),
        (["eraser.side_min_px=500"], r"eraser\.side_min_px = 500 is above"),
        (["spatial.zom.min=3"], "did you mean 'spatial.zoom'"),
    ):
        with pytest.raises(InputError, match=words):
            Augmentation.load("none", wrong)
    with pytest.raises(InputError, match="unknown augmentation 'rafd': did you mean 'raft'"):
        Augmentation.load("rafd")
