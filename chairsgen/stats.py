"""What is in a dataset: flow, layers and images in figures, beside the published ones of FlyingChairs; licences.

A figure is an entry of :data:`FIGURES` and nothing else: what it means, what of a pair is summed, what comes of
the sum, and its published value. All are measured in one pass over the pairs, on frame 1 and the forward flow.
"""

import functools
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from chairsgen.dataset import Dataset, Manifest
from chairsgen.errors import InputError
from chairsgen.progress import progress
from chairsgen.sample import FlowSample
from chairsgen.workers import light_workers, pieces

PAIRS_PER_CALL = 25

STEP_PX = 1 / 64
MAX_PX = 2048
"""Percentiles of |flow| come from a histogram with bins of this width, up to this length."""

OCTAVES_PX = (0, 0.5, 1, 2, 4, 8, 16, 32, 64, 128)
"""Where the bins of the histogram that is shown begin; the last has no end."""

DIRECTIONS = ("right", "down-right", "down", "down-left", "left", "up-left", "up", "up-right")
"""Sectors of 45 degrees, each about its direction, as they follow one another from +x to +y."""

NUM_RINGS = 12
LONGEST_WAVE, SHORTEST_PX = 3, 4
"""Spectra are looked at in rings of equal width in log frequency: from this many waves across the frame's shorter
side to waves of this many pixels; shorter ones tell of lenses and resampling."""

MAX_NAMED = 3
"""Authors and sources of a licence that the table names."""


class Pair:
    """A sample, and what several figures need of it."""

    def __init__(self, sample: FlowSample) -> None:
        self.sample = sample
        self.u, self.v = np.moveaxis(sample.flow_fw, -1, 0)
        self.length: Float32[np.ndarray, "height width"] = np.hypot(self.u, self.v)
        self.visible = np.count_nonzero(np.bincount(sample.layer_id1.ravel(), minlength=1)[1:])


def _mean(total: Any, pairs: int) -> float:
    return float(total / pairs)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure of a dataset.

    Attributes:
        meaning: In a few words, with the unit.
        adds: What a pair adds to the sum over all pairs: a number or an array.
        gives: The value that comes of the sum and the number of pairs: their mean if nothing else is said, a list
            of shares where there are ``bins``.
        published: FlyingChairs' value, or the range that it lies in.
        bins: What the shares are of; empty for a single number.
    """

    meaning: str
    adds: Callable[[Pair], Any]
    gives: Callable[[Any, int], Any] = _mean
    published: float | tuple[float, float] | None = None
    bins: tuple[str, ...] = ()


def spectrum_slope(image: UInt8[np.ndarray, "height width 3"]) -> float:
    """Slope of an image's spectrum: of log power over log spatial frequency, the power averaged over directions.

    Photographs have about -2 (Field, "Relations between the statistics of natural images and the response
    properties of cortical cells", 1987), white noise 0.
    """
    grey = cv2.cvtColor(image.astype(np.float32), cv2.COLOR_RGB2GRAY)
    window, ring, count, log_frequency = _rings(*grey.shape)
    spectrum = np.fft.rfft2((grey - grey.mean()) * window)
    power = np.bincount(ring, (spectrum.real**2 + spectrum.imag**2).ravel())[:NUM_RINGS]
    # An image of one colour has no power at all.
    log_power = np.log(power / np.maximum(count, 1) + 1e-6)
    return float(np.polyfit(log_frequency[count > 0], log_power[count > 0], 1)[0])


@functools.lru_cache(maxsize=4)
def _rings(height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A Hann window; each frequency's ring (the last is of those in none); how many are in each; its frequency."""
    window = np.outer(np.hanning(height), np.hanning(width)).astype(np.float32)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)).ravel()
    edges = np.geomspace(LONGEST_WAVE / min(height, width), 1 / SHORTEST_PX, NUM_RINGS + 1)
    ring = (np.digitize(frequency, edges) - 1) % (NUM_RINGS + 1)
    count = np.bincount(ring)[:NUM_RINGS]
    frequency[0] = 1
    log_frequency = np.bincount(ring, np.log(frequency))[:NUM_RINGS] / np.maximum(count, 1)
    return window, ring, count, log_frequency


def _lengths(pair: Pair) -> Any:
    bins = np.minimum(pair.length.ravel() / np.float32(STEP_PX), MAX_PX / STEP_PX - 1)
    return np.bincount(bins.astype(np.int64), minlength=int(MAX_PX / STEP_PX))


def _visible(pair: Pair) -> Any:
    return np.bincount([pair.visible], minlength=256)


