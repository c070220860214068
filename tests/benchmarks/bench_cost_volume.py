"""The cost volume by row-wise matrix products against shifting and multiplying maps, forward and backward.

Run it as a script: `python tests/benchmarks/bench_cost_volume.py`.
"""

import time
from collections.abc import Callable
from importlib.util import find_spec

import torch
import torch.nn.functional as F
from torch import Tensor

from trainer.ops import cost_volume

ROUNDS = 3
SIZES = {
    "FlowNetC": ((2, 256, 40, 56), 20, 2, 10.0),
    "PWC-Net level 2": ((2, 32, 80, 112), 4, 1, 4.0),
    "PWC-Net level 3": ((2, 64, 40, 56), 4, 1, 4.0),
    "PWC-Net level 4": ((2, 96, 20, 28), 4, 1, 4.0),
}
"""Shape of the features of a 320x448 frame, radius, stride, and the least ratio on a CPU."""


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


def _contenders() -> dict[str, Callable[..., Tensor]]:
    contenders: dict[str, Callable[..., Tensor]] = {"rows": cost_volume, "shifts": shift_and_multiply}
    if find_spec("spatial_correlation_sampler"):
        from spatial_correlation_sampler import spatial_correlation_sample

        def sampler(features1: Tensor, features2: Tensor, *, radius: int, stride: int = 1) -> Tensor:
            patch = 2 * (radius // stride) + 1
            volume = spatial_correlation_sample(features1, features2, patch_size=patch, dilation_patch=stride)
            return volume.flatten(1, 2) / features1.shape[1]

        contenders["spatial-correlation-sampler"] = sampler
    return contenders


def _seconds(
    contender: Callable[..., Tensor], shape: tuple[int, ...], radius: int, stride: int, device: str
) -> float:
    features = [torch.randn(shape, device=device, requires_grad=True) for _ in range(2)]
    _wait(device)
    start = time.perf_counter()
    volume = contender(*features, radius=radius, stride=stride)
    volume.backward(torch.ones_like(volume))
    _wait(device)
    return time.perf_counter() - start


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def rows() -> list[tuple[str, str]]:
    """What was measured, and the measure."""
    measured = []
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        for name, (shape, radius, stride, least) in SIZES.items():
            times: dict[str, list[float]] = {contender: [] for contender in _contenders()}
            # Interleaved, so that whatever else the machine does slows all alike; the first round warms up.
            for i in range(ROUNDS + 1):
                for contender, function in _contenders().items():
                    seconds = _seconds(function, shape, radius, stride, device)
                    if i:
                        times[contender].append(seconds)
            best = {contender: min(seconds) for contender, seconds in times.items()}
            ratio = best["shifts"] / best["rows"]
            aim = f" (at least {least:g})" if device == "cpu" else ""
            figures = ", ".join(f"{contender} {seconds * 1e3:.2f} ms" for contender, seconds in best.items())
            what = f"cost volume, {name}, {'x'.join(map(str, shape))}, radius {radius}, {device}"
            measured.append((what, f"{ratio:.1f}x{aim}: {figures}"))
    return measured


if __name__ == "__main__":
    for name, value in rows():
        print(f"{name}: {value}")
