"""What the page shows of one pair: colours and motions."""

import numpy as np
import pytest

from chairsgen import geometry
from chairsgen.page import pair


def test_the_wheel_has_the_colours_of_flow_up_to_the_longest() -> None:
    wheel = pair.wheel()
    assert (wheel[..., :3].max(axis=-1) >= 254).all()
    assert wheel[144, 144].tolist() == pytest.approx([255, 255, 255, 255], abs=4)
    assert wheel[144, 286, :3].tolist() == pytest.approx([255, 0, 0], abs=4)


def test_layers_have_colours_of_their_own() -> None:
    assert len({pair.layer_colour(number) for number in range(64)}) == 64


def test_a_motion_is_decomposed_into_what_it_was_made_of() -> None:
    motion = geometry.similarity(1.2, np.radians(-25), (30.0, 20.0), (7.0, -3.0))
    parts = {"x": 7.0, "y": -3.0, "turn": -25.0, "scale": 1.2, "stretch": 1.0}
    assert pair.decompose(motion, (30.0, 20.0)) == pytest.approx(parts)
    sheared = geometry.compose(motion, geometry.scaling(2.0, 0.5))
    assert pair.decompose(sheared, (30.0, 20.0))["stretch"] == pytest.approx(4.0)
