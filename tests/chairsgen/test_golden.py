"""Goldens: what a seed has always drawn. A change here changes every dataset: say why in its own commit."""

import json
from pathlib import Path

import made
import numpy as np
import pytest

from chairsgen.recipe import PRESETS
from chairsgen.scene import draw_scene, to_json

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.mark.parametrize("preset", PRESETS)
def test_a_seed_draws_what_it_always_drew(preset: str) -> None:
    drawn = json.loads(to_json(draw_scene(PRESETS[preset], made.catalogue(), seed=7, index=3)))
    golden = json.loads((GOLDEN / f"scene-{preset}.json").read_text())
    assert len(drawn["layers"]) == len(golden["layers"])
    for now, then in zip(drawn["layers"], golden["layers"], strict=True):
        for name in ("pose1", "pose2"):
            np.testing.assert_allclose(now.pop(name), then.pop(name), rtol=1e-12, atol=1e-9)
        assert now == then
