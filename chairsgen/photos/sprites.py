"""Trees, grass and boulders as sprites: made once at a fixed size, then placed at any."""

import cv2
import numpy as np

from chairsgen.photos import noise

_SIZE = 256


def broadleaf(rng: np.random.Generator, *, bush: bool = False) -> np.ndarray:
    """A leafy crown on a trunk, or without one: (256, 256, 2) float32 of alpha and brightness about 1."""
    crown = np.zeros((_SIZE, _SIZE), np.float32)
    bright = np.zeros((_SIZE, _SIZE), np.float32)
    middle, reach = (0.62, 0.36) if bush else (rng.uniform(0.36, 0.42), rng.uniform(0.26, 0.33))
    width = rng.uniform(0.8, 1.15) * reach
    for _ in range(44):
        angle, radius = rng.uniform(0, 2 * np.pi), rng.uniform(0, 1) ** 0.5
        x, y = 0.5 + width * radius * np.cos(angle) * 0.9, middle + reach * radius * np.sin(angle) * 0.85
        size = rng.uniform(0.05, 0.12)
        at = (int(_SIZE * x), int(_SIZE * y))
        # Later clumps cover earlier ones: dark below, bright on the sun's side, which is up.
        cv2.circle(bright, at, int(_SIZE * size), 0.55 - 0.55 * (y - middle) / reach, -1)
        cv2.circle(
            bright,
            (at[0], at[1] - int(_SIZE * size * 0.3)),
            int(_SIZE * size * 0.7),
            0.85 - 0.4 * (y - middle) / reach,
            -1,
        )
        cv2.circle(crown, at, int(_SIZE * size), 1, -1)
    leaves = noise.fractal(rng, _SIZE, cells=16, gain=0.85)
    soft = cv2.GaussianBlur(crown, (0, 0), 5)
    crown = noise.smooth(0.42, 0.58, soft + 0.2 * leaves * noise.smooth(0, 0.3, soft))
    bright = cv2.GaussianBlur(bright, (0, 0), 3) + 0.3 * leaves
    if not bush:
        _trunk(rng, crown, bright, middle)
    return np.dstack([crown, np.clip(bright, 0.08, 1.8)])


def conifer(rng: np.random.Generator) -> np.ndarray:
    """A spruce or fir: (256, 256, 2) float32 of alpha and brightness about 1."""
    v = np.linspace(0, 1, _SIZE, dtype=np.float32)[:, None]
    u = np.abs(np.linspace(-1, 1, _SIZE, dtype=np.float32)[None, :])
    needles = noise.fractal(rng, _SIZE, cells=16, gain=0.85)
    tiers = rng.uniform(9, 15)
    tier = np.mod(v**0.85 * tiers + 0.25 * needles - u * 2.2, 1)
    half = rng.uniform(0.3, 0.42) * v * (0.66 + 0.34 * tier) + 0.012
    alpha = noise.smooth(0.02, -0.02, u - half * (1 + 0.3 * needles))
    alpha[(v[:, 0] < 0.01) | (v[:, 0] > 0.95)] = 0
    alpha[(u < 0.03) & (v > 0.1)] = 1
    bright = 0.4 + 0.55 * tier + 0.35 * needles - 0.25 * noise.smooth(0.3, 0, u)
    return np.dstack([alpha, np.clip(bright, 0.1, 1.7)]).astype(np.float32)


def grass(rng: np.random.Generator) -> np.ndarray:
    """A tuft of blades: (256, 256, 2) float32 of alpha and brightness about 1."""
    sprite = np.zeros((_SIZE, _SIZE, 2), np.float32)
    for _ in range(70):
        root = 128 + rng.normal(0, 26)
        lean, tall = rng.normal(0, 45), rng.uniform(80, 235)
        t = np.linspace(0, 1, 8)
        blade = np.stack([root + lean * t * t, 255 - tall * t * (1 - 0.15 * t)], axis=1)
        cv2.polylines(
            sprite,
            [np.rint(blade * 16).astype(np.int32)],
            False,
            (1, rng.uniform(0.4, 1.5)),
            3,
            cv2.LINE_AA,
            4,
        )
    sprite[..., 1] = np.where(sprite[..., 0] > 0, sprite[..., 1] / np.maximum(sprite[..., 0], 0.05), 0.5)
    return sprite


