"""The cost volume by matrix products of tiles beside shifting and multiplying maps, forward and backward."""

import time
from collections.abc import Callable
from importlib.util import find_spec

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.benchmarks.report import Row, beside, in_ms, race
from tests.benchmarks.workload import Workload
from trainer.ops import cost_volume

SIZES = {
    "FlowNetC": ((2, 256, 40, 56), 20, 2, 10.0),
    "PWC-Net level 2": ((8, 32, 96, 112), 4, 1, 4.0),
    "PWC-Net level 3": ((8, 64, 48, 56), 4, 1, 4.0),
    "PWC-Net level 4": ((8, 96, 24, 28), 4, 1, 4.0),
    "PWC-Net level 5": ((8, 128, 12, 14), 4, 1, 4.0),
    "PWC-Net level 6": ((8, 196, 6, 7), 4, 1, 4.0),
}
"""Shape of the features, radius, stride, and the least ratio on a CPU.

The shapes are those of the papers' training, batches of 8 crops of 320x448 and 384x448 pixels, but for FlowNetC's
batch: shifted maps of 8 take 15 seconds.
"""

SHIFTS, SAMPLER = "shifted maps", "spatial-correlation-sampler"

Function = Callable[..., Tensor]


def shift_and_multiply(features1: Tensor, features2: Tensor, *, radius: int, stride: int = 1) -> Tensor:
    """The obvious way: a product of maps for every displacement."""
    height, width = features1.shape[-2:]
    reach = radius // stride * stride
    padded = F.pad(features2, (reach, reach, reach, reach))
    offsets = range(0, 2 * reach + 1, stride)
    return torch.cat(
        [
            (features1 * padded[:, :, dy : dy + height, dx : dx + width]).mean(1, keepdim=True)
            for dy in offsets
            for dx in offsets
        ],
        dim=1,
    )


def rows(workload: Workload) -> list[Row]:
    """Milliseconds on the CPU, by as many threads as PyTorch takes, and on a GPU where there is one."""
    measured = [row for name in SIZES for row in _rows(name, "cpu", workload.repeats, time.perf_counter)]
    if torch.cuda.is_available():
        measured += [row for name in SIZES for row in _rows(name, "cuda", workload.repeats, _clock)]
    return measured


def _rows(name: str, device: str, repeats: int, clock: Callable[[], float]) -> list[Row]:
    shape, radius, stride, target = SIZES[name]
    features = [torch.randn(shape, device=device, requires_grad=True) for _ in range(2)]
    rivals = {
        rival: _there_and_back(function, radius, stride)
        for rival, function in {"": cost_volume, **_rivals()}.items()
    }
    for there_and_back in rivals.values():  # warms up
        there_and_back(features)
    seconds = race(rivals, [features], repeats, clock)
    ours = seconds.pop("")
    cpu = f"{torch.get_num_threads()} threads"
    where = cpu if device == "cpu" else torch.cuda.get_device_name()
    what = f"cost volume, {name}, {'x'.join(map(str, shape))}, radius {radius}, {where}, beside"
    judged = SHIFTS if device == "cpu" else ""
    return [
        beside(f"{what} {rival}", ours, theirs, in_ms, target if rival == judged else None)
        for rival, theirs in seconds.items()
    ]


def _rivals() -> dict[str, Function]:
    rivals: dict[str, Function] = {SHIFTS: shift_and_multiply}
    if find_spec("spatial_correlation_sampler"):
        from spatial_correlation_sampler import spatial_correlation_sample  # type: ignore[import-not-found]

        def sampler(features1: Tensor, features2: Tensor, *, radius: int, stride: int = 1) -> Tensor:
            patch = 2 * (radius // stride) + 1
            volume = spatial_correlation_sample(features1, features2, patch_size=patch, dilation_patch=stride)
            return volume.flatten(1, 2) / features1.shape[1]

        rivals[SAMPLER] = sampler
    return rivals


def _there_and_back(function: Function, radius: int, stride: int) -> Callable[[list[Tensor]], None]:
    """Makes the volume, and the gradients of its sum."""

    def call(features: list[Tensor]) -> None:
        volume = function(*features, radius=radius, stride=stride)
        torch.autograd.grad(volume, features, torch.ones_like(volume))

    return call


def _clock() -> float:
    """The time when the GPU has done what it was given."""
    torch.cuda.synchronize()
    return time.perf_counter()
