"""What stands and lies in a street: the road itself, cars, people, lamps."""

import cv2
import numpy as np

from chairsgen.photos import boxes, noise, palette, terrain
from chairsgen.photos.boxes import Camera
from chairsgen.photos.light import Light


def ground(
    rng: np.random.Generator,
    picture: np.ndarray,
    camera: Camera,
    light: Light,
    half_width: float,
    block: float,
) -> None:
    """Asphalt with lane marks between pavements, crossed by streets, below the horizon, in place.

    Args:
        half_width: Half the width of the road, metres.
        block: Distance of the crossing streets, metres.
    """
    height, width = camera.shape
    first = int(np.clip(np.ceil(camera.centre[1] + 1), 0, height))
    rows = np.arange(first, height, dtype=np.float32)[:, None]
    if not len(rows):
        return
    z = camera.focal * camera.eye / np.maximum(rows - camera.centre[1], 0.5)
    x = (np.arange(width, dtype=np.float32)[None, :] - camera.centre[0]) * z / camera.focal
    texture = noise.fractal(rng, 512, cells=8, gain=0.72)
    grain = terrain.detail(texture, x, rows * np.float32(1.5), camera.focal / z)
    broad = noise.look_up(texture, x * 2, np.broadcast_to(z * 2, x.shape))
    asphalt = palette.any_colour(rng, palette.table("city")["asphalt"])
    paving = palette.any_colour(rng, palette.table("city")["paving"])
    along = np.abs(np.mod(z + np.float32(rng.uniform(0, block)), block) - block / 2)
    crossing = along > block / 2 - half_width
    aside = np.abs(x) - half_width
    joint = np.maximum(np.mod(x, 0.8) < 0.05, np.mod(z, 0.8) < 0.06)
    stone = 1 - np.float32(0.25) * joint * noise.smooth(60, 25, z) + 0.12 * grain + 0.08 * broad
    tar = 1 + 0.17 * grain + 0.14 * broad
    lines = ((np.abs(x) < 0.08) & (np.mod(z, 6) < 3) | (np.abs(aside + 0.5) < 0.07)) & ~crossing
    before = (along > block / 2 - half_width - 4) & (along < block / 2 - half_width - 1)
    zebra = before & (np.mod(x, 1.1) < 0.55)
    worn = (lines | zebra) & (aside < 0)
    marks = worn * (0.75 * noise.smooth(-1.6, 0.2, grain))
    paved = noise.smooth(-0.05, 0.05, aside) * ~crossing
    chalk = np.full(3, 0.72, np.float32)
    floor = terrain.mixed([asphalt, chalk, paving], [tar, np.ones_like(x), stone], [marks, paved])
    kerb = noise.smooth(0.35, 0.1, np.abs(aside)) * ~crossing
    floor *= (1 - 0.3 * kerb)[..., None]
    floor *= (
        light.ambient
        + light.sun * light.towards[2] * (0.55 + 0.45 * noise.smooth(-0.3, 0.3, broad))[..., None]
    )
    thick = -np.log(1 - min(light.haze, 0.97))
    floor += (light.horizon - floor) * (1 - np.exp(-np.float32(thick) * z / camera.far))[..., None]
    picture[first:] = floor


