"""Laws of applying augmentations: they commute with rendering, compose, and read truth as it is meant."""

import dataclasses
import math

import made
import numpy as np
import pytest
import torch
from augmented import made_sample, neutral, pairs_of
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from chairsgen import geometry
from chairsgen.compose import compose
from chairsgen.sample import MOTION_BOUNDARY_PX
from chairsgen.scene import Scene
from trainer.augment import PRESETS, augment, draw, stack
from trainer.batch import Batch, DenseTruth, LayeredTruth, Pairs

SEEDS = st.integers(0, 2**32 - 1)


def _dense(flow: np.ndarray, valid: np.ndarray | None = None) -> Pairs:
    """A pair with a flow (height, width, 2) and noise for images."""
    height, width = flow.shape[:2]
    image = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (1, 3, height, width), np.uint8))
    known = np.ones((height, width), bool) if valid is None else valid
    return Pairs(
        image1=image,
        image2=image.flip(3),
        truth=DenseTruth(
            flow=torch.from_numpy(np.ascontiguousarray(flow, np.float32)).permute(2, 0, 1).unsqueeze(0),
            valid=torch.from_numpy(known)[None, None],
        ),
        occ=torch.zeros(1, 1, height, width, dtype=torch.bool),
    )


def _again(batch: Batch) -> Pairs:
    """A result as a new input."""
    return Pairs(
        image1=(batch.image1 * 255).round().byte(),
        image2=(batch.image2 * 255).round().byte(),
        truth=DenseTruth(flow=batch.flow, valid=batch.valid),
        occ=batch.occ,
    )


def _placement(rng: np.random.Generator, size: tuple[int, int], crop: tuple[int, int]) -> np.ndarray:
    """A crop about the middle of a frame: turned, zoomed, stretched."""
    zoom = rng.uniform(1.1, 1.5)
    return geometry.compose(
        geometry.translation(*((np.array(size[::-1]) - 1) / 2 + rng.uniform(-3, 3, 2))),
        geometry.rotation(rng.uniform(-0.3, 0.3)),
        geometry.scaling(1 / zoom, 1 / (zoom * rng.uniform(0.9, 1.1))),
        geometry.translation(-(crop[1] - 1) / 2, -(crop[0] - 1) / 2),
    )


def _small(rng: np.random.Generator) -> np.ndarray:
    return geometry.similarity(
        rng.uniform(0.97, 1.03), rng.uniform(-0.04, 0.04), (30, 30), tuple(rng.uniform(-3, 3, 2))
    )


# The law of laws.


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("dense", [False, True])
def test_augmenting_a_sample_equals_rendering_its_scene_with_moved_poses(seed: int, dense: bool) -> None:
    rng = np.random.default_rng(seed)
    size, crop = (120, 160), (72, 100)
    scene = made.scene(rng, *size, chairs=12, strength=0.4)
    a1 = _placement(rng, size, crop)
    if seed % 2:
        a1 = a1 @ geometry.about(((crop[1] - 1) / 2, 0), geometry.scaling(-1, 1))
    a2 = a1 @ _small(rng)
    moved = Scene(
        height=crop[0],
        width=crop[1],
        layers=tuple(
            dataclasses.replace(
                layer, pose1=geometry.inverse(a1) @ layer.pose1, pose2=geometry.inverse(a2) @ layer.pose2
            )
            for layer in scene.layers
        ),
    )
    sample, expected = compose(scene, made.load), compose(moved, made.load)
    batch = augment(pairs_of([sample], dense=dense), stack([neutral(a1, a2)]), crop)

    points = geometry.apply(a1, geometry.pixel_grid(*crop))
    column, row = np.moveaxis(np.floor(points + 0.5).astype(int), -1, 0)
    agree = sample.layer_id1[row, column] == expected.layer_id1
    assert agree.mean() > 0.98
    assert batch.valid.all()
    error = np.linalg.norm(batch.flow[0].permute(1, 2, 0).numpy() - expected.flow_fw, axis=-1)
    if dense:
        # Beside an edge the nearest pixel's flow stands for the position's own, or two layers' for one surface.
        assert np.quantile(error[agree], 0.95) < 1e-4
        assert error[agree].max() < MOTION_BOUNDARY_PX
    else:
        assert error[agree].max() < 1e-4
    assert (batch.occ[0, 0].numpy() == expected.occ_fw)[agree].mean() > 0.98
    for mine, theirs in ((batch.image1, expected.image1), (batch.image2, expected.image2)):
        assert mine.dtype == torch.float32
        difference = np.abs(255 * mine[0].permute(1, 2, 0).numpy() - theirs)
        assert np.median(difference) < 3
        assert difference.mean() < 5


