"""Published end-point errors of networks trained on FlyingChairs alone: for comparison, not measured here.

Figures "from memory" were not read in their source when they were written down.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_BENCHMARKS = {
    "chairs": re.compile(r"chairs:[^?]*(\?split=val)?"),
    "sintel clean": re.compile(r"sintel:[^?]*:clean"),
    "sintel final": re.compile(r"sintel:[^?]*:final"),
    "kitti2012": re.compile(r"kitti2012:[^?]*"),
    "kitti2015": re.compile(r"kitti2015:[^?]*"),
    "middlebury": re.compile(r"middlebury:[^?]*"),
}
"""The benchmarks, each with the SPECs that mean just those of its pairs that are published on: of FlyingChairs the
val pairs, of the others the training pairs."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """What somebody published of a network.

    Attributes:
        method: The network.
        source: Where it stands.
        epe: End-point error in pixels, over all pixels, by benchmark.
    """

    method: str
    source: str
    epe: Mapping[str, float]

    def on(self, spec: str) -> float | None:
        """The figure for a dataset; None where there is none."""
        for benchmark, pattern in _BENCHMARKS.items():
            if pattern.fullmatch(spec):
                return self.epe.get(benchmark)
        return None


def _row(method: str, source: str, **epe: float) -> Published:
    return Published(
        method=method, source=source, epe={name.replace("_", " "): value for name, value in epe.items()}
    )


_FLOWNET = "Dosovitskiy et al., ICCV 2015; but for chairs from memory"
_SPYNET = "Ranjan & Black, CVPR 2017; from memory"
_PWCNET = "Sun et al., CVPR 2018"
_PINARD = "FlowNetPytorch, README"
_MMFLOW = "mmflow, configs' READMEs"
_EZFLOW = "ezflow, configs/README"

PUBLISHED = (
    _row(
        "FlowNetS",
        _FLOWNET,
        chairs=2.71,
        sintel_clean=4.50,
        sintel_final=5.45,
        kitti2012=8.26,
        middlebury=1.09,
    ),
    _row("FlowNetS", _PINARD, chairs=1.95),
    _row("FlowNetS", _MMFLOW, chairs=2.03, sintel_clean=4.25, sintel_final=5.64, kitti2012=8.81),
    _row("FlowNetS+v", _FLOWNET, chairs=2.86, sintel_clean=3.66, sintel_final=4.76),
    _row(
        "FlowNetC",
        _FLOWNET,
        chairs=2.19,
        sintel_clean=4.31,
        sintel_final=5.87,
        kitti2012=9.35,
        middlebury=1.15,
    ),
    _row("FlowNetC", _PINARD, chairs=1.77),
    _row("FlowNetC", _MMFLOW, chairs=1.78, sintel_clean=3.60, sintel_final=4.93, kitti2012=7.55),
    _row("FlowNetC", _EZFLOW, sintel_clean=3.41, sintel_final=4.94, kitti2015=14.84),
    _row("FlowNetC+v", _FLOWNET, chairs=2.61, sintel_clean=3.57, sintel_final=5.25),
    _row(
        "SpyNet",
        _SPYNET,
        chairs=2.63,
        sintel_clean=4.12,
        sintel_final=5.57,
        kitti2012=9.12,
        middlebury=0.33,
    ),
    _row("FlowNet2-CS", _MMFLOW, chairs=1.59),
    _row("FlowNet2-CSS", _MMFLOW, chairs=1.55),
    _row(
        "PWC-Net",
        _PWCNET,
        chairs=2.00,
        sintel_clean=3.33,
        sintel_final=4.59,
        kitti2012=5.14,
        kitti2015=13.20,
    ),
    _row("PWC-Net", _MMFLOW, chairs=1.51, sintel_clean=3.52, sintel_final=4.81),
    _row("PWC-Net", _EZFLOW, sintel_clean=3.50, sintel_final=4.73, kitti2015=17.81),
)
"""By network, then by source."""
