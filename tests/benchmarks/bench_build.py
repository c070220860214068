"""Whole builds with the bank ready: pairs a second, memory, size; and reading what they made."""

import time

import numpy as np

from chairsgen.sample import FlowSample
from tests.benchmarks.report import Row, at_least, at_most
from tests.benchmarks.workload import NUM_WORKERS, Workload

MAX_READS = 200


def rows(workload: Workload) -> list[Row]:
    """Builds n and 3n pairs. Their times' difference is composing; what then remains is the rest."""
    workload.dataset  # noqa: B018  (fills the bank)
    small = workload.build("small", workload.num_samples)
    large = workload.build("large", 3 * workload.num_samples)
    rate = (large.num_samples - small.num_samples) / (large.seconds - small.seconds)
    processor = (large.processor - small.processor) / (large.num_samples - small.num_samples)
    start = max(small.seconds - small.num_samples / rate, 0.0)
    workers, n, n3 = NUM_WORKERS, small.num_samples, large.num_samples
    return [
        at_least(f"build, bank ready, {workers} workers: composing", rate, "pairs/s", 25),
        Row(
            what="build: processor time a pair, all processes; pairs/s if two cores were idle",
            measured=f"{1e3 * processor:.1f} ms; {workers / processor:.1f}",
        ),
        Row(what="build: before the first pair and after the last", measured=f"{start:.1f} s"),
        Row(what=f"build: {n} pairs from start to end", measured=f"{n / small.seconds:.1f} pairs/s"),
        Row(what=f"build: {n3} pairs from start to end", measured=f"{n3 / large.seconds:.1f} pairs/s"),
        _memory("resident, shared libraries included", small.worker.resident, large.worker.resident, n, n3),
        _memory("proportional share", small.worker.proportional, large.worker.proportional, n, n3),
        _memory("its own", small.worker.own, large.worker.own, n, n3),
        Row(
            what=f"memory of the writing process, its own, {n3} and {n} pairs",
            measured=f"{large.build.own:.0f} MB",
            baseline=f"{small.build.own:.0f} MB",
            ratio=f"{large.build.own / small.build.own:.2f}",
        ),
    ]


def _memory(which: str, small: float, large: float, n: int, n3: int) -> Row:
    return Row(
        what=f"memory of a worker, {which}, {n3} and {n} pairs",
        measured=f"{large:.0f} MB",
        baseline=f"{small:.0f} MB",
        ratio=f"{large / small:.2f}",
        target="< 2000 MB",
        met=large < 2000,
    )


def size_rows(workload: Workload) -> list[Row]:
    """MB a pair, all of the shards' bytes counted."""
    manifest = workload.dataset.manifest
    megabytes = sum(shard.bytes for shard in manifest.shards) / manifest.num_ready / 1e6
    if workload.photos:
        return [at_most(f"size, {workload.photos.name} of --photos", megabytes, "MB/pair", 0.75)]
    return [
        Row(what="size, photographs of your own: skipped, no folder given by --photos", measured=""),
        Row(what="size, embedded photographs", measured=f"{megabytes:.2f} MB/pair"),
    ]


def reading_rows(workload: Workload) -> list[Row]:
    """Samples a second from one process, in random order, the shards in the page cache."""
    dataset = workload.dataset
    order = np.random.default_rng(0).permutation(len(dataset))[:MAX_READS].tolist()
    stored, derived = [], []
    for index in order:
        start = time.perf_counter()
        sample: FlowSample = dataset[index]
        stored.append(time.perf_counter() - start)
        assert sample.flow_fw.shape == sample.flow_bw.shape  # derived when asked for: ask
        derived.append(time.perf_counter() - start)
    return [
        Row(
            what="read, one process: images, layer maps, masks, matrices",
            measured=f"{1 / np.median(stored):.0f} pairs/s",
        ),
        Row(
            what="read, one process: with both flows derived",
            measured=f"{1 / np.median(derived):.0f} pairs/s",
        ),
    ]
