"""Upright boxes in perspective, painted back to front: houses, towers, cars."""

from dataclasses import dataclass

import cv2
import numpy as np

from chairsgen.photos import facade, noise, palette
from chairsgen.photos.light import Light

_NEAREST = 2.0
_FINEST = 34.0
_SHEET = (44.0, 44.0)
_SHEET_SCALE = 6.0


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A camera that looks along +z, its image plane upright. Lengths in metres.

    Attributes:
        shape: (height, width) of the picture in pixels.
        centre: (x, y) of the vanishing point of +z, pixels.
        focal: Focal length, pixels.
        eye: Height of the eye over the ground.
        far: Distance at which the haze is in full.
    """

    shape: tuple[int, int]
    centre: tuple[float, float]
    focal: float
    eye: float
    far: float

    def project(self, points: np.ndarray) -> np.ndarray:
        """(N, 3) of right, up, away -> (N, 2) pixels."""
        x, up, z = np.asarray(points, np.float64).T
        return np.stack(
            [self.centre[0] + self.focal * x / z, self.centre[1] + self.focal * (self.eye - up) / z], axis=1
        )

    def pixel(self, x: float, z: float) -> tuple[float, float]:
        """The pixel (x, y) of a point on the ground."""
        return self.centre[0] + self.focal * x / z, self.centre[1] + self.focal * self.eye / z


@dataclass(frozen=True, kw_only=True)
class Box:
    """A building. Lengths in metres.

    Attributes:
        x: Its extent to the right; z: away; up: from its foot to its eaves.
        look: Its walls.
        mansard: Height of a steep roof with dormers over the eaves.
        blank: Without windows.
    """

    x: tuple[float, float]
    z: tuple[float, float]
    up: tuple[float, float]
    look: facade.Facade
    mansard: float = 0.0
    blank: bool = False


class Painter:
    """Paints the buildings of one picture; walls that are small in it share sheets of texture."""

    def __init__(self, rng: np.random.Generator, picture: np.ndarray, camera: Camera, light: Light) -> None:
        self.picture, self.camera, self.light = picture, camera, light
        self._rng = rng
        self._grime = noise.fractal(rng, 256, cells=4, gain=0.75)
        self._sheets: dict[tuple[facade.Facade, bool], np.ndarray] = {}
        self._tiles = palette.table("city")["tiles"]

    def paint(self, box: Box) -> None:
        """The faces of a building that the camera sees, into the picture."""
        (x0, x1), light, camera = box.x, self.light, self.camera
        near, far = max(box.z[0], _NEAREST), box.z[1]
        side = x0 if x0 > 0 else x1 if x1 < 0 else None
        roof = facade.roofed(self._rng, box.look, self._tiles) if box.mansard else box.look
        if side is not None:
            border = camera.shape[1] - camera.centre[0] if side > 0 else camera.centre[0]
            enters = max(near, abs(side) * camera.focal / border - 0.5)
            if enters < far:
                ends = [(side, far), (side, enters)]
                shine = max(0.0, float(-np.sign(side) * light.towards[0]))
                self._storeys(box, roof, ends if side > 0 else ends[::-1], shine, (float(np.sign(side)), 0.0))
        if box.z[0] > _NEAREST:
            shine = max(0.0, -float(light.towards[1])) * 0.8 + 0.1
            self._storeys(box, roof, [(x0, near), (x1, near)], shine, (0.0, 1.0))
        if camera.eye > box.up[1] and not box.mansard and far > near:
            self._flat_roof(box, near)

    def mast(self, x: float, up: tuple[float, float], z: float) -> None:
        """A thin antenna."""
        foot, top = self.camera.project(np.array([(x, up[0], z), (x, up[1], z)])).astype(int).tolist()
        steel = np.array([0.12, 0.12, 0.13], np.float32) * (self.light.ambient + self.light.sun)
        cv2.line(self.picture, foot, top, faded(steel, self.light, self.camera, z).tolist(), 1, cv2.LINE_AA)

    def _storeys(
        self,
        box: Box,
        roof: facade.Facade,
        ends: list[tuple[float, float]],
        shine: float,
        inwards: tuple[float, float],
    ) -> None:
        """A wall from its left end to its right, each (x, z), and the roof that leans back from its eaves."""
        self._wall(ends, box.up, box.look, shine, (0.0, 0.0), box.blank)
        if box.mansard:
            lean = (0.45 * box.mansard * inwards[0], 0.45 * box.mansard * inwards[1])
            up = (box.up[1], box.up[1] + box.mansard)
            self._wall(ends, up, roof, 0.5 * shine + 0.5 * float(self.light.towards[2]), lean, False)

    def _wall(
        self,
        ends: list[tuple[float, float]],
        up: tuple[float, float],
        look: facade.Facade,
        shine: float,
        lean: tuple[float, float],
        blank: bool,
    ) -> None:
        (xa, za), (xb, zb) = ends
        camera = self.camera
        near, far = min(za, zb), max(za, zb)
        top = min(up[1], camera.eye + (camera.centre[1] + 2) * far / camera.focal)
        if top <= up[0]:
            return
        # What leans back also draws in at both ends, so that two such roofs meet at the corner.
        (dx, dz), size = lean, (float(np.hypot(xb - xa, zb - za)), top - up[0])
        along = np.array([xb - xa, zb - za]) / size[0] * np.hypot(dx, dz)
        corners = [
            (xa + dx + along[0], top, za + dz + along[1]),
            (xb + dx - along[0], top, zb + dz - along[1]),
            (xb, up[0], zb),
            (xa, up[0], za),
        ]
        quad = camera.project(np.array(corners))
        if quad[:, 0].max() < 0 or quad[:, 0].min() > camera.shape[1]:
            return
        scale = min(camera.focal / (near * min(far, 2 * near)) ** 0.5, _FINEST)
        if blank:
            texture = self._plain(look, shine)
        elif scale < _SHEET_SCALE and size[0] < _SHEET[0] and size[1] < _SHEET[1]:
            texture = self._cut(look, shine, size, scale)
        else:
            # A wall seen at a slant needs fewer texels across.
            slant = 1.0 if za == zb else float(np.clip(1.4 * abs(xa) / near, 0.3, 1))
            scales = (scale * slant, scale)
            texture = facade.paint(self._rng, look, self.light, size, scales, shine, self._grime)
        paste(self.picture, faded(texture, self.light, camera, (near + far) / 2), quad)

    def _cut(self, look: facade.Facade, shine: float, size: tuple[float, float], scale: float) -> np.ndarray:
        """A piece of the look's sheet, from its ground up, that begins with a whole window."""
        key = (look, shine > 0.3)
        if key not in self._sheets:
            scales = (_SHEET_SCALE, _SHEET_SCALE)
            self._sheets[key] = facade.paint(
                self._rng, look, self.light, _SHEET, scales, 0.8 * key[1], self._grime
            )
        sheet = self._sheets[key]
        columns, rows = (max(2, int(v * _SHEET_SCALE)) for v in size)
        cell = sheet.shape[1] / max(1, round(_SHEET[0] / look.cell[0]))
        left = int(cell * self._rng.integers(0, int((sheet.shape[1] - columns) / cell) + 1))
        piece = sheet[-rows:, left : left + columns]
        small = (max(2, round(size[0] * scale)), max(2, round(size[1] * scale)))
        return cv2.resize(piece, small, interpolation=cv2.INTER_AREA)

    def _plain(self, look: facade.Facade, shine: float) -> np.ndarray:
        return (
            look.wall
            * (1 + 0.12 * self._patch())
            * (self.light.ambient * 0.8 + self.light.sun * np.float32(shine))
        )

    def _flat_roof(self, box: Box, near: float) -> None:
        light = self.light
        felt = (0.5 * box.look.wall + 0.08) * (0.8 + 0.17 * self._patch())
        texture = felt * (light.ambient + light.sun * light.towards[2])
        (x0, x1), top, z1 = box.x, box.up[1], box.z[1]
        quad = self.camera.project(np.array([(x0, top, z1), (x1, top, z1), (x1, top, near), (x0, top, near)]))
        paste(self.picture, faded(texture, light, self.camera, box.z[0]), quad)

    def _patch(self) -> np.ndarray:
        top, left = self._rng.integers(0, len(self._grime) - 48, 2)
        return self._grime[top : top + 48, left : left + 48, None]