def car(
    rng: np.random.Generator, picture: np.ndarray, camera: Camera, light: Light, x: float, z: float
) -> None:
    """A car parked along the street, its middle at (x, z) metres, in place."""
    paint = palette.any_colour(rng, palette.table("city")["cars"], 0.2)
    length, half, waist, tall = (
        rng.uniform(3.8, 4.8),
        rng.uniform(0.82, 0.95),
        rng.uniform(0.85, 1.0),
        rng.uniform(1.35, 1.75),
    )
    glow = light.ambient * 0.9 + light.sun * 0.5
    rear, front = z - length / 2, z + length / 2
    if rear < 3:
        return
    shadow = camera.project(
        np.array(
            [
                (x - half - 0.2, 0, front),
                (x + half + 0.2, 0, front),
                (x + half + 0.2, 0, rear),
                (x - half - 0.2, 0, rear),
            ]
        )
    )
    boxes.paste(picture, np.full((2, 2, 3), 0.015, np.float32) * glow, shadow)
    side = x - half if x > 0 else x + half
    scale = min(camera.focal / rear, 160)
    for low, high, a, b, inset, glassy in (
        (0.25, waist, 0.0, 0.0, 0.0, False),
        (waist, tall, 0.5, 0.9, 0.12, True),
    ):
        za, zb = rear + a, front - b
        edge = side + np.sign(x) * inset
        flank = _panel(rng, paint, glow, light, ((zb - za) * scale, (high - low) * scale), glassy, 3)
        quad = [(edge, high, za), (edge, high, zb), (edge, low, zb), (edge, low, za)]
        if x < 0:
            flank = flank[:, ::-1]
            quad = [quad[1], quad[0], quad[3], quad[2]]
        boxes.paste(picture, boxes.faded(flank, light, camera, z), camera.project(np.array(quad)))
        back = _panel(rng, paint, glow * 0.85, light, (2 * half * scale, (high - low) * scale), glassy, 1)
        if not glassy:
            _rear_lights(back, light)
        left, right = x - half + inset, x + half - inset
        quad = [(left, high, za), (right, high, za), (right, low, za), (left, low, za)]
        boxes.paste(picture, boxes.faded(back, light, camera, z), camera.project(np.array(quad)))
    for wheel in (rear + 0.8, front - 0.8):
        at = camera.project(np.array([(side, 0.32, wheel)]))[0]
        radius = 0.33 * camera.focal / wheel
        shape = (max(1, int(radius * min(1, abs(x) / wheel + 0.15))), max(1, int(radius)))
        cv2.ellipse(
            picture, (int(at[0]), int(at[1])), shape, 0, 0, 360, (0.012, 0.012, 0.013), -1, cv2.LINE_AA
        )
        cv2.ellipse(
            picture,
            (int(at[0]), int(at[1])),
            (shape[0] // 2, shape[1] // 2),
            0,
            0,
            360,
            (0.2, 0.2, 0.21),
            -1,
            cv2.LINE_AA,
        )


def person(
    rng: np.random.Generator, picture: np.ndarray, camera: Camera, light: Light, x: float, z: float
) -> None:
    """Somebody standing or walking at (x, z) metres, in place."""
    tall = rng.uniform(1.55, 1.9)
    foot, head = camera.project(np.array([(x, 0, z), (x, tall, z)]))
    size = foot[1] - head[1]
    if size < 4 or size > 500:
        return
    glow = light.ambient + light.sun * 0.5

    def tone(names: str) -> tuple[float, ...]:
        hue = palette.any_colour(rng, palette.table("city")[names], 0.3) * glow
        return tuple(float(v) for v in boxes.faded(hue, light, camera, z))

    def at(side: float, up: float) -> tuple[int, int]:
        return int(foot[0] + side * size), int(foot[1] - up * size)

    trousers, coat, skin = tone("clothes"), tone("clothes"), tone("skin")
    stride = rng.uniform(0.02, 0.12)
    for step in (-stride, stride):
        cv2.line(
            picture, at(0.3 * step, 0.5), at(step, 0.02), trousers, max(1, int(size * 0.075)), cv2.LINE_AA
        )
    cv2.line(picture, at(0.0, 0.52), at(0.0, 0.76), coat, max(1, int(size * 0.2)), cv2.LINE_AA)
    for arm in (-0.13, 0.13):
        cv2.line(
            picture, at(arm * 0.8, 0.78), at(arm * 1.2, 0.48), coat, max(1, int(size * 0.06)), cv2.LINE_AA
        )
    cv2.circle(picture, at(0.0, 0.92), max(1, int(size * 0.065)), skin, -1, cv2.LINE_AA)


def lamp(picture: np.ndarray, camera: Camera, light: Light, x: float, z: float, tall: float) -> None:
    """A street lamp with its arm over the road, glowing when it is dark, in place."""
    arm = x - np.sign(x) * 1.6
    foot, top, end = camera.project(np.array([(x, 0, z), (x, tall, z), (arm, tall + 0.3, z)])).astype(int)
    dark = boxes.faded(
        np.array([0.06, 0.065, 0.07], np.float32) * (light.ambient + light.sun), light, camera, z
    )
    thick = max(1, int(0.13 * camera.focal / z))
    for a, b in ((foot, top), (top, end)):
        cv2.line(picture, tuple(map(int, a)), tuple(map(int, b)), tuple(map(float, dark)), thick, cv2.LINE_AA)
    if light.is_night:
        glow(
            picture,
            (float(end[0]), float(end[1])),
            1.6 * camera.focal / z,
            np.array([1.0, 0.72, 0.36], np.float32),
        )


def glow(picture: np.ndarray, at: tuple[float, float], radius: float, colour: np.ndarray) -> None:
    """A lamp's halo, added in place; `radius` in pixels."""
    height, width = picture.shape[:2]
    reach = int(min(radius * 3, 400)) + 2
    x0, x1, y0, y1 = (
        max(int(at[0]) - reach, 0),
        min(int(at[0]) + reach, width),
        max(int(at[1]) - reach, 0),
        min(int(at[1]) + reach, height),
    )
    if x0 >= x1 or y0 >= y1:
        return
    y, x = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    away = np.hypot(x - at[0], y - at[1]) / np.float32(radius)
    picture[y0:y1, x0:x1] += (np.exp(-6 * away) * 2 + 0.12 * np.exp(-1.5 * away))[..., None] * colour


def _panel(
    rng: np.random.Generator,
    paint: np.ndarray,
    glow: np.ndarray,
    light: Light,
    size: tuple[float, float],
    glassy: bool,
    doors: int,
) -> np.ndarray:
    """One face of a car, `size` (width, height) in texels: sheet metal, or windows between posts."""
    columns, rows = (max(2, int(v)) for v in size)
    v = np.linspace(0, 1, rows, dtype=np.float32)[:, None, None]
    u = np.linspace(0, 1, columns, dtype=np.float32)[None, :, None]
    body = paint * glow * (1.15 - 0.5 * v) + light.horizon * 0.12 * np.exp(-30 * (v - 0.3) ** 2)
    seam = np.abs(np.mod(u * doors + 0.5, 1) - 0.5) < 0.012
    if not glassy:
        return (body * (1 - 0.5 * seam) + 0 * u).astype(np.float32)
    pane = light.horizon * (0.1 + 0.25 * (1 - v)) + 0.03 * rng.random()
    frame = (v < 0.1) | (u < 0.04) | (u > 0.96) | (seam & (doors > 1))
    return np.where(frame, body, pane + 0 * u).astype(np.float32)


def _rear_lights(back: np.ndarray, light: Light) -> None:
    rows, columns = back.shape[:2]
    red = np.array([0.55, 0.02, 0.02], np.float32) * (4 if light.is_night else 1)
    back[rows // 6 : rows // 2, : columns // 7] = back[rows // 6 : rows // 2, -(columns // 7) :] = red
    back[int(rows * 0.5) : int(rows * 0.72), int(columns * 0.36) : int(columns * 0.64)] = 0.6 * light.ambient
