"""A scene: which textures lie where in both frames, and what is done to the pictures. All randomness ends here.

A layer's pose takes points of its texture's own coordinates to pixels of a frame. A photograph's own
coordinates are its pixels (1024 x 768), also where colours take its place; a chair's are those of the square that
its bounding sphere just fits into: the side is 1, the origin its centre. What is drawn therefore does not depend
on how sprites are rendered, cropped or stored.
"""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chairsgen import geometry
from chairsgen.catalogue import Catalogue, Side
from chairsgen.effects import Effects, Fog, Noise, Shadow
from chairsgen.geometry import Matrix
from chairsgen.recipe import Recipe, imaging
from chairsgen.recipe.imaging import Photometric
from chairsgen.recipe.sections import Background, Chair, Frame, Placement
from chairsgen.views import VIEWS

PHOTO_SIZE = (768, 1024)
"""(height, width) that every photograph is cut to; its quadrants are the original's backgrounds."""

PLAIN, GRADIENT = "plain", "gradient"
"""What takes the place of a background's asset where there is no photograph."""

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """One rigid plane of a scene.

    Attributes:
        asset: Id of the photograph or chair; :data:`PLAIN` or :data:`GRADIENT` where ``colours`` are given.
        view: Of a chair, index into :data:`chairsgen.views.VIEWS`; of anything else, 0.
        pose1: Texture to frame 1.
        pose2: Texture to frame 2.
        box: Whether the chair's tight box takes the place of its square (see :mod:`chairsgen.recipe`).
        colours: In place of a photograph: those of its corners (top left, top right, bottom left, bottom right),
            between which all others lie evenly.
    """

    asset: str
    view: int
    pose1: Matrix
    pose2: Matrix
    box: bool = False
    colours: tuple[Colour, ...] = ()

    @property
    def motion(self) -> Matrix:
        """Frame 1 to frame 2; of equal poses exactly the identity."""
        if np.array_equal(self.pose1, self.pose2):
            return np.eye(3)
        return self.pose2 @ geometry.inverse(self.pose1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """What both frames show.

    Attributes:
        height: Of the frames, in pixels.
        width: Likewise.
        layers: From back to front, the photograph first.
        effects: What is done to frame 1's picture, and to frame 2's.
    """

    height: int
    width: int
    layers: tuple[Layer, ...]
    effects: tuple[Effects, Effects] = (Effects(), Effects())

    def swapped(self) -> "Scene":
        """The same scene with the frames' roles exchanged."""
        layers = tuple(replace(layer, pose1=layer.pose2, pose2=layer.pose1) for layer in self.layers)
        return replace(self, layers=layers, effects=self.effects[::-1])

    def poses(self, number: int, times: Sequence[float]) -> list[Matrix]:
        """Layer ``number``'s poses at some times: 0 is frame 1's, 1 is frame 2's.

        A chair's centre goes straight on, and the chair turns about it; a background turns about what is, on
        average, in the frames' middle.
        """
        layer = self.layers[number]
        known = {0.0: layer.pose1, 1.0: layer.pose2}
        if others := [time for time in times if time not in known]:
            pivot = np.zeros(2)
            if number == 0:
                middle = np.array([(self.width - 1) / 2, (self.height - 1) / 2])
                pivot = np.mean(
                    [geometry.apply(geometry.inverse(pose), middle) for pose in known.values()], axis=0
                )
            found = geometry.between(layer.pose1, layer.pose2, np.array(others), (pivot[0], pivot[1]))
            known |= zip(others, found, strict=True)
        return [known[time] for time in times]

    def exposure(self, frame: int) -> tuple[float, float]:
        """When frame 0 or 1 begins and ends to be exposed."""
        half = self.effects[frame].shutter / 2
        return frame - half, frame + half

    def may_show(self, number: int) -> bool:
        """Whether any of layer ``number``'s texture can lie in either frame; false means certainly none."""
        times = {0, 1, *self.exposure(0), *self.exposure(1)}
        box = self.layers[number].box
        return number == 0 or any(
            _touches(pose, box, self.width, self.height) for pose in self.poses(number, sorted(times))
        )


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
    # What FlyingChairs does not have is drawn from generators of its own, so that all else stays as it is.
    ground, bend, camera, sky = rng.spawn(4)
    background = _background(recipe.background, recipe.frame, catalogue, rng, bend)
    background = _painted(recipe.background, background, ground)
    count = recipe.chair.count_min + _below(recipe.chair.count_max - recipe.chair.count_min + 1, rng)
    chairs = [
        _chair(recipe.chair, recipe.frame, background.motion, catalogue, rng, bend) for _ in range(count)
    ]
    return Scene(
        height=recipe.frame.height,
        width=recipe.frame.width,
        layers=(background, *chairs),
        effects=_effects(recipe, camera, sky),
    )


def _background(
    recipe: Background,
    frame: Frame,
    catalogue: Catalogue,
    rng: np.random.Generator,
    bend: np.random.Generator,
) -> Layer:
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
    motion = _motion(recipe, pivot, rng, bend)
    return Layer(asset=photo.id, view=0, pose1=pose1, pose2=motion @ pose1)


def _painted(recipe: Background, background: Layer, rng: np.random.Generator) -> Layer:
    """``background``, or a colour or a gradient in its place."""
    chance, turn = rng.random(), 2 * math.pi * rng.random()
    ends = rng.random((2, 3))
    if chance >= recipe.plain + recipe.gradient:
        return background
    if chance < recipe.plain:
        ends[1] = ends[0]
    along = np.array([x * math.cos(turn) + y * math.sin(turn) for y in (-1, 1) for x in (-1, 1)])
    share = (along / np.abs(along).max() + 1) / 2
    corners = np.rint(255 * (ends[0] + share[:, None] * (ends[1] - ends[0]))).astype(int)
    name = PLAIN if chance < recipe.plain else GRADIENT
    return replace(background, asset=name, colours=_colours(corners.tolist()))


def _chair(
    recipe: Chair,
    frame: Frame,
    background_motion: Matrix,
    catalogue: Catalogue,
    rng: np.random.Generator,
    bend: np.random.Generator,
) -> Layer:
    chair = catalogue.chairs[_below(len(catalogue.chairs), rng)]
    view = _below(len(VIEWS), rng)
    x, y = (_centre(recipe.placement, length, rng) for length in (frame.width, frame.height))
    box = recipe.size.of == "box"
    size = recipe.size.draw(rng) * (1.0 if box else recipe.size.fill) * chair.scale
    pose1 = np.array([[size, 0.0, x], [0.0, size, y], [0.0, 0.0, 1.0]])
    motion = background_motion @ _motion(recipe, (x, y), rng, bend)
    view = view if chair.kind == "chair" else 0
    return Layer(asset=chair.id, view=view, pose1=pose1, pose2=motion @ pose1, box=box)


def _below(count: int, rng: np.random.Generator) -> int:
    """A whole number below ``count``; unlike Generator.integers, it always takes one number from the generator."""
    return int(rng.random() * count)


def _centre(recipe: Placement, length: int, rng: np.random.Generator) -> float:
    border = recipe.spread * length + recipe.margin_px
    return float(rng.uniform(-border - 0.5, length + border - 0.5))


def _motion(
    recipe: Background | Chair,
    pivot: tuple[float, float],
    rng: np.random.Generator,
    bend: np.random.Generator,
) -> Matrix:
    shift = recipe.translation.draw(rng), recipe.translation.draw(rng)
    angle, scale = recipe.rotation.draw(rng), recipe.scale.draw(rng)
    motion = geometry.similarity(scale, angle, pivot, shift)
    shear, stretch = recipe.shear.draw(bend), recipe.stretch.draw(bend)
    if (shear, stretch) == (0, 1):
        return motion
    half = math.sqrt(stretch)
    return motion @ geometry.about(pivot, geometry.scaling(half, 1 / half) @ geometry.shearing(shear))


def _effects(
    recipe: Recipe, camera: np.random.Generator, sky: np.random.Generator
) -> tuple[Effects, Effects]:
    first, second = _pictures(recipe.photometric, camera)
    weather = recipe.weather
    shadow, fog = _shadow(weather.shadow, sky), _fog(weather.fog, sky)
    shadow_x, shadow_y, fog_x, fog_y = (
        part.drift.draw(sky) for part in (weather.shadow, weather.shadow, weather.fog, weather.fog)
    )
    return replace(first, shadow=shadow, fog=fog), replace(
        second,
        shadow=shadow and replace(shadow, x=shadow_x, y=shadow_y),
        fog=fog and replace(fog, x=fog_x, y=fog_y),
    )


def _pictures(recipe: Photometric, rng: np.random.Generator) -> Iterator[Effects]:
    """What the camera does to each frame."""
    shutter, read, shot = (part.draw(rng) for part in (recipe.shutter, recipe.read_noise, recipe.shot_noise))
    factors = [part.draw(rng) for part in (recipe.exposure, recipe.warmth, recipe.tint, recipe.gamma)]
    for exposure, warmth, tint, gamma in zip(*factors, strict=True):
        seed, blur = _below(2**32, rng), recipe.blur.draw(rng)
        half = math.sqrt(warmth)
        yield Effects(
            shutter=shutter,
            blur_px=blur,
            gain=(exposure * half, exposure * tint, exposure / half),
            noise=Noise(read=read, shot=shot, seed=seed) if read or shot else None,
            gamma=gamma,
        )


def _shadow(recipe: imaging.Shadow, rng: np.random.Generator) -> Shadow | None:
    shadow = Shadow(
        seed=_below(2**32, rng),
        size_px=recipe.size.draw(rng),
        strength=recipe.strength.draw(rng),
        share=recipe.share.draw(rng),
        softness=recipe.softness.draw(rng),
    )
    return shadow if shadow.strength else None


def _fog(recipe: imaging.Fog, rng: np.random.Generator) -> Fog | None:
    fog = Fog(
        seed=_below(2**32, rng),
        size_px=recipe.size.draw(rng),
        depth=recipe.depth.draw(rng),
        contrast=recipe.contrast.draw(rng),
        brightness=recipe.brightness.draw(rng),
    )
    return fog if fog.depth else None


def textures(scene: Scene) -> Iterator[tuple[str, int]]:
    """(asset, view) of every layer that may show and is not made of colours."""
    for number, layer in enumerate(scene.layers):
        if not layer.colours and scene.may_show(number):
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
        | ({"colours": layer.colours} if layer.colours else {})
        for layer in scene.layers
    ]
    data: dict[str, Any] = {"height": scene.height, "width": scene.width, "layers": layers}
    if scene.effects != (Effects(), Effects()):
        data["effects"] = [effects.to_dict() for effects in scene.effects]
    return json.dumps(data, separators=(",", ":"))


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
            colours=_colours(layer.get("colours", ())),
        )
        for layer in data["layers"]
    )
    effects1, effects2 = (Effects.from_dict(effects) for effects in data.get("effects", ({}, {})))
    return Scene(
        height=data["height"], width=data["width"], layers=tuple(layers), effects=(effects1, effects2)
    )


def _colours(corners: Iterable[Iterable[int]]) -> tuple[Colour, ...]:
    return tuple((red, green, blue) for red, green, blue in corners)
