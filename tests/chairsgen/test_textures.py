"""Laws of textures: mip levels are repeated means, borders hold what lies beyond, the bank loses nothing."""

from pathlib import Path

import made
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chairsgen import geometry, textures
from chairsgen.errors import InputError, UnusableAsset
from chairsgen.textures import PAD, Bank, Texture

seeds = st.integers(0, 2**32 - 1)
lengths = st.integers(17, 75)
KEY = "ab" + "0" * 62


def _halved(pixels: np.ndarray, *, opaque: bool) -> np.ndarray:
    """The mean of every 2 x 2 pixels, rounded; what lies beyond is clear, or goes on as at the edge."""
    height, width = pixels.shape[:2]
    even = np.zeros((height + height % 2, width + width % 2, 4), int)
    even[:height, :width] = pixels
    if opaque:
        even[height:], even[:, width:] = even[height - 1 : height], even[:, width - 1 : width]
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4


def _inner(level: np.ndarray) -> np.ndarray:
    return level[PAD:-PAD, PAD:-PAD]


def _random_photo(seed: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(256, size=(height, width, 3), dtype=np.uint8)


def _random_render(seed: int, side: int) -> tuple[np.ndarray, tuple[slice, slice]]:
    """A render, and the rows and columns of what is visible in it."""
    rng = np.random.default_rng(seed)
    (top, bottom), (left, right) = (np.sort(rng.choice(side + 1, 2, replace=False)) for _ in range(2))
    image = np.zeros((side, side, 4), np.uint8)
    part = made.premultiplied(
        rng.uniform(0, 255, (bottom - top, right - left, 3)),
        rng.uniform(0.1, 1, (bottom - top, right - left)),
    )
    image[top:bottom, left:right] = part
    return image, (slice(top, bottom), slice(left, right))


@given(seeds, lengths, lengths)
def test_a_photos_levels_are_repeated_means(seed: int, height: int, width: int) -> None:
    image = _random_photo(seed, height, width)
    texture = textures.from_photo(image)
    assert texture.opaque
    assert np.array_equal(_inner(texture.levels[0])[..., :3], image)
    _check_levels(texture)
    for level in texture.levels:
        assert np.all(level[..., 3] == 255)
        mirrored = np.pad(_inner(level), ((PAD, PAD), (PAD, PAD), (0, 0)), mode="reflect")
        assert np.array_equal(level, mirrored)


@given(seeds, st.integers(2, 75))
def test_a_sprites_levels_are_repeated_means_in_a_clear_border(seed: int, side: int) -> None:
    image, (rows, columns) = _random_render(seed, side)
    texture = textures.from_render(image)
    assert not texture.opaque
    assert np.array_equal(_inner(texture.levels[0]), image[rows, columns])
    assert texture.origin == (columns.start, rows.start)
    assert texture.full == side
    _check_levels(texture)
    for level in texture.levels:
        border = level.copy()
        _inner(border)[:] = 0
        assert not border.any()
        assert np.all(level[..., :3] <= level[..., 3:]), "no longer premultiplied"


def _check_levels(texture: Texture) -> None:
    for number, (finer, coarser) in enumerate(zip(texture.levels, texture.levels[1:], strict=False)):
        expected = _halved(_inner(finer), opaque=texture.opaque)
        assert texture.size(number + 1) == expected.shape[:2]
        assert np.abs(_inner(coarser) - expected).max() <= 0.5
    assert max(texture.size(len(texture.levels) - 1)) <= 16
    assert len(texture.levels) == 1 or max(texture.size(len(texture.levels) - 2)) > 16


@given(seeds, st.integers(2, 60))
def test_the_crop_is_tight_and_can_be_put_back(seed: int, side: int) -> None:
    image, _ = _random_render(seed, side)
    texture = textures.from_render(image)
    crop = _inner(texture.levels[0])
    for edge in (crop[0], crop[-1], crop[:, 0], crop[:, -1]):
        assert edge[..., 3].any()
    whole = np.zeros_like(image)
    x, y = texture.origin
    whole[y : y + crop.shape[0], x : x + crop.shape[1]] = crop
    assert np.array_equal(whole, image)


@given(seeds, st.integers(2, 60))
def test_own_coordinates_span_the_square_or_the_tight_box(seed: int, side: int) -> None:
    image, (rows, columns) = _random_render(seed, side)
    texture = textures.from_render(image)
    height, width = texture.size()
    corners = np.array([[-0.5, -0.5], [width - 0.5, height - 0.5]])
    square = geometry.apply(texture.to_own(), corners)
    expected = np.array([[columns.start, rows.start], [columns.stop, rows.stop]]) / side - 0.5
    assert np.allclose(square, expected)
    box = geometry.apply(texture.to_own(box=True), corners)
    assert np.allclose(box.sum(axis=0), 0), "the box's centre is the origin"
    assert np.ptp(box, axis=0).max() == pytest.approx(1)
    assert np.ptp(box, axis=0)[0] / np.ptp(box, axis=0)[1] == pytest.approx(width / height)


def test_a_photos_own_coordinates_are_its_pixels() -> None:
    texture = textures.from_photo(_random_photo(0, 20, 30))
    assert np.array_equal(texture.to_own(), np.eye(3))
    assert np.array_equal(texture.to_own(box=True), np.eye(3))


def test_what_shows_nothing_is_unusable() -> None:
    with pytest.raises(UnusableAsset, match="nothing"):
        textures.from_render(np.zeros((32, 32, 4), np.uint8))


def _equal(one: Texture, two: Texture) -> bool:
    same = (one.origin, one.full, len(one.levels)) == (two.origin, two.full, len(two.levels))
    return same and all(np.array_equal(a, b) for a, b in zip(one.levels, two.levels, strict=True))


@pytest.mark.parametrize("asset", ["photo-0", "disc-0"])
def test_the_bank_gives_back_what_it_was_given(tmp_path: Path, asset: str) -> None:
    bank, texture = Bank(tmp_path), made.load(asset)
    assert not bank.has(KEY)
    for _ in range(2):
        bank.save(KEY, texture)
        assert bank.has(KEY)
        assert _equal(bank.load(KEY), texture)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [bank.path(KEY)]


def test_keys_have_files_of_their_own(tmp_path: Path) -> None:
    bank, other = Bank(tmp_path), "ab" + "1" * 62
    bank.save(KEY, made.load("disc", 0))
    bank.save(other, made.load("disc", 1))
    assert _equal(bank.load(KEY), made.load("disc", 0))
    assert _equal(bank.load(other), made.load("disc", 1))


def test_a_damaged_texture_is_named(tmp_path: Path) -> None:
    bank = Bank(tmp_path)
    bank.save(KEY, made.load("disc"))
    whole = bank.path(KEY).read_bytes()
    rng = np.random.default_rng(0)
    cuts = [0, 1, 3, 19, 20, 21, 30, len(whole) - 1, *rng.integers(len(whole), size=12)]
    damaged = [whole[:cut] for cut in cuts]
    damaged += [whole + b"\0", b"XXXX" + whole[4:], whole[:4] + b"\xff" * 4 + whole[8:]]
    for content in damaged:
        bank.path(KEY).write_bytes(content)
        with pytest.raises(InputError, match=bank.path(KEY).name):
            bank.load(KEY)


def test_an_interrupted_save_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupted)
    bank = Bank(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        bank.save(KEY, made.load("disc"))
    assert not bank.has(KEY)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
