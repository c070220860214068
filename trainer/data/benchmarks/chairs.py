"""FlyingChairs: Dosovitskiy et al., "FlowNet", ICCV 2015; FlyingChairs2: Ilg et al., "Occlusions, Motion and Depth
Boundaries with a Generic Network for Disparity, Optical Flow or Scene Flow Estimation", ECCV 2018.

The layouts are also those of `chairsgen export`.
"""

from pathlib import Path
from typing import get_args

from chairsgen.errors import InputError
from trainer.data.benchmarks.files import Benchmark, Entry, between, folder
from trainer.data.source import Side

SPLIT = "FlyingChairs_train_val.txt"
LAYOUT = f"FlyingChairs' data/00001_img1.ppm, 00001_img2.ppm and 00001_flow.flo, with {SPLIT} beside data"
LAYOUT2 = (
    "FlyingChairs2's train/0000000-img_0.png, -img_1.png, -flow_01.flo and -occ_01.png, and the same in val"
)
SIDES: dict[str, Side] = {"1": "train", "2": "val"}


def open_chairs(place: str, *, name: str) -> Benchmark:
    """Opens FlyingChairs.

    Args:
        place: The folder that it unpacks to, with the file of its split.
        name: As the user wrote it.

    Raises:
        InputError: It is not there, or only half of it.
    """
    root = Path(place)
    folder(name, root / "data", LAYOUT)
    numbers = _numbers(root / "data", ("_img1.ppm", "_flow.flo"))
    entries = [
        Entry(
            name=number,
            image1=f"data/{number}_img1.ppm",
            image2=f"data/{number}_img2.ppm",
            flow=f"data/{number}_flow.flo",
            side=side,
        )
        for number, side in zip(numbers, _split(name, root / SPLIT, len(numbers)), strict=True)
    ]
    return Benchmark(name, root, entries, layout=LAYOUT)


def _numbers(path: Path, endings: tuple[str, ...]) -> list[str]:
    """What stands before any of the endings in the names of what a folder holds."""
    return sorted({number for end in endings for number in between(path, "", end)})


def _split(name: str, path: Path, pairs: int) -> list[Side]:
    """The side of every pair, from a file with a line for each: 1 for train, 2 for val."""
    try:
        words = path.read_text(encoding="ascii").split()
    except OSError as error:
        raise InputError(f"{name}: {path}: {error.strerror}: it is offered beside the dataset") from None
    except UnicodeDecodeError:
        words = [""]
    if not SIDES.keys() >= {*words}:
        raise InputError(f"{name}: {path}: damaged: every line must be 1 (train) or 2 (val)")
    if len(words) != pairs:
        raise InputError(f"{name}: half there: {path} has {len(words):,} lines, there are {pairs:,} pairs")
    return [SIDES[word] for word in words]


def open_chairs2(place: str, *, name: str) -> Benchmark:
    """Opens FlyingChairs2, or one side of it; its masks say what frame 2 does not show for any reason.

    Args:
        place: The folder that it unpacks to.
        name: As the user wrote it.

    Raises:
        InputError: It is not there, or only half of it.
    """
    root, entries = folder(name, Path(place), LAYOUT2), []
    for side in get_args(Side):
        entries += [
            Entry(
                name=f"{side}/{number}",
                image1=f"{side}/{number}-img_0.png",
                image2=f"{side}/{number}-img_1.png",
                flow=f"{side}/{number}-flow_01.flo",
                occ=f"{side}/{number}-occ_01.png",
                side=side,
            )
            for number in _numbers(root / side, ("-img_0.png", "-flow_01.flo"))
        ]
    return Benchmark(name, root, entries, layout=LAYOUT2)
