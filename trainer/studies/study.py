"""A study file: what is compared, or searched, and from where.

The base is a training and its data; ``axes`` are what ``trainer ablate`` changes, ``ranges`` what ``trainer
search`` draws from. All three use dotted keys of three families: ``recipe.*``, of which ``recipe.preset`` is a
recipe's name or file; ``train.*``, a training's configuration, of which ``train.augment.preset`` is an
augmentation's name or file; and ``data.*``, see :class:`~trainer.studies.setting.DataConfig`. An axis is a key and
a list of its values, or a name and a table of named values, each of which changes any keys.

Whatever is varied, all networks are judged on the same pairs: those of ``evaluate``, or val pairs of the base's
recipe. A setting whose pairs resemble these has that advantage: a benchmark, if there is one, is the better judge.
"""

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from chairsgen.assets import asset_path
from chairsgen.config import Config, nearest, param, read_toml
from chairsgen.errors import InputError
from trainer.studies.setting import FAMILIES, Setting, flat, section


@dataclass(frozen=True, kw_only=True)
class Options(Config):
    """A study's own settings."""

    about: str = param("", "the question that it answers")
    mode: str = param(
        "one-at-a-time",
        "every combination of values, each value alone against the base, or some combinations",
        choices=("grid", "one-at-a-time", "random"),
    )
    count: int = param(20, "combinations, where mode is random", low=1)
    seeds: int = param(3, "networks trained for each setting, from fresh weights", low=1)
    evaluate: tuple[str, ...] = param(
        (), "SPECs to judge all settings on; none: val pairs of the base's recipe, the same for all"
    )
    val_pairs: int = param(640, "of these val pairs", unit="pairs", low=1)


@dataclass(frozen=True, kw_only=True)
class Objective(Config):
    """What ``trainer search`` makes small."""

    kind: str = param(
        "statistics",
        "distance of the recipe's flow from a target's statistics, or a trained network's error",
        choices=("statistics", "error"),
    )
    scenes: int = param(200, "measured a trial (statistics)", low=1)
    test_benchmark: bool = param(
        False, "let the error be that on Sintel, KITTI or Middlebury, on which results are then no test"
    )


@dataclass(frozen=True, kw_only=True)
class Range(Config):
    """What a key is drawn from: numbers, or one of some values."""

    low: float = param(0.0, "least")
    high: float = param(0.0, "most")
    log: bool = param(False, "uniform in the logarithm")
    values: tuple[Any, ...] = ()
    whole: bool = param(False, "whole numbers only")

    def check(self) -> None:
        if not self.values and not self.low < self.high:
            raise InputError(f"low = {self.low:g} must lie below high = {self.high:g}")
        if self.log and self.low <= 0:
            raise InputError(f"low = {self.low:g}: must be above 0 where log = true")


