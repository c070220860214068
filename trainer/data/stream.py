"""Pairs made on the fly: scenes drawn and composed in the processes that read, nothing on disk but the textures.

Pair i of a seed is the one that a build with this seed would make. Textures that the bank lacks are made when a
scene asks for them, and kept. From an empty bank a stream begins at a few pairs a second, therefore, and gains
speed as the bank fills; what one stream or build has made, all later ones find.
"""

import hashlib
from bisect import bisect_left
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from chairsgen.builder import embedded_assets
from chairsgen.catalogue import Catalogue, split
from chairsgen.compose import Painter, compose, painter_on
from chairsgen.errors import InputError
from chairsgen.recipe import Recipe
from chairsgen.sample import FlowSample
from chairsgen.scene import draw_scene, textures
from chairsgen.sprites import Sprites, reading, rendering
from chairsgen.textures import bank_folder
from trainer.data.source import Layers, Pair, Side, Source


class Stream(Source):
    """The pairs of a recipe and a seed, without end: all of them, or those of one side."""

    endless: ClassVar[bool] = True

    def __init__(
        self, recipe: Recipe, seed: int, name: str, *, only: Side | None = None, device: str = "cpu"
    ) -> None:
        self.recipe, self.seed, self.name, self.only, self.device = recipe, seed, name, only, device
        share = recipe.assets.val_assets
        chairs, photos = (split(embedded_assets(kind, recipe), share) for kind in ("chair", "photo"))
        self.catalogue = Catalogue(chairs=chairs, photos=photos)

    def __len__(self) -> int:
        raise TypeError(f"{self.name} is endless")

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_sprites"}

    def read(self, index: int) -> Pair:
        number = self.number(index)
        sample = self.sample(number)
        motions = np.tile(np.eye(3), (self.num_layers, 1, 1))
        motions[: len(sample.motions)] = sample.motions
        truth = Layers(layer_id=sample.layer_id1, motions=motions)
        return Pair(
            name=f"{number}", image1=sample.image1, image2=sample.image2, truth=truth, occ=sample.occ_fw
        )

    def sample(self, number: int) -> FlowSample:
        """The one of this number, as a build makes it.

        Raises:
            InputError: There is no room for a texture, or no GPU to paint on.
        """
        scene = draw_scene(self.recipe, self.catalogue, self.seed, number)
        try:
            for job in self._sprites.missing(textures(scene)):
                self._sprites.make(job)
        except OSError as error:
            raise InputError(
                f"{self.name}: {error.filename or bank_folder()}: {error.strerror}: free some space, "
                "or let CHAIRSGEN_CACHE name another folder"
            ) from error
        return compose(scene, self._sprites.load, number, self._painter)

    @property
    def _painter(self) -> Painter:
        try:
            return painter_on(self.device)
        except InputError as error:
            raise InputError(f"{self.name}: machine.paint = {error}") from error

    @cached_property
    def _sprites(self) -> Sprites:
        # Made where pairs are read: to know what renders takes an OpenGL context.
        return Sprites(
            root=bank_folder(),
            assets=(*self.catalogue.chairs, *self.catalogue.photos),
            side=self.recipe.assets.sprite_px,
            rendering=rendering(),
            reading=reading(),
        )

    @property
    def size(self) -> tuple[int, int]:
        return self.recipe.frame.height, self.recipe.frame.width

    @property
    def num_layers(self) -> int:
        return self.recipe.chair.count_max + 1

    @property
    def fingerprint(self) -> str:
        text = f"{self.recipe.to_toml()}\n{self.seed}\n{self.catalogue.hash}"
        return hashlib.sha256(text.encode()).hexdigest()

    def side(self, side: Side) -> "Stream | None":
        if not self.catalogue.has_val or not self._share("val"):
            return None
        if not self._share(side):
            raise InputError(f"{self.name}: has no {side} pairs (assets.val_samples = {self._share('val')})")
        return Stream(self.recipe, self.seed, self.name, only=side)

    def painted_on(self, device: str) -> "Stream":
        return Stream(self.recipe, self.seed, self.name, only=self.only, device=device)

    def number(self, index: int) -> int:
        """Which sample of a build pair ``index`` is: the one of that number on the side, if there is a side."""
        if self.only is None:
            return index
        most = int((index + 1) / self._share(self.only)) + 2
        return bisect_left(range(most), index + 1, key=self._count) - 1

    def _share(self, side: Side) -> float:
        share = self.recipe.assets.val_samples
        return share if side == "val" else 1 - share

    def _count(self, number: int) -> int:
        """How many of a build's first ``number`` samples are on the side (see :func:`chairsgen.scene.side_of`)."""
        val = int(number * self.recipe.assets.val_samples)
        return val if self.only == "val" else number - val


def open_stream(place: str, *, name: str, seed: str = "0") -> Stream:
    """Opens a stream of a recipe: a preset by name, or a TOML file by path.

    Raises:
        InputError: There is no such recipe, or the seed is not a whole number from 0 on.
    """
    if not seed.isdecimal():
        raise InputError(f"{name}: seed={seed}: must be a whole number, at least 0")
    return Stream(Recipe.load(place), int(seed), name)
