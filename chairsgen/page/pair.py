"""One pair as the page shows it: a picture a view, and the numbers beside them."""

import base64
import colorsys
import json
import math
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8

from chairsgen import geometry
from chairsgen.aside import write_aside
from chairsgen.errors import InputError
from chairsgen.flowviz import flow_to_colour, occlusion_overlay
from chairsgen.geometry import Matrix
from chairsgen.sample import FlowSample, Image, Mask
from chairsgen.scene import Layer, from_json
from chairsgen.views import VIEWS

PICTURES = {
    "frame1": "Frame 1",
    "frame2": "Frame 2",
    "flow": "Flow",
    "occlusion": "Occlusion",
    "boundaries": "Boundaries",
    "layers": "Layers",
}
"""The views: file name, and what the page calls them."""

SCRIPT = "pair.js"

FILES = (*(f"{name}.png" for name in PICTURES), SCRIPT)
"""All that a pair's folder holds."""

SATURATIONS_PX = (1, 2, 3, 5, 8, 12, 20, 30, 40, 60, 80, 120, 160, 240, 320)
"""Lengths that may have full saturation: a pair gets the shortest that all but a hundredth of it stays below."""

HISTOGRAM_START_PX, HISTOGRAM_BINS, BINS_AN_OCTAVE = 0.1, 48, 4
"""Bins of |flow|: each a fixed factor wider than the one before; the outer two also take what lies beyond."""

_BACKGROUND = (128, 128, 128)


def write_pair(folder: Path, sample: FlowSample, flat: Collection[str] = ()) -> dict[str, Any]:
    """Writes a pair's folder.

    Args:
        folder: Named by the pair's index; made if missing.
        sample: The pair.
        flat: Assets that are seen from one side alone.

    Returns:
        What filters and the whole sample's histogram need: ``name``, ``index``, ``mean`` and ``histogram``.

    Raises:
        InputError: The pair's scene cannot be read.
        OSError: The folder cannot be written.
    """
    length = np.hypot(*np.moveaxis(sample.flow_fw.astype(np.float64), -1, 0))
    most = np.percentile(length, 99)
    saturation = next((px for px in SATURATIONS_PX if most <= px), SATURATIONS_PX[-1])
    colours = np.array([layer_colour(number) for number in range(len(sample.motions))], np.uint8)
    pictures = {
        "frame1": sample.image1,
        "frame2": sample.image2,
        "flow": flow_to_colour(sample.flow_fw, saturation),
        "occlusion": occlusion_overlay(sample.image1, sample.occ_fw, sample.out_fw),
        "boundaries": _boundaries(sample),
        "layers": colours[sample.layer_id1],
    }
    for name, picture in pictures.items():
        write_aside(folder / f"{name}.png", png(picture))
    histogram = _histogram(length)
    summary = {
        "name": folder.name,
        "index": sample.index,
        "mean": float(length.mean()),
        "histogram": histogram,
    }
    data = summary | {
        "saturation": saturation,
        "figures": {
            "median": float(np.median(length)),
            "longest": float(length.max()),
            "over": float((length > 40).mean()),
            "coverage": float((sample.layer_id1 > 0).mean()),
            "visible": len(np.setdiff1d(sample.layer_id1, [0])),
            "occluded": float(sample.occ_fw.mean()),
            "out": float(sample.out_fw.mean()),
        },
        "layers": _layers(sample, flat),
        # The first two rows of each: the page makes u and v from them as geometry.affine_flow does.
        "motions": sample.motions[:, :2].reshape(-1, 6).tolist(),
        "inverse_motions": sample.inverse_motions[:, :2].reshape(-1, 6).tolist(),
        "maps": _packed(
            sample.layer_id1,
            sample.occ_fw | (sample.out_fw.astype(np.uint8) << 1),
            sample.layer_id2,
            sample.occ_bw | (sample.out_bw.astype(np.uint8) << 1),
        ),
    }
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    write_aside(folder / SCRIPT, f"chairsgen.pair({text});\n".encode())
    return summary


def png(picture: UInt8[np.ndarray, "height width channels"]) -> bytes:
    """A PNG of an RGB or RGBA picture."""
    code = cv2.COLOR_RGBA2BGRA if picture.shape[-1] == 4 else cv2.COLOR_RGB2BGR
    return bytes(cv2.imencode(".png", cv2.cvtColor(picture, code))[1])


