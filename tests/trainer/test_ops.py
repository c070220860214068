"""Laws of the operations, and obvious references beside the fast ones."""

import shutil

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from trainer import matching
from trainer.matching import matches
from trainer.ops import cost_volume, downsample_flow, inside, resize_flow, warp


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def _constant(u: float, v: float, height: int, width: int) -> Tensor:
    return torch.tensor([u, v], dtype=torch.float32).view(1, 2, 1, 1).expand(1, 2, height, width)


# Warp.


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (64, 96), (37, 511), (436, 1023)])
@pytest.mark.parametrize("padding", ["zeros", "border"])
def test_zero_flow_is_the_identity(size: tuple[int, int], padding: str) -> None:
    source = torch.rand(1, 3, *size)
    flow = torch.zeros(1, 2, *size)
    assert torch.equal(warp(source, flow, padding=padding), source)
    assert inside(flow).all()


def test_whole_pixels_shift_the_source() -> None:
    source = torch.rand(2, 4, 9, 14)
    warped = warp(source, _constant(3, -2, 9, 14).expand(2, -1, -1, -1))
    assert torch.allclose(warped[:, :, 2:, :-3], source[:, :, :-2, 3:], atol=1e-6)
    assert not warped[:, :, :2].any()
    assert not warped[:, :, :, -3:].any()


def test_border_repeats_the_nearest_pixel() -> None:
    source = torch.rand(1, 2, 5, 7)
    assert torch.allclose(
        warp(source, _constant(100, 0, 5, 7), padding="border"), source[..., -1:].expand(-1, -1, -1, 7)
    )
    assert torch.allclose(
        warp(source, _constant(0, -100, 5, 7), padding="border"), source[..., :1, :].expand(-1, -1, 5, -1)
    )


