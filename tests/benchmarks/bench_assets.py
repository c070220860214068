"""Making the embedded assets, and how soon a build begins that finds all of its textures in the bank."""

import itertools
import multiprocessing
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from chairsgen import chairs, photos
from chairsgen.catalogue import Catalogue, embedded, split
from chairsgen.recipe import Recipe
from chairsgen.scene import draw_scene, textures
from tests.benchmarks.report import Row, at_most
from tests.benchmarks.workload import NUM_WORKERS, OVERRIDES, Workload

NUM_PAIRS = 22_000
"""Of a build of the usual size."""

NUM_PLANNED = 500
"""Scenes that planning is timed on."""


def rows(workload: Workload) -> list[Row]:
    """Assets made, and the start of a second build."""
    return [*_making(workload.share), *_start(workload)]


def _making(share: float) -> list[Row]:
    """All assets made by two processes, or a share of them."""
    made = {"chair": chairs.model_names(), "photo": photos.names()}
    counts = {kind: len(names) for kind, names in made.items()}
    if share < 1:
        made = {kind: names[: round(share * len(names))] for kind, names in made.items()}
    # Photographs take longer, and so come first: no process idles at the end.
    work = [(kind, name) for kind in ("photo", "chair") for name in made[kind]]
    with ProcessPoolExecutor(NUM_WORKERS, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(_warm_up, range(NUM_WORKERS)))
        start = time.perf_counter()
        processor = sum(pool.map(_make, work)) / 60
        minutes = (time.perf_counter() - start) / 60
    done, total = len(work), sum(counts.values())
    minutes, processor = minutes * total / done, processor * total / done
    what = f"assets: {counts['chair']} chairs and {counts['photo']} photos made, {NUM_WORKERS} processes"
    if done < total:
        what += f" (extrapolated from {len(made['chair'])} and {len(made['photo'])})"
    return [
        at_most(what, minutes, "min", 10),
        Row(
            what="assets: processor time, all processes; wall-clock time if two cores were idle",
            measured=f"{processor:.1f} min; {processor / NUM_WORKERS:.1f} min",
        ),
    ]


def _warm_up(_: int) -> None:
    for name in ("city-0000", "landscape-0000", "mountain-0000"):
        photos.make(name)
    chairs.build(chairs.model_names(1)[0])


def _make(item: tuple[str, str]) -> float:
    """Makes an asset; seconds of processor time."""
    kind, name = item
    start = time.process_time()
    if kind == "photo":
        photos.make(name)
    else:
        chairs.build(name)
    return time.process_time() - start


def _start(workload: Workload) -> list[Row]:
    """From the command to the first pair on the disk; what more pairs add to that is planning them."""
    count = len(workload.dataset)  # which fills the bank
    outs = (workload.folder / f"second-{number}" for number in itertools.count())
    first = min(
        _first_pair(workload, out, count) for out, _ in zip(outs, range(workload.repeats), strict=False)
    )
    planning = _planning() / NUM_WORKERS
    return [
        at_most(f"second build, {count} pairs: from the command to the first pair", first, "s", 5),
        at_most(
            f"second build, {NUM_PAIRS:,} pairs: the same (extrapolated: {1e3 * planning:.2f} ms more a pair)",
            first + planning * (NUM_PAIRS - count),
            "s",
            5,
        ),
    ]


def _first_pair(workload: Workload, out: Path, count: int) -> float:
    """Seconds until a build has its first pair, one to a shard."""
    command = [sys.executable, "-m", "chairsgen", "build", "--out", out, "--n", count, "--shard-size", 1]
    command += ["--workers", NUM_WORKERS, *(word for text in OVERRIDES for word in ("--set", text))]
    command += ["--photos", workload.photos] if workload.photos else []
    start = time.perf_counter()
    process = subprocess.Popen([*map(str, command)], stderr=subprocess.DEVNULL)
    while not (out / "shard-00000.h5").exists():
        if process.poll() is not None:
            raise RuntimeError(f"the build ended with exit code {process.returncode}")
        time.sleep(0.01)
    seconds = time.perf_counter() - start
    process.terminate()
    process.wait()
    return seconds


def _planning() -> float:
    """Seconds of processor time to plan a pair."""
    catalogue = Catalogue(
        chairs=split(embedded("chair", chairs.model_names(), ""), 0.05),
        photos=split(embedded("photo", photos.names(), ""), 0.05),
    )
    recipe = Recipe.load("flyingchairs")
    start = time.thread_time()
    for index in range(NUM_PLANNED):
        set(textures(draw_scene(recipe, catalogue, 0, index)))
    return (time.thread_time() - start) / NUM_PLANNED
