"""Goldens: what a seed has always drawn. A change here changes every dataset: say why in its own commit."""

import json
from pathlib import Path

import made
import numpy as np
import pytest

from chairsgen.recipe import PRESETS
from chairsgen.scene import draw_scene, to_json

GOLDEN = Path(__file__).parents[1] / "golden"

EVERYTHING = PRESETS["photometric"].override(
    f"{key}=1.0"
    for key in (
        "background.gradient",
        "background.shear.probability",
        "chair.stretch.probability",
        "photometric.shutter.probability",
        "photometric.blur.probability",
        "photometric.shot_noise.probability",
        "weather.fog.depth.probability",
        "weather.shadow.strength.probability",
    )
)
"""What FlyingChairs does not have, all at once."""

RECIPES = PRESETS | {"everything": EVERYTHING}


@pytest.mark.parametrize("name", RECIPES)
def test_a_seed_draws_what_it_always_drew(name: str) -> None:
    drawn = json.loads(to_json(draw_scene(RECIPES[name], made.catalogue(), seed=7, index=3)))
    golden = json.loads((GOLDEN / f"scene-{name}.json").read_text())
    assert drawn.keys() == golden.keys()
    assert len(drawn["layers"]) == len(golden["layers"])
    for now, then in zip(drawn.pop("layers"), golden.pop("layers"), strict=True):
        for pose in ("pose1", "pose2"):
            np.testing.assert_allclose(now.pop(pose), then.pop(pose), rtol=1e-12, atol=1e-9)
        assert now == then
    assert _leaves(drawn) == pytest.approx(_leaves(golden), rel=1e-12)


def _leaves(tree: object, path: str = "") -> dict[str, float]:
    """Every number of nested dictionaries and lists, by its path."""
    if not isinstance(tree, dict | list):
        return {path: tree}  # type: ignore[dict-item]
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    return {at: leaf for key, value in items for at, leaf in _leaves(value, f"{path}/{key}").items()}