@dataclass(frozen=True, kw_only=True)
class Value:
    """A value of an axis: what it is called, and the dotted keys that it changes."""

    label: str
    changes: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Axis:
    """What is varied, and how."""

    name: str
    values: tuple[Value, ...]


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study file, read and checked.

    Attributes:
        name: The file's.
        options: Its own settings.
        base: Dotted keys that differ from the defaults.
        axes: What an ablation varies.
        ranges: What a search draws, by dotted key.
        objective: What a search makes small.
        target: The figures of :mod:`chairsgen.stats` to meet, or the ranges to lie in.
    """

    name: str
    options: Options = Options()
    base: Mapping[str, Any] = field(default_factory=dict)
    axes: tuple[Axis, ...] = ()
    ranges: Mapping[str, Range] = field(default_factory=dict)
    objective: Objective = Objective()
    target: Mapping[str, float | tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def load(cls, name_or_path: str | Path, overrides: Iterable[str] = ()) -> "Study":
        """Reads a study: a file by path (ending in .toml), or a shipped one by name.

        Args:
            name_or_path: Which one.
            overrides: ``KEY=VALUE`` texts: keys of the base, or of the study itself, such as ``seeds=5``.

        Raises:
            InputError: Name, file, key or value is wrong; the message names it, and the nearest right one.
        """
        path = Path(name_or_path)
        if path.suffix != ".toml":
            folder = asset_path("studies")
            names = sorted(found.stem for found in folder.glob("*.toml"))
            if str(name_or_path) not in names:
                hint = nearest(str(name_or_path), names)
                raise InputError(f"unknown study {str(name_or_path)!r}: {hint} (a file must end in .toml)")
            path = folder / f"{name_or_path}.toml"
        data = read_toml(path)
        try:
            study = cls._parsed(path.stem, data)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        return study.override(overrides)

    @classmethod
    def _parsed(cls, name: str, data: dict[str, Any]) -> "Study":
        tables = {key: data.pop(key, {}) for key in ("base", "axes", "ranges", "objective")}
        for key in data:
            if key not in Options.__dataclass_fields__:
                known = (*Options.__dataclass_fields__, *tables)
                raise InputError(f"unknown key {key!r}: {nearest(key, known)}")
        objective = dict(section(tables, "objective"))
        target = objective.pop("target", {})
        return cls(
            name=name,
            options=Options.from_dict(data),
            base=flat(section(tables, "base")),
            axes=tuple(_axes(section(tables, "axes"))),
            ranges={key: _range(key, value) for key, value in _ranges(section(tables, "ranges")).items()},
            objective=Objective.from_dict(objective, prefix="objective."),
            target=_target(target),
        )._checked()

    def override(self, assignments: Iterable[str]) -> "Study":
        """This study changed by ``KEY=VALUE`` texts; see :meth:`load`."""
        base, options, objective = dict(self.base), self.options, self.objective
        for text in assignments:
            key, value = _assignment(text)
            first, _, rest = key.partition(".")
            if first in FAMILIES:
                base[key] = value
            elif first == "objective":
                objective = Objective.from_dict({rest: value}, objective, "objective.")
            elif first in Options.__dataclass_fields__:
                options = Options.from_dict({key: value}, options)
            else:
                known = (*FAMILIES, "objective", *Options.__dataclass_fields__)
                raise InputError(f"--set {text!r}: unknown key {key!r}: {nearest(first, known)}")
        return replace(self, base=base, options=options, objective=objective)._checked()

    def _checked(self) -> "Study":
        """Makes every value once, so that a mistake is said before the first run."""
        self.setting({})
        for axis in self.axes:
            for value in axis.values:
                try:
                    self.setting(value.changes)
                except InputError as error:
                    raise InputError(f"axis {axis.name}, value {value.label}: {error}") from None
        for key, range_ in self.ranges.items():
            for end in range_.values or (range_.low, range_.high):
                _check_known(self, key, int(end) if range_.whole else end)
        return self

    def setting(self, changes: Mapping[str, Any]) -> Setting:
        """The base with some dotted keys changed."""
        return Setting.made({**self.base, **changes})

    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON can hold it."""
        return dict(json.loads(json.dumps(asdict(self))))


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What differs between two studies, as :meth:`Study.to_dict` has them; the time that takes apart."""
    first, second = (
        {key: value for key, value in flat(study).items() if not key.startswith("base.train.machine.")}
        for study in (old, new)
    )
    return [
        f"{key}: {first.get(key, 'nothing')!r} there, {second.get(key, 'nothing')!r} here"
        for key in sorted({*first, *second})
        if first.get(key) != second.get(key)
    ]


def _axes(tables: Mapping[str, Any]) -> Iterable[Axis]:
    for name, content in tables.items():
        if name.partition(".")[0] in FAMILIES:
            keys = flat({name: content})
            for key, values in keys.items():
                if not isinstance(values, list) or not values:
                    raise InputError(f"axis {key}: write the list of its values, such as {key} = [1, 2]")
                yield Axis(
                    name=key,
                    values=tuple(Value(label=_label(value), changes={key: value}) for value in values),
                )
        elif (
            isinstance(content, Mapping) and content and all(isinstance(v, Mapping) for v in content.values())
        ):
            yield Axis(
                name=name,
                values=tuple(Value(label=label, changes=flat(changes)) for label, changes in content.items()),
            )
        else:
            raise InputError(
                f"axis {name!r}: {nearest(name.partition('.')[0], FAMILIES)}; or write a table of named values, "
                f"such as {name}.off = {{recipe.chair.rotation.probability = 0}}"
            )


def _label(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "embedded"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _ranges(tables: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys, down to the tables that say ``low``, and to lists."""
    found: dict[str, Any] = {}
    for key, value in tables.items():
        dotted = f"{prefix}{key}"
        nested = isinstance(value, Mapping) and not {"low", "high"} & set(value)
        found |= _ranges(value, f"{dotted}.") if nested else {dotted: value}
    return found


def _range(key: str, content: Any) -> Range:
    if isinstance(content, list):
        if not content or not all(isinstance(value, bool | int | float | str) for value in content):
            raise InputError(f"ranges.{key}: name at least one value, and plain ones alone")
        return Range(values=tuple(content))
    if not isinstance(content, Mapping):
        raise InputError(f"ranges.{key}: write {{low = A, high = B}}, or a list of values")
    for name in content:
        if name not in ("low", "high", "log"):
            raise InputError(f"unknown key 'ranges.{key}.{name}': {nearest(name, ('low', 'high', 'log'))}")
    if not {"low", "high"} <= set(content):
        raise InputError(f"ranges.{key}: write {{low = A, high = B}}, or a list of values")
    whole = all(type(content[end]) is int for end in ("low", "high"))
    return Range.from_dict({**content, "whole": whole}, Range(high=1.0), f"ranges.{key}.")


def _check_known(study: Study, key: str, value: Any) -> None:
    try:
        study.setting({key: value})
    except InputError as error:
        raise InputError(f"ranges.{key}: {error}") from None


def _target(content: Any) -> dict[str, float | tuple[float, float]]:
    from chairsgen.stats import published
    from trainer.studies.statistics import NAMES

    if content == "flyingchairs":
        return {name: value for name, value in published().items() if name in NAMES}
    if not isinstance(content, Mapping):
        raise InputError(
            'objective.target: write "flyingchairs", or a table of figures, such as {flow_mean = 8}'
        )
    target: dict[str, float | tuple[float, float]] = {}
    for name, value in content.items():
        if name not in NAMES:
            raise InputError(f"unknown key 'objective.target.{name}': {nearest(name, NAMES)}")
        ends = value if isinstance(value, list) else [value]
        if not all(type(end) in (int, float) and end > 0 for end in ends) or len(ends) not in (1, 2):
            raise InputError(f"objective.target.{name} = {value!r}: must be a number above 0, or [low, high]")
        target[name] = (float(ends[0]), float(ends[1])) if len(ends) == 2 else float(ends[0])
    return target


def _assignment(text: str) -> tuple[str, Any]:
    key, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not key:
        raise InputError(f"--set {text!r}: write KEY=VALUE, such as train.steps=10000")
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key, value
