"""The colour code's published behaviour."""

import numpy as np
import pytest

from chairsgen.flowviz import colour_wheel, flow_to_colour


def test_the_wheel_has_55_colours_from_red_over_green_and_blue() -> None:
    wheel = colour_wheel()
    assert wheel.shape == (55, 3)
    corners = {0: (1, 0, 0), 15: (1, 1, 0), 21: (0, 1, 0), 25: (0, 1, 1), 36: (0, 0, 1), 49: (1, 0, 1)}
    for place, colour in corners.items():
        np.testing.assert_array_equal(wheel[place], colour)


def coloured(u: float, v: float, longest: float | None = 10.0) -> list[int]:
    """The colour of one vector."""
    return flow_to_colour(np.array([[[u, v]]], float), longest)[0, 0].tolist()


def test_rest_is_white_and_right_is_red() -> None:
    assert coloured(0, 0) == [255, 255, 255]
    assert coloured(10, 0) == [255, 0, 0]


@pytest.mark.parametrize("angle", np.linspace(-3, 3, 13))
def test_hue_is_direction_and_saturation_is_length(angle: float) -> None:
    full = np.array(coloured(10 * np.cos(angle), 10 * np.sin(angle)))
    half = np.array(coloured(5 * np.cos(angle), 5 * np.sin(angle)))
    assert full.min() == 0
    assert np.abs(half - (255 + full) / 2).max() <= 1
    beyond = np.array(coloured(11 * np.cos(angle), 11 * np.sin(angle)))
    assert np.abs(beyond - 0.75 * full).max() <= 1


def test_the_longest_flow_is_full_where_no_length_is_given() -> None:
    field = np.zeros((2, 2, 2))
    field[0, 0] = (3, 0)
    field[1, 1] = (1.5, 0)
    assert flow_to_colour(field)[0, 0].tolist() == coloured(10, 0)
    assert flow_to_colour(field)[1, 1].tolist() == coloured(5, 0)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e10])
def test_unknown_flow_is_black_and_changes_nothing_else(value: float) -> None:
    field = np.full((1, 2, 2), 4.0)
    alone = flow_to_colour(field[:, 1:])
    field[0, 0, 1] = value
    assert flow_to_colour(field)[0, 0].tolist() == [0, 0, 0]
    np.testing.assert_array_equal(flow_to_colour(field)[:, 1:], alone)
