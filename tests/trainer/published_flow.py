"""What networks that others published compute from their tensors.

Images are (batch, 3, height, width), RGB from 0 to 1; flow is that of the network's finest own level, in pixels.
Written from their code, apart from this project's: see :mod:`published` for their tensors' names.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

Tensors = dict[str, Tensor]


def _conv(p: Tensors, name: str, x: Tensor, stride: int = 1, dilation: int = 1, leak: float = 0.1) -> Tensor:
    """A convolution, batch-normalised if the tensors say so, and leaky ReLU (``leak`` 1: none)."""
    weight = p[f"{name}.weight"]
    x = F.conv2d(x, weight, p.get(f"{name}.bias"), stride, dilation * (weight.shape[-1] // 2), dilation)
    norm = name[:-1] + "1"
    if f"{norm}.running_mean" in p:
        mean, var, gain, shift = (
            p[f"{norm}.{kind}"] for kind in ("running_mean", "running_var", "weight", "bias")
        )
        x = F.batch_norm(x, mean, var, gain, shift)
    return F.leaky_relu(x, leak)


def _up(p: Tensors, name: str, x: Tensor, leak: float = 1.0) -> Tensor:
    return F.leaky_relu(F.conv_transpose2d(x, p[f"{name}.weight"], p.get(f"{name}.bias"), 2, 1), leak)


def _correlation(a: Tensor, b: Tensor, radius: int, step: int) -> Tensor:
    """Means over channels of products with displaced features, dy outside, dx inside, leaky."""
    height, width = a.shape[-2:]
    b = F.pad(b, (radius,) * 4)
    shifts = range(0, 2 * radius + 1, step)
    products = [(a * b[:, :, y : y + height, x : x + width]).mean(1) for y in shifts for x in shifts]
    return F.leaky_relu(torch.stack(products, 1), 0.1)


def _flownet(p: Tensors, x: Tensor) -> Tensor:
    """The finest flow of FlowNetS, FlowNetC or FlowNetSD, in the network's unit."""
    small = "inter_conv5.0.weight" in p
    if small:
        x = _conv(p, "conv0.0", x)
        level2 = _conv(
            p, "conv2_1.0", _conv(p, "conv2.0", _conv(p, "conv1_1.0", _conv(p, "conv1.0", x, 2)), 2)
        )
        level3 = _conv(p, "conv3.0", level2, 2)
    elif "conv_redir.0.weight" in p:
        (level2, a), (_, b) = (
            (level, _conv(p, "conv3.0", level, 2))
            for level in (_conv(p, "conv2.0", _conv(p, "conv1.0", image, 2), 2) for image in x.split(3, 1))
        )
        level3 = torch.cat([_conv(p, "conv_redir.0", a), _correlation(a, b, 20, 2)], 1)
    else:
        level2 = _conv(p, "conv2.0", _conv(p, "conv1.0", x, 2), 2)
        level3 = _conv(p, "conv3.0", level2, 2)
    level3 = _conv(p, "conv3_1.0", level3)
    level4 = _conv(p, "conv4_1.0", _conv(p, "conv4.0", level3, 2))
    level5 = _conv(p, "conv5_1.0", _conv(p, "conv5.0", level4, 2))
    features = _conv(p, "conv6_1.0", _conv(p, "conv6.0", level5, 2))
    flow = _conv(p, "predict_flow6", features, leak=1)
    for i, skip in ((5, level5), (4, level4), (3, level3), (2, level2)):
        parts = [skip, _up(p, f"deconv{i}.0", features, 0.1), _up(p, f"upsampled_flow{i + 1}_to_{i}", flow)]
        features = torch.cat(parts, 1)
        seen = _conv(p, f"inter_conv{i}.0", features, leak=1) if small else features
        flow = _conv(p, f"predict_flow{i}", seen, leak=1)
    return flow


def pinard_flow(p: Tensors, image1: Tensor, image2: Tensor, unit: float = 20.0) -> Tensor:
    """FlowNetPytorch: constants taken from red, green, blue."""
    mean = torch.tensor([0.411, 0.432, 0.45]).view(1, 3, 1, 1)
    return unit * _flownet(p, torch.cat([image1 - mean, image2 - mean], 1))


