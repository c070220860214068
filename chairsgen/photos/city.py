"""Cities: streets between houses, rows of fronts, skylines over water, roofs from above."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from chairsgen.photos import boxes, facade, finish, light, palette, sprites, street, water
from chairsgen.photos.boxes import Box, Camera, Painter
from chairsgen.photos.light import Light

SHAPE = (768, 1024)

# Something to paint, and its distance in metres.
Thing = tuple[float, Callable[[], None]]


def paint(rng: np.random.Generator) -> np.ndarray:
    """One photograph: (768, 1024, 3) uint8 RGB."""
    data = palette.table("city")
    sun = light.draw(rng, data["light"])
    kind = palette.choose(rng, data["scene_weights"])
    scene = data["scenes"][kind]
    camera = Camera(
        shape=SHAPE,
        centre=(palette.between(rng, scene["centre_px"]), palette.between(rng, scene["horizon_px"])),
        focal=palette.between(rng, scene["focal_px"]),
        eye=palette.between(rng, scene["eye_m"]),
        far=scene["far_m"],
    )
    painter = Painter(rng, light.sky(rng, sun, SHAPE, camera.centre[1]), camera, sun)
    {"canyon": _canyon, "row": _row, "skyline": _skyline, "aerial": _aerial}[kind](rng, scene, painter)
    return finish.develop(rng, painter.picture)


def _canyon(rng: np.random.Generator, scene: dict[str, Any], painter: Painter) -> None:
    """Along a street."""
    camera, sun, picture = painter.camera, painter.light, painter.picture
    half, pavement = palette.between(rng, scene["half_width_m"]), palette.between(rng, (2.5, 5.0))
    street.ground(rng, picture, camera, sun, half, block=palette.between(rng, (60.0, 140.0)))
    looks = _looks(rng, scene, sun, 8)
    end = palette.between(rng, (160.0, 480.0))
    things: list[Thing] = []
    for side in (-1, 1):
        z = -10.0
        while z < end:
            deep = palette.between(rng, scene["front_m"])
            edge = half + pavement + rng.uniform(0, 0.6)
            x = (edge, edge + 14) if side > 0 else (-edge - 14, -edge)
            box = _house(rng, scene, looks, x, (z, z + deep))
            things.append((z + deep / 2, partial(painter.paint, box)))
            z += deep + (rng.uniform(6, 14) if rng.random() < 0.12 else 0)
    for left in np.arange(-60.0, 60, 20):
        box = _house(rng, scene, looks, (left, left + 20), (end, end + 20))
        things.append((end + 10, partial(painter.paint, box)))
    things += _parked(rng, painter, half) + _planted(rng, painter, half)
    for side in (-1, 1):
        for _ in range(rng.integers(2, 14)):
            aside, z = side * (half + rng.uniform(0.3, pavement - 0.3)), rng.uniform(5, 60)
            things.append((z, partial(street.person, rng, picture, camera, sun, aside, z)))
    for _, draw in sorted(things, key=lambda thing: -thing[0]):
        draw()


def _parked(rng: np.random.Generator, painter: Painter, half: float) -> list[Thing]:
    """Cars at both kerbs."""
    things: list[Thing] = []
    for side in (-1, 1):
        for z in np.arange(rng.uniform(6, 12), 130, rng.uniform(5.5, 8)):
            if rng.random() < 0.7:
                x = side * (half - 1.1)
                draw = partial(street.car, rng, painter.picture, painter.camera, painter.light, x, float(z))
                things.append((z, draw))
    return things


def _planted(rng: np.random.Generator, painter: Painter, half: float) -> list[Thing]:
    """Trees, if the street has any, and lamps along both pavements."""
    camera, sun = painter.camera, painter.light
    leafy = rng.random() < 0.6
    crowns = [sprites.broadleaf(rng) for _ in range(2)]
    green = _green(rng, sun)
    things: list[Thing] = []
    for side in (-1, 1):
        x = side * (half + 0.5)
        for z in np.arange(rng.uniform(8, 20), 200, rng.uniform(9, 16)):
            if leafy:
                tall = rng.uniform(5, 9) * camera.focal / z
                foot = camera.pixel(x, z)
                fade = (sun.horizon, boxes.fog(sun, camera, z))
                crown = crowns[rng.integers(2)]
                things.append((z, partial(sprites.place, painter.picture, crown, foot, tall, green, fade)))
            if rng.random() < 0.5:
                things.append((z + 3, partial(street.lamp, painter.picture, camera, sun, x, z + 3, 6.5)))
    return things


def _row(rng: np.random.Generator, scene: dict[str, Any], painter: Painter) -> None:
    """Across a street or square, at a row of fronts."""
    camera, sun, picture = painter.camera, painter.light, painter.picture
    away = palette.between(rng, scene["away_m"])
    street.ground(rng, picture, camera, sun, half_width=away * 4, block=2 * away)
    looks = _looks(rng, scene, sun, 8)
    reach = 1.1 * away * SHAPE[1] / camera.focal
    x = -reach
    while x < reach:
        wide = palette.between(rng, scene["front_m"])
        z = away + rng.uniform(0, 0.5)
        painter.paint(_house(rng, scene, looks, (x, x + wide), (z, z + 12)))
        x += wide
    crown, green = sprites.broadleaf(rng), _green(rng, sun)
    for z in np.sort(rng.uniform(0.35, 0.95, rng.integers(6, 22)))[::-1] * away:
        x = rng.uniform(-0.7, 0.7) * z
        if rng.random() < 0.8:
            street.person(rng, picture, camera, sun, x, z)
        elif z > 0.6 * away:
            foot = camera.pixel(x, z)
            tall = rng.uniform(4, 7) * camera.focal / z
            sprites.place(picture, crown, foot, tall, green, (sun.horizon, 0.0))


def _skyline(rng: np.random.Generator, scene: dict[str, Any], painter: Painter) -> None:
    """Towers beyond water."""
    camera, sun, picture = painter.camera, painter.light, painter.picture
    street.ground(rng, picture, camera, sun, half_width=6.0, block=90.0)
    looks = _looks(rng, scene, sun, 12)
    low, high = scene["tall_m"]
    num = int(palette.between(rng, scene["num"]))
    for z in np.sort(rng.uniform(scene["away_m"][0], scene["away_m"][1], num))[::-1]:
        share = rng.uniform(-0.8, 0.7)
        # The tallest stand near the middle, as down town.
        tall = low + (high - low) * rng.random() ** 2.2 * (0.3 + 0.9 * np.exp(-((share / 0.4) ** 2)))
        wide, deep = palette.between(rng, scene["front_m"]), palette.between(rng, scene["front_m"])
        x = share * z * SHAPE[1] / camera.focal
        look = looks[rng.integers(len(looks))]
        painter.paint(Box(x=(x, x + wide), z=(z, z + deep), up=(0.0, tall), look=look))
        inset, top = rng.uniform(0.1, 0.35) * wide, tall + rng.uniform(4, 0.15 * tall + 5)
        painter.paint(Box(x=(x + inset, x + wide - inset), z=(z, z + deep), up=(tall, top), look=look))
        if tall > 0.5 * high:
            painter.mast(x + wide / 2, (top, top + 0.2 * tall), z)
    shore = scene["away_m"][0] * 0.93
    green = _green(rng, sun)
    crowns = [sprites.broadleaf(rng, bush=rng.random() < 0.4) for _ in range(3)]
    fade = (sun.horizon, boxes.fog(sun, camera, shore))
    for _ in range(110):
        x = rng.uniform(-0.6, 0.6) * shore * SHAPE[1] / camera.focal
        foot = camera.pixel(x, shore)
        tall = rng.uniform(6, 15) * camera.focal / shore
        tint = green * np.float32(rng.uniform(0.7, 1.2))
        sprites.place(picture, crowns[rng.integers(3)], foot, tall, tint, fade)
    water.fill(rng, picture, sun, camera.centre[1] + camera.focal * camera.eye / shore)


def _aerial(rng: np.random.Generator, scene: dict[str, Any], painter: Painter) -> None:
    """Over the roofs."""
    camera, sun = painter.camera, painter.light
    block, road = palette.between(rng, scene["block_m"]), palette.between(rng, (6.0, 11.0))
    street.ground(rng, painter.picture, camera, sun, half_width=road, block=block)
    looks = _looks(rng, scene, sun, 8)
    lots = []
    z = scene["nearest_m"]
    while z < scene["farthest_m"]:
        # Lots grow with distance: what is far is too small to tell.
        lot = block / 2 * max(1.0, z / 350)
        reach = (max(camera.centre[0], SHAPE[1] - camera.centre[0]) + 20) * z / camera.focal
        lots += [(z, x, lot) for x in np.arange(-reach - lot, reach, lot)]
        z += lot
    for z, x, lot in sorted(lots, key=lambda spot: (-spot[0], -abs(spot[1] + spot[2] / 2))):
        wide, deep = (lot - rng.uniform(1, 4) - road / 2 for _ in range(2))
        tall = palette.between(rng, scene["tall_m"]) * (2.2 if rng.random() < 0.08 else 1)
        look = looks[rng.integers(len(looks))]
        painter.paint(Box(x=(x, x + wide), z=(z, z + deep), up=(0.0, tall), look=look))
        for _ in range(rng.integers(1, 4) if z < 350 else 0):
            # Stairheads and machines on the roof.
            left, front = x + rng.uniform(0.1, 0.7) * wide, z + rng.uniform(0.15, 0.7) * deep
            size = rng.uniform(2.5, 7)
            up = (tall, tall + rng.uniform(1.5, 4))
            painter.paint(Box(x=(left, left + size), z=(front, front + size), up=up, look=look, blank=True))


def _looks(rng: np.random.Generator, scene: dict[str, Any], sun: Light, num: int) -> list[facade.Facade]:
    styles = palette.table("city")["styles"]
    return [facade.draw(rng, styles[palette.choose(rng, scene["styles"])], sun) for _ in range(num)]


def _house(
    rng: np.random.Generator,
    scene: dict[str, Any],
    looks: list[facade.Facade],
    x: tuple[float, float],
    z: tuple[float, float],
) -> Box:
    up = (0.0, palette.between(rng, scene["tall_m"]))
    mansard = rng.uniform(2, 4) if up[1] < 26 and rng.random() < 0.6 else 0.0
    return Box(x=x, z=z, up=up, look=looks[rng.integers(len(looks))], mansard=mansard)


def _green(rng: np.random.Generator, sun: Light) -> np.ndarray:
    return palette.any_colour(rng, palette.table("city")["leaves"], 0.2) * (sun.ambient + sun.sun * 0.5)
