"""The training loop, from a configuration to a checkpoint.

What a step learns from and draws is a function of the configuration and the step's number: a training that was
killed, and goes on from its last checkpoint, makes the losses of one that was not; on a CPU to the last bit.
"""

import math
import time
from collections import deque
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from chairsgen.errors import InputError
from chairsgen.folder import telling_what_is_kept
from chairsgen.progress import progress
from chairsgen.workers import Workers
from trainer.augment import Augmentation, Draw, augment, check_crop, draw, stack
from trainer.average import Average
from trainer.batch import Batch
from trainer.checkpoint import Checkpoint, load_state
from trainer.data import Loader, Part, Source, open_training, open_validation, ordered, start_readers
from trainer.devices import Place, joined
from trainer.guards import StuckAtZero, checkpoint_kept, memory_named, skip
from trainer.losses import flow_loss
from trainer.models import Stage, create_model, stages_of
from trainer.monitor import Window, measure
from trainer.runs import Run, latest, to_use
from trainer.schedules import rate
from trainer.settings import OptimiserConfig, TrainConfig
from trainer.validate import Score, validate
from trainer.weights import load_weights


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a training came to.

    Attributes:
        checkpoint: The file to use: the best on validation, or the last where there was none.
        steps: Learned in this call.
        seconds: That it took.
        waiting: Share of these spent waiting for data.
    """

    checkpoint: Path
    steps: int
    seconds: float
    waiting: float


@dataclass(frozen=True, kw_only=True)
class Data:
    """What is learned from, and what the network is judged on, by SPEC."""

    parts: dict[str, Part]
    val: dict[str, Source]

    @classmethod
    def open(cls, config: TrainConfig, device: torch.device) -> "Data":
        """Opens all; streams paint on the device that trains, if on a GPU.

        Raises:
            InputError: There is none, or it does not fit the configuration.
        """
        if not config.data:
            raise InputError("--data: name at least one dataset to learn from")
        parts = {spec: open_training(spec) for spec in config.data}
        for part in parts.values():
            if part.source.size is not None:
                check_crop(part.source.size, (config.crop.height, config.crop.width))
        val = {spec: open_validation(spec) for spec in config.val}
        for source in val.values():
            if source.endless and not config.validation.pairs:
                raise InputError(
                    f"--val {source.name}: has no end: say how many pairs (--set validation.pairs=500), or take a "
                    "dataset that `chairsgen build` made"
                )
        if config.machine.paint == "cuda":
            painter = str(device) if device.type == "cuda" else "cuda"
            parts = {
                spec: replace(part, source=part.source.painted_on(painter)) for spec, part in parts.items()
            }
            val = {spec: source.painted_on(painter) for spec, source in val.items()}
        return cls(parts=parts, val=val)

    @property
    def fingerprints(self) -> dict[str, str]:
        """What tells datasets from others under the same SPEC."""
        sources = {spec: part.source for spec, part in self.parts.items()} | self.val
        return {spec: source.fingerprint for spec, source in sources.items()}


def train(config: TrainConfig, folder: Path, *, device: str = "auto", quiet: bool = False) -> Outcome:
    """Trains a network, or goes on with the run that was begun in ``folder``.

    Under ``torchrun`` every process calls this, and sees the same folder; the first one writes it.

    Args:
        config: What and how; begin with :func:`trainer.settings.defaults`.
        folder: The run's; see :mod:`trainer.runs`.
        device: ``auto``, ``cpu`` or ``cuda``.
        quiet: Show no progress.

    Raises:
        InputError: Data, device, folder or configuration do not fit each other, or memory is too small.
        Diverged: More than ``config.nan_limit`` steps had gradients that were not finite.
    """
    with ExitStack() as held:
        held.enter_context(memory_named(config))
        place = held.enter_context(joined(device))
        held.enter_context(torch.random.fork_rng([place.device] if place.device.type == "cuda" else []))
        data = Data.open(config, place.device)
        opened = place.first(lambda: held.enter_context(Run.opened(folder, config, data.fingerprints)))
        readers = held.enter_context(start_readers(config.machine.workers))
        held.enter_context(telling_what_is_kept(lambda: checkpoint_kept(folder)))
        return _train(config, folder, data, readers, place, opened, quiet=quiet or place.rank > 0)


def _train(
    config: TrainConfig,
    folder: Path,
    data: Data,
    readers: Workers,
    place: Place,
    run: Run | None,
    *,
    quiet: bool,
) -> Outcome:
    # The network: fresh, from a file, or as a run left it.
    torch.manual_seed(config.seed)
    model = create_model(config.model, **config.options.to_dict())
    learnable = {parameter for parameter in model.parameters() if parameter.requires_grad}
    stages = _plan(model, config.steps)
    last = latest(folder)
    left = Checkpoint.load(last) if last else None
    if left:
        load_state(model, left.weights, str(last))
    elif config.init:
        load_weights(model, config.init)
    model.to(place.device)
    if config.machine.channels_last:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = Average(model, config.ema)
    if left and left.averaged:
        average.load(left.averaged)
    done, skipped, best = (left.step, left.skipped, left.best) if left else (0, 0, math.inf)
    scores = {spec: Score(**score) for spec, score in left.scores.items()} if left else {}

    # Its data, from the next step on.
    crop = (config.crop.height, config.crop.width)
    steps = range(done, config.steps)
    loader = Loader(
        list(data.parts.values()),
        batch_size=config.batch_size,
        steps=steps,
        seed=config.seed,
        device=place.device,
        readers=readers,
        prepare=partial(_draw, config.augment, crop),
        stack=stack,
        rank=place.rank,
        world=place.world,
    )
    batches = iter(loader)
    window, stuck = Window(pairs=config.batch_size), StuckAtZero(after=config.stuck_after)
    place.tell(config.doubt())
    began = time.perf_counter()
    ahead = deque(islice(batches, 1))

    with progress(f"training {config.model}", config.steps, "steps", done=done, quiet=quiet) as shown:
        for stage, first, end in stages:
            if done >= end:
                continue

            # What learns in this stage, and how.
            if done == first:
                average.settle()
                if stage.starts_from:
                    stage.learns.load_state_dict(stage.starts_from.state_dict())
                average, best = Average(model, config.ema), math.inf
            model.requires_grad_(False)
            learning = [parameter for parameter in stage.learns.parameters() if parameter in learnable]
            for parameter in learning:
                parameter.requires_grad_()
            network = _wrap(stage.network.train(), config, place)
            optimiser = _optimiser(learning, config.optimiser)
            if left and left.optimiser and done > first:
                _restore(optimiser, left.optimiser)

            while done < end:
                # From pairs to a gradient. The next pairs are fetched while a GPU is at work, not after it.
                step, pairs, draws = ahead.popleft()
                torch.manual_seed(_seed(config.seed, step, place.rank))
                batch = augment(pairs, draws, crop)
                with torch.autocast(place.device.type, torch.bfloat16, enabled=config.precision == "bf16"):
                    flows = network(*_frames(batch, config))
                loss = flow_loss(flows, batch, config.loss, finest=stage.finest, flow_unit=stage.flow_unit)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                ahead.extend(islice(batches, 1))
                norm = torch.nn.utils.get_total_norm(p.grad for p in learning if p.grad is not None)
                seen = measure(loss.detach(), norm, flows[0], batch, place)

                # From a gradient to new weights, unless it is worth nothing.
                lr = config.optimiser.lr * rate(config.schedule, step - first, end - first)
                if seen.finite:
                    for group in optimiser.param_groups:
                        group["lr"] = lr
                    if config.optimiser.clip:
                        torch.nn.utils.clip_grads_with_norm_(learning, config.optimiser.clip, norm)
                    optimiser.step()
                    average.update(step - first)
                    window.steps.append(seen)
                else:
                    skipped += 1
                    place.tell(skip(stage.network, step, skipped, config.nan_limit))
                place.tell(stuck.watch(seen))
                done = step + 1
                shown.advance(1, window.note(loader.waited))

                # What is told and kept. A line of the log ends at every checkpoint, so that a run which goes
                # on from one logs what a run without a break does.
                judge = bool(data.val) and (done % config.validation.every == 0 or done == end)
                save = judge or done % config.checkpoint.every == 0 or done == end
                log = save or done % config.log_every == 0
                if run and log:
                    values = {"stage": stage.name, "lr": lr, "skipped": skipped}
                    run.log(done, "train", values | window.values(loader.waited))
                better = False
                if run and judge:
                    with average.applied():
                        scores = _judge(stage.network, data.val, config, place, readers, run, done)
                    mean = fmean(score.epe for score in scores.values())
                    better, best = end == config.steps and mean < best, min(best, mean)
                if run and save:
                    checkpoint = Checkpoint(
                        model=config.model,
                        options=config.options.to_dict(),
                        step=done,
                        weights=model.state_dict(),
                        averaged=average.state(),
                        optimiser=optimiser.state_dict(),
                        skipped=skipped,
                        scores={spec: asdict(score) for spec, score in scores.items()},
                        best=best,
                    )
                    run.save(checkpoint, best=better)
                if log:
                    window = Window(pairs=config.batch_size, waited=loader.waited)

    place.wait()
    seconds = time.perf_counter() - began
    return Outcome(
        checkpoint=to_use(folder), steps=len(steps), seconds=seconds, waiting=loader.waited / seconds
    )


def _plan(model: nn.Module, steps: int) -> list[tuple[Stage, int, int]]:
    """The stages, each with its first step and the first that is not its own any more: equal shares."""
    stages = stages_of(model)
    if steps < len(stages):
        raise InputError(f"--steps {steps}: the network has {len(stages)} stages, each needs a step")
    ends = [steps * (i + 1) // len(stages) for i in range(len(stages))]
    return list(zip(stages, [0, *ends], ends, strict=False))


def _draw(
    config: Augmentation,
    crop: tuple[int, int],
    source: int,
    rng: np.random.Generator,
    size: tuple[int, int],
    step: int,
) -> Draw:
    """Draws a pair's augmentation, where the pair is read."""
    return draw(config, rng, size, crop, config.ramp(step))


