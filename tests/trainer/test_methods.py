"""Laws of the methods, and OpenCV called by hand beside them."""

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from made import photo

from chairsgen.errors import InputError
from chairsgen.sample import Flow, Image
from trainer.checkpoint import Checkpoint
from trainer.methods import CLASSICAL, Flows, Images, Refined, Scaled, Tiled, open_method
from trainer.methods.block_matching import LENGTH_COST, block_matching
from trainer.methods.resample import backward_warp, resize_flow
from trainer.models import create_model
from trainer.ops import resize_flow as torch_resize_flow
from trainer.ops import warp

HERE = [name for name in CLASSICAL if not CLASSICAL[name].contrib or hasattr(cv2, "optflow")]
SCENERY = photo(5, 200, 260)


def shifted(u: int, v: int, height: int = 128, width: int = 160) -> tuple[Images, Images]:
    """A pair of frames that moves by (u, v) as a whole."""
    y, x = 30, 40
    one, two = (SCENERY[y - b :, x - a :][:height, :width] for a, b in ((0, 0), (u, v)))
    return one[None].copy(), two[None].copy()


def grey(image: Image) -> np.ndarray:
    return cv2.cvtColor(image[..., ::-1].copy(), cv2.COLOR_BGR2GRAY)


def constant(u: float, v: float, height: int, width: int) -> Flow:
    return np.broadcast_to(np.array([u, v], np.float32), (height, width, 2)).copy()


# Classical methods.


@pytest.mark.parametrize("name", [name for name in HERE if name != "zero"])
@pytest.mark.parametrize(("u", "v"), [(0, 0), (2, -1), (-5, 4)])
def test_a_translation_is_found(name: str, u: int, v: int) -> None:
    flow = open_method(name)(*shifted(u, v))[0]
    error = np.linalg.norm(flow - (u, v), axis=-1)[16:-16, 16:-16]
    assert np.median(error) < 0.1
    assert error.mean() < (1.0 if name == "farneback" else 0.3)


@pytest.mark.parametrize("name", HERE)
def test_flow_of_a_batch_is_that_of_its_pairs(name: str) -> None:
    pairs = [shifted(1, 2, 48, 64), shifted(-2, 0, 48, 64)]
    image1, image2 = (np.concatenate(frames) for frames in zip(*pairs, strict=True))
    kept = image1.copy(), image2.copy()
    flows = open_method(name)(image1, image2)
    assert flows.shape == (2, 48, 64, 2)
    for pair, flow in zip(pairs, flows, strict=True):
        np.testing.assert_array_equal(open_method(name)(*pair)[0], flow)
    np.testing.assert_array_equal(image1, kept[0])
    np.testing.assert_array_equal(image2, kept[1])


def _by_hand(name: str, one: np.ndarray, two: np.ndarray) -> np.ndarray:
    if name == "farneback":
        return cv2.calcOpticalFlowFarneback(one, two, None, 0.5, 3, 15, 3, 5, 1.2, 0)
    presets = {"dis": 2, "dis-medium": 2, "dis-fast": 1}
    if name in presets:
        return cv2.DISOpticalFlow_create(presets[name]).calc(one, two, None)
    made = {
        "tvl1": lambda: cv2.optflow.createOptFlow_DualTVL1(),
        "deepflow": lambda: cv2.optflow.createOptFlow_DeepFlow(),
    }
    return made[name]().calc(one, two, None)


@pytest.mark.parametrize(
    "name", [name for name in HERE if name not in ("zero", "block-matching", "lucas-kanade")]
)
def test_flow_is_that_of_opencv_by_hand(name: str) -> None:
    image1, image2 = shifted(3, 2)
    image2[0, 40:80, 50:90] = photo(9, 40, 40)
    expected = _by_hand(name, grey(image1[0]), grey(image2[0]))
    assert np.abs(expected).max() > 1
    np.testing.assert_array_equal(open_method(name)(image1, image2)[0], expected)


def test_zero_flow_is_zero() -> None:
    flow = open_method("zero")(*shifted(3, 3))
    assert flow.dtype == np.float32
    assert not flow.any()


def test_lucas_kanade_agrees_with_sparse_points_of_opencv() -> None:
    image1 = SCENERY[None, :160, :200]
    y, x = np.mgrid[:160, :200].astype(np.float32)
    turn = cv2.getRotationMatrix2D((100, 80), 3, 1.03)
    image2 = cv2.warpAffine(SCENERY[:160, :200], turn, (200, 160), flags=cv2.INTER_CUBIC)[None]
    flow = open_method("lucas-kanade")(image1, image2)[0]
    corners = cv2.goodFeaturesToTrack(grey(image1[0]), 60, 0.05, 8)
    corners = corners[((corners > 25) & (corners < (175, 135))).all(axis=(1, 2))]
    moved, found, _ = cv2.calcOpticalFlowPyrLK(grey(image1[0]), grey(image2[0]), corners, None)
    there = corners[found[:, 0] == 1, 0]
    assert len(there) > 20
    columns, rows = np.rint(there).astype(int).T
    difference = np.linalg.norm(flow[rows, columns] - (moved[found[:, 0] == 1, 0] - there), axis=-1)
    assert np.median(difference) < 0.15
    truth = np.dstack([x, y, np.ones_like(x)]) @ turn.T - np.dstack([x, y])
    assert np.linalg.norm(flow - truth, axis=-1)[25:-25, 25:-25].mean() < 0.3


