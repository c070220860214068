"""The camera: from linear light to the 8-bit picture."""

import cv2
import numpy as np

from chairsgen.photos import noise

_LEVELS = 4096


def develop(rng: np.random.Generator, light: np.ndarray) -> np.ndarray:
    """Exposure, white balance, lens blur, vignette, sensor noise and tone curve, each drawn mildly.

    Args:
        light: (H, W, 3) float32 linear RGB.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    height, width = light.shape[:2]
    bright = np.percentile(light[::8, ::8].max(axis=2), 96)
    exposure = rng.uniform(0.72, 1.05) / max(float(bright), 1e-3)
    # Part of the way only: a night stays darker than a day.
    exposure = exposure**0.75
    balance = np.exp(rng.normal(0, 0.05, 3)).astype(np.float32)
    light = cv2.GaussianBlur(light * (balance * np.float32(exposure)), (0, 0), rng.uniform(0.3, 0.6))
    # Cameras sharpen what their lens has blurred.
    crisp = rng.uniform(0.15, 0.75)
    light = cv2.addWeighted(light, 1 + crisp, cv2.GaussianBlur(light, (0, 0), 1.4), -crisp, 0)

    y = np.linspace(-0.75, 0.75, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    light *= (1 - np.float32(rng.uniform(0, 0.28)) * (x * x + y * y) / 1.56)[..., None]

    np.sqrt(np.clip(light, 0, 4, out=light), out=light)
    # After the square root, photon noise is about equally strong in light and shade; grain has two sizes.
    fine = rng.standard_normal((height, width, 1), np.float32)
    coarse = cv2.resize(rng.standard_normal((height // 2, width // 2, 3), np.float32), (width, height))
    light += np.float32(rng.uniform(0.003, 0.01)) * (fine + coarse)
    curve = _tone_curve(contrast=rng.uniform(0.0, 0.5), lift=rng.uniform(0, 0.05))
    return curve[np.clip(light * (_LEVELS / 2), 0, _LEVELS - 1).astype(np.int16)]


def _tone_curve(contrast: float, lift: float) -> np.ndarray:
    """Square roots of light from 0 to 2 -> uint8: a shoulder for highlights, sRGB's gamma, some contrast."""
    light = np.linspace(0, 2, _LEVELS) ** 2
    light = light * (1 + light / 6) / (1 + light * 0.75)
    srgb = np.clip(light, 0, 1) ** (1 / 2.2)
    srgb += contrast * (noise.smooth(0, 1, srgb) - srgb)
    return np.rint(255 * (lift + (1 - lift) * srgb)).astype(np.uint8)
