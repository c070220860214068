"""The page's folder: what is in it, and in which order it is written."""

import contextlib
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from chairsgen import __version__
from chairsgen.aside import write_aside
from chairsgen.dataset import Dataset, open_dataset
from chairsgen.errors import InputError
from chairsgen.folder import disk_errors
from chairsgen.page import pair
from chairsgen.page.template import fill
from chairsgen.progress import progress
from chairsgen.workers import light_workers

INDEX = "index.html"
PAIRS = "pairs"
_ASSETS = ("page.css", "page.js")
_MARK = '<meta name="generator" content="chairsgen'


def write_page(
    folder: Path,
    out: Path | None = None,
    *,
    limit: int = 100,
    workers: int | None = None,
    quiet: bool = False,
) -> Path:
    """Writes a page to leaf through a dataset, in place of an earlier one.

    Args:
        folder: The dataset.
        out: The page's folder; ``view`` in the dataset's, if None.
        limit: How many pairs it shows at most: spread evenly over the dataset.
        workers: Processes; all cores, if None.
        quiet: Show no progress.

    Returns:
        The path of its ``index.html``, which is written last: where it is, the page is whole.

    Raises:
        InputError: There is no dataset, ``limit`` is below 1, or ``out`` cannot be written or holds a page of
            another make.
    """
    dataset = open_dataset(folder)
    if limit < 1:
        raise InputError(f"--limit {limit}: must be at least 1")
    if not len(dataset):
        raise InputError(f"{folder}: no pairs yet: no shard is whole; go on with the build first")
    indices = np.linspace(0, len(dataset) - 1, min(limit, len(dataset))).round().astype(int).tolist()
    out = folder / "view" if out is None else out
    flat = {asset["id"] for asset in dataset.manifest.assets if asset["kind"] == "shape"}
    with disk_errors(out, "choose another --out"), light_workers(workers, len(indices)) as pool:
        _clear(out)
        for name in _ASSETS:
            write_aside(out / name, resources.files(__package__).joinpath(name).read_bytes())
        write_aside(out / "wheel.png", pair.png(pair.wheel()))
        with progress("writing the page", len(indices), "pairs", quiet=quiet) as shown:
            summaries = []
            for summary in pool.map(_write_pair, pool.share((dataset, out, flat)), indices):
                summaries.append(summary)
                shown.advance(1)
        write_aside(out / INDEX, _index(dataset, summaries).encode())
    return out / INDEX


def _write_pair(shared: tuple[Dataset, Path, set[str]], index: int) -> dict[str, Any]:
    dataset, out, flat = shared
    return pair.write_pair(out / PAIRS / f"{index:06d}", dataset[index], flat)


def _index(dataset: Dataset, summaries: list[dict[str, Any]]) -> str:
    val = set(dataset.manifest.val)
    height, width = dataset[0].size
    data = {
        "height": height,
        "width": width,
        "histogram": np.mean([summary.pop("histogram") for summary in summaries], axis=0).round(6).tolist(),
        "start": pair.HISTOGRAM_START_PX,
        "octave": pair.BINS_AN_OCTAVE,
        "pairs": [summary | {"side": "val" if summary["index"] in val else "train"} for summary in summaries],
    }
    return fill(
        "chairsgen.page",
        "page.html.jinja",
        version=__version__,
        name=dataset.folder.resolve().name,
        manifest=dataset.manifest,
        recipe=dataset.recipe,
        ready=len(dataset),
        num_val=sum(one["side"] == "val" for one in data["pairs"]),
        pictures=pair.PICTURES,
        data=data,
    )


def _clear(out: Path) -> None:
    """Makes way for a page: takes away an earlier one, by the names that it gave, its index first."""
    index = out / INDEX
    if index.exists():
        if _MARK not in index.read_text(encoding="utf-8", errors="replace"):
            raise InputError(f"--out {out}: holds another {INDEX}: choose another folder")
        index.unlink()
    elif not all((out / name).exists() for name in _ASSETS):
        return
    for name in pair.FILES:
        for path in out.glob(f"{PAIRS}/*/{name}"):
            path.unlink()
    for path in out.glob(f"{PAIRS}/*"):
        with contextlib.suppress(OSError):
            path.rmdir()
