"""How far flow is from the truth: the measures of the public benchmarks, each with the pixels behind it.

Errors are summed in float64 over every image alone, and images are added up in their order: what comes out does
not depend on how pairs were put into batches or shared among processes, but for the last bits.

Sources: end-point error and angular error: Baker et al., "A Database and Evaluation Methodology for Optical Flow",
IJCV 2011, section 4.1. Outliers: the development kit of KITTI's 2015 benchmark. Speeds, matched and unmatched
pixels: the MPI-Sintel benchmark's page of results; it does not say on which side 10 and 40 px themselves count.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from trainer.batch import Batch

REGIONS = ("all", "s0-10", "s10-40", "s40+", "matched", "unmatched")
"""What is measured apart: all pixels whose flow is known; those that move less than 10 px, 10 px to less than 40,
and more; and those whose surface point frame 2 shows, or does not. KITTI calls the matched ones noc, all of them
occ."""

ERRORS = ("epe", "aae", "over_1px", "over_3px", "over_5px", "fl")

SPEEDS_PX = (10.0, 40.0)
OUTLIER_PX, OUTLIER_SHARE = 3.0, 0.05


@dataclass(frozen=True, kw_only=True)
class Measures:
    """Means over a region's pixels; not a number where there are none.

    Attributes:
        epe: End-point error, in pixels.
        aae: Angle between (u, v, 1) and the truth's, in degrees.
        over_1px: Share of pixels with an end-point error over 1 px.
        over_3px: Over 3 px.
        over_5px: Over 5 px.
        fl: Share of pixels with an end-point error over 3 px and over 5 % of the true flow's length.
        pixels: How many there are.
    """

    epe: float
    aae: float
    over_1px: float
    over_3px: float
    over_5px: float
    fl: float
    pixels: int


@dataclass(frozen=True, kw_only=True)
class Result:
    """What flow on some pairs came to.

    Attributes:
        pixels: Means over pixels, by region.
        images: Means over images of the means over their pixels, by region; images without such pixels do not
            count. Its ``pixels`` are the same.
        num_images: How many images have pixels, by region.
    """

    pixels: dict[str, Measures]
    images: dict[str, Measures]
    num_images: dict[str, int]

    @property
    def epe(self) -> float:
        """End-point error over all pixels."""
        return self.pixels["all"].epe

    @property
    def fl_all(self) -> float:
        """KITTI's share of outliers among all pixels."""
        return self.pixels["all"].fl


class Metrics:
    """Adds up errors, pair by pair."""

    def __init__(self, device: torch.device | str = "cpu") -> None:
        """Nothing is added yet.

        Args:
            device: Where sums are kept: that of the batches spares waiting for them.
        """
        # Over pixels and over images: each error, then how many there were.
        self._sums = torch.zeros(2, len(REGIONS), len(ERRORS) + 1, dtype=torch.float64, device=device)

    def add(self, flow: Float[Tensor, "batch 2 height width"], truth: Batch) -> Float64[Tensor, " batch"]:
        """Adds a batch.

        Args:
            flow: What is judged, in pixels.
            truth: Its flow, where it is known, and what is seen in both frames.

        Returns:
            Every image's end-point error, in pixels: infinite where flow is not finite, not a number where none is
            known.
        """
        epe, matched = self._sums.new_empty(len(truth)), truth.matched
        for row in range(len(truth)):
            errors = _errors(flow[row].double(), truth.flow[row].double())
            regions = _regions(truth.flow[row], truth.valid[row, 0], matched[row, 0])
            image = _sums(errors, regions).to(self._sums.device)
            self._add_image(image)
            epe[row] = image[0, 0].nan_to_num(nan=torch.inf, posinf=torch.inf) / image[0, -1]
        return epe

    def _add_image(self, sums: Float64[Tensor, "regions errors"]) -> None:
        pixels = sums[:, -1:]
        self._sums[0] += sums
        self._sums[1] += torch.where(pixels > 0, sums / pixels.clamp_min(1), 0.0)

    def result(self) -> Result:
        """What was added so far."""
        pixels, images = self._sums.cpu()
        counts = [round(count) for count in pixels[:, -1].tolist()]
        return Result(
            pixels=dict(_means(pixels, counts)),
            images=dict(_means(images, counts)),
            num_images={
                name: round(count) for name, count in zip(REGIONS, images[:, -1].tolist(), strict=True)
            },
        )


def _errors(
    flow: Float64[Tensor, "2 height width"], truth: Float64[Tensor, "2 height width"]
) -> Float64[Tensor, "errors height width"]:
    """Every error of :data:`ERRORS` in every pixel."""
    epe = torch.hypot(*(flow - truth))
    # By the tangent: the cosine of a small angle is 1.
    cross = torch.hypot(epe, flow[0] * truth[1] - flow[1] * truth[0])
    angle = torch.atan2(cross, (flow * truth).sum(0) + 1)
    length = torch.hypot(*truth)
    # So that what is no number is an outlier, too.
    outlier = ~((epe <= OUTLIER_PX) | (epe <= OUTLIER_SHARE * length))
    return torch.stack((epe, angle.rad2deg(), *(~(epe <= px) for px in (1, 3, 5)), outlier))


def _regions(
    truth: Float[Tensor, "2 height width"],
    valid: Bool[Tensor, "height width"],
    matched: Bool[Tensor, "height width"],
) -> Bool[Tensor, "regions height width"]:
    """Every region of :data:`REGIONS`."""
    slow, fast = SPEEDS_PX
    speed = torch.hypot(*truth.double())
    among = (speed >= 0, speed < slow, (speed >= slow) & (speed < fast), speed >= fast, matched, ~matched)
    return torch.stack([valid & mask for mask in among])


def _sums(
    errors: Float64[Tensor, "errors height width"], regions: Bool[Tensor, "regions height width"]
) -> Float64[Tensor, "regions counted"]:
    """Every error's sum over every region, no number where one in it is not finite; last, the region's pixels."""
    known = torch.where(regions[0], errors, 0.0)
    counted = torch.cat((known, torch.ones_like(known[:1]))).flatten(1)
    among, lost = regions.flatten(1).double(), ~counted.isfinite()
    # A product with 0 would not leave them out.
    sums = among @ counted.masked_fill(lost, 0.0).T
    return sums.masked_fill(among @ lost.double().T > 0, torch.nan)


def _means(sums: Float64[Tensor, "regions counted"], pixels: list[int]) -> Iterator[tuple[str, Measures]]:
    for name, row, count in zip(REGIONS, sums.tolist(), pixels, strict=True):
        means = [total / row[-1] if row[-1] else float("nan") for total in row[:-1]]
        yield name, Measures(**dict(zip(ERRORS, means, strict=True)), pixels=count)