def _less_mean(image1: Tensor, image2: Tensor) -> Tensor:
    """flownet2-pytorch: each colour's mean over both images is taken from it."""
    both = torch.stack([image1, image2], 2)
    return (both - both.mean((2, 3, 4), keepdim=True)).transpose(1, 2).flatten(1, 2)


def nvidia_single_flow(p: Tensors, image1: Tensor, image2: Tensor) -> Tensor:
    """FlowNet2-S, -C and -SD."""
    return 20 * _flownet(p, _less_mean(image1, image2))


def _resample(image: Tensor, flow: Tensor) -> Tensor:
    """Bilinear look-up at p + flow whose four neighbours are each clamped to the frame."""
    batch, channels, height, width = image.shape
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    x, y = x + flow[:, 0], y + flow[:, 1]
    read = torch.zeros_like(image)
    for dy in (0, 1):
        for dx in (0, 1):
            weight = (1 - dx - (x - x.floor()) * (1 - 2 * dx)) * (1 - dy - (y - y.floor()) * (1 - 2 * dy))
            column = (x.floor() + dx).clamp(0, width - 1).long()
            row = (y.floor() + dy).clamp(0, height - 1).long()
            index = (row * width + column).view(batch, 1, -1).expand(-1, channels, -1)
            read += weight[:, None] * image.flatten(2).gather(2, index).view_as(image)
    return read


def _within(p: Tensors, part: str) -> Tensors:
    return {
        name.removeprefix(f"{part}."): tensor for name, tensor in p.items() if name.startswith(f"{part}.")
    }


def _length(x: Tensor) -> Tensor:
    return x.square().sum(1, keepdim=True).sqrt()


def stack_flow(p: Tensors, image1: Tensor, image2: Tensor) -> Tensor:
    """FlowNet2-CS, -CSS, and FlowNet2."""
    x = _less_mean(image1, image2)
    image1, image2 = x.split(3, 1)
    flow = 20 * _flownet(_within(p, "flownetc"), x)
    for part in ("flownets_1", "flownets_2"):
        if part in {name.partition(".")[0] for name in p}:
            full = F.interpolate(flow, scale_factor=4, mode="bilinear")
            warped = _resample(image2, full)
            inputs = torch.cat([x, warped, full / 20, _length(image1 - warped)], 1)
            flow = 20 * _flownet(_within(p, part), inputs)
    if "flownetfusion.conv0.0.weight" not in p:
        return flow
    small = _flownet(_within(p, "flownets_d"), x) / 20
    flow, small = (field.repeat_interleave(4, 2).repeat_interleave(4, 3) for field in (flow, small))
    errors = [_length(image1 - _resample(image2, field)) for field in (small, flow)]
    p = _within(p, "flownetfusion")
    level0 = _conv(p, "conv0.0", torch.cat([image1, small, flow, _length(small), _length(flow), *errors], 1))
    level1 = _conv(p, "conv1_1.0", _conv(p, "conv1.0", level0, 2))
    level2 = _conv(p, "conv2_1.0", _conv(p, "conv2.0", level1, 2))
    flow = _conv(p, "predict_flow2", level2, leak=1)
    joined = torch.cat([level1, _up(p, "deconv1.0", level2, 0.1), _up(p, "upsampled_flow2_to_1", flow)], 1)
    flow = _conv(p, "predict_flow1", _conv(p, "inter_conv1.0", joined, leak=1), leak=1)
    joined = torch.cat([level0, _up(p, "deconv0.0", joined, 0.1), _up(p, "upsampled_flow1_to_0", flow)], 1)
    return _conv(p, "predict_flow0", _conv(p, "inter_conv0.0", joined, leak=1), leak=1)


def _pixels(size: torch.Size) -> Tensor:
    y, x = torch.meshgrid(torch.arange(float(size[0])), torch.arange(float(size[1])), indexing="ij")
    return torch.stack([x, y])


def _sample(image: Tensor, flow: Tensor, outside: str) -> Tensor:
    """Look-up at p + flow by a grid whose corners are the centres of the frame's outermost pixels."""
    height, width = image.shape[-2:]
    last = torch.tensor([max(width - 1, 1), max(height - 1, 1)]).view(1, 2, 1, 1)
    grid = (2 * (_pixels(image.shape[-2:]) + flow) / last - 1).permute(0, 2, 3, 1)
    return F.grid_sample(image, grid, padding_mode=outside, align_corners=True)


