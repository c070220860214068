"""A GPU paints what the CPU paints, to the bit: numba's simulator of one, and a real one where it is."""

import dataclasses
import multiprocessing
import re
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import made
import numba
import numpy as np
import pytest
from numba import boolean, float32, float64, int32, int64, uint8

from chairsgen import compose as composition
from chairsgen import gpu, pixel
from chairsgen.builder import build
from chairsgen.cli import main
from chairsgen.compose import compose, painter_on
from chairsgen.effects import Effects
from chairsgen.errors import InputError
from chairsgen.recipe import Recipe
from chairsgen.sample import FlowSample
from chairsgen.scene import Scene

PIXELS = ("image1", "image2", "layer_id1", "layer_id2", "occ_fw", "occ_bw")


def _scenes(*sizes: tuple[int, int, int]) -> list[Scene]:
    """Scenes of these heights, widths and numbers of chairs; the last one is blurred by its motion."""
    rng = np.random.default_rng(11)
    scenes = [made.scene(rng, *size, strength=0.5) for size in sizes]
    blurred = Effects(shutter=0.3)
    return [*scenes[:-1], dataclasses.replace(scenes[-1], effects=(blurred, blurred))]


def _small() -> list[Scene]:
    """What a simulator can bear; each larger or smaller than the one before."""
    return _scenes((17, 20, 9), (9, 36, 6), (16, 16, 0), (20, 18, 14), (8, 13, 4))


def _simulate() -> list[FlowSample]:
    simulated = gpu.Gpu()
    return [compose(scene, made.load, painter=simulated) for scene in _small()]


def _assert_alike(samples: list[FlowSample], scenes: list[Scene]) -> None:
    for sample, scene in zip(samples, scenes, strict=True):
        expected = compose(scene, made.load)
        for name in PIXELS:
            assert np.array_equal(getattr(sample, name), getattr(expected, name)), name


def test_the_simulated_gpu_paints_what_the_cpu_paints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_ENABLE_CUDASIM", "1")
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        samples = pool.submit(_simulate).result()
    _assert_alike(samples, _small())
    assert sum(sample.occ_fw.sum() + sample.occ_bw.sum() for sample in samples) > 100
    assert max(len(np.unique(sample.layer_id1)) for sample in samples) > 5


# --- whether there is one


class _Broken(gpu.Gpu):
    def paint(self, *arguments: Any) -> Any:
        raise RuntimeError("CUDA driver library cannot be found.\n:\n")


class _Right(gpu.Gpu):
    def paint(self, *arguments: Any) -> Any:
        return pixel.paint(*arguments)

    def find_occlusion(self, *arguments: Any) -> Any:
        return pixel.find_occlusion(*arguments)


class _Wrong(_Right):
    def paint(self, *arguments: Any) -> Any:
        image, layer_id = pixel.paint(*arguments)
        image[3, 5, 1] ^= 1
        return image, layer_id


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """As if no GPU had been looked for yet, and the extra were installed."""
    monkeypatch.setattr(composition, "painter_on", painter_on.__wrapped__)
    monkeypatch.setattr(gpu, "open_gpu", gpu.open_gpu.__wrapped__)
    monkeypatch.setattr(gpu, "_prepare_numba", lambda: None)
    monkeypatch.setattr(gpu.cuda, "select_device", lambda _: None)
    for module in (composition, gpu):
        monkeypatch.setattr(module, "find_spec", lambda _: object())
    return monkeypatch


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (_Broken, r"no GPU can be used here \(CUDA driver library cannot be found.\)"),
        (_Wrong, "as the CPU does"),
    ],
)
def test_a_gpu_is_not_used_before_it_has_painted_as_the_cpu_does(
    kind: type, said: str, fresh: pytest.MonkeyPatch
) -> None:
    fresh.setattr(gpu, "Gpu", kind)
    with pytest.raises(InputError, match=f"^cuda: .*{said}.*: use cpu$"):
        composition.painter_on("cuda")
    assert composition.painter_on("auto") is pixel


