"""What all benchmarks work on: a bank filled once, the datasets built from it, and their scenes."""

import multiprocessing
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from chairsgen.catalogue import Asset
from chairsgen.dataset import Dataset, open_dataset
from chairsgen.recipe import Recipe
from chairsgen.scene import Scene, from_json
from chairsgen.sprites import Sprites, reading, rendering
from chairsgen.textures import Texture, bank_folder
from tests.benchmarks.memory import Peak, watch

CHAIRS = 24
"""Few models, so that filling the bank takes a minute; what follows does not depend on their number."""

OVERRIDES = (f"assets.chairs={CHAIRS}", f"assets.photos={CHAIRS}")
"""Of the recipe of all builds."""

NUM_WORKERS = 2
"""Of builds."""

_SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True, kw_only=True)
class Built:
    """What a build took.

    Attributes:
        num_samples: Pairs.
        seconds: Wall-clock time, from starting its process to its end.
        processor: Processor time of all its processes, in seconds.
        build: Memory of the process that hands out work and writes.
        worker: Memory of the largest worker.
    """

    num_samples: int
    seconds: float
    processor: float
    build: Peak
    worker: Peak


@dataclass(frozen=True, kw_only=True)
class Workload:
    """Where things lie, and how much of them to make.

    Attributes:
        folder: For datasets; the bank's is named by ``$CHAIRSGEN_CACHE``.
        photos: A folder of photographs; the embedded ones, if None.
        num_samples: Pairs of the smaller timed build; the larger one makes three times as many.
        num_scenes: Scenes that composition is timed on.
        share: Of the embedded assets, how many are made; their time is extrapolated.
        repeats: How often a measurement is taken.
    """

    folder: Path
    photos: Path | None
    num_samples: int
    num_scenes: int
    share: float
    repeats: int

    @cached_property
    def recipe(self) -> Recipe:
        """Of all builds."""
        return Recipe.load("flyingchairs", OVERRIDES)

    def build(self, name: str, num_samples: int) -> Built:
        """Builds ``name`` in a process of its own, and watches it."""
        start, used = time.perf_counter(), _processor()
        call = (self.folder / name, num_samples, self.recipe, self.photos)
        process = _SPAWN.Process(target=_build, args=call)
        process.start()
        build, worker = watch(process)
        seconds, used = time.perf_counter() - start, _processor() - used
        if process.exitcode:
            raise RuntimeError(f"the build ended with exit code {process.exitcode}")
        return Built(num_samples=num_samples, seconds=seconds, processor=used, build=build, worker=worker)

    @cached_property
    def dataset(self) -> Dataset:
        """The larger dataset. Made first: it fills the bank for all that follows."""
        self.build("first", 3 * self.num_samples)
        return open_dataset(self.folder / "first")

    @cached_property
    def scenes(self) -> list[Scene]:
        """The dataset's first scenes."""
        return [from_json(self.dataset[index].scene) for index in range(self.num_scenes)]

    @cached_property
    def sprites(self) -> Sprites:
        """The textures that the scenes need, all of them in the bank."""
        self.dataset  # noqa: B018  (fills the bank)
        with ProcessPoolExecutor(1, mp_context=_SPAWN) as pool:
            asked = pool.submit(rendering).result()
        assets = tuple(Asset(**asset) for asset in self.dataset.manifest.assets)  # type: ignore[arg-type]
        return Sprites(
            root=bank_folder(),
            assets=assets,
            side=self.recipe.assets.sprite_px,
            rendering=asked,
            reading=reading(),
        )

    @cached_property
    def load(self) -> Callable[[str, int], Texture]:
        """Gives textures, each read but once: what is timed is composition, not the disk."""
        return cache(self.sprites.load)


def _processor() -> float:
    """Seconds of processor time of all processes that have ended below this one."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _build(out: Path, num_samples: int, recipe: Recipe, photos: Path | None) -> None:
    from chairsgen.builder import build

    given = [photos] if photos else []
    build(out, n=num_samples, recipe=recipe, photos=given, workers=NUM_WORKERS, quiet=True)