def _seed(seed: int, step: int, rank: int) -> int:
    """What a network that draws, as dropout does, draws from."""
    return int(np.random.SeedSequence(seed, spawn_key=(step, rank)).generate_state(1, np.uint64)[0])


def _frames(batch: Batch, config: TrainConfig) -> tuple[Tensor, Tensor]:
    layout = torch.channels_last if config.machine.channels_last else torch.contiguous_format
    return batch.image1.contiguous(memory_format=layout), batch.image2.contiguous(memory_format=layout)


def _wrap(network: nn.Module, config: TrainConfig, place: Place) -> nn.Module:
    """The network as it is called: on many devices, compiled."""
    if place.world > 1:
        # Some parameters may have no part in the loss: it sees in the first step which.
        network = DistributedDataParallel(network, static_graph=True)
    if config.machine.compile:
        network = torch.compile(network)  # type: ignore[assignment]
    return network


def _optimiser(weights: list[nn.Parameter], config: OptimiserConfig) -> torch.optim.Optimizer:
    kind = torch.optim.AdamW if config.name == "adamw" else torch.optim.Adam
    betas = (config.beta1, config.beta2)
    return kind(weights, lr=config.lr, betas=betas, weight_decay=config.decay, fused=True)


def _restore(optimiser: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Gives an optimiser a checkpoint's state, laid out in memory as the weights are now.

    Fused steps go through memory, whatever the order of axes, which ``machine.channels_last`` may have changed.
    """
    optimiser.load_state_dict(state)
    for weight, own in optimiser.state.items():
        own.update({name: torch.empty_like(weight).copy_(own[name]) for name in ("exp_avg", "exp_avg_sq")})


def _judge(
    network: nn.Module,
    val: Mapping[str, Source],
    config: TrainConfig,
    place: Place,
    readers: Workers,
    run: Run,
    done: int,
) -> dict[str, Score]:
    """Validates on every set, and writes it down."""
    scores = {}
    for spec, source in val.items():
        batches = ordered(
            source,
            max(config.batch_size // place.world, 1),
            place.device,
            limit=config.validation.pairs or None,
            readers=readers,
        )
        show = partial(run.draw, done, spec)
        scores[spec] = validate(network, batches, show)
        run.log(done, "val", asdict(scores[spec]), data=spec)
    return scores
