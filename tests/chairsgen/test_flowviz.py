"""The colour code's published behaviour, arrows, and maps of error."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chairsgen.flowviz import (
    ERROR_COLOURS,
    colour_wheel,
    draw_arrows,
    error_map,
    flow_to_colour,
    occlusion_overlay,
)

# Colours.


def test_the_wheel_has_55_colours_from_red_over_green_and_blue() -> None:
    wheel = colour_wheel()
    assert wheel.shape == (55, 3)
    corners = {0: (1, 0, 0), 15: (1, 1, 0), 21: (0, 1, 0), 25: (0, 1, 1), 36: (0, 0, 1), 49: (1, 0, 1)}
    for place, colour in corners.items():
        np.testing.assert_array_equal(wheel[place], colour)


def published_colour(u: float, v: float) -> list[int]:
    """The colour of one vector in units of the longest, in float32 and whole steps as in the publication."""
    steps = [(0, 15, 1, 1), (1, 6, 0, -1), (1, 4, 2, 1), (2, 11, 1, -1), (2, 13, 0, 1), (0, 6, 2, -1)]
    wheel = []
    for full, count, changing, sign in steps:
        for i in range(count):
            colour = [0, 0, 0]
            colour[full] = 255
            colour[changing] = 255 * i // count if sign > 0 else 255 - 255 * i // count
            wheel.append(colour)
    f = np.float32
    length = f(math.sqrt(f(u) * f(u) + f(v) * f(v)))
    place = (f(math.atan2(-v, -u)) / f(math.pi) + f(1)) / f(2) * f(54)
    below = int(place)
    part = f(place - below)
    result = []
    for a, b in zip(wheel[below], wheel[(below + 1) % 55], strict=True):
        colour = (f(1) - part) * f(a) / f(255) + part * f(b) / f(255)
        colour = f(1) - length * (f(1) - colour) if length <= 1 else colour * f(0.75)
        result.append(int(f(255) * colour))
    return result


@given(st.integers(0, 2**31))
def test_colours_are_the_published_ones_to_the_last_bit(seed: int) -> None:
    flow = np.random.default_rng(seed).normal(0, 0.8, (4, 5, 2))
    flow[0, 0] = 0
    picture = flow_to_colour(10 * flow, 10.0)
    expected = [[published_colour(u, v) for u, v in row] for row in flow.tolist()]
    assert np.abs(picture.astype(int) - expected).max() <= 1


def coloured(u: float, v: float, longest: float | None = 10.0) -> list[int]:
    """The colour of one vector."""
    return flow_to_colour(np.array([[[u, v]]], float), longest)[0, 0].tolist()


def test_rest_is_white_and_right_is_red() -> None:
    assert coloured(0, 0) == [255, 255, 255]
    assert coloured(0, 0, None) == [255, 255, 255]
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


def test_a_mask_tells_what_else_is_unknown() -> None:
    field = np.full((1, 2, 2), 4.0)
    field[0, 0] = 40
    picture = flow_to_colour(field, valid=np.array([[False, True]]))
    assert picture[0, 0].tolist() == [0, 0, 0]
    np.testing.assert_array_equal(picture[:, 1:], flow_to_colour(field[:, 1:]))


# Arrows.


def test_an_arrow_leads_from_its_grid_point_to_where_flow_takes_it() -> None:
    flow = np.zeros((64, 96, 2), np.float32)
    flow[32, 32] = (20, -10)
    flow[32, 48] = (40, 40)
    drawn = draw_arrows(np.full((64, 96, 3), 100, np.uint8), flow, spacing=64)
    coloured = (drawn != 50).any(axis=-1)
    rows, columns = np.nonzero(coloured)
    assert (rows.min(), rows.max()) == (pytest.approx(22, abs=2), pytest.approx(32, abs=2))
    assert (columns.min(), columns.max()) == (pytest.approx(32, abs=2), pytest.approx(52, abs=2))
    for step in (0.25, 0.5, 0.75):
        assert coloured[32 - round(10 * step), 32 + round(20 * step)]
    np.testing.assert_allclose(drawn[27, 42], flow_to_colour(np.array([[[2.0, -1.0]]]))[0, 0], atol=60)


def test_arrows_of_every_direction_have_its_full_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[int, int, int]] = []
    monkeypatch.setattr(cv2, "arrowedLine", lambda *values: drawn.append(values[3]))
    angles = np.linspace(0, 2 * np.pi, 1600).reshape(40, 40)
    draw_arrows(
        np.zeros((40, 40, 3), np.uint8), 7 * np.stack([np.cos(angles), np.sin(angles)], -1), spacing=1
    )
    assert len(drawn) == 1600
    assert np.max(drawn, axis=1).min() >= 254
    assert np.min(drawn, axis=1).max() <= 1


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e10])
def test_unknown_flow_has_no_arrow(value: float) -> None:
    image = np.full((40, 40, 3), 80, np.uint8)
    drawn = draw_arrows(image, np.full((40, 40, 2), value), spacing=16)
    np.testing.assert_array_equal(drawn, image // 2)


def test_an_arrow_out_of_the_frame_by_far_keeps_its_direction() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    near = np.full((40, 40, 2), (90.0, 45.0))
    pictures = [draw_arrows(image, scale * near, spacing=40).any(axis=-1) for scale in (1, 1e6)]
    assert np.count_nonzero(pictures[0] & pictures[1]) > 0.8 * np.count_nonzero(pictures[0])


def test_a_frame_of_any_size_takes_arrows() -> None:
    for size in ((1, 1), (3, 200), (700, 900)):
        image = np.zeros((*size, 3), np.uint8)
        assert draw_arrows(image, np.ones((*size, 2), np.float32)).shape == image.shape


# Occlusion.


def test_overlay_is_red_where_covered_and_blue_where_outside() -> None:
    image = np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8)
    occ, out = np.zeros((2, 9, 12), bool)
    occ[:4], out[6:] = True, True
    red, green, blue = np.moveaxis(occlusion_overlay(image, occ, out).astype(int), -1, 0)
    assert (red > blue)[occ].all()
    assert (blue > red)[out].all()
    rest = ~(occ | out)
    assert np.abs(red - image.mean(axis=-1))[rest].max() <= 1
    assert (red == blue)[rest].all()
    assert (red == green)[rest].all()


# Maps of error.


@pytest.mark.parametrize(
    ("error", "length", "colour"),
    [
        (0.0, 0.0, 0),
        (0.1, 10.0, 0),
        (0.1875, 10.0, 1),
        (0.5, 10.0, 2),
        (1.0, 10.0, 3),
        (2.9, 10.0, 4),
        (3.0, 10.0, 5),
        (6.0, 60.0, 6),
        (5.9, 60.0, 5),
        # Below 5 % of a long flow, 4.9 px are no outlier.
        (4.9, 100.0, 4),
        (5.0, 100.0, 5),
        (12.0, 0.0, 7),
        (47.0, 1.0, 8),
        (48.0, 1.0, 9),
        (1e6, 1.0, 9),
    ],
)
def test_errors_have_the_colours_of_kittis_bins(error: float, length: float, colour: int) -> None:
    truth = np.array([[[0.0, -length]]])
    picture = error_map(np.array([[[error, -length]]]), truth)
    assert picture[0, 0].tolist() == list(ERROR_COLOURS[colour])


def test_masks_of_an_error_map() -> None:
    flow, truth = np.full((1, 3, 2), 2.0, np.float32), np.zeros((1, 3, 2), np.float32)
    picture = error_map(flow, truth, np.array([[True, True, False]]), np.array([[True, False, True]]))
    full = np.array(ERROR_COLOURS[4])
    assert picture[0].tolist() == [full.tolist(), (full // 2).tolist(), [0, 0, 0]]


def test_what_is_no_number_is_the_largest_error() -> None:
    picture = error_map(np.full((1, 1, 2), np.nan), np.zeros((1, 1, 2)))
    assert picture[0, 0].tolist() == list(ERROR_COLOURS[-1])


def test_pictures_are_rgb() -> None:
    grey = cv2.cvtColor(np.full((1, 1, 3), (255, 0, 0), np.uint8), cv2.COLOR_RGB2GRAY)[0, 0]
    image = np.full((32, 32, 3), (255, 0, 0), np.uint8)
    assert draw_arrows(image, np.zeros((32, 32, 2)), spacing=32)[0, 0].tolist() == [grey // 2] * 3