def test_lucas_kanade_carries_flow_over_what_has_no_texture() -> None:
    scenery = SCENERY.copy()
    scenery[80:100, 110:130] = 90
    frames = [scenery[30:158, x : x + 160][None] for x in (40, 36)]
    flow = open_method("lucas-kanade")(*frames)[0]
    assert np.abs(flow[52:68, 72:88] - (4, 0)).max() < 0.5


@given(st.integers(0, 2**31))
def test_block_matching_finds_what_searching_all_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image1, image2 = rng.integers(0, 4, (2, 17, 21), dtype=np.uint8)
    flow = block_matching(image1, image2)
    y, x = 8 * int(rng.integers(0, 3)), 8 * int(rng.integers(0, 3))
    top, left, bottom, right = max(y - 4, 0), max(x - 4, 0), min(y + 12, 17), min(x + 12, 21)
    block = image1[top:bottom, left:right].astype(int)
    costs = {}
    for v in range(-top, 17 - bottom + 1):
        for u in range(-left, 21 - right + 1):
            other = image2[top + v : bottom + v, left + u : right + u]
            costs[u, v] = ((block - other) ** 2).mean() + LENGTH_COST * np.hypot(u, v)
    found = flow[y : y + 8, x : x + 8].reshape(-1, 2)
    assert (found == found[0]).all()
    assert costs[tuple(found[0].astype(int))] == pytest.approx(min(costs.values()), abs=1e-3)


def test_block_matching_stays_where_blocks_are_alike() -> None:
    image = np.full((40, 50), 77, np.uint8)
    assert not block_matching(image, image).any()


@pytest.mark.parametrize("name", HERE)
@pytest.mark.parametrize("size", [(1, 1), (5, 40), (33, 47)])
def test_any_size_gives_flow_or_one_line(name: str, size: tuple[int, int]) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (2, 1, *size, 3), dtype=np.uint8)
    if name.startswith("dis") and min(size) < 12:
        wanted = f"--method {name}: cannot work on {size[1]} x {size[0]} px: [^\n]*$"
        with pytest.raises(InputError, match=wanted):
            open_method(name)(*frames)
    else:
        assert open_method(name)(*frames).shape == (1, *size, 2)


def test_methods_have_sources_and_wrong_names_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(name == method.name and method.source for name, method in CLASSICAL.items())
    with pytest.raises(InputError, match="unknown method 'farnback': did you mean 'farneback'"):
        open_method("farnback")
    monkeypatch.delattr(cv2, "optflow", raising=False)
    with pytest.raises(InputError, match="pip install opencv-contrib-python"):
        open_method("tvl1")


# Resampling.


def test_resampling_is_that_of_torch() -> None:
    rng = np.random.default_rng(0)
    flow = rng.normal(0, 3, (11, 17, 2)).astype(np.float32)
    tensor = torch.from_numpy(flow).movedim(-1, 0)[None]
    for size in ((23, 40), (11, 17), (6, 9)):
        expected = torch_resize_flow(tensor, size)[0].movedim(0, -1)
        np.testing.assert_allclose(resize_flow(flow, size), expected, atol=1e-4)
    image = SCENERY[:11, :17]
    expected = warp(torch.from_numpy(image.copy()).movedim(-1, 0)[None].float(), tensor)[0].movedim(0, -1)
    # A 32nd of a pixel, between neighbours that may differ much.
    assert np.abs(backward_warp(image, flow) - expected.numpy()).max() < 255 / 32 + 1


# Methods around methods.


@dataclass
class Pointwise:
    """Flow that depends on a pixel's own colours alone; remembers what it was given."""

    name: str = "pointwise"
    sizes: list[tuple[int, ...]] = field(default_factory=list)

    def __call__(self, image1: Images, image2: Images) -> Flows:
        self.sizes.append(image1.shape[:3])
        return (image1[..., :2].astype(np.float32) - image2[..., 1:]) / 16


@given(st.integers(1, 70), st.integers(1, 90), st.integers(1, 64))
def test_tiles_are_as_the_whole_where_a_method_is_local(height: int, width: int, side: int) -> None:
    image1, image2 = np.random.default_rng(0).integers(0, 256, (2, 2, height, width, 3), dtype=np.uint8)
    method = Pointwise()
    flow = Tiled(method, side)(image1, image2)
    np.testing.assert_allclose(flow, Pointwise()(image1, image2), atol=1e-5)
    assert {*method.sizes} == {(2, min(side, height), min(side, width))}


