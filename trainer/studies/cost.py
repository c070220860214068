"""What a study will take: time, measured on some pairs and steps, and disk."""

import os
import time
from collections import Counter

import torch

from chairsgen.progress import duration
from chairsgen.recipe import Recipe
from chairsgen.shards import encode
from trainer.data.stream import Stream
from trainer.devices import pick_device
from trainer.guards import memory_named
from trainer.models import create_model, num_parameters, stages_of
from trainer.settings import TrainConfig
from trainer.studies.plan import VAL_NAME, Plan, training_data
from trainer.studies.running import RUNS, errors, is_made

TIMED_STEPS, TIMED_PAIRS = 2, 4


def checkpoint_bytes(config: TrainConfig) -> int:
    """About what a run's checkpoints take: weights, their average, two moments of each, the best without these."""
    parameters = num_parameters(config.model, **config.options.to_dict())
    return 4 * parameters * ((3 + bool(config.ema)) * (config.checkpoint.keep + 1) + 1)


def step_seconds(config: TrainConfig, device: str) -> float:
    """How long a training's step takes here, on made pictures; reading of data goes on beside it.

    Networks of stages are taken at their last one, which is the slowest.
    """
    place = pick_device(device)
    model = create_model(config.model, **config.options.to_dict()).to(place)
    stage = stages_of(model)[-1]
    model.requires_grad_(False)
    stage.learns.requires_grad_()
    size = (config.batch_size, 3, config.crop.height, config.crop.width)
    images = [torch.rand(size, device=place) for _ in range(2)]
    began = 0.0
    for step in range(TIMED_STEPS + 1):
        if step == 1:
            # The first one makes room, and chooses kernels.
            _wait(place)
            began = time.perf_counter()
        with torch.autocast(place.type, torch.bfloat16, enabled=config.precision == "bf16"):
            flows = stage.network(*images)
        torch.stack([flow.float().square().mean() for flow in flows]).sum().backward()  # type: ignore[no-untyped-call]
    _wait(place)
    return (time.perf_counter() - began) / TIMED_STEPS


def pair_seconds(recipe: Recipe) -> float:
    """How long one process takes here to compose and pack a pair of embedded assets, with textures at hand."""
    stream = Stream(recipe, 0, recipe.name)

    def make() -> None:
        for number in range(TIMED_PAIRS):
            encode(stream.sample(number), stream.num_layers)

    # The first time makes textures, and compiles.
    make()
    began = time.perf_counter()
    make()
    return (time.perf_counter() - began) / TIMED_PAIRS


def forecast(plan: Plan, *, jobs: int = 1, device: str = "auto") -> str:
    """What a study would do, with the time and the disk that it would take, as text."""
    left = [run for run in plan.runs if errors(plan.folder / RUNS / run.name, run.config) is None]
    speeds: dict[str, float] = {}
    total = 0.0
    for run in left:
        config = run.config
        # Runs whose steps cost alike are measured once.
        alike = repr((config.model, config.options, config.batch_size, config.crop, config.precision))
        if alike not in speeds:
            with memory_named(config):
                speeds[alike] = step_seconds(config, device)
        total += speeds[alike] * config.steps
    seeds = Counter(run.case for run in left)
    lines = [
        f"{case.name}: {seeds[case.name]} of {plan.study.options.seeds} seeds to run" for case in plan.cases
    ]
    missing = [dataset for dataset in plan.datasets.values() if not is_made(dataset, plan.folder)]
    cores = len(os.sched_getaffinity(0))
    for dataset in (one for one in missing if one.data.pairs):
        seconds = pair_seconds(dataset.recipe) * dataset.data.pairs / cores
        users = [case.name for case in plan.cases if training_data(case.setting).name == dataset.name]
        first, *others = users or [VAL_NAME]
        lines.append(
            f"{first}{f' and {len(others)} more' if others else ''}: {dataset.data.pairs:,} pairs to build, "
            f"{dataset.bytes / 1e9:.2f} GB, {duration(seconds)} or more once their textures are made"
        )
    disk = sum(dataset.bytes for dataset in missing) + sum(checkpoint_bytes(run.config) for run in left)
    each = duration(total / jobs)
    lines.append(
        f"{len(left):,} runs of {len(plan.runs):,} to go: about {each} of training, as measured here"
        f"{f', in {jobs} processes that do not slow each other' if jobs > 1 else ''}; {disk / 1e9:.1f} GB of disk"
    )
    return "\n".join(lines)


def _wait(place: torch.device) -> None:
    if place.type == "cuda":
        torch.cuda.synchronize(place)
