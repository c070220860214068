"""Methods on datasets: how far their flow is from the truth, and how long they take."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
import torch

from chairsgen.errors import InputError
from chairsgen.progress import progress
from trainer.batch import Batch
from trainer.data import Source, open_validation, ordered
from trainer.data.benchmarks.files import Benchmark
from trainer.methods import Images, Method
from trainer.metrics import Metrics, Result
from trainer.submission import Submission


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A method on a dataset.

    Attributes:
        method: Its name.
        data: The dataset, as the user wrote it.
        pairs: How many there were.
        result: How far flow was from the truth.
        seconds: Time that the method took for a pair: the median over batches, reading and judging left out.
        submission: What to do with the flow that was written for the benchmark's server, if it was.
        errors: End-point error of each pair, as :meth:`trainer.metrics.Metrics.add` gives it.
    """

    method: str
    data: str
    pairs: int
    result: Result
    seconds: float
    submission: str = ""
    errors: Sequence[float] = ()


@dataclass(kw_only=True)
class _Trial:
    """A method at work on a dataset."""

    method: Method
    metrics: Metrics = field(default_factory=Metrics)
    seconds: list[float] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)

    def add(self, image1: Images, image2: Images, truth: Batch) -> np.ndarray:
        start = time.perf_counter()
        flow = self.method(image1, image2)
        self.seconds.append((time.perf_counter() - start) / len(image1))
        self.errors += self.metrics.add(torch.from_numpy(flow).movedim(-1, 1), truth).tolist()
        return flow


def evaluate(
    methods: Sequence[Method],
    specs: Sequence[str],
    *,
    batch_size: int = 1,
    limit: int | None = None,
    submission: Path | None = None,
) -> Iterator[Evaluation]:
    """Judges every method on every dataset.

    Args:
        methods: What is judged.
        specs: The datasets; of one with a split of its own the val pairs, unless the SPEC says else.
        batch_size: Pairs that a method gets at once, where frames are of one size.
        limit: Pairs of each dataset at most.
        submission: A folder for the one method's flow, as the benchmarks' servers take it.

    Yields:
        Dataset by dataset, in the order of the methods.

    Raises:
        InputError: A dataset is not there, damaged, without truth or without an end, or submissions of several
            methods are asked for.
    """
    if submission and len(methods) > 1:
        raise InputError(f"--submission: is of one method, {len(methods)} are given")
    sources = [open_validation(spec, truth=not submission) for spec in specs]
    for source in sources:
        if source.endless and limit is None:
            raise InputError(f"{source.name}: has no end: say how many pairs, by --limit 500")
    servers = [Submission(submission, spec) if submission else None for spec in specs]
    for source, server in zip(sources, servers, strict=True):
        yield from _judge(methods, source, batch_size, limit, server)


def _judge(
    methods: Sequence[Method],
    source: Source,
    batch_size: int,
    limit: int | None,
    server: Submission | None,
) -> Iterator[Evaluation]:
    trials = [_Trial(method=method) for method in methods]
    pairs = limit if source.endless else min(len(source), limit or len(source))
    done = 0
    with progress(source.name, pairs or 0, "pairs") as bar:
        for batch in map(Batch.of, ordered(source, batch_size, torch.device("cpu"), limit=limit)):
            image1, image2 = (
                np.ascontiguousarray(images.movedim(1, -1).numpy()) for images in (batch.image1, batch.image2)
            )
            flows = [trial.add(image1, image2, batch) for trial in trials]
            if server and isinstance(source, Benchmark):
                names = [entry.name for entry in source.entries[done : done + len(batch)]]
                for name, flow in zip(names, flows[0], strict=True):
                    server.write(name, flow)
            done += len(batch)
            bar.advance(len(batch))
    for trial in trials:
        yield Evaluation(
            method=trial.method.name,
            data=source.name,
            pairs=done,
            result=trial.metrics.result(),
            seconds=median(trial.seconds),
            submission=server.finish() if server else "",
            errors=trial.errors,
        )