def wheel(side: int = 288) -> UInt8[np.ndarray, "side side 4"]:
    """The colour of every flow up to full saturation, as a disc: at its centre no flow, at its right u > 0."""
    flow = (geometry.pixel_grid(side, side) - (side - 1) / 2) / (side / 2)
    radius = np.hypot(flow[..., 0], flow[..., 1])
    alpha = np.clip((1 - radius) * side / 2 + 0.5, 0, 1)
    return np.dstack([flow_to_colour(flow / np.maximum(radius, 1)[..., None]), np.rint(255 * alpha)]).astype(
        np.uint8
    )


def layer_colour(number: int) -> tuple[int, int, int]:
    """A layer's colour: grey for the background, hues a golden angle apart for the others."""
    if number == 0:
        return _BACKGROUND
    hue, saturation, value = (
        (number * 0.618034) % 1,
        (0.75, 0.5, 0.95)[number % 3],
        (0.95, 0.8, 0.65)[number % 3],
    )
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(hue, saturation, value))
    return red, green, blue


def decompose(motion: Matrix, pivot: tuple[float, float]) -> dict[str, float]:
    """A motion as a person reads it.

    Returns:
        ``x`` and ``y``: where the pivot goes, in pixels. ``turn``: the nearest rotation, in degrees, clockwise on
        the screen. ``scale``: the root of the factor for areas. ``stretch``: the longest scale over the shortest,
        1 for a similarity.
    """
    (a, b), (c, d) = motion[:2, :2].tolist()
    x, y = geometry.apply(motion, np.array(pivot)) - pivot
    longest, shortest = np.linalg.svd(motion[:2, :2], compute_uv=False)
    return {
        "x": float(x),
        "y": float(y),
        "turn": math.degrees(math.atan2(c - b, a + d)),
        "scale": geometry.mean_scale(motion),
        "stretch": float(longest / shortest),
    }


def _layers(sample: FlowSample, flat: Collection[str]) -> list[dict[str, Any]]:
    try:
        drawn = from_json(sample.scene).layers
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"pair {sample.index}: its scene cannot be read ({error}): run `chairsgen verify`"
        ) from None
    shares = [
        np.bincount(layer_id.ravel(), minlength=len(drawn)) / layer_id.size
        for layer_id in (sample.layer_id1, sample.layer_id2)
    ]
    height, width = sample.size
    background = geometry.inverse(sample.motions[0])
    rows = []
    for number, (layer, motion) in enumerate(zip(drawn, sample.motions, strict=True)):
        x, y = ((width - 1) / 2, (height - 1) / 2) if number == 0 else layer.pose1[:2, 2].tolist()
        photo = "no photo" if layer.colours else "photo"
        rows.append(
            {
                "asset": layer.asset,
                "colour": "#{:02x}{:02x}{:02x}".format(*layer_colour(number)),
                "seen": _seen(layer, layer.asset in flat) if number else photo,
                "share1": float(shares[0][number]),
                "share2": float(shares[1][number]),
                "motion": decompose(motion, (x, y)),
                "own": decompose(background @ motion, (x, y)),
            }
        )
    return rows


def _seen(layer: Layer, is_flat: bool) -> str:
    view, size = VIEWS[layer.view], geometry.mean_scale(layer.pose1)
    side = "" if is_flat else f", from {view.azimuth_deg:.0f}°, {view.elevation_deg:.0f}° up"
    return f"{size:.0f} px{side}"


def _boundaries(sample: FlowSample) -> Image:
    """Frame 1, faint and grey, with motion boundaries in orange."""
    grey = sample.image1.mean(axis=-1, keepdims=True).repeat(3, axis=-1)
    return np.where(sample.mb_fw[..., None], (255, 140, 0), 20 + 0.35 * grey).astype(np.uint8)


def _histogram(length: np.ndarray) -> list[float]:
    octaves = np.log2(np.maximum(length, HISTOGRAM_START_PX) / HISTOGRAM_START_PX)
    bins = np.minimum(octaves * BINS_AN_OCTAVE, HISTOGRAM_BINS - 1).astype(np.int64)
    shares = np.bincount(bins.ravel(), minlength=HISTOGRAM_BINS) / length.size
    return [round(share, 6) for share in shares.tolist()]


def _packed(*maps: UInt8[np.ndarray, "height width"] | Mask) -> str:
    """The maps one after the other, a byte a pixel, deflated, as text."""
    raw = b"".join(one.astype(np.uint8).tobytes() for one in maps)
    return base64.b64encode(zlib.compress(raw, 6)).decode()
