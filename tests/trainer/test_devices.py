"""Laws of what runs on a GPU, held where there is none: on a device without memory, and by what errors say."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from augmented import made_sample, pairs_of
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from chairsgen.errors import InputError, WorkerDied
from trainer.augment import PRESETS, augment, draw, stack
from trainer.average import Average
from trainer.batch import Batch, Transport
from trainer.data import Loader, Part, start_readers
from trainer.data.slots import Slots
from trainer.devices import Place, lacks_memory, pick_device
from trainer.guards import memory_named
from trainer.losses import LossConfig, flow_loss
from trainer.matching import matches
from trainer.metrics import Metrics
from trainer.models import ENTRIES, create_model, stages_of
from trainer.monitor import measure
from trainer.settings import defaults

THERE = torch.device("meta")
"""Like a GPU, it has no values to look at, and its tensors do not meet those of the CPU."""


class _AllThere(TorchDispatchMode):
    """Fails where an operation takes or makes a tensor elsewhere."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        for value in tree_leaves((args, kwargs, result)):
            assert not isinstance(value, Tensor) or value.device == THERE, function
        return result


class _NothingSent(TorchFunctionMode):
    """Fails where numbers become a tensor, which a GPU would be sent, and counts how often they are asked for."""

    asked = 0

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert function not in (torch.tensor, torch.as_tensor, torch.from_numpy, Tensor.new_tensor), function
        if function is Tensor.tolist:
            self.asked += 1
            return [1.0] * args[0].numel()
        return function(*args, **(kwargs or {}))


class _Generator:
    """Stands for one there."""

    def __init__(self, device: Any) -> None:
        _name(device)

    def manual_seed(self, seed: int) -> None:
        pass


def _name(device: Any, *_: Any, **__: Any) -> AbstractContextManager[None]:
    assert torch.device(device) == THERE
    return nullcontext()


@contextmanager
def _watched() -> Iterator[_NothingSent]:
    """All is watched; what must know the device's kind has to be told it."""
    # The compiler looks up what is replaced below when it is first imported.
    import torch._dynamo

    with pytest.MonkeyPatch.context() as patch, _AllThere(), _NothingSent() as nothing_sent:
        patch.setattr(torch, "autocast", _name)
        patch.setattr(torch, "is_autocast_enabled", lambda device: _name(device) is None)
        patch.setattr(torch, "Generator", _Generator)
        yield nothing_sent


def _batch(height: int = 70, width: int = 90) -> Batch:
    def mask() -> Tensor:
        return torch.empty(2, 1, height, width, dtype=torch.bool, device=THERE)

    images = torch.empty(2, 2, 3, height, width, device=THERE)
    flow = torch.empty(2, 2, height, width, device=THERE)
    return Batch(image1=images[0], image2=images[1], flow=flow, valid=mask(), occ=mask())


@pytest.mark.parametrize(
    "wrong",
    [
        lambda there: there + torch.ones(2),
        lambda there: there.new_tensor([1.0]),
        lambda there: torch.tensor([1.0], device=THERE),
        lambda there: torch.zeros(1),
        lambda there: there.cpu(),
        lambda there: there[there > 0],
        lambda there: float(there[0]),
        lambda there: bool(there[0] > 0),
        lambda there: torch.autocast("cpu"),
        lambda there: torch.Generator("cpu"),
    ],
)
def test_the_watch_sees_what_it_is_for(wrong: Callable[[Tensor], object]) -> None:
    there = torch.ones(2, device=THERE)
    with pytest.raises((AssertionError, RuntimeError, NotImplementedError)), _watched():
        wrong(there)


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("name", PRESETS)
def test_a_batch_is_augmented_where_it_lies(name: str, dense: bool) -> None:
    pairs = pairs_of([made_sample(seed, 32, 48, 2) for seed in range(2)], dense=dense).to(THERE)
    drawn = stack([draw(PRESETS[name], np.random.default_rng(i), (32, 48), (24, 32), 1.0) for i in range(2)])
    drawn = drawn.to(THERE)
    with _watched() as watch:
        batch = augment(pairs, drawn, (24, 32))
        assert batch.matched.device == Batch.of(pairs).matched.device == THERE
    assert not watch.asked


@pytest.mark.parametrize("name", ENTRIES)
def test_a_network_learns_where_its_batch_lies_and_is_waited_for_once_a_step(name: str) -> None:
    with THERE:
        model = create_model(name)
    config, average, batch = defaults(name), Average(model, 0.9), _batch()
    stages = stages_of(model)
    with _watched() as watch:
        for step, stage in enumerate(stages):
            learning = list(stage.learns.parameters())
            flows = stage.network.train()(batch.image1, batch.image2)
            loss = flow_loss(flows, batch, config.loss, finest=stage.finest, flow_unit=stage.flow_unit)
            loss.backward()
            norm = torch.nn.utils.get_total_norm(p.grad for p in learning if p.grad is not None)
            measure(loss.detach(), norm, flows[0], batch, Place(device=THERE))
            torch.nn.utils.clip_grads_with_norm_(learning, 1.0, norm)
            average.update(step)
    assert watch.asked == len(stages)