def test_a_gpu_that_does_is_used_unless_the_cpu_is_asked_for(fresh: pytest.MonkeyPatch) -> None:
    fresh.setattr(gpu, "Gpu", _Right)
    assert isinstance(composition.painter_on("cuda"), _Right)
    assert isinstance(composition.painter_on("auto"), _Right)
    assert composition.painter_on("cpu") is pixel


def test_of_several_gpus_the_one_that_is_named_paints(fresh: pytest.MonkeyPatch) -> None:
    chosen: list[int] = []
    fresh.setattr(gpu, "Gpu", _Right)
    fresh.setattr(gpu.cuda, "select_device", chosen.append)
    for device in ("cuda", "cuda:0", "cuda:3", "auto"):
        composition.painter_on(device)
    assert chosen == [0, 0, 3, 0]


def test_without_the_extra_it_is_named(fresh: pytest.MonkeyPatch) -> None:
    for module in (composition, gpu):
        fresh.setattr(module, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r'pip install "chairsgen\[gpu\]"'):
        composition.painter_on("cuda")
    assert composition.painter_on("auto") is pixel


def test_the_trial_shows_every_difficulty() -> None:
    image, layer_id, occluded = gpu._trial(pixel)
    assert image.std() > 20
    assert 0.1 < layer_id.mean() < 0.9
    assert 0 < occluded.mean() < layer_id.mean()


def test_a_build_on_a_gpu_that_is_not_there_says_so_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if _has_gpu():
        pytest.skip("there is a GPU")
    with pytest.raises(SystemExit) as end:
        main(["build", "--out", str(tmp_path / "out"), "--device", "cuda"])
    output, errors = capsys.readouterr()
    assert end.value.code == 2
    assert errors.count("\n") == 1
    assert "--device cuda" in errors
    assert "use cpu" in errors
    assert not output
    assert not (tmp_path / "out" / "manifest.json").exists()


# --- where there is one, or its compiler


def _has_gpu() -> bool:
    try:
        return painter_on("cuda") is not pixel
    except InputError:
        return False


@pytest.fixture(scope="module")
def real() -> Any:
    """This machine's GPU."""
    try:
        return painter_on("cuda")
    except InputError as error:
        pytest.skip(str(error))


def test_a_gpu_paints_what_the_cpu_paints(real: Any) -> None:
    scenes = [*_small(), *_scenes((384, 512, 24), (96, 768, 40), (384, 512, 12))]
    _assert_alike([compose(scene, made.load, painter=real) for scene in scenes], scenes)


def test_a_build_on_a_gpu_has_the_bytes_of_one_on_the_cpu(real: Any, tmp_path: Path) -> None:
    recipe = Recipe().override(["assets.chairs=4", "assets.photos=4"])
    cpu, cuda = (
        build(tmp_path / device, n=4, recipe=recipe, workers=2, device=device, quiet=True).manifest
        for device in ("cpu", "cuda")
    )
    assert cpu == cuda


def test_no_operation_is_fused_or_rounded_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba_cuda", reason="the extra gpu is not installed")
    from numba import cuda

    # Kernels compile without a GPU; the functions that they call would ask which one it is for.
    monkeypatch.setattr(
        "numba.cuda.dispatcher.get_current_device", lambda: SimpleNamespace(compute_capability=(8, 0))
    )
    gpu._prepare_numba()
    sprites = (uint8[::1], uint8[::1], int64[::1], int64[::1], int32[:, ::1], float64[:, :, ::1])
    stack = (*sprites, uint8[:, :, ::1], int32[:, ::1])
    layer_map = uint8[:, ::1]
    for kernel, given in (
        (gpu._paint, (float32[::1], *stack, uint8[:, :, ::1], layer_map)),
        (gpu._find_occlusion, (layer_map, float64[:, :, ::1], *stack, boolean[:, ::1])),
    ):
        with gpu._unfused():
            code, _ = cuda.compile_ptx(kernel.py_func, numba.void(*given), cc=(8, 0))
        assert "mul.rn.f32" in code
        assert "add.rn.f64" in code
        assert not re.findall(r"\bfma\b|\.ftz|\.approx|(?:add|sub|mul)\.f", code)
