"""What every network keeps to, and what is particular to some."""

import sys
from itertools import pairwise
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from chairsgen.errors import InputError
from trainer import create_model, register
from trainer.models import ENTRIES, FlowModel, num_parameters
from trainer.models.base import FlowHead
from trainer.models.registry import Entry
from trainer.ops import downsample_flow

PARAMETERS = {
    "flownets": 38_676_506,
    "flownetc": 39_175_298,
    "flownet2-sd": 45_371_666,
    "flownet2-cs": 77_870_620,
    "flownet2-css": 116_565_942,
    "flownet2": 162_518_834,
    "spynet": 1_440_300,
    "pwcnet": 9_374_274,
    "pwcnet-small": 8_749_280,
}
"""As counted on the published networks; pwcnet without the 66 that it never uses, pwcnet-small with them."""

SCALES = {
    **dict.fromkeys(PARAMETERS, (1, 4, 8, 16, 32, 64)),
    "flownet2": (1, 2, 4),
    "spynet": (1, 2, 4, 8, 16, 32),
}


@pytest.fixture(params=PARAMETERS, scope="module")
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def model(name: str) -> FlowModel:
    torch.manual_seed(0)
    made = create_model(name)
    assert isinstance(made, FlowModel)
    return made


def _pair(height: int, width: int, batch: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    first, second = torch.randint(0, 256, (2, batch, 3, height, width), generator=generator).to(torch.uint8)
    return first, second


def test_parameter_counts_are_the_published_ones(name: str) -> None:
    assert num_parameters(name) == PARAMETERS[name]


def test_all_networks_are_listed() -> None:
    assert set(PARAMETERS) == set(ENTRIES)


@torch.no_grad()
def test_flows_of_odd_sizes(name: str, model: FlowModel) -> None:
    flows = model(*_pair(70, 90))
    scales = SCALES[name]
    assert [flow.shape for flow in flows] == [(1, 2, -(-70 // s), -(-90 // s)) for s in scales]
    assert all(flow.dtype == torch.float32 and flow.isfinite().all() for flow in flows)
    truth = torch.zeros(1, 2, 70, 90)
    assert all(
        downsample_flow(truth, None, scale)[0].shape == flow.shape
        for flow, scale in zip(flows, scales, strict=True)
    )


@torch.no_grad()
def test_padding_repeats_the_border_and_is_undone(model: FlowModel) -> None:
    image1, image2 = (image.float() / 255 for image in _pair(50, 70))
    flows = model(image1, image2)
    normalised = model.normalise(image1, image2)
    padding = (0, -70 % model.stride, 0, -50 % model.stride)
    padded = [nn.functional.pad(image, padding, mode="replicate") for image in normalised]
    whole = model.estimate(*padded)
    for flow, full in zip(reversed(flows), reversed(whole), strict=False):
        assert torch.equal(flow, full[:, :, : flow.shape[2], : flow.shape[3]])


@torch.no_grad()
def test_bytes_and_fractions_agree(model: FlowModel) -> None:
    image1, image2 = _pair(64, 64)
    for flow, other in zip(model(image1, image2), model(image1 / 255, image2.double() / 255), strict=True):
        assert torch.allclose(flow, other.float(), rtol=1e-3, atol=1e-3 * float(flow.abs().max()))


@torch.no_grad()
def test_pairs_of_a_batch_do_not_meet(name: str, model: FlowModel) -> None:
    if name in ("flownet2-cs", "flownet2-css"):
        pytest.skip("made of what is tested alone and in flownet2")
    image1, image2 = _pair(64, 64, batch=2)
    together, alone = model(image1, image2)[0], model(image1[1:], image2[1:])[0]
    assert torch.allclose(together[1:], alone, rtol=1e-3, atol=1e-3 * float(alone.abs().max()))


@torch.no_grad()
def test_bfloat16_stays_near_float32(name: str, model: FlowModel) -> None:
    pair = _pair(64, 64)
    exact = model(*pair)
    with torch.autocast("cpu", torch.bfloat16):
        half = model(*pair)
    for flow in half:
        assert flow.dtype == torch.float32
        assert flow.isfinite().all()
    # The coarsest flow only: random weights amplify whatever comes after it.
    error = (half[-1] - exact[-1]).abs().mean() / exact[-1].abs().mean()
    assert error < 0.1 or name.startswith("flownet2")


@torch.no_grad()
def test_heads_of_zero_give_zero_flow(model: FlowModel) -> None:
    heads = [module for module in model.modules() if isinstance(module, FlowHead)]
    kept = [head.weight.clone() for head in heads]
    for head in heads:
        head.weight.zero_()
    for flow in model(*_pair(64, 64)):
        assert not flow.any()
    for head, weight in zip(heads, kept, strict=True):
        head.weight.copy_(weight)


def test_gradients_reach_every_parameter(name: str, model: FlowModel) -> None:
    # Two by two vectors at the coarsest level: with one, a kernel's border meets nothing but padding.
    flows = model(*_pair(64, 128))
    sum(flow.square().mean() for flow in flows).backward()
    missing = [
        key
        for key, parameter in model.named_parameters()
        if parameter.requires_grad and (parameter.grad is None or not parameter.grad.any())
    ]
    infinite = [
        key
        for key, parameter in model.named_parameters()
        if parameter.grad is not None and not parameter.grad.isfinite().all()
    ]
    model.zero_grad(set_to_none=True)
    assert not missing
    assert not infinite
    frozen = {key for key, parameter in model.named_parameters() if not parameter.requires_grad}
    assert all(key.startswith("spare_upsampling") for key in frozen)
    assert bool(frozen) == (name == "pwcnet-small")


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize("name", ["spynet", "pwcnet", "flownetc"])
@torch.no_grad()
def test_channels_last_and_whole_graphs(name: str) -> None:
    # The tracer alone, without the compiler: no Python is left between operations.
    model = create_model(name).to(memory_format=torch.channels_last)
    traced = torch.compile(model, backend="eager", fullgraph=True)
    pair = _pair(50, 64)
    for flow, other in zip(model(*pair), traced(*pair), strict=True):
        assert torch.allclose(flow, other, rtol=1e-4, atol=1e-4 * float(flow.abs().max()))


@torch.no_grad()
def test_every_level_speaks_of_full_frame_pixels() -> None:
    # Biases alone make flow: one unit at every level of PWC-Net's and FlowNetS' pyramids.
    for name in ("pwcnet", "flownets"):
        model = create_model(name)
        for parameter in model.parameters():
            parameter.zero_()
        heads = [module for module in model.modules() if isinstance(module, FlowHead)]
        for head in heads[:5]:
            head.bias.copy_(torch.tensor([1.0, -0.5]))
        for flow in model(*_pair(64, 64)):
            assert torch.allclose(flow[0, 0], torch.tensor(20.0))
            assert torch.allclose(flow[0, 1], torch.tensor(-10.0))


@torch.no_grad()
def test_spynet_doubles_flow_from_level_to_level() -> None:
    model = create_model("spynet", num_levels=4)
    for parameter in model.parameters():
        parameter.zero_()
    model.levels[0][-1].bias.copy_(torch.tensor([1.0, 0.25]))
    for flow in model(*_pair(32, 32)):
        assert torch.allclose(flow[0, 0], torch.tensor(8.0))
        assert torch.allclose(flow[0, 1], torch.tensor(2.0))


def test_brightness_alone_changes_nothing_in_flownet() -> None:
    model = create_model("flownets")
    image1, image2 = (image / 510 for image in _pair(64, 64))
    with torch.no_grad():
        flow, brighter = model(image1, image2)[0], model(image1 + 0.25, image2 + 0.25)[0]
    assert torch.allclose(flow, brighter, atol=1e-3 * float(flow.abs().max()))


def test_options_reach_the_configuration() -> None:
    assert num_parameters("spynet", num_levels=4) == 4 * 240_050
    assert num_parameters("pwcnet", spare_upsampling=True) == 9_374_340
    assert num_parameters("pwcnet", radius=3) < num_parameters("pwcnet")
    with torch.device("meta"):
        assert create_model("flownets", flow_unit=1.0).flow_unit == 1.0
    with pytest.raises(InputError, match="did you mean 'radius'"):
        create_model("pwcnet", radios=3)


@pytest.mark.parametrize(
    ("shape1", "shape2", "dtype", "message"),
    [
        ((1, 3, 8, 8), (1, 3, 8, 9), torch.float32, "differ in shape"),
        ((1, 1, 8, 8), (1, 1, 8, 8), torch.float32, "must be .batch, 3, height, width"),
        ((3, 8, 8), (3, 8, 8), torch.float32, "must be .batch, 3, height, width"),
        ((1, 3, 8, 8), (1, 3, 8, 8), torch.int64, "must be uint8"),
    ],
)
def test_unfit_images_are_named(
    shape1: tuple[int, ...], shape2: tuple[int, ...], dtype: torch.dtype, message: str
) -> None:
    model = create_model("spynet", num_levels=1)
    with pytest.raises(InputError, match=message):
        model(torch.zeros(shape1, dtype=dtype), torch.zeros(shape2, dtype=dtype))


# A network of one's own.


class Mine(FlowModel):
    """Four convolutions to 1/4 of the resolution."""

    stride = 4

    def __init__(self, channels: int = 8) -> None:
        super().__init__()
        sizes = (6, channels, channels, channels)
        convs = (nn.Conv2d(a, b, 3, 2 - i % 2, 1) for i, (a, b) in enumerate(pairwise(sizes)))
        self.layers = nn.Sequential(*convs, FlowHead(channels))

    def estimate(self, image1: Tensor, image2: Tensor) -> list[Tensor]:
        return [self.layers(torch.cat([image1, image2], 1))]


def test_a_network_of_ones_own_goes_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.models.registry.ENTRIES", dict(ENTRIES))

    @register("mine", source="this test")
    def mine(channels: int = 8) -> Mine:
        return Mine(channels)

    flows = create_model("mine", channels=4)(*_pair(30, 41))
    assert [flow.shape[-2:] for flow in flows] == [(30, 41), (8, 11)]
    with pytest.raises(ValueError, match="registered already"):
        register("mine", source="another")(Mine)

    module = ModuleType("a_module_of_ones_own")
    module.build = mine  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    assert isinstance(create_model("a_module_of_ones_own:build", channels=4), Mine)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pwcnett", "unknown model 'pwcnett': did you mean 'pwcnet'"),
        ("no_such_module:f", "No module named 'no_such_module'"),
        ("math:no_such_function", "no_such_function"),
        ("math:pi", "is not a function or a class"),
        (":f", "model ':f'"),
        ("math:sqrt", "model 'math:sqrt': missing a required"),
        ("string:capwords", "model 'string:capwords': missing a required"),
        ("platform:machine", "model 'platform:machine': made a str, not a network"),
    ],
)
def test_unknown_networks_are_named(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        create_model(name)


def test_entries_say_where_networks_come_from() -> None:
    for entry in ENTRIES.values():
        assert isinstance(entry, Entry)
        assert entry.source
