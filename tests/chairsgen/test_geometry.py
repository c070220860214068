"""Laws of the affine group, of similarities, and of the flow that matrices make."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chairsgen import geometry

reals = st.floats(-100, 100)
angles = st.floats(-math.pi, math.pi)
scales = st.floats(0.05, 20)
tiny = st.floats(-1e-9, 1e-9)
points = st.tuples(reals, reals)


@st.composite
def affine(draw: st.DrawFn) -> np.ndarray:
    """Any invertible motion; one in two lies near the identity."""
    if draw(st.booleans()):
        nearly = [
            [1 + draw(tiny), draw(tiny), draw(tiny)],
            [draw(tiny), 1 + draw(tiny), draw(tiny)],
            [0, 0, 1],
        ]
        return np.array(nearly)
    return geometry.compose(
        geometry.translation(draw(reals), draw(reals)),
        geometry.rotation(draw(angles)),
        geometry.scaling(draw(scales), draw(scales)),
        geometry.shearing(draw(st.floats(-1, 1))),
    )


def _close(a: np.ndarray, b: np.ndarray, scale: float = 1.0) -> bool:
    return bool(np.allclose(a, b, rtol=1e-9, atol=1e-9 * max(scale, 1)))


@given(affine(), affine())
def test_products_stay_affine_and_invertible(a: np.ndarray, b: np.ndarray) -> None:
    product = geometry.compose(a, b)
    assert np.array_equal(product[2], [0, 0, 1])
    assert np.isclose(np.linalg.det(product), np.linalg.det(a) * np.linalg.det(b), rtol=1e-9)


@given(affine(), affine(), affine())
def test_composition_is_associative(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    left, right = geometry.compose(geometry.compose(a, b), c), geometry.compose(a, geometry.compose(b, c))
    assert _close(left, right, np.abs(left).max())
    assert _close(left, geometry.compose(a, b, c), np.abs(left).max())


@given(affine())
def test_the_identity_is_neutral(a: np.ndarray) -> None:
    assert np.array_equal(geometry.compose(), np.eye(3))
    assert np.array_equal(geometry.compose(a, np.eye(3)), a)
    assert np.array_equal(geometry.compose(np.eye(3), a), a)


@given(affine())
def test_the_inverse_undoes_from_both_sides(a: np.ndarray) -> None:
    inverse = geometry.inverse(a)
    size = np.abs(a).max() * np.abs(inverse).max()
    assert _close(a @ inverse, np.eye(3), size)
    assert _close(inverse @ a, np.eye(3), size)
    assert np.array_equal(inverse[2], [0, 0, 1])


@given(tiny, tiny, tiny, tiny)
def test_near_the_identity_the_inverse_keeps_its_digits(a: float, b: float, x: float, y: float) -> None:
    step = np.array([[a, b, x], [-b, a, y], [0, 0, 0]])
    assert np.abs(geometry.inverse(np.eye(3) + step) - (np.eye(3) - step)).max() < 1e-15


def test_the_inverse_of_what_flattens_the_plane_is_refused() -> None:
    with pytest.raises(np.linalg.LinAlgError):
        geometry.inverse(geometry.scaling(1, 0))


@given(affine(), affine(), points)
def test_the_last_matrix_of_a_product_acts_first(
    a: np.ndarray, b: np.ndarray, p: tuple[float, float]
) -> None:
    point = np.array(p)
    stepwise = geometry.apply(a, geometry.apply(b, point))
    assert _close(geometry.apply(geometry.compose(a, b), point), stepwise, np.abs(stepwise).max() * 1e3)


@given(angles, angles)
def test_rotations_add_and_turn_from_x_to_y(a: float, b: float) -> None:
    assert _close(geometry.rotation(a) @ geometry.rotation(b), geometry.rotation(a + b))
    assert _close(geometry.apply(geometry.rotation(math.pi / 2), np.array([1.0, 0.0])), np.array([0.0, 1.0]))


@given(affine(), points)
def test_a_matrix_about_a_point_moves_it_as_it_moves_the_origin(
    a: np.ndarray, pivot: tuple[float, float]
) -> None:
    moved = geometry.apply(geometry.about(pivot, a), np.array(pivot))
    assert _close(moved, np.array(pivot) + a[:2, 2], 1e3)


@given(scales, angles, points, points)
def test_a_similarity_is_scaling_and_turning_about_the_pivot_then_the_shift(
    scale: float, angle: float, pivot: tuple[float, float], shift: tuple[float, float]
) -> None:
    parts = geometry.rotation(angle) @ geometry.scaling(scale)
    expected = geometry.translation(*shift) @ geometry.about(pivot, parts)
    assert _close(geometry.similarity(scale, angle, pivot, shift), expected, 1e3)
    assert geometry.mean_scale(expected) == pytest.approx(scale)


def test_the_still_similarity_is_the_identity_exactly() -> None:
    assert np.array_equal(geometry.similarity(1.0, 0.0, (255.5, 191.5), (0.0, 0.0)), np.eye(3))


@given(affine())
def test_mean_scale_squared_is_the_factor_for_areas(a: np.ndarray) -> None:
    assert geometry.mean_scale(a) ** 2 == pytest.approx(abs(np.linalg.det(a)))


@given(affine(), st.integers(1, 5), st.integers(1, 7))
def test_apply_takes_points_in_any_shape(a: np.ndarray, rows: int, columns: int) -> None:
    grid = geometry.pixel_grid(rows, columns)
    moved = geometry.apply(a, grid)
    for y in range(rows):
        for x in range(columns):
            assert np.array_equal(grid[y, x], [x, y])
            assert _close(moved[y, x], (a @ [x, y, 1])[:2], np.abs(a).max() * 10)


def test_affine_flow_is_the_matrix_at_every_pixel_to_float32_rounding() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        layers, (height, width) = int(rng.integers(1, 6)), rng.integers(1, 24, 2)
        layer_id = rng.integers(layers, size=(height, width)).astype(np.uint8)
        pivots = rng.uniform(-20, 40, (layers, 2))
        motions = np.stack(
            [
                geometry.about((x, y), geometry.rotation(rng.normal()) @ geometry.shearing(rng.normal(), 0.1))
                for x, y in pivots
            ]
        )
        flow = geometry.affine_flow(layer_id, motions)
        assert flow.shape == (height, width, 2)
        assert flow.dtype == np.float32
        for y in range(height):
            for x in range(width):
                exact = (motions[layer_id[y, x]] @ [x, y, 1.0])[:2] - [x, y]
                # Half a unit in the last place, and what float64 lost on the way.
                assert np.all(np.abs(flow[y, x] - exact) <= np.abs(exact) * 2.0**-24 + 1e-12)


def test_no_motion_is_no_flow_exactly() -> None:
    layer_id = np.zeros((5, 4), np.uint8)
    assert not geometry.affine_flow(layer_id, np.eye(3)[None]).any()


times = st.lists(st.floats(-0.5, 1.5), min_size=1, max_size=4).map(np.array)


@given(affine(), affine(), times, points)
def test_the_way_between_two_poses_is_the_same_from_either_end(
    a: np.ndarray, b: np.ndarray, at: np.ndarray, pivot: tuple[float, float]
) -> None:
    there, back = geometry.between(a, b, at, pivot), geometry.between(b, a, 1 - at, pivot)
    size = np.abs([there, back]).max() * np.linalg.cond(a[:2, :2]) * np.linalg.cond(b[:2, :2])
    assert np.allclose(there, back, atol=1e-12 * size)
    start, end = geometry.between(a, b, np.array([0.0, 1.0]), pivot)
    assert np.allclose(start, a, atol=1e-12 * size)
    assert np.allclose(end, b, atol=1e-12 * size)


@given(affine(), affine(), times, points)
def test_between_two_poses_the_pivot_goes_straight(
    a: np.ndarray, b: np.ndarray, at: np.ndarray, pivot: tuple[float, float]
) -> None:
    first, last = (geometry.apply(pose, np.array(pivot)) for pose in (a, b))
    for time, pose in zip(at, geometry.between(a, b, at, pivot), strict=True):
        expected = first + time * (last - first)
        assert np.allclose(geometry.apply(pose, np.array(pivot)), expected, atol=1e-9 * np.abs(pose).max())


@given(affine(), scales, angles, points, points, times)
def test_between_two_poses_turns_and_scales_go_on_evenly(
    a: np.ndarray,
    scale: float,
    angle: float,
    pivot: tuple[float, float],
    shift: tuple[float, float],
    at: np.ndarray,
) -> None:
    """A similarity about the pivot's place: after a share of the time, that power of the scale and of the turn."""
    x, y = geometry.apply(a, np.array(pivot)).tolist()
    end = geometry.similarity(scale, angle, (x, y), shift) @ a
    for time, pose in zip(at, geometry.between(a, end, at, pivot), strict=True):
        partial = (time * shift[0], time * shift[1])
        expected = geometry.similarity(scale**time, time * angle, (x, y), partial) @ a
        assert np.allclose(pose, expected, atol=1e-8 * max(np.abs(expected).max(), np.abs(end).max()))
