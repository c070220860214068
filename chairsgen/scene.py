"""A scene: which textures lie where in both frames. All randomness ends here.

A layer's pose takes points of its texture's own coordinates to pixels of a frame. A photograph's own
coordinates are its pixels (1024 x 768); a chair's are those of the square that its bounding sphere just fits
into: the side is 1, the origin its centre. What is drawn therefore does not depend on how sprites are rendered,
cropped or stored.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from chairsgen import geometry
from chairsgen.catalogue import Catalogue, Side
from chairsgen.geometry import Matrix
from chairsgen.recipe import Background, Chair, Frame, Placement, Recipe
from chairsgen.views import VIEWS

PHOTO_SIZE = (768, 1024)
"""(height, width) that every photograph is cut to; its quadrants are the original's backgrounds."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """One rigid plane of a scene.

    Attributes:
        asset: Id of the photograph or chair.
        view: Of a chair, index into :data:`chairsgen.views.VIEWS`; of a photograph, 0.
        pose1: Texture to frame 1.
        pose2: Texture to frame 2.
        box: Whether the chair's tight box takes the place of its square (see :mod:`chairsgen.recipe`).
    """

    asset: str
    view: int
    pose1: Matrix
    pose2: Matrix
    box: bool = False

    @property
    def motion(self) -> Matrix:
        """Frame 1 to frame 2."""
        return self.pose2 @ geometry.inverse(self.pose1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """Layers from back to front, the photograph first, and the frames' size in pixels."""

    height: int
    width: int
    layers: tuple[Layer, ...]

    def swapped(self) -> "Scene":
        """The same scene with the frames' roles exchanged."""
        layers = tuple(replace(layer, pose1=layer.pose2, pose2=layer.pose1) for layer in self.layers)
        return replace(self, layers=layers)

    def may_show(self, number: int) -> bool:
        """Whether any of layer ``number``'s texture can lie in either frame; false means certainly none."""
        layer = self.layers[number]
        if number == 0:
            return True
        return any(_touches(pose, layer.box, self.width, self.height) for pose in (layer.pose1, layer.pose2))


def _touches(pose: Matrix, box: bool, width: int, height: int) -> bool:
    """Whether the box around the posed unit square touches a frame.

    The square is widened by what the resampling filter reaches beyond the texture: two texels, of which the
    smallest sprites have 32 a square, one of them clear, or 16 a tight box.
    """
    half = 0.5 + (2 if box else 1) / 16
    (a, b, x), (c, d, y), _ = pose.tolist()
    reach_x, reach_y = (abs(a) + abs(b)) * half + width / 2, (abs(c) + abs(d)) * half + height / 2
    return bool(abs(x - (width - 1) / 2) < reach_x and abs(y - (height - 1) / 2) < reach_y)


def side_of(recipe: Recipe, catalogue: Catalogue, index: int) -> Side:
    """The side of sample ``index``: val samples are spread evenly, and there are none without val assets."""
    share = recipe.assets.val_samples
    is_val = catalogue.has_val and int((index + 1) * share) > int(index * share)
    return "val" if is_val else "train"


def draw_scene(recipe: Recipe, catalogue: Catalogue, seed: int, index: int) -> Scene:
    """The scene of sample ``index`` of ``seed``: a function of these alone."""
    sequence = np.random.SeedSequence(seed, spawn_key=(index,))
    side = side_of(recipe, catalogue, index)
    return sample_scene(recipe, catalogue.sides[side], np.random.Generator(np.random.PCG64(sequence)))


def sample_scene(recipe: Recipe, catalogue: Catalogue, rng: np.random.Generator) -> Scene:
    """Draws a scene from all of ``catalogue``."""
    background = _background(recipe.background, recipe.frame, catalogue, rng)
    count = recipe.chair.count_min + _below(recipe.chair.count_max - recipe.chair.count_min + 1, rng)
    chairs = [_chair(recipe.chair, recipe.frame, background.motion, catalogue, rng) for _ in range(count)]
    return Scene(height=recipe.frame.height, width=recipe.frame.width, layers=(background, *chairs))


