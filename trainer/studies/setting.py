"""A training and its data, made of dotted keys."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from chairsgen.config import Config, nearest, param
from chairsgen.errors import InputError
from chairsgen.recipe import Recipe
from trainer.augment import Augmentation
from trainer.settings import TrainConfig, defaults

FAMILIES = ("recipe", "train", "data")
OWN = ("data", "val", "seed")
"""Keys of a training that the study itself gives."""


@dataclass(frozen=True, kw_only=True)
class DataConfig(Config):
    """The pairs that a recipe makes for a training."""

    pairs: int = param(22_232, "to learn from; 0: a stream without end", unit="pairs", low=0)
    meshes: tuple[str, ...] = param((), "files and folders of chair models; none: the embedded ones")
    photos: tuple[str, ...] = param((), "files and folders of photographs; none: the embedded ones")

    def check(self) -> None:
        if not self.pairs and (self.meshes or self.photos):
            raise InputError("pairs = 0: a stream shows embedded assets alone: give meshes and photos pairs")
        for name, paths in (("meshes", self.meshes), ("photos", self.photos)):
            for path in paths:
                if not Path(path).exists():
                    raise InputError(f"{name}: {path}: there is no such file or folder")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A training and its data, all but the seed.

    Attributes:
        recipe: What the pairs are drawn from.
        data: How many, and of what.
        train: How a network learns; without ``data``, ``val`` and ``seed``.
    """

    recipe: Recipe
    data: DataConfig
    train: TrainConfig

    @classmethod
    def made(cls, changes: Mapping[str, Any]) -> "Setting":
        """The setting of dotted keys; all that these do not name is at its default.

        Raises:
            InputError: A key is unknown, or a value is wrong.
        """
        tables = _nested(changes)
        for family in tables:
            if family not in FAMILIES:
                raise InputError(
                    f"unknown key {family!r}: {nearest(family, FAMILIES)}, with a dot and a name"
                )
        recipe, train, data = (dict(section(tables, family)) for family in FAMILIES)
        preset = Recipe.load(str(recipe.pop("preset", "flyingchairs")))
        for name in OWN:
            if name in train:
                raise InputError(f"train.{name}: the study gives it: set data.*, evaluate or seeds")
        base = defaults(str(train.pop("model", "pwcnet")))
        augment = dict(section(train, "augment", "train."))
        if "preset" in augment:
            base = replace(base, augment=Augmentation.load(str(augment.pop("preset"))))
        return cls(
            recipe=Recipe.from_dict(recipe, preset, "recipe."),
            data=DataConfig.from_dict(data, prefix="data."),
            train=TrainConfig.from_dict(train | {"augment": augment}, base, "train."),
        )

    @property
    def key(self) -> str:
        """A hash that two settings share which make the same networks."""
        train = {key: value for key, value in self.train.to_dict().items() if key != "machine"}
        return content_hash([_unnamed(self.recipe), self.data.to_dict(), train])


def flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as dotted keys."""
    keys: dict[str, Any] = {}
    for key, value in table.items():
        keys |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return keys


def content_hash(content: Any) -> str:
    """sha256, in hex, of what JSON can hold."""
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def data_hash(recipe: Recipe, data: DataConfig, seed: int) -> str:
    """What names a dataset: two have the same name whose pairs are the same, whatever their recipes are called."""
    return content_hash([_unnamed(recipe), data.to_dict(), seed])[:16]


def _unnamed(recipe: Recipe) -> dict[str, Any]:
    return {key: value for key, value in recipe.to_dict().items() if key not in ("name", "about")}


def section(tables: Mapping[str, Any], key: str, prefix: str = "") -> Mapping[str, Any]:
    """A table among others, empty if it is not there."""
    table = tables.get(key, {})
    if not isinstance(table, Mapping):
        raise InputError(f"{prefix}{key} is a section: write {prefix}{key}.NAME = VALUE")
    return table


def _nested(keys: Mapping[str, Any]) -> dict[str, Any]:
    tables: dict[str, Any] = {}
    for dotted, value in keys.items():
        *sections, name = dotted.split(".")
        table = tables
        for section in sections:
            table = table.setdefault(section, {})
            if not isinstance(table, dict):
                raise InputError(f"{dotted}: another key gives {section} a value")
        if isinstance(table.get(name), dict):
            raise InputError(f"{dotted} is a section: another key sets a part of it")
        table[name] = value
    return tables
