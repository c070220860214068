"""A contact sheet of a dataset: ``python -m chairsgen.sheet data/demo sheet.png``.

A row a pair: frame 1, frame 2, the flow in the Middlebury colours, and occlusion over frame 1 (red: covered in
frame 2, blue: outside frame 2).
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from chairsgen.arguments import Parser, run
from chairsgen.dataset import open_dataset
from chairsgen.errors import InputError
from chairsgen.flowviz import flow_to_colour
from chairsgen.sample import FlowSample, Image

LONGEST_PX = 40.0
"""Flow of this length and more has full saturation, so that rows can be compared."""


def occlusion_overlay(sample: FlowSample) -> Image:
    """Frame 1 in grey, with what frame 2 does not show: red where covered, blue where outside."""
    grey = np.repeat(sample.image1.mean(axis=-1, keepdims=True), 3, axis=-1)
    for mask, colour in ((sample.occ_fw, (255, 40, 40)), (sample.out_fw, (40, 80, 255))):
        grey[mask] = 0.3 * grey[mask] + 0.7 * np.array(colour)
    return grey.astype(np.uint8)


def contact_sheet(samples: Iterable[FlowSample], gap: int = 4) -> UInt8[np.ndarray, "height width 3"]:
    """A row a sample, ``gap`` white pixels between pictures."""
    rows = []
    for sample in samples:
        flow = flow_to_colour(sample.flow_fw, LONGEST_PX)
        pictures = (sample.image1, sample.image2, flow, occlusion_overlay(sample))
        padded = [np.pad(picture, ((0, gap), (0, gap), (0, 0)), constant_values=255) for picture in pictures]
        rows.append(np.concatenate(padded, axis=1))
    return np.concatenate(rows)[:-gap, :-gap]


def _main(argv: Sequence[str]) -> int:
    parser = Parser(prog="python -m chairsgen.sheet", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DIR", help="a dataset")
    parser.add_argument("picture", type=Path, metavar="FILE", help="a PNG or JPEG")
    parser.add_argument(
        "--rows", type=int, default=4, metavar="N", help="how many pairs, spread over the dataset"
    )
    parser.add_argument("--width", type=int, default=1600, metavar="PX", help="the picture's width")
    arguments = parser.parse_args(argv)
    dataset = open_dataset(arguments.folder)
    if not 1 <= arguments.rows <= len(dataset):
        raise InputError(f"--rows {arguments.rows}: must be from 1 to {len(dataset)}")
    indices = np.linspace(0, len(dataset) - 1, arguments.rows).round().astype(int).tolist()
    sheet = contact_sheet(dataset[index] for index in indices)
    size = (arguments.width, round(sheet.shape[0] * arguments.width / sheet.shape[1]))
    small = cv2.resize(sheet, size, interpolation=cv2.INTER_AREA)
    if not cv2.imwrite(str(arguments.picture), small[..., ::-1]):
        raise InputError(
            f"{arguments.picture}: cannot be written: name a .png or .jpg in a folder that is there"
        )
    print(arguments.picture)
    return 0


if __name__ == "__main__":
    run(_main)
