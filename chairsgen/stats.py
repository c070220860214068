"""What is in a dataset: flow, coverage, occlusion, beside the published figures of FlyingChairs."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from chairsgen.dataset import Dataset
from chairsgen.progress import progress
from chairsgen.sample import FlowSample
from chairsgen.workers import start_workers

BIN_PX = 0.02
MAX_PX = 2000.0
"""Percentiles come from a histogram of |flow| with bins of this width, up to this length."""

PUBLISHED: dict[str, tuple[float | None, str]] = {
    "flow_mean": (11.1, "mean |flow|, px"),
    "flow_median": (2.9, "median |flow|, px"),
    "flow_p75": (10.1, "75th percentile, px"),
    "flow_p95": (27.0, "95th percentile, px"),
    "flow_p99": (59.0, "99th percentile, px"),
    "flow_over_40": (0.016, "share over 40 px"),
    "u_std": (12.9, "std of u, px"),
    "v_std": (13.6, "std of v, px"),
    "u_mean": (-0.2, "mean of u, px"),
    "v_mean": (0.3, "mean of v, px"),
    "coverage": (0.25, "chairs' share of the frame"),
    "visible_chairs": (None, "chairs visible a frame"),
    "occluded": (None, "share occluded in frame 2"),
    "out_of_frame": (None, "share out of frame 2"),
}
"""Every figure, what it is, and its value for FlyingChairs: mean |flow| from tfoptflow's README; std and mean of u
and v from 800 fields of FlyingChairs2; percentiles and coverage measured on 12 original fields."""


def measure(dataset: Dataset, *, workers: int | None = None, quiet: bool = False) -> dict[str, Any]:
    """The figures of :data:`PUBLISHED`, measured on all of a dataset's forward flow, and the number of pairs."""
    total: dict[str, Any] = {}
    pieces = [range(start, min(start + 25, len(dataset))) for start in range(0, len(dataset), 25)]
    with (
        start_workers("here" if workers == 1 else "local", workers) as pool,
        progress("measuring", len(dataset), "pairs", quiet=quiet) as shown,
    ):
        for piece, sums in zip(pieces, pool.map(_sums, pool.share(dataset), pieces), strict=True):
            total = {name: total.get(name, 0) + value for name, value in sums.items()}
            shown.advance(len(piece))
    pairs, pixels = int(total["pairs"]), total["pixels"]
    edges = (np.arange(len(total["histogram"])) + 1) * BIN_PX
    cumulated = np.cumsum(total["histogram"]) / pixels

    def percentile(share: float) -> float:
        return float(edges[np.searchsorted(cumulated, share)] - BIN_PX / 2)

    mean = total["flow"] / pixels
    std = np.sqrt(total["flow_squared"] / pixels - mean**2)
    return {
        "pairs": pairs,
        "flow_mean": float(total["length"] / pixels),
        "flow_median": percentile(0.5),
        "flow_p75": percentile(0.75),
        "flow_p95": percentile(0.95),
        "flow_p99": percentile(0.99),
        "flow_over_40": float(total["over_40"] / pixels),
        "u_std": float(std[0]),
        "v_std": float(std[1]),
        "u_mean": float(mean[0]),
        "v_mean": float(mean[1]),
        "coverage": float(total["covered"] / pixels),
        "visible_chairs": float(total["visible"] / pairs),
        "occluded": float(total["occluded"] / pixels),
        "out_of_frame": float(total["out"] / pixels),
    }


def table(figures: dict[str, Any]) -> str:
    """The figures as text, beside the published ones."""
    lines = [f"{'pairs: ' + format(figures['pairs'], ','):30s} {'here':>9s} {'FlyingChairs':>14s}"]
    for name, (published, meaning) in PUBLISHED.items():
        beside = "-" if published is None else f"{published:g}"
        lines.append(f"{meaning:30s} {figures[name]:9.3g} {beside:>14s}")
    return "\n".join(lines)


def _sums(dataset: Dataset, indices: Iterable[int]) -> dict[str, Any]:
    total: dict[str, Any] = {}
    for index in indices:
        sums = _sums_of(dataset[index])
        total = {name: total.get(name, 0) + value for name, value in sums.items()}
    return total


def _sums_of(sample: FlowSample) -> dict[str, Any]:
    flow = sample.flow_fw.reshape(-1, 2).astype(np.float64)
    length = np.hypot(flow[:, 0], flow[:, 1])
    bins = np.minimum(length / BIN_PX, MAX_PX / BIN_PX - 1).astype(np.int64)
    return {
        "pairs": 1,
        "pixels": len(flow),
        "length": length.sum(),
        "flow": flow.sum(axis=0),
        "flow_squared": (flow**2).sum(axis=0),
        "histogram": np.bincount(bins, minlength=round(MAX_PX / BIN_PX)),
        "over_40": (length > 40).sum(),
        "covered": np.count_nonzero(sample.layer_id1),
        "visible": len(np.setdiff1d(sample.layer_id1, [0])),
        "occluded": sample.occ_fw.sum(),
        "out": sample.out_fw.sum(),
    }