def test_images_are_interpolated_to_a_few_grey_levels_where_textures_are_smooth() -> None:
    size, crop = (90, 120), (60, 80)
    rng = np.random.default_rng(2)
    x, y = np.moveaxis(geometry.pixel_grid(*size), -1, 0)

    def wave(at_x: np.ndarray, at_y: np.ndarray) -> np.ndarray:
        return 128 + 100 * np.stack([np.sin(at_x / 5), np.cos(at_y / 4), np.sin((at_x + at_y) / 7)], axis=-1)

    pairs = _dense(np.zeros((*size, 2)))
    image = torch.from_numpy(np.rint(wave(x, y)).astype(np.uint8)).permute(2, 0, 1).unsqueeze(0)
    a1, a2 = _placement(rng, size, crop), _placement(rng, size, crop)
    batch = augment(dataclasses.replace(pairs, image1=image, image2=image), stack([neutral(a1, a2)]), crop)
    for matrix, result in ((a1, batch.image1), (a2, batch.image2)):
        exact = wave(*np.moveaxis(geometry.apply(matrix, geometry.pixel_grid(*crop)), -1, 0))
        assert np.abs(255 * result[0].permute(1, 2, 0).numpy() - exact).max() < 2.5


# Identity, crops, flips, composition.


@pytest.mark.parametrize("dense", [False, True])
def test_the_identity_changes_nothing(dense: bool) -> None:
    samples = [made_sample(seed) for seed in range(3)]
    drawn = [draw(PRESETS["none"], np.random.default_rng(i), (96, 128), (96, 128), 1.0) for i in range(3)]
    for a_draw in drawn:
        assert np.array_equal(a_draw.A1, np.eye(3))
    pairs = pairs_of(samples, dense=dense)
    batch = augment(pairs, stack(drawn), (96, 128))
    assert torch.equal(batch.image1, pairs.image1.float() / 255)
    assert torch.equal(batch.image2, pairs.image2.float() / 255)
    for i, sample in enumerate(samples):
        assert np.array_equal(batch.flow[i].permute(1, 2, 0).numpy(), sample.flow_fw)
    assert batch.valid.all()
    assert torch.equal(batch.occ, pairs.occ)


@pytest.mark.parametrize("dense", [False, True])
def test_none_cuts_whole_pixels_from_anywhere(dense: bool) -> None:
    sample, crop = made_sample(), (80, 100)
    places = []
    for seed in range(60):
        drawn = draw(PRESETS["none"], np.random.default_rng(seed), (96, 128), crop, 1.0)
        left, top = drawn.A1[:2, 2].astype(int)
        assert np.array_equal(drawn.A1, geometry.translation(float(left), float(top)))
        assert np.array_equal(drawn.A1, drawn.A2)
        places.append((left, top))
        if seed < 3:
            cut = np.s_[top : top + crop[0], left : left + crop[1]]
            batch = augment(pairs_of([sample], dense=dense), stack([drawn]), crop)
            assert torch.equal(
                batch.image2[0].permute(1, 2, 0), torch.from_numpy(sample.image2[cut]).float() / 255
            )
            assert np.allclose(batch.flow[0].permute(1, 2, 0), sample.flow_fw[cut], rtol=0, atol=1e-4)
            assert np.array_equal(batch.occ[0, 0], sample.occ_fw[cut])
    assert np.min(places) >= 0
    assert (np.max(places, axis=0) <= (28, 16)).all()
    assert (np.min(places, axis=0) <= 2).all()
    assert (np.max(places, axis=0) >= (26, 15)).all()


@pytest.mark.parametrize("dense", [False, True])
def test_flips_mirror_images_and_flow(dense: bool) -> None:
    sample = made_sample(3)
    config = PRESETS["none"].override(["spatial.flip_x=1", "spatial.flip_y=1"])
    drawn = draw(config, np.random.default_rng(0), (96, 128), (96, 128), 1.0)
    batch = augment(pairs_of([sample], dense=dense), stack([drawn]), (96, 128))
    expected = torch.from_numpy(sample.image1).flip(0, 1).float() / 255
    assert torch.equal(batch.image1[0].permute(1, 2, 0), expected)
    assert np.allclose(batch.flow[0].permute(1, 2, 0), -sample.flow_fw[::-1, ::-1], rtol=0, atol=1e-4)


