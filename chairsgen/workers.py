"""Running functions in many processes, in order, with bounded memory, and never hanging.

Processes are spawned, not forked: a process that holds an OpenGL context must not be forked. What all calls need
is shared once, not sent with every call.
"""

import functools
import multiprocessing
import multiprocessing.connection
import os
import pickle
import signal
import tempfile
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from chairsgen.errors import InputError, WorkerDied

Item = TypeVar("Item")
Result = TypeVar("Result")

IN_FLIGHT = 3
"""Calls handed out a worker: one at work, one waiting, one whose result waits to be taken."""


@runtime_checkable
class Workers(Protocol):
    """Processes that run functions of one shared value and one item."""

    count: int

    def share(self, value: object) -> Any:
        """Makes ``value`` known to all workers while the result lives, which stands for it in :meth:`map`."""
        ...

    def map(
        self, function: Callable[[Any, Item], Result], shared: Any, items: Iterable[Item]
    ) -> Iterator[Result]:
        """``function(value, item)`` of every item, in the items' order.

        Raises:
            WorkerDied: A worker ended without an answer.
            Exception: What the function raised.
        """
        ...

    def __enter__(self) -> "Workers": ...

    def __exit__(self, *_: object) -> None: ...


class NoWorkers:
    """This process does the work: for calls so few and light that starting others would cost more."""

    count = 1

    def share(self, value: object) -> object:
        return value

    def map(
        self, function: Callable[[Any, Item], Result], shared: Any, items: Iterable[Item]
    ) -> Iterator[Result]:
        return (function(shared, item) for item in items)

    def __enter__(self) -> "NoWorkers":
        return self

    def __exit__(self, *_: object) -> None:
        pass


class LocalWorkers:
    """Worker processes on this machine; all end with the ``with`` block, or when this process dies."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool = ProcessPoolExecutor(
            count, mp_context=multiprocessing.get_context("spawn"), initializer=_prepare_worker
        )
        self._folder = tempfile.TemporaryDirectory(prefix="chairsgen-")
        self._shared = 0

    def share(self, value: object) -> "_Shared":
        self._shared += 1
        return _Shared(Path(self._folder.name) / str(self._shared), value)

    def map(
        self, function: Callable[[Any, Item], Result], shared: "_Shared", items: Iterable[Item]
    ) -> Iterator[Result]:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(self._pool.submit(_call, function, shared.path, item))
                if len(waiting) == IN_FLIGHT * self.count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            raise WorkerDied("a worker process died (killed, or out of memory?)") from None
        finally:
            for future in waiting:
                future.cancel()

    def __enter__(self) -> "LocalWorkers":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._folder.cleanup()


class _Shared:
    """A file with a value; it goes when this object does."""

    def __init__(self, path: Path, value: object) -> None:
        self.path = str(path)
        path.write_bytes(pickle.dumps(value))
        weakref.finalize(self, path.unlink, missing_ok=True)


class RayWorkers:
    """Workers of a Ray cluster: the one that RAY_ADDRESS names, else one started on this machine."""

    def __init__(self, count: int | None) -> None:
        try:
            import ray
        except ImportError:
            raise InputError('--executor ray needs Ray: run `pip install "chairsgen[ray]"`') from None
        self._ray = ray
        ray.init(
            num_cpus=None if os.environ.get("RAY_ADDRESS") else count,
            log_to_driver=False,
            logging_level="ERROR",
        )
        self.count = count or int(ray.cluster_resources()["CPU"])

    def share(self, value: object) -> Any:
        return self._ray.put(value)

    def map(
        self, function: Callable[[Any, Item], Result], shared: Any, items: Iterable[Item]
    ) -> Iterator[Result]:
        remote = self._ray.remote(max_retries=0)(function)
        waiting: deque[Any] = deque()
        try:
            for item in items:
                waiting.append(remote.remote(shared, item))
                if len(waiting) == IN_FLIGHT * self.count:
                    yield self._ray.get(waiting.popleft())
            while waiting:
                yield self._ray.get(waiting.popleft())
        except self._ray.exceptions.WorkerCrashedError:
            raise WorkerDied("a worker process died (killed, or out of memory?)") from None
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from None
        finally:
            for reference in waiting:
                self._ray.cancel(reference)

    def __enter__(self) -> "RayWorkers":
        return self

    def __exit__(self, *_: object) -> None:
        self._ray.shutdown()


def start_workers(executor: str, count: int | None) -> Workers:
    """Starts workers.

    Args:
        executor: "local" or "ray".
        count: How many; all cores that this process may use (or all of the cluster's), if None.

    Raises:
        InputError: The count is below 1, or Ray is not installed.
    """
    check_workers(count)
    if executor == "ray":
        return RayWorkers(count)
    return LocalWorkers(count or len(os.sched_getaffinity(0)))


def light_workers(count: int | None, calls: int) -> Workers:
    """Starts workers for so many calls that need nothing of a process of their own.

    Where they would come one after the other anyway, this process does the work: that starts at once.

    Raises:
        InputError: The count is below 1.
    """
    check_workers(count)
    return NoWorkers() if count == 1 or calls < 2 else start_workers("local", count)


def check_workers(count: int | None) -> None:
    """Raises InputError where there cannot be so many workers."""
    if count is not None and count < 1:
        raise InputError(f"--workers {count}: must be at least 1")


def pieces(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    """The items, ``size`` a call; the last call may have fewer."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def _prepare_worker() -> None:
    # Ctrl-C reaches the whole process group; only the parent answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    # One thread a process: the processes fill the cores.
    import cv2

    cv2.setNumThreads(1)


def end_with_parent() -> None:
    """Ends this process, whatever it does, when the one that started it ends."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _call(function: Callable[[Any, Item], Result], path: str, item: Item) -> Result:
    return function(_load(path), item)


@functools.lru_cache(maxsize=4)
def _load(path: str) -> Any:
    return pickle.loads(Path(path).read_bytes())
