"""Making the embedded assets, and how soon a build begins that finds all of its textures in the bank."""

import multiprocessing
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from chairsgen import chairs, photos
from tests.benchmarks.report import Row, at_most
from tests.benchmarks.workload import NUM_WORKERS, OVERRIDES, Workload

NUM_PAIRS = 22_000
"""Of a build of the usual size."""


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
    """From the command to the first pair on the disk."""
    _ = workload.dataset  # which fills the bank
    outs = (workload.folder / f"second-{number}" for number in range(workload.repeats))
    seconds = min(_first_pair(workload, out) for out in outs)
    return [
        at_most(f"second build, {NUM_PAIRS:,} pairs: from the command to the first pair", seconds, "s", 5)
    ]


def _first_pair(workload: Workload, out: Path) -> float:
    """Seconds until a build has its first pair, one to a shard."""
    command = [sys.executable, "-m", "chairsgen", "build", "--out", out, "--n", NUM_PAIRS, "--shard-size", 1]
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
