"""From a family's ranges to a drawn chair's parameters, and from parts to a scene."""

from __future__ import annotations

import functools
import math
import tomllib
from types import SimpleNamespace
from typing import Any

import numpy as np
import trimesh
from trimesh.visual import TextureVisuals

from chairsgen.assets import asset_path
from chairsgen.chairs.materials import Finish, choose
from chairsgen.chairs.parts import Part, join


class Params(SimpleNamespace):
    """One chair's parameters, by the names in its family's TOML file.

    Lengths are metres, ratios plain numbers, angles radians, counts integers, styles strings, and finishes
    `Finish`.
    """


@functools.cache
def _ranges(family: str) -> dict[str, dict[str, Any]]:
    return tomllib.loads(asset_path("chairs", f"{family}.toml").read_text(encoding="utf-8"))


def draw(family: str, rng: np.random.Generator) -> Params:
    """Draws a chair's parameters from `assets/chairs/<family>.toml`.

    The file has up to six tables. `length` (metres), `ratio`, `angle` (degrees) and `count` hold ranges
    [low, high], counts including both; `style` holds lists of words; `finish` lists of materials. An item
    that stands twice in a list is drawn twice as often.
    """
    table = _ranges(family)
    drawn: dict[str, Any] = {}
    for name, span in (table.get("length", {}) | table.get("ratio", {})).items():
        drawn[name] = float(rng.uniform(*span))
    for name, span in table.get("angle", {}).items():
        drawn[name] = math.radians(rng.uniform(*span))
    for name, (low, high) in table.get("count", {}).items():
        drawn[name] = int(rng.integers(low, high + 1))
    for name, words in table.get("style", {}).items():
        drawn[name] = words[rng.integers(len(words))]
    for name, materials in table.get("finish", {}).items():
        drawn[name] = choose(materials[rng.integers(len(materials))], rng)
    return Params(**drawn)


class Chair:
    """Collects parts by finish; a finish becomes one geometry, hence one draw call."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Starts an empty chair; `rng` places each board on the wood's figure."""
        self._rng = rng
        self._parts: dict[Finish, list[Part]] = {}

    def add(self, finish: Finish, *parts: Part) -> None:
        """Adds parts made of one finish."""
        for part in parts:
            uv = part.uv / finish.tile
            if finish.grained:
                uv = uv + self._rng.random(2)
            self._parts.setdefault(finish, []).append(Part(part.vertices, part.normals, uv, part.faces))

    def scene(self) -> trimesh.Scene:
        """The chair standing on y = 0, its bounding box centred on x = z = 0."""
        wholes = {finish: join(parts) for finish, parts in self._parts.items()}
        low = np.min([whole.vertices.min(axis=0) for whole in wholes.values()], axis=0)
        high = np.max([whole.vertices.max(axis=0) for whole in wholes.values()], axis=0)
        origin = np.array([(low[0] + high[0]) / 2, low[1], (low[2] + high[2]) / 2])
        scene = trimesh.Scene()
        for finish, whole in wholes.items():
            mesh = trimesh.Trimesh(
                vertices=whole.vertices - origin,
                faces=whole.faces,
                vertex_normals=whole.normals,
                visual=TextureVisuals(uv=whole.uv, material=finish.paint()),
                process=False,
            )
            scene.add_geometry(mesh, geom_name=f"{finish.name}-{len(scene.geometry)}")
        return scene