def _directions(pair: Pair) -> Any:
    angle = np.arctan2(pair.v, pair.u)[pair.length > 0]
    sectors = len(DIRECTIONS)
    sector = np.rint(angle * (sectors / (2 * np.pi))).astype(np.int64) % sectors
    return np.bincount(sector, minlength=sectors)


def _moments(component: str) -> Callable[[Pair], Any]:
    def adds(pair: Pair) -> Any:
        values = getattr(pair, component).astype(np.float64)
        return np.array([values.mean(), np.square(values).mean()])

    return adds


def _std(total: Any, pairs: int) -> float:
    mean, square = total / pairs
    return float(np.sqrt(max(square - mean**2, 0.0)))


def _percentile(percent: float, step: float = 1.0) -> Callable[[Any, int], float]:
    """The value below or at which so many percent lie, from counts in bins of width ``step``."""

    def gives(total: Any, _: int) -> float:
        cumulated = np.cumsum(total)
        return float(np.searchsorted(cumulated, percent / 100 * cumulated[-1]) * step)

    return gives


def _shares(total: Any, _: int) -> list[float]:
    shares: list[float] = (total / max(total.sum(), 1)).tolist()
    return shares


def _octaves(total: Any, pairs: int) -> list[float]:
    return _shares(np.add.reduceat(total, [int(begin / STEP_PX) for begin in OCTAVES_PX]), pairs)


FIGURES: dict[str, Figure] = {
    "pairs": Figure(meaning="pairs", adds=lambda _: 1, gives=lambda total, _: total, published=22872),
    "flow_mean": Figure(
        meaning="mean |flow|, px",
        adds=lambda pair: pair.length.mean(dtype=np.float64),
        published=11.1,
    ),
    "flow_median": Figure(
        meaning="median |flow|, px", adds=_lengths, gives=_percentile(50, STEP_PX), published=2.9
    ),
    "flow_p75": Figure(
        meaning="75th percentile, px", adds=_lengths, gives=_percentile(75, STEP_PX), published=10.1
    ),
    "flow_p95": Figure(
        meaning="95th percentile, px", adds=_lengths, gives=_percentile(95, STEP_PX), published=27.0
    ),
    "flow_p99": Figure(
        meaning="99th percentile, px", adds=_lengths, gives=_percentile(99, STEP_PX), published=59.0
    ),
    "flow_over_40": Figure(
        meaning="share over 40 px", adds=lambda pair: (pair.length > 40).mean(), published=0.016
    ),
    "u_std": Figure(meaning="std of u, px", adds=_moments("u"), gives=_std, published=12.9),
    "v_std": Figure(meaning="std of v, px", adds=_moments("v"), gives=_std, published=13.6),
    "u_mean": Figure(
        meaning="mean of u, px", adds=lambda pair: pair.u.mean(dtype=np.float64), published=-0.2
    ),
    "v_mean": Figure(meaning="mean of v, px", adds=lambda pair: pair.v.mean(dtype=np.float64), published=0.3),
    "coverage": Figure(
        meaning="chairs' share of the frame",
        adds=lambda pair: (pair.sample.layer_id1 > 0).mean(),
        published=0.25,
    ),
    "visible_chairs": Figure(
        meaning="chairs visible a frame", adds=lambda pair: pair.visible, published=(7, 11)
    ),
    "visible_p5": Figure(meaning="the same, 5th percentile", adds=_visible, gives=_percentile(5)),
    "visible_p95": Figure(meaning="the same, 95th percentile", adds=_visible, gives=_percentile(95)),
    "occluded": Figure(meaning="share occluded in frame 2", adds=lambda pair: pair.sample.occ_fw.mean()),
    "out_of_frame": Figure(meaning="share out of frame 2", adds=lambda pair: pair.sample.out_fw.mean()),
    "spectrum_slope": Figure(
        meaning="slope of the image spectrum", adds=lambda pair: spectrum_slope(pair.sample.image1)
    ),
    "flow_histogram": Figure(
        meaning="share of pixels by |flow|, px",
        adds=_lengths,
        gives=_octaves,
        bins=(
            *(f"{begin:g}-{end:g}" for begin, end in itertools.pairwise(OCTAVES_PX)),
            f"{OCTAVES_PX[-1]:g}-",
        ),
    ),
    "flow_directions": Figure(
        meaning="share of moving pixels by direction", adds=_directions, gives=_shares, bins=DIRECTIONS
    ),
}
"""Every figure. The published ones: mean |flow| from tfoptflow's README; std and mean of u and v from 800 fields
of FlyingChairs2; percentiles, coverage and visible chairs measured on 12 original fields."""

_SUMMED = tuple(dict.fromkeys(figure.adds for figure in FIGURES.values()))