def test_one_after_the_other_is_their_product() -> None:
    """Exactly for crops and flips; for any matrices where flow is smooth: A1 = first A1 @ second A1."""
    sample = made_sample(4)
    pairs = pairs_of([sample])
    first = geometry.about((44.5, 0), geometry.scaling(-1, 1))
    first = geometry.translation(20, 6) @ first
    second = geometry.translation(7, 3)
    once = augment(pairs, stack([neutral(first @ second)]), (60, 70))
    twice = augment(
        _again(augment(pairs, stack([neutral(first)]), (80, 90))), stack([neutral(second)]), (60, 70)
    )
    assert torch.allclose(once.flow, twice.flow, rtol=0, atol=1e-4)
    assert torch.equal(once.image1, twice.image1)
    assert torch.equal(once.occ, twice.occ)

    rng = np.random.default_rng(4)
    points = geometry.pixel_grid(120, 160)
    flow = geometry.apply(geometry.similarity(1.1, 0.1, (60, 60), (5, -3)), points) - points
    a1, b1 = _placement(rng, (120, 160), (80, 100)), _placement(rng, (80, 100), (50, 60))
    a2, b2 = a1 @ _small(rng), b1 @ _small(rng)
    once = augment(_dense(flow), stack([neutral(a1 @ b1, a2 @ b2)]), (50, 60))
    middle = augment(_dense(flow), stack([neutral(a1, a2)]), (80, 100))
    twice = augment(_again(middle), stack([neutral(b1, b2)]), (50, 60))
    assert once.valid.all()
    assert twice.valid.all()
    assert torch.allclose(once.flow, twice.flow, rtol=0, atol=2e-4)


@pytest.mark.parametrize("preset", PRESETS)
def test_pairs_of_a_batch_do_not_touch_each_other(preset: str) -> None:
    samples = [made_sample(seed) for seed in range(3)]
    drawn = [draw(PRESETS[preset], np.random.default_rng(i), (96, 128), (64, 96), 1.0) for i in range(3)]
    together = augment(pairs_of(samples), stack(drawn), (64, 96))
    for i in range(3):
        alone = augment(pairs_of([samples[i]]), stack([drawn[i]]), (64, 96))
        for field in dataclasses.fields(Batch):
            mine, theirs = getattr(together, field.name)[i], getattr(alone, field.name)[0]
            assert torch.allclose(mine.float(), theirs.float(), atol=1e-6), field.name


# Where truth is read.


@pytest.mark.parametrize("dense", [False, True])
def test_outside_the_source_nothing_is_valid(dense: bool) -> None:
    pairs = pairs_of([made_sample(5)], dense=dense)
    pairs = dataclasses.replace(pairs, occ=torch.ones_like(pairs.occ))
    batch = augment(pairs, stack([neutral(geometry.translation(-10.5, 40.25))]), (80, 100))
    x, y = torch.arange(100) - 10.5, torch.arange(80)[:, None] + 40.25
    inside = (x >= -0.5) & (x <= 127.5) & (y >= -0.5) & (y <= 95.5)
    assert torch.equal(batch.valid[0, 0], inside)
    assert not batch.flow[0][:, ~inside].any()
    assert torch.equal(batch.occ[0, 0], inside)
    assert torch.equal(batch.image1[0, :, :56, :10], batch.image1[0, :, :56, 10:11].expand(-1, -1, 10))


