"""Networks as others published them: their tensors' names and shapes.

Written from their code's layer lists, apart from this project's: what :mod:`trainer.weights` reads is held
against it. :mod:`trainer.weights.flownet` and its neighbours name the sources.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from published_flow import (
    Tensors,
    nvidia_single_flow,
    nvlabs_flow,
    pinard_flow,
    sniklaus_pwc_flow,
    spynet_flow,
    stack_flow,
)
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]


def _convs(table: str, *, bias: bool = True, batch_norm: bool = False) -> Shapes:
    """Shapes of convolutions from lines "name in out kernel", transposed where the kernel is 4."""
    shapes: Shapes = {}
    for line in table.strip().splitlines():
        name, in_, out, kernel = (int(word) if word.isdigit() else word for word in line.split())
        size = (in_, out) if kernel == 4 else (out, in_)
        shapes[f"{name}.weight"] = (*size, kernel, kernel)
        if batch_norm:
            norm = name[:-1] + "1"
            shapes |= {f"{norm}.{kind}": (out,) for kind in ("weight", "bias", "running_mean", "running_var")}
            shapes[f"{norm}.num_batches_tracked"] = ()
        elif bias:
            shapes[f"{name}.bias"] = (out,)
    return shapes


_DEEP = """
conv4.0 256 512 3
conv4_1.0 512 512 3
conv5.0 512 512 3
conv5_1.0 512 512 3
conv6.0 512 1024 3
conv6_1.0 1024 1024 3
"""
_S = "conv1.0 6 64 7\nconv2.0 64 128 5\nconv3.0 128 256 5\nconv3_1.0 256 256 3" + _DEEP
_C = "conv1.0 3 64 7\nconv2.0 64 128 5\nconv3.0 128 256 5\nconv_redir.0 256 32 1\nconv3_1.0 473 256 3" + _DEEP
_SD = (
    """
conv0.0 6 64 3
conv1.0 64 64 3
conv1_1.0 64 128 3
conv2.0 128 128 3
conv2_1.0 128 128 3
conv3.0 128 256 3
conv3_1.0 256 256 3"""
    + _DEEP
    + """
inter_conv5.0 1026 512 3
inter_conv4.0 770 256 3
inter_conv3.0 386 128 3
inter_conv2.0 194 64 3"""
).replace("\n\n", "\n")
_UP = """
deconv5.0 1024 512 4
deconv4.0 1026 256 4
deconv3.0 770 128 4
deconv2.0 386 64 4
"""
_HEADS = """
predict_flow6 1024 2 3
predict_flow5 1026 2 3
predict_flow4 770 2 3
predict_flow3 386 2 3
predict_flow2 194 2 3
"""
_SD_HEADS = """
predict_flow6 1024 2 3
predict_flow5 512 2 3
predict_flow4 256 2 3
predict_flow3 128 2 3
predict_flow2 64 2 3
"""
_FLOW_UP = """
upsampled_flow6_to_5 2 2 4
upsampled_flow5_to_4 2 2 4
upsampled_flow4_to_3 2 2 4
upsampled_flow3_to_2 2 2 4
"""
_FUSION = """
conv0.0 11 64 3
conv1.0 64 64 3
conv1_1.0 64 128 3
conv2.0 128 128 3
conv2_1.0 128 128 3
deconv1.0 128 32 4
deconv0.0 162 16 4
inter_conv1.0 162 32 3
inter_conv0.0 82 16 3
predict_flow2 128 2 3
predict_flow1 32 2 3
predict_flow0 16 2 3
upsampled_flow2_to_1 2 2 4
upsampled_flow1_to_0 2 2 4
"""


def pinard(contraction: str, *, batch_norm: bool = False) -> Shapes:
    """FlowNetPytorch's: no biases in the expanding part."""
    return _convs(contraction, batch_norm=batch_norm) | _convs(_UP + _HEADS.strip() + _FLOW_UP, bias=False)


def nvidia_single(contraction: str) -> Shapes:
    """flownet2-pytorch's: biases everywhere but in FlowNetS's enlargement of flow."""
    heads = _SD_HEADS if contraction == _SD else _HEADS
    return (
        _convs(contraction)
        | _convs(_UP)
        | _convs(heads)
        | _convs(_FLOW_UP, bias="conv1.0 6 " not in contraction and "conv1.0 12 " not in contraction)
    )


def _inside(**parts: Shapes) -> Shapes:
    return {f"{part}.{name}": shape for part, shapes in parts.items() for name, shape in shapes.items()}


_S12 = _S.replace("conv1.0 6", "conv1.0 12")
_CS = _inside(flownetc=nvidia_single(_C), flownets_1=nvidia_single(_S12))
_CSS = _CS | _inside(flownets_2=nvidia_single(_S12))