def _background(recipe: Background, frame: Frame, catalogue: Catalogue, rng: np.random.Generator) -> Layer:
    photo = catalogue.photos[_below(len(catalogue.photos), rng)]
    quadrant = np.array([_below(2, rng), _below(2, rng)])
    jitter = rng.uniform(-recipe.jitter_px, recipe.jitter_px, size=2)
    height, width = PHOTO_SIZE
    # A frame of another size than the quadrant's is filled by it, and keeps its aspect.
    fill = max(frame.width / (width / 2), frame.height / (height / 2))
    centre = (quadrant + 0.5) * (width / 2, height / 2) - 0.5
    pivot = ((frame.width - 1) / 2, (frame.height - 1) / 2)
    pose1 = geometry.compose(
        geometry.translation(pivot[0] + jitter[0], pivot[1] + jitter[1]),
        geometry.scaling(fill),
        geometry.translation(-centre[0], -centre[1]),
    )
    motion = _motion(recipe, pivot, rng)
    return Layer(asset=photo.id, view=0, pose1=pose1, pose2=motion @ pose1)


def _chair(
    recipe: Chair, frame: Frame, background_motion: Matrix, catalogue: Catalogue, rng: np.random.Generator
) -> Layer:
    chair = catalogue.chairs[_below(len(catalogue.chairs), rng)]
    view = _below(len(VIEWS), rng)
    x, y = (_centre(recipe.placement, length, rng) for length in (frame.width, frame.height))
    box = recipe.size.of == "box"
    size = recipe.size.draw(rng) * (1.0 if box else recipe.size.fill)
    pose1 = np.array([[size, 0.0, x], [0.0, size, y], [0.0, 0.0, 1.0]])
    motion = background_motion @ _motion(recipe, (x, y), rng)
    return Layer(asset=chair.id, view=view, pose1=pose1, pose2=motion @ pose1, box=box)


def _below(count: int, rng: np.random.Generator) -> int:
    """A whole number below ``count``; unlike Generator.integers, it always takes one number from the generator."""
    return int(rng.random() * count)


def _centre(recipe: Placement, length: int, rng: np.random.Generator) -> float:
    border = recipe.spread * length + recipe.margin_px
    return float(rng.uniform(-border - 0.5, length + border - 0.5))


def _motion(recipe: Background | Chair, pivot: tuple[float, float], rng: np.random.Generator) -> Matrix:
    shift = recipe.translation.draw(rng), recipe.translation.draw(rng)
    angle, scale = recipe.rotation.draw(rng), recipe.scale.draw(rng)
    return geometry.similarity(scale, angle, pivot, shift)


def textures(scene: Scene) -> Iterator[tuple[str, int]]:
    """(asset, view) of every layer that may show."""
    for number, layer in enumerate(scene.layers):
        if scene.may_show(number):
            yield layer.asset, layer.view


def to_json(scene: Scene) -> str:
    """The scene as JSON; poses as the first two rows of their matrices, exact."""
    layers = [
        {
            "asset": layer.asset,
            "view": layer.view,
            "box": layer.box,
            "pose1": layer.pose1[:2].tolist(),
            "pose2": layer.pose2[:2].tolist(),
        }
        for layer in scene.layers
    ]
    return json.dumps({"height": scene.height, "width": scene.width, "layers": layers}, separators=(",", ":"))


def from_json(text: str) -> Scene:
    """What :func:`to_json` wrote, to the last bit."""
    data = json.loads(text)
    layers = (
        Layer(
            asset=layer["asset"],
            view=layer["view"],
            box=layer["box"],
            pose1=np.array([*layer["pose1"], [0.0, 0.0, 1.0]]),
            pose2=np.array([*layer["pose2"], [0.0, 0.0, 1.0]]),
        )
        for layer in data["layers"]
    )
    return Scene(height=data["height"], width=data["width"], layers=tuple(layers))
