"""The recipe: every parameter of a dataset, as frozen dataclasses with named presets.

The preset ``flyingchairs`` follows Dosovitskiy et al., "FlowNet", ICCV 2015, section 3.2, with the motion
parameters of the same lab's later public 2D generator. That leaves three readings open. Each is a field:

* A draw outside its range goes back to the middle (``outside = "reset"``) or to the range's end
  (``"clamp"``). Default: reset, as in that generator; clamping raises the mean flow by a third.
* Chairs are centred over an area larger than the frame (``chair.placement``; default) or inside the frame
  only (``spread = 0``, ``margin_px = 0``), which raises coverage from a quarter to some 70 % of the frame
  and doubles the mean flow.
* ``chair.size`` is the side of the square render that a chair stands in (``of = "square"``, default) or the
  longer side of its tight box (``"box"``), which raises coverage to some 40 %. How much of its square a chair
  filled is not published: here its bounding sphere takes nine tenths (``fill``); filling it raises the mean flow
  by an eighth.

The defaults are the reading that comes closest to the published statistics of the flow. The other presets, in
:mod:`chairsgen.recipe.presets`, say what they change.
"""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from chairsgen.config import Config, load, param
from chairsgen.recipe.imaging import Photometric, Weather
from chairsgen.recipe.presets import CHANGES
from chairsgen.recipe.sections import Assets, Background, Chair, Frame


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe(Config):
    """Everything that a scene is drawn from. Made, it is valid."""

    name: str = param("flyingchairs", "what this recipe is called")
    about: str = param(CHANGES["flyingchairs"][0], "what it is for")
    frame: Frame = param(Frame(), "")
    background: Background = param(Background(), "")
    chair: Chair = param(Chair(), "")
    photometric: Photometric = param(Photometric(), "the camera; all off by default")
    weather: Weather = param(Weather(), "")
    assets: Assets = param(Assets(), "")

    @classmethod
    def load(cls, name_or_path: str | Path, overrides: Iterable[str] = ()) -> "Recipe":
        """A preset by name or a TOML file by path (ending in .toml), changed by ``key.path=VALUE`` texts.

        A file states what differs from the preset that its key ``preset`` names (``flyingchairs`` if absent).

        Raises:
            InputError: Name, file, key or value is wrong; the message names it, and the nearest right one.
        """
        return load(PRESETS, name_or_path, overrides, kind="recipe", default="flyingchairs")


PRESETS = {name: Recipe(name=name, about=about).override(sets) for name, (about, sets) in CHANGES.items()}
"""The named presets."""
