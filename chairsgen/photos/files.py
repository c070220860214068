"""Reading photographs from disk: every picture that comes out is upright, RGB, 4:3 and 1024x768.

Embedded colour profiles and gamma chunks are ignored: a background needs texture, not colorimetry.
"""

import io
import warnings
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image, WebPImagePlugin

from chairsgen import finding
from chairsgen.errors import UnusableAsset

SIZE = (768, 1024)
ENDINGS = (".jpg", ".jpeg", ".png", ".webp")

_SMALLEST = (96, 128)
_MAX_PIXELS = 150_000_000
_FLAT_RANGE = 3
_BACKDROP = (128, 128, 128, 255)
_LFS_POINTER = b"version https://git-lfs"
# Pillow registers JPEG and PNG by itself, WebP by the import.
_FORMATS = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"RIFF": WebPImagePlugin.WebPImageFile.format,
}
# ImageOps.exif_transpose also writes all other tags anew, and raises where one of them is wrong.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_EXIF_ORIENTATION = 0x0112


def find(paths: Sequence[Path]) -> list[Path]:
    """The photographs among `paths` and in the folders among them: see :func:`chairsgen.finding.find`."""
    return finding.find(paths, ENDINGS, "photograph")


def read(path: Path) -> UInt8[np.ndarray, "768 1024 3"]:
    """A photograph, cut to 4:3 about its centre and resized; RGB.

    Raises:
        UnusableAsset: The file cannot be decoded, is too small, or shows one flat colour.
    """
    photo = decode(path)
    height, width = photo.shape[:2]
    if height < _SMALLEST[0] or width < _SMALLEST[1]:
        raise UnusableAsset(f"too small: {width}x{height}, at least {_SMALLEST[1]}x{_SMALLEST[0]} needed")
    crop_width, crop_height = min(width, height * 4 // 3), min(height, width * 3 // 4)
    left, top = (width - crop_width) // 2, (height - crop_height) // 2
    photo = photo[top : top + crop_height, left : left + crop_width]
    if np.ptp(photo.reshape(-1, 3), axis=0).max() <= _FLAT_RANGE:
        raise UnusableAsset("one flat colour")
    shrinks = crop_height >= SIZE[0]
    photo = cv2.resize(photo, SIZE[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return photo


def decode(path: Path) -> UInt8[np.ndarray, "height width 3"]:
    """A photograph as it is, turned upright by its EXIF orientation; RGB.

    Any bit depth comes down to 8 bits by its high bits; grey, palette and CMYK become RGB;
    what is transparent shows mid grey, (128, 128, 128).

    Raises:
        UnusableAsset: The file is empty, unreadable, damaged, truncated, too large or no image.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise UnusableAsset(f"cannot be read: {error.strerror}") from error
    if not data:
        raise UnusableAsset("zero bytes")
    if data.startswith(_LFS_POINTER):
        raise UnusableAsset("not an image (git-LFS pointer)")
    kind = next((name for magic, name in _FORMATS.items() if data.startswith(magic)), None)
    if kind is None:
        raise UnusableAsset("not a JPEG, PNG or WebP image")
    # The decoders raise nearly anything on damaged bytes, and warn about what does not matter here.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data), formats=(kind,)) as image:
                return _rgb(image)
        except (UnusableAsset, MemoryError):
            raise
        except Image.DecompressionBombError as error:
            raise UnusableAsset(f"too large: more than {_MAX_PIXELS:,} pixels") from error
        except Exception as error:
            truncated = "truncated" in str(error).lower()
            raise UnusableAsset(f"{'truncated' if truncated else 'damaged'} {kind}") from error


def _rgb(image: Image.Image) -> UInt8[np.ndarray, "height width 3"]:
    if image.width * image.height > _MAX_PIXELS:
        raise UnusableAsset(f"too large: {image.width}x{image.height}, at most {_MAX_PIXELS:,} pixels")
    image.load()
    turn = _UPRIGHT.get(image.getexif().get(_EXIF_ORIENTATION, 1))
    if turn is not None:
        image = image.transpose(turn)
    if image.mode.startswith("I"):
        image = _grey8(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, _BACKDROP), image)
    return np.array(image.convert("RGB"))


def _grey8(image: Image.Image) -> Image.Image:
    """A 16-bit grey image at 8 bits: Pillow's own conversion would clip it at 255, to white."""
    values = np.asarray(image).astype(np.int64)
    grey = (np.clip(values, 0, 65535) >> 8).astype(np.uint8)
    key = image.info.get("transparency")
    if key is None:
        return Image.fromarray(grey)
    opaque = np.where(values == key, 0, 255).astype(np.uint8)
    return Image.merge("LA", (Image.fromarray(grey), Image.fromarray(opaque)))