def _dense_reference(
    flow: np.ndarray, valid: np.ndarray, a1: np.ndarray, a2: np.ndarray, crop: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """The new flow, pixel by pixel."""
    height, width = valid.shape
    result, known = np.zeros((*crop, 2)), np.zeros(crop, bool)
    for row in range(crop[0]):
        for column in range(crop[1]):
            x, y = geometry.apply(a1, np.array([column, row], float))
            if not (-0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5):
                continue
            near = min(max(math.floor(y + 0.5), 0), height - 1), min(max(math.floor(x + 0.5), 0), width - 1)
            known[row, column] = valid[near]
            if not valid[near]:
                continue
            value = flow[near].astype(float)
            x0, y0 = min(max(math.floor(x), 0), width - 2), min(max(math.floor(y), 0), height - 2)
            four = flow[y0 : y0 + 2, x0 : x0 + 2].astype(float)
            if (
                valid[y0 : y0 + 2, x0 : x0 + 2].all()
                and (np.ptp(four, axis=(0, 1)) <= MOTION_BOUNDARY_PX).all()
            ):
                fx, fy = np.clip((x - x0, y - y0), 0, 1)
                upper = four[0, 0] * (1 - fx) + four[0, 1] * fx
                lower = four[1, 0] * (1 - fx) + four[1, 1] * fx
                value = upper * (1 - fy) + lower * fy
            there = np.array([x, y]) + value
            result[row, column] = geometry.apply(geometry.inverse(a2), there) - (column, row)
    return result, known


@given(SEEDS)
def test_dense_truth_is_read_as_the_slow_reference_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(4, 14, 2)
    crop = tuple(int(n) for n in rng.integers(2, 10, 2))
    # Patches of smooth flow with jumps between them, holes, and NaN in the holes.
    patch = rng.integers(0, 2, (height // 3 + 1, width // 3 + 1)).repeat(3, 0).repeat(3, 1)[:height, :width]
    flow = 8.0 * patch[..., None] + 0.2 * rng.standard_normal((height, width, 2))
    flow = flow.astype(np.float32)
    valid = rng.random((height, width)) < 0.9
    flow[~valid] = rng.choice([np.nan, np.inf, 1e10, 0.0], (int((~valid).sum()), 2))
    a1 = _placement(rng, (int(height), int(width)), crop)
    a2 = a1 @ _small(rng)
    batch = augment(_dense(flow, valid), stack([neutral(a1, a2)]), crop)
    expected, known = _dense_reference(flow, valid, a1, a2, crop)
    assert np.array_equal(batch.valid[0, 0], known)
    assert np.allclose(batch.flow[0].permute(1, 2, 0), expected, rtol=0, atol=2e-4)


@given(SEEDS)
def test_dense_and_layered_truth_agree_where_flow_is_smooth(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size, crop = (40, 50), (30, 36)
    motion = made.similarity(rng, (25, 20), 0.5)
    points = geometry.pixel_grid(*size)
    dense = _dense(geometry.apply(motion, points) - points)
    layered = dataclasses.replace(
        dense,
        truth=LayeredTruth(
            layer_id=torch.zeros(1, *size, dtype=torch.uint8), motions=torch.from_numpy(motion)[None, None]
        ),
    )
    a1 = _placement(rng, size, crop)
    drawn = stack([neutral(a1, a1 @ _small(rng))])
    mine, theirs = augment(dense, drawn, crop), augment(layered, drawn, crop)
    assert torch.equal(mine.valid, theirs.valid)
    x, y = np.moveaxis(geometry.apply(a1, geometry.pixel_grid(*crop)), -1, 0)
    between = torch.from_numpy((x >= 0) & (x <= 49) & (y >= 0) & (y <= 39))
    assert between.float().mean() > 0.5
    assert torch.allclose(mine.flow[0][:, between], theirs.flow[0][:, between], rtol=0, atol=1e-4)


# On devices.


class _Watch(TorchDispatchMode):
    """Notes every operation."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        self.seen.add(function.overloadpacket.__name__)
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("name", PRESETS)
def test_nothing_waits_for_the_device(name: str, dense: bool) -> None:
    """No value is asked for, no size depends on one, and no number is copied there."""
    pairs = pairs_of([made_sample(seed) for seed in range(2)], dense=dense)
    drawn = stack([draw(PRESETS[name], np.random.default_rng(i), (96, 128), (64, 96), 1.0) for i in range(2)])
    with _Watch() as watch:
        augment(pairs, drawn, (64, 96))
        assert "grid_sampler_2d" in watch.seen
        assert not watch.seen & {"_local_scalar_dense", "nonzero", "masked_select", "index", "lift_fresh"}
        torch.tensor([1.0]).item()
        assert watch.seen >= {"_local_scalar_dense", "lift_fresh"}


def test_what_no_pair_needs_does_not_travel() -> None:
    drawn = stack([draw(PRESETS["none"], np.random.default_rng(i), (9, 9), (7, 8), 1.0) for i in range(3)])
    assert all(getattr(drawn, name) is None for name in ("erased", "colour", "gamma", "tone", "noise"))
    moved = drawn.to(torch.device("meta"))
    assert moved.A2_inverse.device.type == "meta"
    assert (moved.noise_seeds, moved.colour) == (drawn.noise_seeds, None)
