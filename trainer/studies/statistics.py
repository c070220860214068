"""A recipe's flow in figures, from its scenes alone: nothing is rendered, and a scene takes some milliseconds.

In place of each object stands a disc. That is near enough to choose a recipe by; what its pairs truly are,
``chairsgen build`` and ``chairsgen stats`` say.
"""

import math
from collections.abc import Iterable, Mapping
from types import SimpleNamespace

import numpy as np
from jaxtyping import Float64

from chairsgen import geometry
from chairsgen.builder import embedded_assets
from chairsgen.catalogue import Catalogue
from chairsgen.recipe import Recipe
from chairsgen.scene import Scene, draw_scene
from chairsgen.stats import FIGURES, Pair

STEP_PX = 8
"""Flow is looked at in every so many rows and columns."""

RADIUS = 0.27
"""Of the disc, in sides of the square that an object's bounding sphere fits into (see :mod:`chairsgen.scene`).
With it the flow of FlyingChairs' recipe has a mean of 12.5 px and a deviation of 15.0 px, where that of pairs with
embedded chairs has 12.6 and 15.3; objects cover 25 % of the frame instead of 22, and 5.8 instead of 6.7 show."""

NAMES = (
    "flow_mean",
    "flow_median",
    "flow_p75",
    "flow_p95",
    "flow_p99",
    "flow_over_40",
    "u_std",
    "v_std",
    "coverage",
    "visible_chairs",
)
"""The figures of :data:`chairsgen.stats.FIGURES` that scenes alone tell; all are 0 or more."""


class Sketch(Pair):
    """A scene's flow and layers on a coarse grid."""

    def __init__(self, scene: Scene, points: Float64[np.ndarray, "rows columns 2"]) -> None:
        """Looks at frame 1.

        Args:
            scene: What is seen.
            points: Where, in pixels.
        """
        front = np.zeros(points.shape[:2], np.int64)
        for number, layer in enumerate(scene.layers[1:], 1):
            centre, reach = layer.pose1[:2, 2], RADIUS * np.linalg.norm(layer.pose1[:2, :2])
            if (centre + reach < points[0, 0]).any() or (centre - reach > points[-1, -1]).any():
                continue
            inside = np.linalg.norm(geometry.apply(geometry.inverse(layer.pose1), points), axis=-1) < RADIUS
            front[inside] = number
        motions = np.stack([layer.motion for layer in scene.layers])[front]
        moved = np.einsum("...ij,...j->...i", motions[..., :2, :2], points) + motions[..., :2, 2]
        flow = (moved - points).astype(np.float32)
        self.sample = SimpleNamespace(layer_id1=front)  # type: ignore[assignment]
        self.u, self.v = np.moveaxis(flow, -1, 0)
        self.length = np.hypot(self.u, self.v)
        self.visible = np.count_nonzero(np.bincount(front.ravel(), minlength=1)[1:])


def flow_statistics(
    recipe: Recipe, names: Iterable[str] = NAMES, *, scenes: int = 200, seed: int = 0
) -> dict[str, float]:
    """Figures of a recipe's flow.

    Args:
        recipe: What scenes are drawn from.
        names: Which of :data:`NAMES`.
        scenes: How many.
        seed: Of all draws. Two recipes that are measured with the same seed differ by what they say, not by luck.
    """
    figures = {name: FIGURES[name] for name in names}
    totals = dict.fromkeys(figure.adds for figure in figures.values())
    catalogue = Catalogue(
        chairs=tuple(embedded_assets("chair", recipe)), photos=tuple(embedded_assets("photo", recipe))
    )
    rows, columns = recipe.frame.height // STEP_PX, recipe.frame.width // STEP_PX
    points = STEP_PX * geometry.pixel_grid(rows, columns) + (STEP_PX - 1) / 2
    for index in range(scenes):
        sketch = Sketch(draw_scene(recipe, catalogue, seed, index), points)
        for adds, total in totals.items():
            added = adds(sketch)
            totals[adds] = added if total is None else total + added
    return {name: float(figure.gives(totals[figure.adds], scenes)) for name, figure in figures.items()}


def distance(
    measured: Mapping[str, float], target: Mapping[str, float | tuple[float, float]], least: float = 1e-3
) -> float:
    """How far figures are from a target: root mean square of the logarithms of their ratios.

    0.1 is about 10 % off. A figure within a target's range is not off at all; one below ``least`` counts as that.
    """
    squares = []
    for name, wanted in target.items():
        low, high = wanted if isinstance(wanted, tuple) else (wanted, wanted)
        value = max(measured[name], least)
        squares.append(math.log(value / min(max(value, low), high)) ** 2)
    return math.sqrt(sum(squares) / len(squares))
