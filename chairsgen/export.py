"""A dataset in other people's layouts: FlyingChairs, FlyingChairs2 and KITTI, for code that reads these."""

import hashlib
import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chairsgen import __version__
from chairsgen.aside import ASIDE, write_aside
from chairsgen.catalogue import Side
from chairsgen.config import nearest
from chairsgen.dataset import Dataset, Manifest, open_dataset
from chairsgen.errors import InputError
from chairsgen.flowio import fits_kitti, write_flo, write_kitti, write_png, write_ppm
from chairsgen.folder import check_disk, disk_errors, locked, telling_what_is_kept
from chairsgen.progress import progress
from chairsgen.sample import FlowSample, Mask
from chairsgen.workers import check_workers, light_workers, pieces

RECORD = "export.json"
"""What an exported folder is of: layout, dataset, version, and the val pairs by their index in the dataset."""

PAIRS_PER_CALL = 8

KEPT = "files so far are whole, and the same command goes on"

Write = Callable[[Path, FlowSample], None]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where the files of a pair go.

    Attributes:
        first: Number of the first pair.
        digits: Of a pair's number, at least.
        by_side: Whether train and val have folders, and numbers, of their own.
        split: Name of the file with a line a pair, 1 for train and 2 for val; "" for none.
        pixel_bytes: What a pair's uncompressed files take for a pixel of its frame.
        files: How each is written, by its path; {number} and {side} are the pair's.
    """

    first: int
    digits: int
    by_side: bool = False
    split: str = ""
    pixel_bytes: int = 0
    files: Mapping[str, Write]


def _mask(path: Path, mask: Mask) -> None:
    write_png(path, np.where(mask, np.uint8(255), np.uint8(0)))


def _kitti(path: Path, sample: FlowSample, valid: Mask) -> None:
    write_kitti(path, sample.flow_fw, valid & fits_kitti(sample.flow_fw))


_LAYOUTS: dict[str, Layout] = {
    # As the archive and the split file published beside it unpack.
    "flyingchairs": Layout(
        first=1,
        digits=5,
        split="FlyingChairs_train_val.txt",
        pixel_bytes=14,
        files={
            "data/{number}_img1.ppm": lambda path, pair: write_ppm(path, pair.image1),
            "data/{number}_img2.ppm": lambda path, pair: write_ppm(path, pair.image2),
            "data/{number}_flow.flo": lambda path, pair: write_flo(path, pair.flow_fw),
        },
    ),
    # Names as public readers of FlyingChairs2 have them. From memory, not from its files: that each side counts
    # from 0; that occlusion means all that the other frame does not show, what leaves the frame included, as 255;
    # that object ids are grey (0 is the background). Its weight maps are left out: they are no ground truth.
    "flyingchairs2": Layout(
        first=0,
        digits=7,
        by_side=True,
        pixel_bytes=16,
        files={
            "{side}/{number}-img_0.png": lambda path, pair: write_png(path, pair.image1),
            "{side}/{number}-img_1.png": lambda path, pair: write_png(path, pair.image2),
            "{side}/{number}-flow_01.flo": lambda path, pair: write_flo(path, pair.flow_fw),
            "{side}/{number}-flow_10.flo": lambda path, pair: write_flo(path, pair.flow_bw),
            "{side}/{number}-occ_01.png": lambda path, pair: _mask(path, pair.occ_fw | pair.out_fw),
            "{side}/{number}-occ_10.png": lambda path, pair: _mask(path, pair.occ_bw | pair.out_bw),
            "{side}/{number}-mb_01.png": lambda path, pair: _mask(path, pair.mb_fw),
            "{side}/{number}-mb_10.png": lambda path, pair: _mask(path, pair.mb_bw),
            "{side}/{number}-oids_0.png": lambda path, pair: write_png(path, pair.layer_id1),
            "{side}/{number}-oids_1.png": lambda path, pair: write_png(path, pair.layer_id2),
        },
    ),
    # KITTI 2015's. Flow that its PNG cannot hold (over 512 px) is unknown in both maps.
    "kitti": Layout(
        first=0,
        digits=6,
        files={
            "training/image_2/{number}_10.png": lambda path, pair: write_png(path, pair.image1),
            "training/image_2/{number}_11.png": lambda path, pair: write_png(path, pair.image2),
            "training/flow_occ/{number}_10.png": lambda path, pair: _kitti(
                path, pair, np.ones(pair.size, bool)
            ),
            "training/flow_noc/{number}_10.png": lambda path, pair: _kitti(
                path, pair, ~(pair.occ_fw | pair.out_fw)
            ),
        },
    ),
}

LAYOUTS = tuple(_LAYOUTS)
"""The names of all layouts."""


def export(folder: Path, out: Path, layout: str, *, workers: int | None = None, quiet: bool = False) -> int:
    """Writes a whole dataset in another layout, or goes on with an export that was interrupted.

    Args:
        folder: The dataset.
        out: The folder to write into: new, empty, or begun by the same export.
        layout: One of :data:`LAYOUTS`.
        workers: Processes; all cores, if None.
        quiet: Show no progress.

    Returns:
        How many pairs the layout holds.

    Raises:
        InputError: An argument is wrong, the dataset is incomplete or damaged, or the disk is too small.
        WorkerDied: A worker ended without an answer; files so far are whole.
        KeyboardInterrupt: Likewise.
    """
    if layout not in _LAYOUTS:
        raise InputError(f"--format {layout}: unknown: {nearest(layout, LAYOUTS)}")
    check_workers(workers)
    dataset, form = open_dataset(folder), _LAYOUTS[layout]
    if not len(dataset) or not dataset.manifest.complete:
        raise InputError(
            f"{folder}: incomplete: {len(dataset):,} of {dataset.manifest.num_samples:,} pairs: "
            "go on with the command that began it"
        )
    record = _record(layout, dataset.manifest)
    with locked(out, "build or export"), disk_errors(out, KEPT), telling_what_is_kept(lambda: KEPT):
        _check_folder(out, record)
        for left in out.rglob(ASIDE):
            left.unlink()
        write_aside(out / RECORD, (json.dumps(record) + "\n").encode())
        pairs = _pairs(form, dataset.manifest)
        missing = [pair for pair in pairs if not all(path.exists() for path, _ in _files(form, pair, out))]
        check_disk([(out, len(missing) * form.pixel_bytes * math.prod(dataset[0].size))])
        _write_all(dataset, layout, out, missing, workers, quiet)
        if form.split:
            lines = ("2\n" if pair.side == "val" else "1\n" for pair in pairs)
            write_aside(out / form.split, "".join(lines).encode())
    return len(dataset)


# --- which pair goes where


@dataclass(frozen=True, kw_only=True)
class _Pair:
    index: int
    side: Side
    number: str


def _pairs(form: Layout, manifest: Manifest) -> list[_Pair]:
    val = set(manifest.val)
    # As many digits as the last number needs: readers sort by name.
    digits = max(form.digits, len(str(form.first + manifest.num_samples - 1)))
    counts = {"train": itertools.count(form.first), "val": itertools.count(form.first)}
    pairs = []
    for index in range(manifest.num_samples):
        side: Side = "val" if index in val else "train"
        number = next(counts[side]) if form.by_side else form.first + index
        pairs.append(_Pair(index=index, side=side, number=f"{number:0{digits}d}"))
    return pairs


def _files(form: Layout, pair: _Pair, out: Path) -> Iterator[tuple[Path, Write]]:
    for name, write in form.files.items():
        yield out / name.format(number=pair.number, side=pair.side), write


# --- the folder


def _record(layout: str, manifest: Manifest) -> dict[str, Any]:
    content = "".join(shard.sha256 for shard in manifest.shards)
    return {
        "layout": layout,
        "dataset": hashlib.sha256(content.encode()).hexdigest(),
        "pairs": manifest.num_samples,
        "version": __version__,
        "val": list(manifest.val),
    }


def _check_folder(out: Path, record: dict[str, Any]) -> None:
    """Refuses a folder that holds anything that this very export did not begin."""
    try:
        present = json.loads((out / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        if any(not path.name.startswith(".") for path in out.iterdir()):
            raise InputError(f"--out {out}: holds something else: choose a new folder, or empty it") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{out / RECORD}: cannot be read ({error}): choose another --out") from None
    else:
        there = present if isinstance(present, dict) else {}
        others = [key for key in record if there.get(key) != record[key]]
        if others:
            raise InputError(
                f"--out {out}: holds another export ({', '.join(others)} differ): choose another, or delete it"
            )


# --- what workers do


def _write_all(
    dataset: Dataset, layout: str, out: Path, pairs: Sequence[_Pair], workers: int | None, quiet: bool
) -> None:
    calls = pieces(pairs, PAIRS_PER_CALL)
    with (
        light_workers(workers, len(calls)) as pool,
        progress("exporting", len(pairs), "pairs", quiet=quiet) as shown,
    ):
        for written in pool.map(_write, pool.share((dataset, layout, out)), calls):
            shown.advance(written)


def _write(shared: tuple[Dataset, str, Path], pairs: Sequence[_Pair]) -> int:
    dataset, layout, out = shared
    for pair in pairs:
        sample = dataset[pair.index]
        for path, write in _files(_LAYOUTS[layout], pair, out):
            write(path, sample)
    return len(pairs)
