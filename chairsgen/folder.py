"""A dataset's folder while it is being built: who holds it, what is in it, and whether there is room."""

import fcntl
import os
import re
import shutil
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from chairsgen.aside import ASIDE
from chairsgen.config import difference
from chairsgen.dataset import MANIFEST, Manifest
from chairsgen.errors import InputError, WorkerDied
from chairsgen.recipe import Recipe


@contextmanager
def locked(folder: Path, work: str, *, option: str = "--out") -> Iterator[None]:
    """Makes the folder, keeps other work out of it, and clears what was left half-written, before and after.

    Args:
        folder: Of a dataset, an export, a study or a run.
        work: What is done there, as the one that finds it locked is told.
        option: What names the folder on the command line.

    Raises:
        InputError: The folder cannot be made or written, or work goes on there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise InputError(
            f"{option} {folder}: cannot be made: {error.strerror}; choose another folder"
        ) from None
    try:
        if not os.access(folder, os.W_OK | os.X_OK):
            raise InputError(
                f"{option} {folder}: cannot be written: choose another folder, or change its rights"
            )
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{option} {folder}: another {work} is at work there: wait for it, or stop it"
            ) from None
        except OSError as error:
            raise InputError(
                f"{option} {folder}: cannot be locked: {error.strerror}; choose a folder on another file system"
            ) from None
        clear(folder)
        try:
            yield
        finally:
            clear(folder)
    finally:
        os.close(descriptor)


def clear(folder: Path) -> None:
    """Removes what was left half-written, by its name: what else is there is not ours."""
    for left in folder.glob(ASIDE):
        left.unlink(missing_ok=True)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Puts Ctrl-C and SIGTERM off to the block's end: what belongs together is done together, or not at all."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[int] = []
    usual = {
        number: signal.signal(number, lambda number, _: caught.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
    for missed in caught:
        signal.raise_signal(missed)


@contextmanager
def telling_what_is_kept(kept: Callable[[], str]) -> Iterator[None]:
    """Lets an interruption or a dead worker say what stays, and how to go on."""
    try:
        yield
    except (KeyboardInterrupt, WorkerDied) as stop:
        raise type(stop)(f"{stop}: {kept()}" if str(stop) else kept()) from None


def pairs_kept(folder: Path) -> str:
    """What stays of a dataset, and how to go on."""
    manifest = Manifest.load(folder) if (folder / MANIFEST).exists() else None
    ready = manifest.num_ready if manifest else 0
    return f"{ready:,} pairs in whole shards are kept in {folder}; the same command goes on"


@contextmanager
def disk_errors(folder: Path, remedy: str) -> Iterator[None]:
    """Turns what the system says of files into a line for the user.

    Args:
        folder: Where they lie, as is said of those that it does not name.
        remedy: What to do.

    Raises:
        InputError: In place of an OSError.
    """
    try:
        yield
    except OSError as error:
        # HDF5 wraps the cause in a text of its own.
        wrapped = re.search("error message = '(.*?)'", str(error))
        cause = wrapped[1] if wrapped else error.strerror or error
        raise InputError(f"{error.filename or folder}: {cause}: {remedy}") from None


def continue_from(folder: Path, wanted: Manifest) -> Manifest:
    """The manifest to go on from: the wanted one with those whole shards that the folder holds of it.

    Raises:
        InputError: The folder holds another dataset.
    """
    if not (folder / MANIFEST).exists():
        return wanted
    present = Manifest.load(folder)
    reasons = list(_differences(present, wanted))
    if reasons:
        raise InputError(
            f"{folder} holds another dataset ({'; '.join(reasons)}): choose another --out, or delete it"
        )
    kept = []
    for shard in present.shards:
        path = folder / shard.name
        expected = min(wanted.shard_size, wanted.num_samples - shard.start)
        if shard.count != expected or not path.exists() or path.stat().st_size != shard.bytes:
            break
        kept.append(shard)
    return replace(wanted, shards=tuple(kept))


def _differences(present: Manifest, wanted: Manifest) -> Iterator[str]:
    if present.num_samples > wanted.num_samples:
        yield f"--n: {present.num_samples} there, {wanted.num_samples} here"
    if present.recipe != wanted.recipe:
        there, here = Recipe.from_toml(present.recipe), Recipe.from_toml(wanted.recipe)
        yield from (f"{key}: {old!r} there, {new!r} here" for key, old, new in difference(there, here))
    for name in ("seed", "shard_size", "dense_flow", "version", "renderer"):
        old, new = getattr(present, name), getattr(wanted, name)
        if old != new:
            yield f"{name.replace('_', '-')}: {old} there, {new} here"
    if present.catalogue_hash != wanted.catalogue_hash:
        yield "its chairs or photos are others"
    if present.sprite_bank_hash != wanted.sprite_bank_hash and present.renderer == wanted.renderer:
        yield "its chairs were rendered by other code"


def check_disk(needs: Iterable[tuple[Path, int]]) -> None:
    """Compares the bytes that are to be written into folders with what is free there.

    Raises:
        InputError: They will not fit.
    """
    devices: dict[int, tuple[Path, int]] = {}
    for folder, need in needs:
        device = folder.stat().st_dev
        first, sum_ = devices.get(device, (folder, 0))
        devices[device] = first, sum_ + need
    for folder, need in devices.values():
        free = shutil.disk_usage(folder).free
        if need > free:
            raise InputError(
                f"{folder}: about {need / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free: "
                "free some space, ask for less, or choose another folder"
            )