@pytest.mark.parametrize(
    "config",
    [
        LossConfig(penalty="robust", form="mean"),
        LossConfig(levels="finest", epsilon=0.0),
        LossConfig(matched=True),
    ],
)
def test_losses_and_errors_are_summed_where_flow_lies(config: LossConfig) -> None:
    batch = _batch()
    flows = [torch.empty(2, 2, -(-70 // scale), -(-90 // scale), device=THERE) for scale in (1, 4, 8)]
    flows[1].requires_grad_()
    with _watched() as watch:
        flow_loss(flows, batch, config, finest=4).backward()
        Metrics(THERE).add(flows[0], batch)
    assert not watch.asked


@pytest.mark.parametrize("size", [(8, 16), (7, 19)])
@pytest.mark.parametrize("channels_last", [False, True])
def test_a_compiler_is_told_how_the_cost_volume_lies_in_memory(
    size: tuple[int, int], channels_last: bool
) -> None:
    """What is made of all tiles at once, as on a GPU, lies as what is made on the CPU, and as is foretold."""

    def strides(device: str, function: Any) -> tuple[int, ...]:
        maps = torch.zeros(2, 5, *size, device=device)
        maps = maps.contiguous(memory_format=torch.channels_last) if channels_last else maps
        maps = maps.permute(0, 2, 3, 1).requires_grad_(device == "cpu")
        volume: Tensor = function(maps, maps, 3)
        assert volume.shape == (2, *size, 49)
        return volume.stride()

    assert strides("cpu", matches) == strides("meta", matches) == strides("meta", matches._init_fn)


# Copies that take their time.


class _Late:
    """A stream, or an event of it, whose work is done no earlier than somebody waits for it."""

    def __init__(self, asked: "list[Callable[[], object]]") -> None:
        self.asked = asked

    def record_event(self) -> "_Late":
        return _Late(list(self.asked))

    def synchronize(self) -> None:
        for work in self.asked:
            work()
        self.asked.clear()

    def wait_event(self, event: "_Late") -> None:
        self.asked.append(event.synchronize)


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize("at_once", [False, True])
def test_slow_copies_are_neither_overwritten_nor_read_too_early(
    at_once: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the device does its work at once, or all in the end."""
    copying, working = _Late([]), _Late([])

    def to(self: Transport, device: torch.device, *, non_blocking: bool = False) -> Transport:
        def copy(tensor: Tensor) -> Tensor:
            made, left = torch.zeros_like(tensor), [tensor]
            copying.asked.append(lambda: left and made.copy_(left.pop()))
            return made

        assert non_blocking
        return self._map(copy)

    def batches(device: str) -> list[tuple[Tensor, ...]]:
        parts = [Part(source=tiny.Numbers(50)), Part(source=tiny.Numbers(40, dense=True, size=None))]
        loader = Loader(
            parts,
            batch_size=1,
            steps=range(30),
            seed=0,
            device=torch.device(device),
            readers=start_readers(0),
            prepare=tiny.prepare,
            stack=tiny.stack,
        )
        seen: list[tuple[Tensor, ...]] = []
        for _, pairs, drawn in loader:
            tensors = pairs.image1, *vars(pairs.truth).values(), drawn.values
            working.asked.append(lambda tensors=tensors: seen.append(tuple(map(torch.clone, tensors))))
            if at_once:
                working.synchronize()
        working.synchronize()
        return seen

    expected = batches("cpu")
    monkeypatch.setattr("trainer.data.reading._copying", lambda device: copying)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: working)
    monkeypatch.setattr(Slots, "pin", lambda self: None)
    monkeypatch.setattr(Transport, "to", to)
    monkeypatch.setattr(Transport, "pin_memory", Transport.clone)
    monkeypatch.setattr(Transport, "record_stream", lambda self, stream: None)
    for one, other in zip(batches("cuda:0"), expected, strict=True):
        assert all(map(torch.equal, one, other))
    assert len(expected) == 30


# What errors say.


def test_every_process_of_a_machine_has_its_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device("auto") == pick_device("cuda") == torch.device("cuda:1")
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(InputError, match="process 2 of this machine has no device: there are 2"):
        pick_device("auto")


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("NCCL error: Last error: Cuda failure 2 'out of memory'"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
)
def test_a_lack_of_memory_has_many_names(error: Exception) -> None:
    assert lacks_memory(error)
    with (
        pytest.raises(InputError, match="out of memory: lower --batch-size"),
        memory_named(defaults("pwcnet")),
    ):
        raise error


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: an illegal memory access was encountered"),
        WorkerDied("a worker process died (killed, or out of memory?)"),
    ],
)
def test_other_errors_are_no_lack_of_memory(error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)[:20]), memory_named(defaults("pwcnet")):
        raise error