def boulder(rng: np.random.Generator) -> np.ndarray:
    """A rock half sunk in the ground: (256, 256, 2) float32 of alpha and brightness about 1."""
    angles = np.sort(rng.uniform(0, 2 * np.pi, 11))
    reach = rng.uniform(70, 112, 11)
    outline = np.stack([128 + reach * np.cos(angles), 190 + 0.8 * reach * np.sin(angles)], axis=1)
    alpha = np.zeros((_SIZE, _SIZE), np.float32)
    cv2.fillPoly(alpha, [np.rint(outline).astype(np.int32)], 1)
    cracks = noise.fractal(rng, _SIZE, cells=4, gain=0.75, ridged=True)
    soft = cv2.GaussianBlur(alpha, (0, 0), 9)
    alpha = noise.smooth(0.45, 0.6, soft + 0.06 * cracks)
    # Facets: the blurred outline is a height; its slope towards the upper left catches the light.
    bulk = 60 * cv2.GaussianBlur(alpha, (0, 0), 14) + 5 * cracks
    bright = 0.62 + 0.16 * (cv2.Sobel(bulk, -1, 1, 0) * rng.choice([-1, 1]) + cv2.Sobel(bulk, -1, 0, 1)) / 4
    alpha *= noise.smooth(252, 225, np.arange(_SIZE, dtype=np.float32)[:, None] + 8 * cracks)
    return np.dstack([alpha, np.clip(bright + 0.12 * cracks, 0.12, 1.5)])


def place(
    picture: np.ndarray,
    sprite: np.ndarray,
    foot: tuple[float, float],
    tall: float,
    colour: np.ndarray,
    fade: tuple[np.ndarray, float],
    hidden: np.ndarray | None = None,
) -> None:
    """Paint a sprite into a picture, in place.

    Args:
        picture: (H, W, 3).
        sprite: (256, 256, 2) of alpha and brightness.
        foot: (x, y) of the middle of its lower edge, pixels.
        tall: Its height, pixels.
        colour: (3,), multiplied by its brightness.
        fade: Colour (3,) of the haze, and its share from 0 to 1.
        hidden: (H, W) bool, where something nearer covers it.
    """
    height, width = picture.shape[:2]
    side = max(2, int(tall))
    left, top = int(foot[0] - side / 2), int(foot[1] - side)
    x0, x1, y0, y1 = max(left, 0), min(left + side, width), max(top, 0), min(top + side, height)
    if x0 >= x1 or y0 >= y1 or side > 3 * width:
        return
    how = cv2.INTER_AREA if side < _SIZE else cv2.INTER_LINEAR
    scaled = cv2.resize(sprite, (side, side), interpolation=how)[y0 - top : y1 - top, x0 - left : x1 - left]
    alpha = scaled[..., 0]
    if hidden is not None:
        alpha = alpha * ~hidden[y0:y1, x0:x1]
    paint = scaled[..., 1:] * colour
    paint += (fade[0] - paint) * np.float32(fade[1])
    part = picture[y0:y1, x0:x1]
    part += (paint - part) * alpha[..., None]


def _trunk(rng: np.random.Generator, crown: np.ndarray, bright: np.ndarray, middle: float) -> None:
    wood = np.zeros_like(crown)
    x = 128 + int(rng.normal(0, 4))
    top = int(_SIZE * middle)
    cv2.fillConvexPoly(
        wood, np.array([[x - 6, 255], [x + 6, 255], [x + 3, top], [x - 3, top]], np.int32), 1, cv2.LINE_AA
    )
    for _ in range(5):
        tip = (int(128 + rng.normal(0, 34)), int(top - rng.uniform(-20, 40)))
        cv2.line(wood, (x, int(top + rng.uniform(10, 60))), tip, 1, 2, cv2.LINE_AA)
    bare = wood * (1 - crown)
    bright += bare * (0.5 + 0.2 * rng.standard_normal(crown.shape, np.float32) - bright)
    np.maximum(crown, wood, out=crown)