def paste(picture: np.ndarray, texture: np.ndarray, quad: np.ndarray) -> None:
    """A texture warped onto a quad of pixels (4, 2), clockwise from its first row's left end, in place."""
    height, width = picture.shape[:2]
    low = np.maximum(np.floor(quad.min(axis=0)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(quad.max(axis=0)).astype(int) + 2, (width, height))
    if (high - low).min() <= 0:
        return
    rows, columns = texture.shape[:2]
    right, bottom = columns - 0.5, rows - 0.5
    corners = np.array([[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, (quad - low).astype(np.float32))
    size = tuple(int(v) for v in high - low)
    warped = cv2.warpPerspective(
        texture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    mask = np.zeros(size[::-1], np.uint8)
    cv2.fillConvexPoly(
        mask, np.rint((quad - low).clip(-4000, 4000) * 16).astype(np.int32), 255, cv2.LINE_AA, 4
    )
    part = picture[low[1] : high[1], low[0] : high[0]]
    part += (warped - part) * (mask / np.float32(255))[..., None]


def faded(colour: np.ndarray, light: Light, camera: Camera, distance: float) -> np.ndarray:
    """A colour or texture seen through that many metres of air."""
    share = fog(light, camera, distance)
    return (colour + (light.horizon - colour) * np.float32(share)).astype(np.float32)


def fog(light: Light, camera: Camera, distance: float) -> float:
    """Share of the haze's colour at a distance in metres."""
    return float(1 - np.exp(np.log(1 - min(light.haze, 0.97)) * distance / camera.far))
