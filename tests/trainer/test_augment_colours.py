"""Laws of colours: slow references beside the fused ones, noise, and what is erased."""

import dataclasses

import numpy as np
import pytest
import torch
from augmented import made_sample, neutral, pairs_of
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from trainer.augment import PRESETS, Draw, augment, draw, stack
from trainer.augment.drawing import LUMA, jitter_matrix, saturate, turn_hue

SEEDS = st.integers(0, 2**32 - 1)


def _colour_reference(image: np.ndarray, mean: np.ndarray, drawn: Draw, frame: int) -> np.ndarray:
    """One frame's colours, pixel by pixel."""
    result = np.empty_like(image)
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            colour = drawn.colour[frame] @ np.array([*image[row, column], *mean, 1.0])
            colour = np.clip(colour, 0, 1) ** drawn.gamma[frame]
            result[row, column] = np.clip(drawn.tone[frame, 0] * colour + drawn.tone[frame, 1], 0, 1)
    return result


@pytest.mark.parametrize("name", ["flownet", "flownet2", "raft", "spynet"])
def test_colours_are_those_of_the_slow_reference(name: str) -> None:
    samples = [made_sample(seed, 20, 30, 2) for seed in range(4)]
    config = PRESETS[name].override(["spatial.probability=0", "spatial.flip_x=0", "spatial.flip_y=0"])
    config = config.override([f"relative.{key}=0" for key in ("shift", "rotation_deg", "log_zoom")])
    config = config.override(["noise.min=0", "noise.max=0", "eraser.probability=0"])
    drawn = [draw(config, np.random.default_rng((5, i)), (20, 30), (20, 30), 1.0) for i in range(4)]
    batch = augment(pairs_of(samples), stack(drawn), (20, 30))
    for i, sample in enumerate(samples):
        frames = np.stack([sample.image1, sample.image2]) / 255
        mean = frames.mean(axis=(0, 1, 2))
        for frame, image in enumerate((batch.image1, batch.image2)):
            expected = _colour_reference(frames[frame], mean, drawn[i], frame)
            assert np.allclose(image[i].permute(1, 2, 0), expected, rtol=0, atol=1e-5)


def test_jitter_is_brightness_contrast_saturation_hue_one_by_one() -> None:
    """Composed, they are what an image goes through step by step, in any order."""
    rng = np.random.default_rng(8)
    image = rng.uniform(0, 1, (5, 4, 3))
    brightness, contrast, saturation, angle = 1.3, 0.7, 1.4, 0.8

    def brighten(pixels: np.ndarray) -> np.ndarray:
        return pixels * brightness

    def raise_contrast(pixels: np.ndarray) -> np.ndarray:
        grey = (pixels @ LUMA).mean()
        return grey + contrast * (pixels - grey)

    def raise_saturation(pixels: np.ndarray) -> np.ndarray:
        grey = (pixels @ LUMA)[..., None]
        return grey + saturation * (pixels - grey)

    def turn(pixels: np.ndarray) -> np.ndarray:
        luma = pixels @ LUMA
        u, v = 0.492 * (pixels[..., 2] - luma), 0.877 * (pixels[..., 0] - luma)
        turned_u, turned_v = u * np.cos(angle) - v * np.sin(angle), u * np.sin(angle) + v * np.cos(angle)
        red, blue = luma + turned_v / 0.877, luma + turned_u / 0.492
        green = (luma - LUMA[0] * red - LUMA[2] * blue) / LUMA[1]
        return np.stack([red, green, blue], axis=-1)

    matrix = jitter_matrix(brightness, contrast, saturation, angle)
    mean = image.mean(axis=(0, 1))
    composed = image @ matrix[:, :3].T + matrix[:, 3:] @ mean
    steps = [brighten, raise_contrast, raise_saturation, turn]
    for order in ([0, 1, 2, 3], [3, 1, 0, 2], [2, 3, 1, 0]):
        pixels = image
        for step in order:
            pixels = steps[step](pixels)
        assert np.allclose(composed, pixels)


@given(SEEDS)
def test_hues_are_turned_about_grey(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b, factor = rng.uniform(-3, 3, 3)
    assert np.allclose(turn_hue(a) @ turn_hue(b), turn_hue(a + b))
    for matrix in (turn_hue(a), saturate(factor)):
        assert np.allclose(LUMA @ matrix, LUMA)
        assert np.allclose(matrix @ np.ones(3), 1)
    assert np.allclose(turn_hue(0.0), np.eye(3))
    assert np.allclose(saturate(1.0), np.eye(3))


@pytest.mark.parametrize(
    ("kind", "mean", "std"), [("gaussian", 0.0, 0.05), ("uniform", 0.025, 0.05 / 12**0.5)]
)
def test_noise_has_its_strength_and_repeats_with_its_seed(kind: str, mean: float, std: float) -> None:
    grey = torch.full((2, 3, 60, 80), 128, dtype=torch.uint8)
    pairs = dataclasses.replace(
        pairs_of([made_sample(1, 60, 80, 2), made_sample(2, 60, 80, 2)]), image1=grey, image2=grey
    )

    def noise(seed: int) -> list[Tensor]:
        drawn = [neutral(np.eye(3), noise=n, noise_kind=kind, noise_seed=seed) for n in (0.05, 0.0)]
        batch = augment(pairs, stack(drawn), (60, 80))
        return [image - 128 / 255 for image in (batch.image1, batch.image2)]

    first, second = noise(3)
    assert first[0].mean().item() == pytest.approx(mean, abs=0.003)
    assert first[0].std().item() == pytest.approx(std, rel=0.05)
    assert not first[1].any()
    assert abs(np.corrcoef(first[0].flatten(), second[0].flatten())[0, 1]) < 0.05
    assert all(torch.equal(a, b) for a, b in zip(noise(3), (first, second), strict=True))
    assert not torch.equal(noise(4)[0], first)


def test_erased_rectangles_of_frame_2_have_its_mean_colour() -> None:
    sample = made_sample(6)
    rectangles = np.array([[10, 20, 60, 50], [100, 80, 190, 170]])
    drawn = neutral(np.eye(3), erased=rectangles)
    batch = augment(pairs_of([sample]), stack([drawn]), (96, 128))
    expected = sample.image2 / 255
    mean = expected.mean(axis=(0, 1))
    for left, top, right, bottom in rectangles:
        expected[top:bottom, left:right] = mean
    assert np.allclose(batch.image2[0].permute(1, 2, 0), expected, atol=1e-6)
    assert torch.equal(batch.image1, pairs_of([sample]).image1.float() / 255)
