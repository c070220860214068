"""The pairs that a run does worst and best on, as pictures and numbers."""

import base64
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from chairsgen.flowviz import error_map, flow_to_colour
from chairsgen.page.pair import SATURATIONS_PX
from chairsgen.sample import Image
from trainer.batch import Batch
from trainer.data import Source
from trainer.data.slots import collate
from trainer.methods import Method

PICTURES = ("Frame 1", "Frame 2", "True flow", "Predicted flow", "Error")

WIDEST_PX = 640
"""Pictures of larger frames are shrunk to this."""

QUALITIES = (75, 75, 101, 90, 101)
"""Of these in WebP, as OpenCV counts: 101 is without loss, which is small for flat colours."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A pair, and a network's flow of it.

    Attributes:
        name: What the dataset calls it.
        epe: End-point error in pixels.
        length: The true flow's mean length in pixels.
        saturation: The length, in pixels, that has full colour in both pictures of flow.
        others: The other methods' end-point errors, by their names.
        width: Of the pictures.
        height: Of the pictures.
        pictures: By :data:`PICTURES`, as data URIs.
    """

    name: str
    epe: float
    length: float
    saturation: int
    others: Mapping[str, float]
    width: int
    height: int
    pictures: Mapping[str, str]


def extremes(errors: Sequence[float], count: int) -> tuple[list[int], list[int]]:
    """The pairs with the largest errors, from the largest on, and those with the least, from the least on.

    Args:
        errors: Of every pair; not a number where nothing is known.
        count: How many of each; fewer where there are not as many pairs, for none is shown twice.
    """
    known = sorted((i for i, error in enumerate(errors) if not math.isnan(error)), key=errors.__getitem__)
    worst = min(count, (len(known) + 1) // 2)
    best = min(count, len(known) - worst)
    return known[::-1][:worst], known[:best]


def draw(
    method: Method, source: Source, indices: Sequence[int], errors: Mapping[str, Sequence[float]], name: str
) -> Iterator[Shown]:
    """Makes flow of some pairs once more, and draws it.

    Args:
        method: Whose flow.
        source: Where the pairs are.
        indices: Which ones.
        errors: Every method's error on every pair, by the methods' names.
        name: This method's.
    """
    for index in indices:
        pair = source.read(index)
        batch = Batch.of(collate([pair], source))
        image1, image2 = (
            np.ascontiguousarray(images.movedim(1, -1).numpy()) for images in (batch.image1, batch.image2)
        )
        flow, truth = method(image1, image2)[0], batch.flow[0].movedim(0, -1).numpy()
        valid, matched = (mask[0, 0].numpy() for mask in (batch.valid, batch.matched))
        length = np.linalg.norm(truth, axis=-1)[valid]
        longest = next((px for px in SATURATIONS_PX if np.percentile(length, 99) <= px), SATURATIONS_PX[-1])
        photos = (image1[0], image2[0])
        drawn = (flow_to_colour(truth, longest, valid), flow_to_colour(flow, longest))
        mapped = error_map(flow, truth, valid, matched)
        scale = min(1, WIDEST_PX / mapped.shape[1])
        size = (round(scale * mapped.shape[1]), max(1, round(scale * mapped.shape[0])))
        # A mean of the map's colours is none of them.
        small = [cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in (*photos, *drawn)]
        small.append(cv2.resize(mapped, size, interpolation=cv2.INTER_NEAREST))
        yield Shown(
            name=pair.name,
            epe=errors[name][index],
            length=float(length.mean()),
            saturation=longest,
            others={other: values[index] for other, values in errors.items() if other != name},
            width=size[0],
            height=size[1],
            pictures=dict(zip(PICTURES, map(webp, small, QUALITIES), strict=True)),
        )


def webp(picture: Image, quality: int) -> str:
    """A picture as a data URI."""
    return data_uri(
        bytes(cv2.imencode(".webp", picture[..., ::-1], (cv2.IMWRITE_WEBP_QUALITY, quality))[1]), "webp"
    )


def data_uri(file: bytes, kind: str) -> str:
    """An image file as a data URI."""
    return f"data:image/{kind};base64,{base64.b64encode(file).decode()}"
