"""Made inputs: small textures with every difficulty that real ones have, scenes of them, and a catalogue."""

import functools
import hashlib
import math
import multiprocessing
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from chairsgen import geometry, textures
from chairsgen.catalogue import Asset, Catalogue, split
from chairsgen.dataset import Dataset, Manifest
from chairsgen.recipe import Recipe
from chairsgen.sample import FlowSample
from chairsgen.scene import PHOTO_SIZE, Layer, Scene
from chairsgen.shards import ShardWriter, encode
from chairsgen.textures import Texture

REAL_PHOTOS = Path(__file__).resolve().parents[3] / "shared" / "data" / "photos"

SPRITES = ("disc", "spindles", "stripes", "blob")
"""Assets that :func:`load` knows, beside photographs."""


def premultiplied(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """An RGBA image from straight colour (0..255) and alpha (0..1)."""
    rgba = np.dstack([colour * alpha[..., None], 255 * alpha])
    return np.clip(np.rint(rgba), 0, 255).astype(np.uint8)


def disc(side: int, hole: float = 0.4) -> np.ndarray:
    """A coloured disc that touches its square's sides, with a round hole; soft edges."""
    x, y = np.moveaxis(geometry.pixel_grid(side, side), -1, 0) - (side - 1) / 2
    radius = np.hypot(x, y)
    alpha = np.clip(side / 2 - radius, 0, 1) * np.clip(radius - hole * side / 2 + 0.5, 0, 1)
    colour = 128 + 100 * np.dstack([np.sin(9 * x / side), np.cos(7 * y / side), np.sin(40 * radius / side)])
    return premultiplied(colour, alpha)


def spindles(side: int) -> np.ndarray:
    """Thin upright bars with wide gaps, off centre: the back of a chair."""
    alpha = np.zeros((side, side))
    alpha[side // 8 : side // 8 + 2, side // 6 : -side // 4] = 1
    for column in range(side // 6, side - side // 4, max(side // 8, 3)):
        alpha[side // 8 : -3, column] = 1
        alpha[side // 8 : -3, column + 1] = 0.6
    return premultiplied(np.full((side, side, 3), (200.0, 90.0, 20.0)), alpha)


def stripes(side: int, period: float = 2.0) -> np.ndarray:
    """An opaque square of fine upright stripes, black and white."""
    wave = np.where(np.arange(side) % period < period / 2, 255.0, 0.0)
    return premultiplied(np.tile(wave[None, :, None], (side, 1, 3)), np.ones((side, side)))


def blob(side: int) -> np.ndarray:
    """A soft, half-transparent cloud over the lower right of its square."""
    x, y = np.moveaxis(geometry.pixel_grid(side, side), -1, 0) / side
    alpha = np.clip(1.2 - 4 * np.hypot(x - 0.6, y - 0.7), 0, 0.95)
    return premultiplied(np.full((side, side, 3), (30.0, 60.0, 220.0)), alpha)


def veil(side: int, alpha: float) -> np.ndarray:
    """A square of one alpha."""
    return premultiplied(np.full((side, side, 3), 120.0), np.full((side, side), alpha))


def photo(seed: int, height: int, width: int) -> np.ndarray:
    """A picture with a photograph's falling spectrum and with sharp edges, RGB."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    frequency[0, 0] = 1
    spectrum = np.fft.rfft2(rng.standard_normal((3, height, width))) / frequency**1.3
    noise = np.fft.irfft2(spectrum, (height, width))
    noise = 120 + 40 * noise / noise.std(axis=(1, 2), keepdims=True)
    picture = np.ascontiguousarray(np.moveaxis(noise, 0, -1))
    for _ in range(25):
        x, y = rng.integers(width), rng.integers(height)
        radius = int(rng.integers(3, 8 + height // 8))
        shade = rng.uniform(20, 235, 3).tolist()
        cv2.circle(picture, (int(x), int(y)), radius, shade, -1, cv2.LINE_AA)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


@functools.cache
def load(asset: str, view: int = 0) -> Texture:
    """Texture of ``photo-*`` (small), ``scenery-*`` (full size), ``ring-*`` (large) or :data:`SPRITES`."""
    name, _, number = asset.partition("-")
    if name == "scenery":
        return textures.from_photo(photo(int(number), *PHOTO_SIZE))
    if name == "photo":
        return textures.from_photo(photo(int(number), 95, 130))
    if name == "ring":
        return textures.from_render(disc(256, 0.3))
    maker = {"disc": disc, "spindles": spindles, "stripes": stripes, "blob": blob}[name]
    return textures.from_render(maker(40 + 12 * (view % 5)))


def real_photos(count: int) -> list[np.ndarray]:
    """Real photographs of full size, RGB; the test is skipped where they are not at hand."""
    paths = sorted(REAL_PHOTOS.rglob("*.jpg"))
    found: list[np.ndarray] = []
    for path in paths[:: max(len(paths) // (4 * count), 1)]:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None or image.shape[0] < PHOTO_SIZE[0] or image.shape[1] < PHOTO_SIZE[1]:
            continue
        scale = max(PHOTO_SIZE[0] / image.shape[0], PHOTO_SIZE[1] / image.shape[1])
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        found.append(np.ascontiguousarray(image[: PHOTO_SIZE[0], : PHOTO_SIZE[1], ::-1]))
        if len(found) == count:
            return found
    pytest.skip(f"no {count} photographs of full size in {REAL_PHOTOS.name}/ beside the repository")


def similarity(rng: np.random.Generator, pivot: tuple[float, float], strength: float) -> np.ndarray:
    """A motion about ``pivot``; at strength 1, up to 12 px, 30 degrees and a fifth in scale."""
    shift = rng.uniform(-12, 12, 2) * strength
    angle, scale = math.radians(rng.uniform(-30, 30) * strength), 1 + rng.uniform(-0.2, 0.2) * strength
    return geometry.similarity(scale, angle, pivot, (shift[0], shift[1]))


def scene(rng: np.random.Generator, height: int, width: int, chairs: int, *, strength: float = 1.0) -> Scene:
    """A crowded scene: chairs of all sizes in, around and outside the frame, turned, over a turned photo."""
    middle = ((width - 1) / 2, (height - 1) / 2)
    fill = rng.uniform(0.3, 2.5)
    pose = geometry.compose(
        geometry.translation(*middle),
        geometry.rotation(rng.uniform(-3, 3)),
        geometry.scaling(fill),
        geometry.translation(*rng.uniform(-90, 0, 2)),
    )
    layers = [
        Layer(
            asset=f"photo-{rng.integers(3)}",
            view=0,
            pose1=pose,
            pose2=similarity(rng, middle, strength) @ pose,
        )
    ]
    for _ in range(chairs):
        x, y = rng.uniform(-0.3, 1.3, 2) * (width, height)
        turn = geometry.rotation(rng.uniform(-3, 3))
        pose = geometry.translation(x, y) @ turn @ geometry.scaling(math.exp(rng.uniform(1.5, 4.6)))
        layers.append(
            Layer(
                asset=SPRITES[rng.integers(len(SPRITES))],
                view=int(rng.integers(5)),
                pose1=pose,
                pose2=similarity(rng, (x, y), strength) @ pose,
                box=bool(rng.integers(2)),
            )
        )
    return Scene(height=height, width=width, layers=tuple(layers))


def sprite_layer(
    asset: str, size: float, x: float, y: float, *, motion: np.ndarray | None = None, box: bool = False
) -> Layer:
    """An upright sprite of ``size`` px about (x, y) that moves by ``motion`` (stands still if None)."""
    pose = geometry.translation(x, y) @ geometry.scaling(size)
    return Layer(asset=asset, view=0, pose1=pose, pose2=pose if motion is None else motion @ pose, box=box)


def photo_layer(asset: str = "photo-0", *, motion: np.ndarray | None = None) -> Layer:
    """A photograph that fills small frames, off the pixel grid."""
    pose = geometry.translation(-3.3, -2.6)
    return Layer(asset=asset, view=0, pose1=pose, pose2=pose if motion is None else motion @ pose)


def catalogue(chairs: int = 40, photos: int = 20, val: float = 0.2) -> Catalogue:
    """A catalogue of made names, split."""
    kinds = (
        ("chair", [f"{SPRITES[i % 4]}-{i}" for i in range(chairs)]),
        ("photo", [f"photo-{i}" for i in range(photos)]),
    )
    made = {
        kind: split([Asset(id=name, kind=kind, source="embedded", sha256=_sha(name)) for name in names], val)
        for kind, names in kinds
    }
    return Catalogue(chairs=made["chair"], photos=made["photo"])


def _sha(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def write_shard(
    path: Path, samples: list[FlowSample], start: int = 0, *, layers: int = 8, dense_flow: bool = False
) -> object:
    """A shard of ``samples``."""
    with ShardWriter(
        path,
        start=start,
        count=len(samples),
        size=samples[0].size,
        layers=layers,
        attributes={"schema": 1, "recipe": "name = 'made'"},
        dense_flow=dense_flow,
    ) as writer:
        for sample in samples:
            writer.add(encode(sample, layers, dense_flow=dense_flow))
        return writer.finish()


def manifest(**changes: object) -> Manifest:
    """A manifest of a dataset without shards."""
    values: dict[str, object] = {
        "version": "0",
        "recipe": Recipe().to_toml(),
        "seed": 3,
        "num_samples": 0,
        "shard_size": 2,
        "dense_flow": False,
        "catalogue_hash": "c",
        "sprite_bank_hash": "b",
        "renderer": "none",
    }
    return Manifest(**(values | changes))  # type: ignore[arg-type]


def digest(sample: FlowSample) -> str:
    """sha256 over all that a sample holds."""
    total = hashlib.sha256(f"{sample.index} {sample.scene}".encode())
    for name in ("image1", "image2", "layer_id1", "layer_id2", "occ_fw", "occ_bw", "motions"):
        total.update(np.ascontiguousarray(getattr(sample, name)).tobytes())
    return total.hexdigest()


def read_all(dataset: Dataset, times: int, answers: "multiprocessing.Queue[list[str]]") -> None:
    """What a worker does: reads every sample, again and again; then what a worker of its own would get."""
    read = [digest(sample) for _ in range(times) for sample in dataset]
    answers.put(read + [digest(sample) for sample in pickle.loads(pickle.dumps(dataset))])
