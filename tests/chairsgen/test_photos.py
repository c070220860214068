"""Background photographs: what reading promises of any file, and what the procedural ones have in common."""

import hashlib
import io
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from chairsgen import photos
from chairsgen.errors import InputError, UnusableAsset
from chairsgen.photos import files

SHARED = Path(__file__).parents[3] / "shared" / "data"
SAMPLE = (
    "city-0000",
    "city-0001",
    "city-0008",
    "landscape-0000",
    "landscape-0002",
    "mountain-0000",
    "mountain-0004",
)


def _shared(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"real files are not at hand: {folder} is missing")
    return folder


def _gradient(height: int = 120, width: int = 160) -> np.ndarray:
    """A picture without symmetries, smooth enough for JPEG."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return np.dstack([255 * x / width, 255 * y / height, 255 * x * y / (width * height)]).astype(np.uint8)


def _save(folder: Path, name: str, picture: np.ndarray | Image.Image, **how: object) -> Path:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(folder / name, **how)
    return folder / name


# --- reading -------------------------------------------------------------------------------------

# Pillow's transposition that undoes each EXIF orientation's turn.
_TURNED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("orientation", _TURNED)
@pytest.mark.parametrize("ending", ["png", "webp"])
def test_exif_orientation_is_undone(tmp_path: Path, orientation: int, ending: str) -> None:
    upright = _gradient()
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(_TURNED[orientation](upright))
    path = _save(tmp_path, f"x.{ending}", stored, exif=exif, lossless=True)
    assert np.array_equal(files.decode(path), upright)


def test_a_turn_is_undone_whatever_else_exif_says(tmp_path: Path) -> None:
    """Here the resolution is a word."""
    turned = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
    resolution = struct.pack("<HHI4s", 0x011A, 2, 4, b"high")
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + turned + resolution + bytes(4)
    stored = np.ascontiguousarray(_TURNED[6](_gradient()))
    path = _save(tmp_path, "x.png", stored, exif=exif)
    assert np.array_equal(files.decode(path), _gradient())


def test_16_bits_show_what_8_bits_show(tmp_path: Path) -> None:
    grey = _gradient()[..., 0]
    deep = _save(tmp_path, "deep.png", grey.astype(np.uint16) * 257)
    flat = _save(tmp_path, "flat.png", grey)
    assert np.array_equal(files.decode(deep), files.decode(flat))
    assert np.array_equal(files.decode(flat), np.dstack([grey] * 3))


def test_palette_bilevel_and_cmyk(tmp_path: Path) -> None:
    picture = _gradient()
    paletted = Image.fromarray(picture).quantize(64)
    assert np.array_equal(files.decode(_save(tmp_path, "p.png", paletted)), np.array(paletted.convert("RGB")))
    bilevel = Image.fromarray(picture).convert("1")
    assert set(np.unique(files.decode(_save(tmp_path, "1.png", bilevel)))) == {0, 255}
    cmyk = files.decode(_save(tmp_path, "c.jpg", Image.fromarray(picture).convert("CMYK"), quality=95))
    assert np.abs(cmyk.astype(int) - picture).mean() < 6


def test_transparent_parts_show_mid_grey(tmp_path: Path) -> None:
    picture = _gradient()
    alpha = np.zeros(picture.shape[:2], np.uint8)
    alpha[:60] = 255
    shown = files.decode(_save(tmp_path, "a.png", np.dstack([picture, alpha])))
    assert np.array_equal(shown[:60], picture[:60])
    assert (shown[60:] == 128).all()


def test_transparent_colour_of_16_bit_grey(tmp_path: Path) -> None:
    grey = _gradient()[..., 0].astype(np.uint16) * 257
    shown = files.decode(_save(tmp_path, "t.png", grey, transparency=int(grey[0, 5])))
    assert (shown[:, 5] == 128).all()


@pytest.mark.parametrize(
    "size", [(96, 128), (600, 128), (1000, 100), (97, 2000), (768, 1024), (1500, 1100), (1000, 2000)]
)
def test_any_size_is_cut_to_its_middle(tmp_path: Path, size: tuple[int, int]) -> None:
    height, width = size
    if width < 128:
        with pytest.raises(UnusableAsset, match="too small: 100x1000, at least 128x96 needed"):
            files.read(_save(tmp_path, "x.png", _gradient(*size)))
        return
    photo = files.read(_save(tmp_path, "x.png", _gradient(*size)))
    assert photo.shape == (768, 1024, 3)
    assert photo.dtype == np.uint8
    kept = min(width, height * 4 / 3) / width, min(height, width * 3 / 4) / height
    for axis in (0, 1):
        values = photo[..., axis].astype(float)
        assert abs(values.mean() - 127.5) < 2.5
        assert abs(np.ptp(values) - 255 * kept[axis]) < 6


def test_right_size_is_left_alone(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (768, 1024, 3), np.uint8)
    assert np.array_equal(files.read(_save(tmp_path, "x.png", picture)), picture)


_REFUSED = {
    "zero bytes": b"",
    r"not an image \(git-LFS pointer\)": b"version https://git-lfs.example/v1\noid sha256:0\nsize 1\n",
    "not a JPEG, PNG or WebP image": b"GIF89a",
    "damaged PNG": b"\x89PNG\r\n\x1a\n" + b"\0" * 40,
}


@pytest.mark.parametrize("cause", _REFUSED)
def test_refusals_name_their_cause(tmp_path: Path, cause: str) -> None:
    (tmp_path / "x.png").write_bytes(_REFUSED[cause])
    with pytest.raises(UnusableAsset, match=cause):
        files.read(tmp_path / "x.png")


def test_flat_bomb_missing_and_truncated_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableAsset, match="one flat colour"):
        files.read(_save(tmp_path, "flat.png", np.full((200, 200, 3), 7, np.uint8)))
    with pytest.raises(UnusableAsset, match="too large"):
        files.read(_save(tmp_path, "bomb.png", Image.new("1", (16_000, 12_000))))
    with pytest.raises(UnusableAsset, match="cannot be read"):
        files.read(tmp_path / "absent.png")
    whole = _save(tmp_path, "whole.jpg", _gradient(768, 1024)).read_bytes()
    (tmp_path / "half.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnusableAsset, match="truncated JPEG"):
        files.read(tmp_path / "half.jpg")


def test_want_of_memory_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    path = _save(tmp_path, "x.png", _gradient())
    monkeypatch.setattr(Image.Image, "convert", fail)
    with pytest.raises(MemoryError):
        files.read(path)


def _encoded() -> dict[str, bytes]:
    noise = np.random.default_rng(1).integers(0, 256, (24, 32, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    coded = {}
    for kind, mode in (
        ("JPEG", "RGB"),
        ("JPEG", "CMYK"),
        ("PNG", "RGBA"),
        ("PNG", "P"),
        ("PNG", "I;16"),
        ("WEBP", "RGB"),
    ):
        image = Image.fromarray(noise).convert("L" if mode == "I;16" else mode)
        if mode == "I;16":
            image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
        buffer = io.BytesIO()
        image.save(buffer, kind, exif=exif)
        coded[f"{kind} {mode}"] = buffer.getvalue()
    return coded


_ENCODED = _encoded()


@settings(max_examples=250, deadline=None)
@given(kind=st.sampled_from(sorted(_ENCODED)), data=st.data())
def test_damaged_bytes_decode_or_are_refused(
    tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject
) -> None:
    damaged = bytearray(_ENCODED[kind])
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    del damaged[data.draw(st.integers(0, len(damaged))) if data.draw(st.booleans()) else len(damaged) :]
    path = tmp_path_factory.getbasetemp() / "damaged.png"
    path.write_bytes(damaged)
    try:
        picture = files.decode(path)
    except UnusableAsset:
        return
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3


# --- real files ----------------------------------------------------------------------------------

_SMALL = "too small: 32x32, at least 128x96 needed"
_PNG_DAMAGED = ("xhdn0g08", "xc9n2c08", "xd0n2c08")
_PNG_FOREIGN = ("xs1n0g01", "xs4n0g01", "xcrn0g04", "xlfn0g04")
_KINDS = ("0g01", "0g08", "0g16", "2c08", "2c16", "3p02", "3p04", "4a08", "4a16")
_CLEAR = ("tbbn0g04", "tbbn3p08", "tbgn3p08", "tbrn2c08", "tbwn0g16", "tp0n0g08", "tp0n2c08")
_PNG_SOUND = [*(f"basi{kind}" for kind in _KINDS), *(f"basn{kind}" for kind in _KINDS), *_CLEAR]
# What read() does with each damaged or odd file: its cause, or None where it is a photograph after all.
BAD: dict[str, str | None] = {
    "zune/incomplete_image.jpg": "truncated JPEG",
    "zune/weird_components.jpg": None,
    **{f"exif_orientation/Landscape_{n}.jpg": None for n in (2, 3, 4, 5)},
    **{f"pngsuite/{name}.png": _SMALL for name in _PNG_SOUND},
    **{f"pngsuite/{name}.png": "damaged PNG" for name in _PNG_DAMAGED},
    **{f"pngsuite/{name}.png": "not a JPEG, PNG or WebP image" for name in _PNG_FOREIGN},
}


def test_bad_photos_are_all_in_the_table() -> None:
    folder = _shared("photos_bad")
    assert {str(path.relative_to(folder)) for path in files.find([folder])} == set(BAD)


@pytest.mark.parametrize("name", BAD)
def test_bad_photos(name: str) -> None:
    path = _shared("photos_bad") / name
    if BAD[name] is None:
        assert files.read(path).shape == (768, 1024, 3)
        return
    with pytest.raises(UnusableAsset) as error:
        files.read(path)
    assert str(error.value) == BAD[name]


@pytest.mark.parametrize("name", _PNG_SOUND)
def test_pngsuite_decodes(name: str) -> None:
    picture = files.decode(_shared("photos_bad") / "pngsuite" / f"{name}.png")
    assert picture.shape == (32, 32, 3)
    assert np.ptp(picture) > 60
    if name[4] == "g" and name[:3] == "bas":
        assert (picture == picture[..., :1]).all()
        assert picture.min() == 0
        assert picture.max() == 255


@pytest.mark.parametrize("kind", _KINDS)
def test_interlacing_changes_nothing(kind: str) -> None:
    folder = _shared("photos_bad") / "pngsuite"
    assert np.array_equal(files.decode(folder / f"basi{kind}.png"), files.decode(folder / f"basn{kind}.png"))


def test_exif_examples_agree() -> None:
    folder = _shared("photos_bad") / "exif_orientation"
    first, *others = (files.read(folder / f"Landscape_{n}.jpg").astype(int) for n in (2, 3, 4, 5))
    for other in others:
        assert np.abs(first - other).mean() < 6


def test_real_photos_are_read() -> None:
    found = files.find([_shared("photos")])
    assert len(found) == 25
    for path in found[::5]:
        assert files.read(path).shape == (768, 1024, 3)


# --- procedural ----------------------------------------------------------------------------------


def test_names_come_in_their_shares_and_interleaved() -> None:
    names = photos.names()
    assert len(set(names)) == len(names) == 964
    assert Counter(name.split("-")[0] for name in names) == photos.SHARES
    assert photos.names(40) == names[:40]
    assert {name.split("-")[0] for name in names[:8]} == set(photos.SHARES)


@pytest.mark.parametrize(
    "name", ["", "city", "city-1", "city-00001", "beach-0001", "city-0001 ", "city--001"]
)
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="no procedural photograph"):
        photos.make(name)


@pytest.fixture(scope="module")
def made() -> dict[str, np.ndarray]:
    return {name: photos.make(name) for name in SAMPLE}


def test_a_name_determines_its_picture(made: dict[str, np.ndarray]) -> None:
    for name in (SAMPLE[0], SAMPLE[-1]):
        assert made[name].shape == (768, 1024, 3)
        assert made[name].dtype == np.uint8
        assert np.array_equal(photos.make(name), made[name])
    pictures = list(made.values())
    for i, one in enumerate(pictures):
        assert all(np.abs(one.astype(int) - other).mean() > 8 for other in pictures[:i])


def _in_another_process(code: str) -> str:
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    return done.stdout.strip()


def test_another_process_paints_the_same(made: dict[str, np.ndarray]) -> None:
    digest = "__import__('hashlib').sha256(photos.make('city-0000').tobytes()).hexdigest()"
    answer = _in_another_process(f"from chairsgen import photos; print({digest})")
    assert answer == hashlib.sha256(made["city-0000"].tobytes()).hexdigest()


def _spectral_slope(picture: np.ndarray) -> float:
    """Exponent of the radially averaged power of the luminance over 8 to 200 cycles a picture's width."""
    grey = picture.mean(axis=2)
    height, width = grey.shape
    window = np.hanning(height)[:, None] * np.hanning(width)
    power = np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2
    cycles = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)) * width
    ring = cycles.astype(int).ravel()
    mean = np.bincount(ring, power.ravel()) / np.maximum(np.bincount(ring), 1)
    k = np.arange(8, 201)
    return float(np.polyfit(np.log(k), np.log(mean[8:201]), 1)[0])


def test_power_falls_as_in_photographs(made: dict[str, np.ndarray]) -> None:
    slopes = [_spectral_slope(picture) for picture in made.values()]
    assert -2.6 <= np.mean(slopes) <= -1.6
    assert all(-3.3 < slope < -1.0 for slope in slopes)


def test_there_is_texture_nearly_everywhere(made: dict[str, np.ndarray]) -> None:
    shares = []
    for picture in made.values():
        blocks = picture.mean(axis=2).reshape(24, 32, 32, 32)
        shares.append((blocks.std(axis=(1, 3)) > 2.5).mean())
    assert np.mean(shares) > 0.75
    assert min(shares) > 0.45


def test_reading_does_not_load_the_scenes() -> None:
    loaded = "[name for name in sys.modules if name.endswith(('.city', '.mountain', 'numba'))]"
    assert _in_another_process(f"import sys, chairsgen.photos.files; print({loaded})") == "[]"


def test_the_source_hash_is_over_code_and_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos, "files_hash", lambda paths: " ".join(path.name for path in paths))
    over = set(photos.source_hash.__wrapped__().split())
    assert over > {"__init__.py", "noise.py", "city.py", "city.toml", "mountain.toml"}
