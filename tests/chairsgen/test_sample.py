"""Laws of a sample: what is derived from layers and matrices, against the definitions pixel by pixel."""

import dataclasses

import made
import numpy as np
import pytest

from chairsgen import geometry
from chairsgen.compose import compose
from chairsgen.sample import MOTION_BOUNDARY_PX, FlowSample, leaves_frame, motion_boundaries

SEEDS = range(4)


@pytest.fixture(scope="module")
def samples() -> list[FlowSample]:
    return [_sample(seed) for seed in SEEDS]


def _scene(seed: int) -> object:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(20, 70, 2)
    return made.scene(rng, int(height), int(width), 12)


def _sample(seed: int) -> FlowSample:
    return compose(_scene(seed), made.load)  # type: ignore[arg-type]


def _pixels(sample: FlowSample) -> list[tuple[int, int]]:
    height, width = sample.size
    return [(y, x) for y in range(height) for x in range(width)]


def test_flow_is_the_front_layers_matrix_at_every_pixel(samples: list[FlowSample]) -> None:
    for sample in samples:
        for y, x in _pixels(sample):
            forth = (sample.motions[sample.layer_id1[y, x]] @ [x, y, 1])[:2] - [x, y]
            back = (np.linalg.inv(sample.motions[sample.layer_id2[y, x]]) @ [x, y, 1])[:2] - [x, y]
            assert np.allclose(sample.flow_fw[y, x], forth, rtol=2.0**-23, atol=1e-10)
            assert np.allclose(sample.flow_bw[y, x], back, rtol=2.0**-23, atol=1e-10)


def test_out_is_where_the_exact_position_leaves_the_frames_rectangle(samples: list[FlowSample]) -> None:
    for sample in samples:
        height, width = sample.size
        for out, layer_id, motions in (
            (sample.out_fw, sample.layer_id1, sample.motions),
            (sample.out_bw, sample.layer_id2, np.linalg.inv(sample.motions)),
        ):
            assert out.any()
            for y, x in _pixels(sample):
                u, v, _ = motions[layer_id[y, x]] @ [x, y, 1]
                margin = min(u + 0.5, width - 0.5 - u, v + 0.5, height - 0.5 - v)
                assert out[y, x] == (margin < 0) or abs(margin) < 1e-9


def test_the_frame_reaches_half_a_pixel_beyond_its_outer_pixel_centres() -> None:
    layer_id = np.zeros((3, 5), np.uint8)
    for shift, outside in ((0.5, 0), (0.5001, 3), (-0.5, 0), (-0.5001, 3), (1.6, 6)):
        assert leaves_frame(layer_id, geometry.translation(shift, 0)[None]).sum() == outside
    assert leaves_frame(layer_id, geometry.translation(0, 0.51)[None])[-1].all()
    assert leaves_frame(layer_id, geometry.translation(0, -0.51)[None])[0].all()


def test_occlusion_and_leaving_the_frame_are_disjoint(samples: list[FlowSample]) -> None:
    for sample in samples:
        assert sample.occ_fw.any()
        assert sample.occ_bw.any()
        assert not (sample.occ_fw & sample.out_fw).any()
        assert not (sample.occ_bw & sample.out_bw).any()


def test_motion_boundaries_are_between_layers_that_move_apart(samples: list[FlowSample]) -> None:
    for sample in samples:
        height, width = sample.size
        for boundary, layer_id, flow in (
            (sample.mb_fw, sample.layer_id1, sample.flow_fw),
            (sample.mb_bw, sample.layer_id2, sample.flow_bw),
        ):
            expected = np.zeros_like(boundary)
            for y, x in _pixels(sample):
                for j, i in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                    if 0 <= j < height and 0 <= i < width and layer_id[y, x] != layer_id[j, i]:
                        apart = np.linalg.norm(flow[y, x].astype(float) - flow[j, i])
                        expected[y, x] |= apart > MOTION_BOUNDARY_PX
            assert np.array_equal(boundary, expected)
            assert boundary.any()


def test_a_motion_boundary_has_two_sides() -> None:
    layer_id = np.array([[0, 0, 1, 1]], np.uint8)
    flow = np.zeros((1, 4, 2), np.float32)
    flow[layer_id == 1] = (0.3, 0.41)
    assert motion_boundaries(layer_id, flow).tolist() == [[False, True, True, False]]
    assert not motion_boundaries(layer_id, flow, threshold=0.51).any()
    assert not motion_boundaries(np.zeros_like(layer_id), flow).any()


def test_swapped_poses_swap_everything() -> None:
    for seed in SEEDS:
        scene = _scene(seed)
        forth = compose(scene, made.load)  # type: ignore[arg-type]
        back = compose(scene.swapped(), made.load)  # type: ignore[attr-defined]
        for one, two in (
            ("image1", "image2"),
            ("layer_id1", "layer_id2"),
            ("occ_fw", "occ_bw"),
            ("out_fw", "out_bw"),
            ("mb_fw", "mb_bw"),
        ):
            assert np.array_equal(getattr(forth, one), getattr(back, two)), one
            assert np.array_equal(getattr(forth, two), getattr(back, one)), two
            assert not np.array_equal(getattr(forth, one), getattr(forth, two)), "the frames must differ"
        assert np.allclose(forth.flow_fw, back.flow_bw, rtol=1e-6, atol=1e-9)
        assert np.allclose(forth.flow_bw, back.flow_fw, rtol=1e-6, atol=1e-9)
        assert np.allclose(forth.motions, back.inverse_motions, atol=1e-9)


def test_forward_and_backward_cancel_where_the_same_layer_is_seen(samples: list[FlowSample]) -> None:
    for sample in samples:
        visible = 0
        for y, x in _pixels(sample):
            layer = sample.layer_id1[y, x]
            there = np.array([x, y]) + sample.flow_fw[y, x].astype(float)
            column, row = np.rint(there).astype(int)
            if sample.occ_fw[y, x] or sample.out_fw[y, x] or sample.layer_id2[row, column] != layer:
                continue
            visible += 1
            # The backward flow is linear within a layer: go on from the nearest pixel by its matrix.
            linear = sample.inverse_motions[layer][:2, :2] - np.eye(2)
            back = sample.flow_bw[row, column] + linear @ (there - (column, row))
            assert np.abs(there + back - (x, y)).max() < 1e-4
        assert visible > 200


def test_a_still_scene_gives_equal_frames_and_nothing_moves() -> None:
    for seed in SEEDS:
        scene = _scene(seed)
        still = tuple(dataclasses.replace(layer, pose2=layer.pose1) for layer in scene.layers)  # type: ignore[attr-defined]
        sample = compose(dataclasses.replace(scene, layers=still), made.load)  # type: ignore[type-var]
        assert np.array_equal(sample.image1, sample.image2)
        assert np.array_equal(sample.layer_id1, sample.layer_id2)
        for name in ("occ_fw", "occ_bw", "out_fw", "out_bw", "mb_fw", "mb_bw"):
            assert not getattr(sample, name).any(), name
        assert np.abs(sample.flow_fw).max() < 1e-10
        assert np.abs(sample.flow_bw).max() < 1e-10
