"""Contact sheets: ``python -m chairsgen.sheet dataset DIR FILE``, ``... chairs FILE``, ``... photos FILE``.

A dataset's sheet has a row a pair: frame 1, frame 2, the flow in the Middlebury colours, and occlusion over
frame 1 (red: covered in frame 2, blue: outside frame 2). The others show the embedded chairs and photographs.
"""

import itertools
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from chairsgen import chairs, photos
from chairsgen.arguments import Parser, run
from chairsgen.aside import write_aside
from chairsgen.dataset import open_dataset
from chairsgen.errors import InputError
from chairsgen.flowviz import flow_to_colour, occlusion_overlay
from chairsgen.render import get_renderer
from chairsgen.sample import FlowSample, Image
from chairsgen.views import VIEWS

PROGRAM = "python -m chairsgen.sheet"

LONGEST_PX = 40.0
"""Flow of this length and more has full saturation, so that rows can be compared."""


def dataset_rows(samples: Iterable[FlowSample]) -> Iterator[Sequence[Image]]:
    """Frame 1, frame 2, flow and occlusion of each sample."""
    for sample in samples:
        flow = flow_to_colour(sample.flow_fw, LONGEST_PX)
        occlusion = occlusion_overlay(sample.image1, sample.occ_fw, sample.out_fw)
        yield sample.image1, sample.image2, flow, occlusion


def chair_pictures(count: int, side: int = 256) -> Iterator[Image]:
    """The first ``count`` embedded chairs on pale grey, each from another side."""
    renderer = get_renderer()
    for number, name in enumerate(chairs.model_names(count)):
        view = VIEWS[number * 7 % len(VIEWS)]
        (rgba,) = renderer.render(chairs.build(name), [view], side)
        backdrop = 235 * (1 - rgba[..., 3:] / 255)
        yield np.rint(rgba[..., :3] + backdrop).astype(np.uint8)


def photo_pictures(count: int) -> Iterator[Image]:
    """The first ``count`` embedded photographs, a quarter as wide and high."""
    for name in photos.names(count):
        yield cv2.resize(photos.make(name), None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)


def contact_sheet(rows: Iterable[Sequence[Image]], gap: int = 4) -> UInt8[np.ndarray, "height width 3"]:
    """Rows of equally many pictures of one size, ``gap`` white pixels between them."""
    strips = []
    for pictures in rows:
        padded = [np.pad(picture, ((0, gap), (0, gap), (0, 0)), constant_values=255) for picture in pictures]
        strips.append(np.concatenate(padded, axis=1))
    return np.concatenate(strips)[:-gap, :-gap]


def _of_dataset(arguments: Namespace) -> Iterator[Sequence[Image]]:
    dataset = open_dataset(arguments.folder)
    if not 1 <= arguments.rows <= len(dataset):
        raise InputError(f"--rows {arguments.rows}: must be from 1 to {len(dataset)}")
    indices = np.linspace(0, len(dataset) - 1, arguments.rows).round().astype(int).tolist()
    return dataset_rows(dataset[index] for index in indices)


def _of_assets(arguments: Namespace) -> Iterator[Sequence[Image]]:
    rows, columns = arguments.rows, arguments.columns
    if min(rows, columns) < 1:
        raise InputError(f"--rows {rows}, --columns {columns}: must be at least 1")
    pictures = arguments.pictures(rows * columns)
    return (list(itertools.islice(pictures, columns)) for _ in range(rows))


def _write(path: Path, picture: Image) -> None:
    try:
        write_aside(path, cv2.imencode(path.suffix, picture[..., ::-1])[1].tobytes())
    except cv2.error:
        raise InputError(f"{path}: cannot be written: name a .png or .jpg") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}: name a file elsewhere") from None


def _main(argv: Sequence[str]) -> int:
    parser = Parser(prog=PROGRAM, description=__doc__.splitlines()[0])
    kinds = parser.add_subparsers(title="of what", required=True, metavar="KIND")
    dataset = kinds.add_parser("dataset", help="pairs, spread over a dataset")
    dataset.add_argument("folder", type=Path, metavar="DIR", help="a dataset")
    dataset.set_defaults(make=_of_dataset)
    for name, pictures, rows, columns in (
        ("chairs", chair_pictures, 6, 8),
        ("photos", photo_pictures, 4, 6),
    ):
        assets = kinds.add_parser(name, help=f"embedded {name}")
        assets.add_argument("--columns", type=int, default=columns, metavar="N", help="pictures a row")
        assets.set_defaults(make=_of_assets, pictures=pictures, rows=rows)
    for kind in kinds.choices.values():
        kind.add_argument("picture", type=Path, metavar="FILE", help="a PNG or JPEG")
        kind.add_argument(
            "--rows", type=int, default=kind.get_default("rows") or 4, metavar="N", help="how many"
        )
        kind.add_argument("--width", type=int, default=1600, metavar="PX", help="the picture's width")
    arguments = parser.parse_args(argv)
    if arguments.width < 1:
        raise InputError(f"--width {arguments.width}: must be at least 1")
    sheet = contact_sheet(arguments.make(arguments))
    size = (arguments.width, max(round(sheet.shape[0] * arguments.width / sheet.shape[1]), 1))
    _write(arguments.picture, cv2.resize(sheet, size, interpolation=cv2.INTER_AREA))
    print(arguments.picture)
    return 0


if __name__ == "__main__":
    sys.argv[0] = PROGRAM
    run(_main)