def nvlabs_flow(p: Tensors, image1: Tensor, image2: Tensor) -> Tensor:
    """PWC-Net by NVlabs' names: BGR images."""
    small, features = "conv1aa.0.weight" not in p, []
    for x in (image1.flip(1), image2.flip(1)):
        levels = []
        for level in range(1, 7):
            layers = ("a", "b") if small else ("aa", "a", "b") if level == 6 else ("a", "aa", "b")
            for i, layer in enumerate(layers):
                x = _conv(p, f"conv{level}{layer}.0", x, 2 if i == 0 else 1)
            levels.append(x)
        features.append(levels)
    for level in range(6, 1, -1):
        a, b = (levels[level - 1] for levels in features)
        if level == 6:
            x = _correlation(a, b, 4, 1)
        else:
            flow, more = _up(p, f"deconv{level + 1}", flow), _up(p, f"upfeat{level + 1}", x)
            shift = flow * 20 / 2**level
            mask = _sample(torch.ones_like(b), shift, "zeros") >= 0.9999
            x = torch.cat([_correlation(a, _sample(b, shift, "zeros") * mask, 4, 1), a, flow, more], 1)
        for i in range(5):
            x = torch.cat([_conv(p, f"conv{level}_{i}.0", x), x], 1)
        flow = _conv(p, f"predict_flow{level}", x, leak=1)
    for i, dilation in enumerate((1, 2, 4, 8, 16, 1)):
        x = _conv(p, f"dc_conv{i + 1}.0", x, dilation=dilation)
    return 20 * (flow + _conv(p, "dc_conv7", x, leak=1))


def sniklaus_pwc_flow(p: Tensors, image1: Tensor, image2: Tensor) -> Tensor:
    """The same by pytorch-pwc's names: NVlabs' in the same order of layers."""
    p = {name.replace("module", "net"): tensor for name, tensor in p.items()}
    numbers, same = ("One", "Two", "Thr", "Fou", "Fiv", "Six"), {}
    for level, number in enumerate(numbers, 1):
        for i, layer in enumerate(("aa", "a", "b") if level == 6 else ("a", "aa", "b")):
            same[f"conv{level}{layer}.0"] = f"netExtractor.net{number}.{2 * i}"
        if level > 1:
            same |= {f"conv{level}_{i}.0": f"net{number}.net{numbers[i]}.0" for i in range(5)}
            same |= {f"predict_flow{level}": f"net{number}.netSix.0"}
            same |= {
                f"deconv{level + 1}": f"net{number}.netUpflow",
                f"upfeat{level + 1}": f"net{number}.netUpfeat",
            }
    same |= {f"dc_conv{i + 1}{'.0' * (i < 6)}": f"netRefiner.netMain.{2 * i}" for i in range(7)}
    named = {
        f"{name}.{kind}": p[f"{theirs}.{kind}"]
        for name, theirs in same.items()
        for kind in ("weight", "bias")
        if f"{theirs}.{kind}" in p
    }
    return nvlabs_flow(named, image1, image2)


def spynet_flow(p: Tensors, image1: Tensor, image2: Tensor) -> Tensor:
    """pytorch-spynet with all six levels."""
    p = {name.replace("module", "net"): tensor for name, tensor in p.items()}
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    pyramid = [((image1 - mean) / std, (image2 - mean) / std)]
    for _ in range(5):
        pyramid.insert(0, tuple(F.avg_pool2d(image, 2) for image in pyramid[0]))
    flow = torch.zeros_like(pyramid[0][0][:, :2])
    for level, (a, b) in enumerate(pyramid):
        if level:
            flow = 2 * F.interpolate(flow, scale_factor=2, mode="bilinear", align_corners=True)
        x = torch.cat([a, _sample(b, flow, "border"), flow], 1)
        for i in range(5):
            x = _conv(p, f"netBasic.{level}.netBasic.{2 * i}", x, leak=0.0 if i < 4 else 1.0)
        flow = flow + x
    return flow
