"""A run's folder: what it was asked for, how it went, and what it made.

``config.toml`` holds the whole configuration, the code's version and the data's identity; ``metrics.jsonl`` a
line for each logged step and each validation; TensorBoard's events the same, with pictures of flow;
``checkpoints/`` the last ones and the best. Whoever reads the log of a run that was killed and went on reads
that of a run that was not: lines after the checkpoint that it went on from are dropped.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tomlkit
import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from chairsgen import __version__
from chairsgen.aside import write_aside
from chairsgen.config import difference, read_toml
from chairsgen.errors import InputError
from chairsgen.flowviz import flow_to_colour
from chairsgen.folder import clear, locked
from trainer.batch import Batch
from trainer.checkpoint import Checkpoint
from trainer.settings import TrainConfig

CONFIG, METRICS, CHECKPOINTS, BEST = "config.toml", "metrics.jsonl", "checkpoints", "best.pt"


class Run:
    """A run's folder, held by one process while it trains. Made by :meth:`opened`.

    Attributes:
        folder: Where it lies.
    """

    def __init__(self, folder: Path, config: TrainConfig) -> None:
        self.folder = folder
        self._keep = config.checkpoint.keep
        last = latest(folder)
        step = _step(last) if last else 0
        _forget_after(folder / METRICS, step)
        self._metrics = (folder / METRICS).open("a", encoding="utf-8")
        self._events = SummaryWriter(str(folder), purge_step=step + 1)

    @classmethod
    @contextmanager
    def opened(cls, folder: Path, config: TrainConfig, data: Mapping[str, str]) -> Iterator["Run"]:
        """Begins a run in a folder, or goes on with the one that is there.

        Args:
            folder: Made if missing.
            config: What is asked for.
            data: The identity of each dataset, by SPEC.

        Raises:
            InputError: Another run is there, or at work there; or the folder cannot be written.
        """
        with locked(folder, "training", option="--run"):
            with _writing(folder):
                (folder / CHECKPOINTS).mkdir(exist_ok=True)
                clear(folder / CHECKPOINTS)
                _check_same(folder, config, data)
                run = cls(folder, config)
            try:
                yield run
            finally:
                with _writing(folder), closing(run._events):
                    run._metrics.close()

    def log(self, step: int, kind: str, values: Mapping[str, Any], *, data: str = "") -> None:
        """Writes a line of metrics, and its numbers for TensorBoard; ``data``: what they were measured on."""
        line = {"step": step, "kind": kind} | ({"data": data} if data else {}) | dict(values)
        with _writing(self.folder):
            print(json.dumps(line), file=self._metrics, flush=True)
            for name, value in values.items():
                if isinstance(value, int | float):
                    self._events.add_scalar("/".join(filter(None, (kind, data, name))), value, step)

    def draw(self, step: int, name: str, batch: Batch, flow: Tensor) -> None:
        """Shows the first pair of a batch: frame 1, its true flow, the network's."""
        with _writing(self.folder):
            self._events.add_image(name, _picture(batch, flow), step, dataformats="HWC")

    def save(self, checkpoint: Checkpoint, *, best: bool) -> None:
        """Keeps a checkpoint, and as the best one, too, if it is; drops the oldest."""
        folder = self.folder / CHECKPOINTS
        # In this order: a run that is stopped in between goes on from the one before, and finds the best again.
        if best:
            checkpoint.for_use().save(folder / BEST)
        checkpoint.save(folder / _name(checkpoint.step))
        for old in _saved(self.folder)[: -self._keep]:
            old.unlink()


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Names the run's folder where it cannot be written."""
    try:
        yield
    except OSError as error:
        raise InputError(f"--run {folder}: cannot be written: {error.strerror}") from None


def to_use(folder: Path) -> Path:
    """The checkpoint of a training that has ended: the best on validation, or the last where there was none."""
    best = folder / CHECKPOINTS / BEST
    return best if best.exists() else latest(folder) or best