@given(st.integers(1, 300), st.integers(1, 100))
def test_tiles_cover_a_side_and_overlap(length: int, side: int) -> None:
    tiles = list(Tiled(Pointwise(), side)._tiles(length))
    assert tiles[0].start == 0
    assert tiles[-1].stop == length
    for before, after in pairwise(tiles):
        assert before.stop - after.start >= side // 4
    # As few as do: one less would leave gaps.
    step = max(side - side // 4, 1)
    assert (len(tiles) - 2) * step + min(side, length) < length or len(tiles) == 1


@pytest.mark.parametrize("name", ["farneback", "lucas-kanade", "dis"])
def test_tiles_change_little_where_motion_is_short(name: str) -> None:
    pair = shifted(2, 1)
    whole, tiled = open_method(name)(*pair), Tiled(open_method(name), 96)(*pair)
    assert np.median(np.abs(whole - tiled)) < 0.05
    inner = np.s_[0, 16:-16, 16:-16]
    assert np.abs(whole[inner] - tiled[inner]).mean() < 0.3


def test_smaller_frames_give_flow_in_full_pixels() -> None:
    @dataclass
    class Constant:
        name: str = "constant"

        def __call__(self, image1: Images, image2: Images) -> Flows:
            assert image1.shape == (2, 7, 11, 3)
            return np.stack([constant(1, 2, 7, 11)] * 2)

    image1, image2 = np.random.default_rng(0).integers(0, 256, (2, 2, 21, 34, 3), dtype=np.uint8)
    flow = Scaled(Constant(), 0.33)(image1, image2)
    np.testing.assert_allclose(flow, np.stack([constant(34 / 11, 2 * 21 / 7, 21, 34)] * 2), rtol=1e-6)
    whole = Scaled(Pointwise(), 1.0)(image1, image2)
    np.testing.assert_array_equal(whole, Pointwise()(image1, image2))
    pair = shifted(8, -4)
    half = Scaled(open_method("dis"), 0.5)(*pair)[0]
    assert np.median(np.linalg.norm(half - (8, -4), axis=-1)) < 0.3


def test_refinement_is_that_of_opencv_and_helps() -> None:
    pair = shifted(2, -1)
    flow = open_method("farneback")(*pair)[0]
    refined = open_method("farneback", refine=True)
    assert refined.name == "farneback+v"
    expected = cv2.VariationalRefinement_create().calc(grey(pair[0][0]), grey(pair[1][0]), flow.copy())
    np.testing.assert_array_equal(refined(*pair)[0], expected)
    errors = [np.linalg.norm(f - (2, -1), axis=-1).mean() for f in (flow, expected)]
    assert errors[1] < errors[0]


# Networks.


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    model = create_model("spynet", num_levels=2)
    path = tmp_path / "a.pt"
    Checkpoint(model="spynet", options={"num_levels": 2}, step=1, weights=model.state_dict()).save(path)
    return path


def test_a_network_gives_the_flow_of_its_model(checkpoint: Path) -> None:
    method = open_method(checkpoint=checkpoint, device="cpu")
    pairs = [shifted(1, 2, 30, 45), shifted(-2, 0, 30, 45)]
    image1, image2 = (np.concatenate(frames) for frames in zip(*pairs, strict=True))
    flows = method(image1, image2)
    model = create_model("spynet", num_levels=2).eval()
    model.load_state_dict(torch.load(checkpoint)["weights"])
    with torch.no_grad():
        expected = model(*(torch.from_numpy(images).movedim(-1, 1) for images in (image1, image2)))[0]
    np.testing.assert_allclose(flows, expected.movedim(1, -1), atol=1e-6)
    assert np.abs(flows).max() > 0.1
    np.testing.assert_allclose(method(*pairs[1])[0], flows[1], atol=1e-5)
    assert isinstance(open_method(checkpoint=checkpoint, refine=True), Refined)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA"), RuntimeError("not enough memory: 9 GB")])
def test_want_of_memory_is_one_line(
    checkpoint: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = open_method(checkpoint=checkpoint, device="cpu")

    def fail(*_: torch.Tensor) -> list[torch.Tensor]:
        raise error

    monkeypatch.setattr(method, "model", fail)
    with pytest.raises(InputError, match=r"1 pairs of 160 x 128 px at once: .*--tile 512") as raised:
        method(*shifted(0, 0))
    assert "\n" not in str(raised.value)


def test_other_failures_of_a_network_are_not_hidden(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = open_method(checkpoint=checkpoint, device="cpu")

    def fail(*_: torch.Tensor) -> list[torch.Tensor]:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(method, "model", fail)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        method(*shifted(0, 0))