def nvlabs(*, small: bool) -> Shapes:
    """NVlabs/PWC-Net's, with two or three convolutions a level."""
    lines, channels = [], (3, 16, 32, 64, 96, 128, 196)
    for level in range(1, 7):
        layers = ("a", "b") if small else ("aa", "a", "b") if level == 6 else ("a", "aa", "b")
        for i, layer in enumerate(layers):
            lines.append(f"conv{level}{layer}.0 {channels[level - (i == 0)]} {channels[level]} 3")
    for level in range(6, 1, -1):
        seen = 81 if level == 6 else 81 + channels[level] + 4
        for i, out in enumerate((128, 128, 96, 64, 32)):
            lines.append(f"conv{level}_{i}.0 {seen} {out} 3")
            seen += out
        lines += [f"predict_flow{level} {seen} 2 3", f"deconv{level} 2 2 4"]
        if level > 2:
            lines.append(f"upfeat{level} {seen} 2 4")
    context = (seen, 128, 128, 128, 96, 64, 32)
    lines += [f"dc_conv{i + 1}.0 {context[i]} {context[i + 1]} 3" for i in range(6)]
    return _convs("\n".join([*lines, "dc_conv7 32 2 3"]))


def sniklaus_pwc(word: str) -> Shapes:
    """pytorch-pwc's; ``word`` begins the names of its modules."""
    numbers, channels = ("One", "Two", "Thr", "Fou", "Fiv", "Six"), (3, 16, 32, 64, 96, 128, 196)
    lines = [
        f"Extractor.{numbers[i]}.{2 * j} {channels[i + (j > 0)]} {channels[i + 1]} 3"
        for i in range(6)
        for j in range(3)
    ]
    before = 0
    for level in range(6, 1, -1):
        seen, decoder = 81 if level == 6 else 81 + channels[level] + 4, numbers[level - 1]
        if level < 6:
            lines += [f"{decoder}.Upflow 2 2 4", f"{decoder}.Upfeat {before} 2 4"]
        for i, out in enumerate((128, 128, 96, 64, 32)):
            lines.append(f"{decoder}.{numbers[i]}.0 {seen} {out} 3")
            seen += out
        lines.append(f"{decoder}.Six.0 {seen} 2 3")
        before = seen
    context = (before, 128, 128, 128, 96, 64, 32, 2)
    lines += [f"Refiner.Main.{2 * i} {context[i]} {context[i + 1]} 3" for i in range(7)]
    shapes = _convs("\n".join(lines))
    return {
        ".".join(word + part if part[0].isupper() else part for part in name.split(".")): shape
        for name, shape in shapes.items()
    }


def sniklaus_spynet(word: str) -> Shapes:
    """pytorch-spynet's; ``word`` begins the names of its modules."""
    channels = (8, 32, 64, 32, 16, 2)
    return _convs(
        "\n".join(
            f"{word}Basic.{level}.{word}Basic.{2 * i} {channels[i]} {channels[i + 1]} 7"
            for level in range(6)
            for i in range(5)
        )
    )


Flow = Callable[[Tensors, Tensor, Tensor], Tensor]

PUBLISHED: dict[str, tuple[str, Shapes, Flow]] = {
    "FlowNetPytorch flownets": ("flownets", pinard(_S), pinard_flow),
    "FlowNetPytorch flownets_bn": ("flownets", pinard(_S, batch_norm=True), pinard_flow),
    "FlowNetPytorch flownetc": ("flownetc", pinard(_C), pinard_flow),
    "flownet2-pytorch S": ("flownets", nvidia_single(_S), nvidia_single_flow),
    "flownet2-pytorch C": ("flownetc", nvidia_single(_C), nvidia_single_flow),
    "flownet2-pytorch SD": ("flownet2-sd", nvidia_single(_SD), nvidia_single_flow),
    "flownet2-pytorch CS": ("flownet2-cs", _CS, stack_flow),
    "flownet2-pytorch CSS": ("flownet2-css", _CSS, stack_flow),
    "flownet2-pytorch": (
        "flownet2",
        _CSS | _inside(flownets_d=nvidia_single(_SD), flownetfusion=_convs(_FUSION)),
        stack_flow,
    ),
    "PWC-Net": ("pwcnet", nvlabs(small=False), nvlabs_flow),
    "PWC-Net old": ("pwcnet-small", nvlabs(small=True), nvlabs_flow),
    "pytorch-pwc": ("pwcnet", sniklaus_pwc("module"), sniklaus_pwc_flow),
    "pytorch-pwc renamed": ("pwcnet", sniklaus_pwc("net"), sniklaus_pwc_flow),
    "pytorch-spynet": ("spynet", sniklaus_spynet("module"), spynet_flow),
    "pytorch-spynet renamed": ("spynet", sniklaus_spynet("net"), spynet_flow),
}
"""File -> this project's name of its network, its tensors' shapes, what it computes."""


def made(shapes: Shapes, seed: int = 0) -> Tensors:
    """Tensors that keep activations and flow moderate."""
    rng, tensors = np.random.default_rng(seed), {}
    for name, shape in shapes.items():
        tensor = torch.from_numpy(np.asarray(rng.random(shape, np.float32)))
        if len(shape) == 4:
            transposed = shape[-1] == 4
            fan = shape[0] * 4 if transposed else math.prod(shape[1:])
            tensor.sub_(0.5).mul_(math.sqrt(24 / fan))
        elif name.endswith("var"):
            tensor = tensor + 0.5
        elif shape:
            tensor = (tensor - 0.5) * 0.2 + name.endswith(".1.weight")
        else:
            tensor = torch.tensor(1000)
        tensors[name] = tensor
    return tensors