@given(st.integers(0, 2**31))
def test_warp_is_bilinear_interpolation(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    height, width = torch.randint(2, 12, (2,), generator=generator).tolist()
    source = torch.rand(1, 1, height, width, generator=generator)
    flow = 4 * torch.randn(1, 2, height, width, generator=generator)
    warped, valid = warp(source, flow), inside(flow)

    def read(x: int, y: int) -> float:
        return source[0, 0, y, x].item() if 0 <= x < width and 0 <= y < height else 0.0

    for y in range(height):
        for x in range(width):
            px, py = x + flow[0, 0, y, x].item(), y + flow[0, 1, y, x].item()
            x0, y0 = int(px // 1), int(py // 1)
            fx, fy = px - x0, py - y0
            upper = read(x0, y0) * (1 - fx) + read(x0 + 1, y0) * fx
            lower = read(x0, y0 + 1) * (1 - fx) + read(x0 + 1, y0 + 1) * fx
            assert warped[0, 0, y, x].item() == pytest.approx(upper * (1 - fy) + lower * fy, abs=2e-5)
            assert bool(valid[0, 0, y, x]) == (
                -1e-4 <= px <= width - 1 + 1e-4 and -1e-4 <= py <= height - 1 + 1e-4
            )


@pytest.mark.parametrize("padding", ["zeros", "border"])
def test_gradient_of_warp(padding: str) -> None:
    source = torch.rand(1, 2, 5, 6, dtype=torch.float64, requires_grad=True)
    flow = (torch.randn(1, 2, 5, 6, dtype=torch.float64) * 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda s, f: warp(s, f, padding=padding), (source, flow))


def test_half_precision_is_warped_in_float32() -> None:
    source, flow = torch.rand(1, 3, 8, 200), torch.full((1, 2, 8, 200), 0.3)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(warp(source, flow), warp(source.float(), flow))
    assert warp(source.bfloat16(), flow.bfloat16()).dtype == torch.float32


# Flow on other grids.


def test_resizing_scales_by_the_realised_ratio() -> None:
    flow = _constant(8.0, -3.0, 10, 15)
    resized = resize_flow(flow, (7, 11))
    assert torch.allclose(resized, _constant(8.0 * 11 / 15, -3.0 * 7 / 10, 7, 11))
    assert torch.equal(resize_flow(flow, (10, 15)), flow)


def test_a_linear_field_stays_linear_when_resized() -> None:
    # Pixel centres: frame x 0.5 .. of one grid are x 1.5 .. of a grid twice as fine.
    x = torch.arange(8.0).expand(1, 2, 4, 8)
    fine = resize_flow(x, (8, 16))
    expected = 2 * ((torch.arange(16.0) + 0.5) / 2 - 0.5)
    assert torch.allclose(fine[0, 0, 3, 1:-1], expected[1:-1])


@pytest.mark.parametrize(("size", "factor"), [((8, 12), 4), ((7, 13), 4), ((3, 3), 8), ((5, 6), 1)])
def test_averaging_leaves_out_what_is_invalid(size: tuple[int, int], factor: int) -> None:
    height, width = size
    flow, valid = torch.randn(2, 2, height, width), torch.rand(2, 1, height, width) > 0.6
    poisoned = torch.where(valid, flow, torch.nan)
    mean, known = downsample_flow(poisoned, valid, factor)
    assert mean.shape[-2:] == (-(-height // factor), -(-width // factor))
    for b in range(2):
        for i in range(mean.shape[2]):
            for j in range(mean.shape[3]):
                cell = (slice(i * factor, (i + 1) * factor), slice(j * factor, (j + 1) * factor))
                vectors = flow[b][:, *cell][:, valid[b, 0][cell]]
                assert bool(known[b, 0, i, j]) == (vectors.shape[1] > 0)
                expected = vectors.mean(1) if vectors.shape[1] else torch.zeros(2)
                assert torch.allclose(mean[b, :, i, j], expected, atol=1e-5)


def test_without_a_mask_everything_is_valid() -> None:
    mean, known = downsample_flow(_constant(5.0, 7.0, 9, 10), None, 4)
    assert known.all()
    assert torch.allclose(mean, _constant(5.0, 7.0, 3, 3))


# Cost volume.


def naive_cost_volume(features1: Tensor, features2: Tensor, *, radius: int, stride: int = 1) -> Tensor:
    """By the definition, one displacement after the other."""
    height, width = features1.shape[-2:]
    reach = radius // stride
    offsets = [stride * k for k in range(-reach, reach + 1)]
    channels = []
    for dy in offsets:
        for dx in offsets:
            padded = torch.nn.functional.pad(features2, (radius, radius, radius, radius))
            top, left = radius + dy, radius + dx
            moved = padded[:, :, top : top + height, left : left + width]
            channels.append((features1 * moved).mean(1))
    return torch.stack(channels, 1)


SHAPES = [
    ((2, 5, 9, 13), 4, 1),
    ((1, 3, 7, 37), 4, 2),
    ((2, 3, 5, 6), 8, 3),
    ((1, 2, 20, 41), 5, 2),
    ((1, 4, 3, 50), 0, 1),
    ((1, 1, 1, 1), 3, 1),
    ((2, 8, 10, 14), 20, 2),
]


@pytest.mark.parametrize(("shape", "radius", "stride"), SHAPES)
def test_cost_volume_and_its_gradients_are_those_of_the_naive_loop(
    shape: tuple[int, ...], radius: int, stride: int
) -> None:
    features = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    volume = cost_volume(*features, radius=radius, stride=stride)
    expected = naive_cost_volume(*features, radius=radius, stride=stride)
    assert torch.allclose(volume, expected, atol=1e-12)
    weights = torch.randn_like(volume)
    gradients = torch.autograd.grad(volume, features, weights)
    for gradient, reference in zip(gradients, torch.autograd.grad(expected, features, weights), strict=True):
        assert torch.allclose(gradient, reference, atol=1e-12)


@pytest.mark.parametrize("at_once", [1, 7, 16, 23, 48, 1000])
@pytest.mark.parametrize(
    ("batch", "height", "width", "radius"), [(3, 9, 30, 3), (5, 4, 8, 0), (2, 13, 17, 5)]
)
def test_tiles_are_taken_together_or_in_portions(
    at_once: int, batch: int, height: int, width: int, radius: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matching, "AT_ONCE", at_once)
    maps = [torch.randn(batch, 3, height, width, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    volume, expected = cost_volume(*maps, radius=radius), naive_cost_volume(*maps, radius=radius)
    assert torch.allclose(volume, expected, atol=1e-12)
    weights = torch.randn_like(volume)
    found, reference = (torch.autograd.grad(each, maps, weights) for each in (volume, expected))
    assert all(torch.allclose(*pair, atol=1e-12) for pair in zip(found, reference, strict=True))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.bfloat16, 2e-2)])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_precisions_and_layouts(
    dtype: torch.dtype, tolerance: float, memory_format: torch.memory_format
) -> None:
    exact = [torch.randn(2, 16, 11, 18, dtype=dtype).double().requires_grad_() for _ in range(2)]
    features = [
        map_.detach().to(dtype).contiguous(memory_format=memory_format).requires_grad_() for map_ in exact
    ]
    volume, expected = cost_volume(*features, radius=4), naive_cost_volume(*exact, radius=4)
    assert volume.dtype == dtype
    assert (volume - expected).abs().max() < tolerance
    volume.float().square().sum().backward()
    expected.square().sum().backward()
    for map_, reference in zip(features, exact, strict=True):
        assert (map_.grad - reference.grad).abs().max() < tolerance * 3


def test_gradient_of_cost_volume() -> None:
    features = [torch.randn(1, 2, 4, 5, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    assert torch.autograd.gradcheck(lambda a, b: cost_volume(a, b, radius=2), features, fast_mode=True)
    assert torch.autograd.gradcheck(
        lambda a, b: cost_volume(a, b, radius=4, stride=2), features, fast_mode=True
    )


def test_cost_volume_finds_a_shift() -> None:
    frame1 = torch.randn(1, 64, 12, 20)
    frame2 = torch.roll(frame1, (-1, 3), (2, 3))
    best = cost_volume(frame1, frame2, radius=4).argmax(1)[0, 4:-4, 4:-4]
    assert (best == (4 - 1) * 9 + 4 + 3).all()


def test_cost_volume_is_float32_inside_autocast() -> None:
    features = [torch.randn(1, 8, 6, 7).bfloat16() for _ in range(2)]
    with torch.autocast("cpu", torch.bfloat16):
        volume = cost_volume(*features, radius=2)
        wide = [map_.float().requires_grad_() for map_ in features]
        inside_autocast = torch.autograd.grad(cost_volume(*wide, radius=2).square().sum(), wide)
    outside_autocast = torch.autograd.grad(cost_volume(*wide, radius=2).square().sum(), wide)
    assert all(map(torch.equal, inside_autocast, outside_autocast))
    assert volume.dtype == torch.float32
    assert torch.allclose(
        volume, naive_cost_volume(*(map_.float() for map_ in features), radius=2), atol=1e-6
    )


def test_senseless_radius_or_stride_is_refused() -> None:
    maps = torch.zeros(1, 1, 2, 2)
    with pytest.raises(ValueError, match="radius -1"):
        cost_volume(maps, maps, radius=-1)
    with pytest.raises(ValueError, match="stride 0"):
        cost_volume(maps, maps, radius=1, stride=0)


def test_the_operator_keeps_its_promises_to_the_compiler() -> None:
    maps = [torch.randn(2, 5, 6, 3, requires_grad=True) for _ in range(2)]
    torch.library.opcheck(matches, (*maps, 2))
    torch.library.opcheck(matches, (*(map_.detach().permute(0, 2, 1, 3) for map_ in maps), 2))


# Under the compiler.


@pytest.mark.skipif(not shutil.which("g++"), reason="no C++ compiler, which torch.compile needs on a CPU")
@pytest.mark.usefixtures("untyped")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compiled_operations_agree_with_plain_ones() -> None:
    def step(features1: Tensor, features2: Tensor, flow: Tensor) -> Tensor:
        return cost_volume(features1, warp(features2, flow) * inside(flow), radius=4, stride=2)

    features = [torch.randn(1, 8, 9, 13, requires_grad=True) for _ in range(2)]
    inputs = [*features, (2 * torch.randn(1, 2, 9, 13)).requires_grad_()]
    results = []
    for function in (step, torch.compile(step, fullgraph=True)):
        volume = function(*inputs)
        results.append((volume, *torch.autograd.grad(volume.square().sum(), inputs)))
    for plain, compiled in zip(*results, strict=True):
        assert torch.allclose(plain, compiled, atol=1e-4, rtol=1e-4)