def measure(dataset: Dataset, *, workers: int | None = None, quiet: bool = False) -> dict[str, Any]:
    """All of :data:`FIGURES` by name, measured on all pairs that are there, and :func:`licences`.

    Args:
        dataset: What to measure; it may be unfinished.
        workers: Processes; all cores, if None. The figures do not depend on it.
        quiet: Show no progress.

    Returns:
        What JSON can hold: a number for a figure, or a mapping from bin to share where it has bins.

    Raises:
        InputError: There are no pairs yet.
    """
    if not len(dataset):
        raise InputError(f"{dataset.folder}: no pairs in it yet: the command that began it goes on")
    calls = pieces(range(len(dataset)), PAIRS_PER_CALL)
    totals: list[Any] = [0] * len(_SUMMED)
    with (
        light_workers(workers, len(calls)) as pool,
        progress("measuring", len(dataset), "pairs", quiet=quiet) as shown,
    ):
        for call, sums in zip(calls, pool.map(_sums, pool.share(dataset), calls), strict=True):
            totals = [total + sum_ for total, sum_ in zip(totals, sums, strict=True)]
            shown.advance(len(call))
    total_of = dict(zip(_SUMMED, totals, strict=True))
    values: dict[str, Any] = {}
    for name, figure in FIGURES.items():
        value = figure.gives(total_of[figure.adds], len(dataset))
        values[name] = dict(zip(figure.bins, value, strict=True)) if figure.bins else value
    return values | {"licences": licences(dataset.manifest)}


def _sums(dataset: Dataset, indices: Iterable[int]) -> list[Any]:
    totals: list[Any] = [0] * len(_SUMMED)
    for index in indices:
        pair = Pair(dataset[index])
        totals = [total + adds(pair) for total, adds in zip(totals, _SUMMED, strict=True)]
    return totals


def licences(manifest: Manifest) -> list[dict[str, Any]]:
    """Under which licences a dataset's assets stand, the most frequent first.

    Returns:
        For each licence: its name, how many assets of each kind, their authors and their sources.
    """
    by_licence: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for asset in manifest.assets:
        by_licence[asset["licence"]].append(asset)
    return [
        {
            "licence": licence,
            "assets": dict(Counter(asset["kind"] for asset in assets)),
            "authors": sorted({asset.get("author", "") for asset in assets} - {""}),
            "sources": sorted({asset.get("source", "") for asset in assets} - {""}),
        }
        for licence, assets in sorted(by_licence.items(), key=lambda item: (-len(item[1]), item[0]))
    ]


def published() -> dict[str, float | tuple[float, float]]:
    """FlyingChairs' figures by name, as far as they are known."""
    return {name: figure.published for name, figure in FIGURES.items() if figure.published is not None}


def table(measured: Sequence[tuple[str, dict[str, Any]]]) -> str:
    """Figures as text: a column for each dataset, and one for what is published of FlyingChairs.

    Args:
        measured: What to call each dataset, and what :func:`measure` says of it.
    """
    headings = [*(name for name, _ in measured), "FlyingChairs"]
    widths = [max(len(heading), 9) for heading in headings]

    def line(first: str, cells: Iterable[str]) -> str:
        aligned = (f"{cell:>{width}s}" for cell, width in zip(cells, widths, strict=False))
        return "  ".join([f"{first:27s}", *aligned])

    lines = [line("", headings)]
    for name, figure in FIGURES.items():
        values = [figures[name] for _, figures in measured]
        if figure.bins:
            lines += ["", figure.meaning]
            largest = max(values[0].values()) or 1
            for bin_ in figure.bins:
                shares = line(f"  {bin_}", (f"{100 * value[bin_]:.1f} %" for value in values))
                lines.append(f"{shares}  {'#' * round(20 * values[0][bin_] / largest)}".rstrip())
        else:
            lines.append(line(figure.meaning, [*map(_text, values), _text(figure.published)]))
    for heading, figures in measured:
        lines += ["", f"licences of what {heading} was made from"]
        lines += [f"  {_licence_text(entry)}" for entry in figures["licences"]]
    return "\n".join(lines)


def _text(value: float | tuple[float, float] | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, tuple):
        return f"{value[0]:g} to {value[1]:g}"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"


def _licence_text(entry: dict[str, Any]) -> str:
    counts = (f"{count:,} {kind}{'s' * (count > 1)}" for kind, count in entry["assets"].items())
    text = f"{entry['licence']}: {', '.join(counts)}"
    for word, names in (("by", "authors"), ("source:", "sources")):
        if entry[names]:
            few = ", ".join(entry[names][:MAX_NAMED])
            more = len(entry[names]) - MAX_NAMED
            text += f"; {word} {few}" + (f" and {more:,} more" if more > 0 else "")
    return text
