"""Height fields seen from the ground: which point of the land each pixel shows."""

from dataclasses import dataclass

import cv2
import numpy as np

from chairsgen.photos import noise
from chairsgen.photos.light import Light

_STEPS = 448
# Texels a pixel: above 1, so that the finest octave reaches single pixels.
_SHARPNESS = 1.6


@dataclass(frozen=True, kw_only=True)
class View:
    """A camera that looks along +y from x = y = 0, with its image plane upright.

    Attributes:
        shape: (height, width) of the picture in pixels.
        horizon: Row of the horizon, pixels from the top.
        focal: Focal length, pixels.
        eye: Height of the eye, cells.
        far: Distance to the end of the world, cells.
    """

    shape: tuple[int, int]
    horizon: float
    focal: float
    eye: float
    far: float


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the pixels show; all arrays (H, W) float32, lengths in map cells.

    Attributes:
        x: Position to the right; y: away, `far` in the sky; z: height.
        sky: True where no land is hit (bool).
    """

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    sky: np.ndarray


def look(view: View, heights: np.ndarray, rough: np.ndarray, rough_px: float, level: float | None) -> Seen:
    """Cast a ray through every pixel onto a height field.

    Distances are stepped geometrically; a pixel shows the first step whose projection reaches up to its row.

    Args:
        view: The camera.
        heights: (N, N) periodic map in cells; the camera stands over row 0, column N / 2.
        rough: (M, M) periodic detail of any size, laid on at the scale of pixels.
        rough_px: Height that the detail adds, pixels per standard deviation.
        level: Height of still water, cells, which no detail disturbs.
    """
    height, width = view.shape
    near = max(0.55 * view.focal * 2 / height, 0.6)
    y = np.geomspace(near, view.far, _STEPS, dtype=np.float32)[:, None]
    across = (np.arange(width, dtype=np.float32)[None, :] - (width - 1) / 2) / np.float32(view.focal)
    x = across * y
    z = noise.look_up(heights, x + len(heights) // 2, y + 0 * x)
    bumps = detail(rough, x, np.arange(_STEPS, dtype=np.float32)[:, None], view.focal / y)
    bumps *= y * np.float32(rough_px / view.focal)
    z += bumps if level is None else bumps * (z > level + 0.01)
    rows = view.horizon + view.focal * (view.eye - z) / y
    rows = np.minimum.accumulate(rows, axis=0)
    # A pixel's step is the number of steps whose highest row so far is still below it.
    reach = np.clip(np.ceil(rows), 0, height).astype(np.int64)
    counts = np.bincount((reach * width + np.arange(width)).ravel(), minlength=(height + 1) * width)
    counts = counts.reshape(height + 1, width)[1:]
    step = np.cumsum(counts[::-1], axis=0)[::-1]
    sky = step == _STEPS
    step = np.clip(step, 1, _STEPS - 1)
    above, below = (np.take_along_axis(rows, s, axis=0) for s in (step, step - 1))
    row = np.arange(height, dtype=np.float32)[:, None]
    part = np.clip((below - row) / np.maximum(below - above, 1e-3), 0, 1)
    y = y[:, 0]
    depth = np.where(sky, np.float32(view.far), y[step - 1] + (y[step] - y[step - 1]) * part)
    return Seen(x=across * depth, y=depth, z=view.eye - (row - view.horizon) * depth / view.focal, sky=sky)


def detail(field: np.ndarray, x: np.ndarray, down: np.ndarray, texels: np.ndarray) -> np.ndarray:
    """A periodic texture at about one texel a pixel, whatever the distance.

    Across, it lies on the land; down, on the picture, as grass, leaves and rock faces stand up to the viewer.
    The two nearest powers of two of the wanted scale are faded into each other.

    Args:
        field: (M, M) or (M, M, C) texture.
        x: Position to the right, cells.
        down: Position down the picture, pixels; broadcastable to x.
        texels: Texels wanted per cell; broadcastable to x.
    """
    level = np.log2(texels)
    floor = np.floor(level)
    scale = np.exp2(floor)
    part = noise.smooth(0.25, 0.75, level - floor)
    if field.ndim == 3:
        part = part[..., None]
    down = np.broadcast_to(down, x.shape)
    coarse = noise.look_up(field, x * scale, down)
    return coarse + (noise.look_up(field, x * (2 * scale), down) - coarse) * part


def relief(field: np.ndarray, view: View, seen: Seen) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The fine structure of the ground in each pixel: two slopes, and a value about 0 within +-1.8."""
    texture = np.dstack([*slopes(field), field])
    down = np.arange(view.shape[0], dtype=np.float32)[:, None] * np.float32(_SHARPNESS)
    slope_x, slope_y, value = cv2.split(detail(texture, seen.x, down, _SHARPNESS * view.focal / seen.y))
    return slope_x, slope_y, np.clip(value, -1.8, 1.8)


def mixed(colours: list[np.ndarray], brightness: list[np.ndarray], cover: list[np.ndarray]) -> np.ndarray:
    """Ground covers laid over each other: (H, W, 3).

    Args:
        colours: (3,) each, the lowest first.
        brightness: (H, W) each, about 1.
        cover: (H, W) each but the lowest, which shows where the others do not: 0 to 1.
    """
    weights, rest = [], np.ones_like(brightness[0])
    for bright, alpha in zip(brightness[:0:-1], cover[::-1], strict=True):
        weights.append(bright * (alpha * rest))
        rest = rest * (1 - alpha)
    weights.append(brightness[0] * rest)
    return cv2.transform(cv2.merge(weights), np.stack(colours[::-1], axis=1))


def surface(heights: np.ndarray, light: Light) -> np.ndarray:
    """What the shading of a height map needs: (N, N, 4) of slopes dz/dx and dz/dy, sunlight 0..1, openness.

    Openness is about 1 on a plain, less in gullies, more on crests.
    """
    slope_x, slope_y = slopes(heights)
    size = len(heights) // 2
    low = cv2.resize(heights, (size, size), interpolation=cv2.INTER_AREA)
    covered = np.full_like(low, -np.inf)
    flat = np.hypot(light.towards[0], light.towards[1]) + 1e-6
    for distance in np.geomspace(2, 160, 18):
        step_x, step_y = light.towards[:2] / flat * distance / 2
        shift = np.array([[1, 0, step_x], [0, 1, step_y]], np.float32)
        there = cv2.warpAffine(
            low,
            shift,
            (size, size),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_WRAP,
        )
        covered = np.maximum(covered, there - low - np.float32(distance * light.towards[2] / flat))
    sunlit = cv2.resize(noise.smooth(4, -3, covered), heights.shape)
    relief = heights - cv2.resize(cv2.GaussianBlur(low, (0, 0), 6), heights.shape)
    openness = np.clip(1 + relief / 28, 0.45, 1.3)
    return np.dstack([slope_x, slope_y, sunlit, openness])


def slopes(field: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Central differences of a periodic field along x and y."""
    padded = cv2.copyMakeBorder(field, 1, 1, 1, 1, cv2.BORDER_WRAP)
    return (
        (padded[1:-1, 2:] - padded[1:-1, :-2]) / 2,
        (padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2,
    )


def lit(light: Light, slope_x: np.ndarray, slope_y: np.ndarray) -> np.ndarray:
    """Lambert's cosine for a surface of those slopes, 0 to 1."""
    facing = light.towards[2] - slope_x * light.towards[0] - slope_y * light.towards[1]
    return np.maximum(facing, 0) / np.sqrt(1 + slope_x * slope_x + slope_y * slope_y)
