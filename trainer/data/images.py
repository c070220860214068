"""Reading images and masks: what is not whole is named."""

import warnings
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from chairsgen.errors import InputError
from chairsgen.flowio import read_ppm
from chairsgen.sample import Image, Mask

_MAX_DEFLATION = 1032
"""No PNG is smaller than its pixels by a larger factor."""


def read_image(path: Path) -> Image:
    """An image in RGB: PPM, or what Pillow reads; grey is repeated, transparency ignored.

    Raises:
        InputError: It is missing, damaged, or has more than 8 bits a channel.
    """
    return read_ppm(path) if path.suffix.lower() == ".ppm" else _decode(path, "RGB")


def read_mask(path: Path) -> Mask:
    """Where a grey image is not black.

    Raises:
        InputError: It is missing, damaged, or has more than 8 bits a channel.
    """
    return _decode(path, "L") > 0


def _decode(path: Path, mode: str) -> UInt8[np.ndarray, "..."]:
    try:
        head, size = _begin(path)
        if not head:
            raise InputError(f"{path}: empty (zero bytes): copy or make it again")
        if head.startswith(b"version https://git-lfs"):
            raise InputError(f"{path}: a git-LFS pointer, not the file itself: run `git lfs pull`")
        with warnings.catch_warnings():
            warnings.simplefilter("error", Pillow.DecompressionBombWarning)
            with Pillow.open(path) as image:
                width, height = image.size
                if image.mode[0] in "IF":
                    raise InputError(f"{path}: has more than 8 bits a channel: save it with 8")
                if image.format == "PNG" and width * height > _MAX_DEFLATION * size:
                    raise InputError(
                        f"{path}: truncated or damaged: {width} x {height} pixels are not in {size:,} bytes"
                    )
                return np.asarray(image.convert(mode))
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{path}: no such image") from None
    except UnidentifiedImageError:
        raise InputError(f"{path}: no image, or truncated in its header") from None
    except Exception as error:  # damage ends in nearly any
        cause = str(error).partition("\n")[0] or type(error).__name__
        raise InputError(f"{path}: cannot be read as an image: {cause}") from None


def _begin(path: Path) -> tuple[bytes, int]:
    """A file's first bytes, and how many it has."""
    with path.open("rb") as file:
        return file.read(64), path.stat().st_size
