"""Frames from images, folders and videos; and a video from pictures."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from chairsgen.errors import InputError, UnusableAsset
from chairsgen.flowio import read_ppm
from chairsgen.photos.files import ENDINGS, decode
from chairsgen.sample import Image

IMAGES = (*ENDINGS, ".ppm")
"""Endings of what is read as an image."""

# What it has to say of damaged videos, an InputError says in one line.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


@dataclass(frozen=True, kw_only=True)
class Frames:
    """Frames of one size, in their order.

    Attributes:
        source: Where they come from, for messages.
        count: How many there are; for a video, how many it says, 0 if it does not.
        fps: Frames a second, where a video says it.
        read: Reads them, one by one, each with its name.
    """

    source: str
    count: int
    fps: float | None
    read: Callable[[], Iterator[tuple[str, Image]]]

    def __iter__(self) -> Iterator[tuple[str, Image]]:
        """Each frame with its name.

        Raises:
            InputError: A frame is missing, damaged or of another size, or there are fewer than two.
        """
        first, number = (0, 0), 0
        for number, (name, image) in enumerate(self.read(), 1):
            size = image.shape[:2]
            first = first if number > 1 else size
            if size != first:
                raise InputError(
                    f"{self.source}: frames differ in size: {name} is {size[1]} x {size[0]}, the first "
                    f"{first[1]} x {first[0]}: bring them to one size"
                )
            yield name, image
        if number < 2:
            raise InputError(f"{self.source}: of its frames {number} can be read: flow takes two or more")


def open_frames(paths: Sequence[Path]) -> Frames:
    """Frames from images in the order given, from a folder of images in natural order, or from a video.

    Raises:
        InputError: There is no such file, it is none of these, or there are not two frames.
    """
    for path in paths:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
    path = paths[0]
    if len(paths) == 1 and path.is_dir():
        return _images(str(path), _in_folder(path))
    if all(path.suffix.lower() in IMAGES for path in paths):
        if len(paths) == 1:
            raise InputError(f"{path}: one image has no flow: give two, a folder of frames, or a video")
        return _images(f"{path} and others", paths)
    if len(paths) > 1:
        raise InputError(
            f"{' '.join(map(str, paths))}: give images that end in {', '.join(IMAGES)}, or one folder, "
            "or one video"
        )
    return _video(path)


def natural_key(name: str) -> tuple[tuple[str | int, ...], str]:
    """Sorts names with numbers in them by the numbers: frame 2 before frame 10."""
    pieces = re.split(r"(\d+)", name)
    return tuple(int(piece) if piece.isdecimal() else piece.lower() for piece in pieces), name


def read_image(path: Path) -> Image:
    """An image as 8-bit RGB, upright: PPM, or what :func:`chairsgen.photos.files.decode` reads.

    Raises:
        InputError: It is missing, damaged, or no image.
    """
    if path.suffix.lower() == ".ppm":
        return read_ppm(path)
    try:
        return decode(path)
    except UnusableAsset as error:
        raise InputError(f"{path}: {error}") from None


def _in_folder(folder: Path) -> list[Path]:
    found = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGES and not path.name.startswith(".") and path.is_file()
    ]
    if len(found) < 2:
        raise InputError(
            f"{folder}: images in it that end in {', '.join(IMAGES)}: {len(found)}, flow takes two or more"
        )
    return sorted(found, key=lambda path: natural_key(path.name))


def _images(source: str, paths: Sequence[Path]) -> Frames:
    named: dict[str, Path] = {}
    # Flow is named after frame 1: the last frame's name is never used.
    for path in paths[:-1]:
        other = named.setdefault(path.stem, path)
        if other != path:
            raise InputError(f"{other} and {path}: their flow would have one name: rename one of them")

    def read() -> Iterator[tuple[str, Image]]:
        for path in paths:
            yield path.stem, read_image(path)

    return Frames(source=source, count=len(paths), fps=None, read=read)


def _video(path: Path) -> Frames:
    video = cv2.VideoCapture(str(path))
    if not video.isOpened():
        raise InputError(
            f"{path}: cannot be read as a video: it is damaged, or of a kind that OpenCV does not know"
        )
    count, fps = int(video.get(cv2.CAP_PROP_FRAME_COUNT)), video.get(cv2.CAP_PROP_FPS)

    def read() -> Iterator[tuple[str, Image]]:
        number = 0
        while True:
            there, frame = video.read()
            if not there:
                return
            yield f"{path.stem}_{number:06d}", cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
            number += 1

    return Frames(source=str(path), count=max(count, 0), fps=fps if fps > 0 else None, read=read)


@contextmanager
def video_writer(path: Path, fps: float) -> Iterator[Callable[[Image], None]]:
    """Writes pictures of one size into an MPEG-4 video, which bears its name when it is whole.

    Raises:
        InputError: It cannot be written.
    """
    aside = path.with_name(f".{path.stem}.part{path.suffix}")
    writer = cv2.VideoWriter()

    def write(picture: Image) -> None:
        height, width, _ = picture.shape
        # The format has even sides only.
        even = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        if not writer.isOpened():
            code = cv2.VideoWriter.fourcc(*"mp4v")
            if not writer.open(str(aside), code, fps, (even.shape[1], even.shape[0])):
                raise InputError(f"{path}: cannot be written: the folder, or OpenCV here, allows no MPEG-4")
        writer.write(cv2.cvtColor(even, cv2.COLOR_RGB2BGR))

    try:
        yield write
        writer.release()
        aside.replace(path)
    finally:
        writer.release()
        aside.unlink(missing_ok=True)