def latest(folder: Path) -> Path | None:
    """A run's last checkpoint, if it has one."""
    saved = _saved(folder)
    return saved[-1] if saved else None


def _saved(folder: Path) -> list[Path]:
    return sorted((folder / CHECKPOINTS).glob("step-*.pt"), key=_step)


def _name(step: int) -> str:
    return f"step-{step:08d}.pt"


def _step(checkpoint: Path) -> int:
    return int(checkpoint.stem.removeprefix("step-"))


def _check_same(folder: Path, config: TrainConfig, data: Mapping[str, str]) -> None:
    """Writes the configuration; that by which something was learned must be the same but for ``machine``."""
    path = folder / CONFIG
    # Loaded in any case: what is no run's is refused, not replaced.
    there = TrainConfig.load(path) if path.exists() else None
    if there and any((folder / CHECKPOINTS).glob("*.pt")):
        known = read_toml(path).get("made_by", {}).get("data", {})
        reasons = [
            f"{key}: {old!r} there, {new!r} here"
            for key, old, new in _differences(there, config)
            if not key.startswith("machine.")
        ]
        reasons += [f"{spec} has changed" for spec, hash_ in data.items() if known.get(spec, hash_) != hash_]
        if reasons:
            raise InputError(
                f"--run {folder}: holds another run ({'; '.join(reasons)}): choose another folder, or delete it"
            )
    else:
        # Curves of what a run without a checkpoint began would be shown as this one's.
        for old in folder.glob("events.out.tfevents.*") if there else ():
            old.unlink()
        made_by = tomlkit.table()
        made_by.update({"version": __version__, "torch": torch.__version__, "data": dict(data)})
        document = tomlkit.document()
        document.add("made_by", made_by)
        write_aside(path, f"{config.to_toml()}\n{tomlkit.dumps(document)}".encode(), sync=True)


def _differences(there: TrainConfig, here: TrainConfig) -> Iterator[tuple[str, Any, Any]]:
    if there.model != here.model:
        # Options of different networks cannot be compared.
        return iter([("model", there.model, here.model)])
    return difference(there, here)


def read_log(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The lines of a ``metrics.jsonl`` with their numbers, of a run at work, too: the last may be only half there.

    Raises:
        InputError: It cannot be read, or a line is damaged.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    for number, text in enumerate(lines, 1):
        if text.endswith("\n"):
            line = _parsed(text)
            if line is None:
                raise damaged(path, number)
            yield number, line


def damaged(path: Path, number: int) -> InputError:
    """The error that a line of a log is."""
    return InputError(f"{path}: line {number} is damaged: take it out, or train again in another folder")


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) and isinstance(line.get("step"), int) else None


def _forget_after(metrics: Path, step: int) -> None:
    """Drops what was logged after a step, and lines that were cut off, or lost with the machine's power."""
    if metrics.exists():
        lines = metrics.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        parsed = ((line, _parsed(line)) for line in lines if line.endswith("\n"))
        kept = [line for line, values in parsed if values and values["step"] <= step]
        write_aside(metrics, "".join(kept).encode())


def _picture(batch: Batch, flow: Tensor) -> UInt8[np.ndarray, "height width 3"]:
    image = batch.image1[0].float().cpu().numpy()
    frame = image if batch.image1.dtype == torch.uint8 else 255 * image
    truth, guess = (field[0].float().cpu().numpy().transpose(1, 2, 0) for field in (batch.flow, flow))
    known = batch.valid[0, 0].cpu().numpy()
    longest = float(np.linalg.norm(truth, axis=-1)[known].max(initial=1.0))
    truth = np.where(known[..., None], truth, np.nan)
    colours = [flow_to_colour(field, longest) for field in (truth, guess)]
    return np.concatenate([frame.transpose(1, 2, 0).clip(0, 255).astype(np.uint8), *colours], axis=1)
