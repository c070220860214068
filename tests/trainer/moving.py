"""Datasets of scenes that truly move, small enough to learn by heart on a CPU."""

from dataclasses import replace
from pathlib import Path

import made
import numpy as np

from chairsgen.compose import compose
from chairsgen.recipe import Recipe
from chairsgen.scene import Scene

NUM_LAYERS = 3


def dataset(
    folder: Path,
    count: int,
    *,
    size: tuple[int, int] = (64, 64),
    val: tuple[int, ...] = (),
    disc: bool = True,
) -> Path:
    """A dataset as `chairsgen build` leaves it: a turning, shifting photograph, and a disc before it."""
    rng = np.random.default_rng(5)
    height, width = size
    samples = []
    for index in range(count):
        middle = ((width - 1) / 2, (height - 1) / 2)
        layers = [made.photo_layer(f"photo-{index % 3}", motion=made.similarity(rng, middle, 0.5))]
        if disc:
            motion = made.similarity(rng, middle, 1.0)
            layers.append(made.sprite_layer("disc-0", 0.5 * height, *middle, motion=motion))
        scene = Scene(height=height, width=width, layers=tuple(layers))
        samples.append(replace(compose(scene, made.load), index=index))
    folder.mkdir(parents=True)
    sizes = (f"frame.height={height}", f"frame.width={width}")
    recipe = Recipe().override([*sizes, "chair.count_min=1", f"chair.count_max={NUM_LAYERS - 1}"])
    shard = made.write_shard(folder / "shard-00000.h5", samples, layers=NUM_LAYERS)
    made.manifest(
        num_samples=count, shard_size=count, shards=(shard,), val=val, recipe=recipe.to_toml()
    ).save(folder)
    return folder
