"""Composition beside the plain layered compositor on the same scenes, and where a pair's time goes."""

import importlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from unittest import mock

import cv2
import numpy as np

from chairsgen import compose as composition
from chairsgen import pixel, shards
from chairsgen.catalogue import Catalogue
from chairsgen.compose import Painter
from chairsgen.errors import InputError
from chairsgen.sample import FlowSample
from chairsgen.scene import Scene, draw_scene
from tests.benchmarks.layered import compose_layered
from tests.benchmarks.report import Row, beside, in_pairs, race
from tests.benchmarks.workload import Workload

TARGET = 3.0

HEADINGS = ("one pair, one process", "ms of its processor", "share")

PLAIN = "plain: whole-frame warps, bicubic"

RIVALS = {
    PLAIN: partial(compose_layered, interpolation=cv2.INTER_CUBIC, boxes=False),
    "plain, bilinear": partial(compose_layered, interpolation=cv2.INTER_LINEAR, boxes=False),
    "tuned: warps cut to the layers' boxes, bicubic": partial(
        compose_layered, interpolation=cv2.INTER_CUBIC, boxes=True
    ),
    "tuned, bilinear": partial(compose_layered, interpolation=cv2.INTER_LINEAR, boxes=True),
}
"""Layered compositors. The promise is about the first; the others say how far it carries."""

STEPS = (
    ("chairsgen.compose", "stack_layers", "choose levels, lay texels out"),
    ("chairsgen.compose", "bin_layers", "bin layers by tile"),
    ("chairsgen.pixel", "paint", "paint frames and layer maps"),
    ("chairsgen.pixel", "find_occlusion", "occlusion"),
    ("chairsgen.scene", "to_json", "scene as JSON"),
    ("chairsgen.shards", "pack", "compress"),
)
"""(module, function, what it does) of the steps within a call; one that is not there any more is left out."""


def rows(workload: Workload) -> list[Row]:
    """Pairs a second on one core: both frames, layer maps, flows and occlusion masks."""
    cv2.setNumThreads(1)
    load = workload.load
    rivals: dict[str, Callable[[Scene], object]] = {"ours": lambda scene: _with_flow(scene, workload)}
    rivals |= {name: partial(rival, load=load) for name, rival in RIVALS.items()}
    for rival in rivals.values():  # compiles kernels, unpacks textures
        rival(workload.scenes[0])
    seconds = race(rivals, workload.scenes, workload.repeats)
    ours = seconds.pop("ours")
    measured = [
        beside(f"compose, one core, beside {name}", ours, theirs, in_pairs, TARGET if name == PLAIN else None)
        for name, theirs in seconds.items()
    ]
    return [*measured, *_gpu_rows(workload, ours), _alike(workload)]


def _with_flow(scene: Scene, workload: Workload, painter: Painter = pixel) -> FlowSample:
    sample = composition.compose(scene, workload.load, painter=painter)
    assert sample.flow_fw.shape == sample.flow_bw.shape  # derived when asked for: ask
    return sample


def _gpu_rows(workload: Workload, core: float) -> list[Row]:
    """Pairs a second by the clock of one process and a GPU, where there is one; ``core``: seconds on one core."""
    try:
        painter = composition.painter_on("cuda")
    except InputError:
        return []
    from numba import cuda

    best = np.full(len(workload.scenes), np.inf)
    for _ in range(workload.repeats):
        for number, scene in enumerate(workload.scenes):
            start = time.perf_counter()
            _with_flow(scene, workload, painter)
            best[number] = min(best[number], time.perf_counter() - start)
    where = f"one process and {cuda.get_current_device().name}"
    return [beside(f"compose, {where}, beside one core", float(best.mean()), core, in_pairs)]


def _alike(workload: Workload) -> Row:
    """How far the layered compositor's results are from ours, which says that both did the same work."""
    levels, layers, occluded = [], [], []
    for scene in workload.scenes:
        ours, theirs = _with_flow(scene, workload), compose_layered(scene, workload.load)
        levels.append(np.abs(ours.image1.astype(np.float32) - theirs.image1).mean())
        layers.append((ours.layer_id1 == theirs.layer_id1).mean())
        occluded.append((ours.occ_fw == theirs.occ_fw).mean())
    difference, same = float(np.mean(levels)), float(np.mean(layers))
    return Row(
        what="the same work: mean difference of images; layer maps, occlusion equal",
        measured=f"{difference:.2f} levels; {same:.2%}, {np.mean(occluded):.2%}",
        target="< 2 levels; > 99 %",
        met=difference < 2 and same > 0.99,
    )


class Stopwatch:
    """Processor time of this thread by step, what a step spends in another one counted there only."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inner = [0.0]

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Times a block."""
        self._inner.append(0.0)
        start = time.thread_time()
        try:
            yield
        finally:
            whole = time.thread_time() - start
            self.seconds[what] += whole - self._inner.pop()
            self._inner[-1] += whole

    def timed(self, what: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function``, timed whenever it is called."""

        def call(*args: Any, **kwargs: Any) -> Any:
            with self.step(what):
                return function(*args, **kwargs)

        return call


def profile(workload: Workload) -> list[tuple[str, str, str]]:
    """(step, ms a pair, share) of all that a worker and the writer do for a pair, and of deriving flow."""
    dataset, plain_load = workload.dataset, workload.sprites.load
    scenes, size = workload.scenes, (workload.scenes[0].height, workload.scenes[0].width)
    layers = workload.recipe.chair.count_max + 1
    catalogue = _catalogue(workload)
    watch = Stopwatch()
    path = workload.folder / "profile.h5"
    writer = shards.ShardWriter(path, start=0, count=len(scenes), size=size, layers=layers, attributes={})
    with ExitStack() as stack:
        for module_name, name, what in STEPS:
            module = importlib.import_module(module_name)
            if hasattr(module, name):
                timed = watch.timed(what, getattr(module, name))
                stack.enter_context(mock.patch.object(module, name, timed))
        stack.enter_context(writer)
        for index in range(len(scenes)):
            with watch.step("draw scene"):
                scene = draw_scene(workload.recipe, catalogue, dataset.manifest.seed, index)
            with watch.step("compose: the rest"):
                sample = composition.compose(scene, watch.timed("load textures", plain_load), index)
            with watch.step("encode: the rest"):
                encoded = shards.encode(sample, layers)
            with watch.step("write chunks"):
                writer.add(encoded)
            with watch.step("(not in a build: derive both flows)"):
                _ = sample.flow_fw, sample.flow_bw
        with watch.step("finish shard: sync, sha256"):
            writer.finish()
    total = sum(watch.seconds.values())
    return [
        (what, f"{1e3 * seconds / len(scenes):.2f}", f"{seconds / total:.0%}")
        for what, seconds in sorted(watch.seconds.items(), key=lambda item: -item[1])
    ]


def _catalogue(workload: Workload) -> Catalogue:
    chairs, photos = (
        tuple(asset for asset in workload.sprites.assets if asset.kind == kind) for kind in ("chair", "photo")
    )
    return Catalogue(chairs=chairs, photos=photos)
