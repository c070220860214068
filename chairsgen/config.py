"""Configuration as frozen dataclasses: every field documented, checked, and reachable by a dotted key.

A configuration class derives from :class:`Config` and declares its fields with :func:`param`. The same
dotted keys (``chair.rotation.max_deg``) then serve in TOML files, on the command line and in studies.
"""

import dataclasses
import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import tomlkit

from chairsgen.errors import InputError

AnyConfig = TypeVar("AnyConfig", bound="Config")


def param(
    default: Any,
    doc: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """A documented field, checked against ``low`` <= value <= ``high`` or against ``choices``."""
    if choices:
        doc = f"{doc}: {' | '.join(choices)}"
    metadata = {"doc": doc, "unit": unit, "low": low, "high": high, "choices": choices}
    if dataclasses.is_dataclass(default):
        return dataclasses.field(default_factory=lambda: default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def nearest(name: str, names: Iterable[str], prefix: str = "") -> str:
    """What to do about an unknown name: the nearest known one (``prefix`` before it), or all of them."""
    known = list(names)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {prefix + close[0]!r}?" if close else f"known are {', '.join(known)}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Base of all configurations: checks its fields when made."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            self._check(field)
        self.check()

    def check(self) -> None:
        """Checks that concern several fields; :class:`~chairsgen.errors.InputError` where one fails."""

    def _check(self, field: "dataclasses.Field[Any]") -> None:
        value, limits = getattr(self, field.name), field.metadata
        choices, low, high = limits.get("choices"), limits.get("low"), limits.get("high")
        if choices and value not in choices:
            raise InputError(f"{field.name} = {value!r}: must be one of {', '.join(choices)}")
        if isinstance(value, float) and not value - value == 0:
            raise InputError(f"{field.name} = {value}: must be a finite number")
        if (low is not None and value < low) or (high is not None and value > high):
            bounds = f"at least {low}" if high is None else f"from {low} to {high}"
            raise InputError(f"{field.name} = {value}: must be {bounds}")

    @classmethod
    def from_dict(
        cls: type[AnyConfig], data: Mapping[str, Any], base: AnyConfig | None = None, prefix: str = ""
    ) -> AnyConfig:
        """``base`` (the defaults, if None) with the values of nested ``data`` in place of its own.

        Raises:
            InputError: A key is unknown, or a value of the wrong type or out of its range; the message
                names the dotted key.
        """
        base = cls() if base is None else base
        types, changes = get_type_hints(cls), {}
        for key, value in data.items():
            dotted = f"{prefix}{key}"
            if key not in types:
                raise InputError(f"unknown key {dotted!r}: {nearest(key, types, prefix)}")
            old = getattr(base, key)
            if isinstance(old, Config):
                if not isinstance(value, Mapping):
                    raise InputError(
                        f"{dotted} is a section: set one of {', '.join(get_type_hints(type(old)))}"
                    )
                changes[key] = type(old).from_dict(value, old, f"{dotted}.")
            else:
                changes[key] = _convert(dotted, types[key], value)
        try:
            return dataclasses.replace(base, **changes)
        except InputError as error:
            raise InputError(f"{prefix}{error}") from None

    @classmethod
    def from_toml(cls: type[AnyConfig], text: str) -> AnyConfig:
        """What :meth:`to_toml` wrote; :class:`~chairsgen.errors.InputError` if that is damaged."""
        try:
            return cls.from_dict(tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"not valid TOML: {error}") from None

    def override(self: AnyConfig, assignments: Iterable[str]) -> AnyConfig:
        """This configuration changed by ``key.path=VALUE`` texts, VALUE in TOML (a bare word is a string)."""
        changes: dict[str, Any] = {}
        for text in assignments:
            key, equals, value = text.partition("=")
            if not equals or not key.strip():
                raise InputError(f"--set {text!r}: write KEY=VALUE, such as chair.rotation.max_deg=10")
            *sections, name = key.strip().split(".")
            section = changes
            for part in sections:
                section = section.setdefault(part, {})
                if not isinstance(section, dict):
                    raise InputError(f"--set {text!r}: another --set gives {part} a value")
            section[name] = _parse_value(value.strip())
        return type(self).from_dict(changes, self)

    def to_dict(self) -> dict[str, Any]:
        """Nested dictionaries of plain values."""
        return dataclasses.asdict(self)

    def to_toml(self) -> str:
        """The whole configuration as TOML, each field with its unit and meaning."""
        document = tomlkit.document()
        self._fill(document)
        return tomlkit.dumps(document)

    def _fill(self, table: Any) -> None:
        fields = dataclasses.fields(self)
        for field in sorted(fields, key=lambda f: isinstance(getattr(self, f.name), Config)):
            value, doc = getattr(self, field.name), field.metadata.get("doc", "")
            if isinstance(value, Config):
                section = tomlkit.table()
                value._fill(section)
                table.add(field.name, section)
                if doc:
                    section.comment(doc)
            else:
                unit = field.metadata.get("unit", "")
                item = tomlkit.item(value)
                if doc:
                    item.comment(f"[{unit}] {doc}" if unit else doc)
                table.add(field.name, item)


def difference(old: Config, new: Config, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Every dotted key whose value differs between two configurations of one class, with both values."""
    for field in dataclasses.fields(old):
        values = getattr(old, field.name), getattr(new, field.name)
        if isinstance(values[0], Config):
            yield from difference(*values, f"{prefix}{field.name}.")
        elif values[0] != values[1]:
            yield f"{prefix}{field.name}", *values


def load(
    presets: Mapping[str, AnyConfig],
    name_or_path: str | Path,
    overrides: Iterable[str] = (),
    *,
    kind: str,
    default: str,
) -> AnyConfig:
    """A preset by name or a TOML file by path (ending in .toml), changed by ``key.path=VALUE`` texts.

    A file states what differs from the preset that its key ``preset`` names, and is called after the file
    unless it names itself.

    Args:
        presets: By name; each has a field ``name``.
        name_or_path: Which one.
        overrides: As :meth:`Config.override` takes them.
        kind: What a preset is called in messages.
        default: The preset of files that name none.

    Raises:
        InputError: Name, file, key or value is wrong; the message names it, and the nearest right one.
    """

    def preset(name: str) -> AnyConfig:
        if name not in presets:
            raise InputError(f"unknown {kind} {name!r}: {nearest(name, presets)} (a file must end in .toml)")
        return presets[name]

    if not str(name_or_path).endswith(".toml"):
        return preset(str(name_or_path)).override(overrides)
    path = Path(name_or_path)
    data = read_toml(path)
    try:
        base = preset(str(data.pop("preset", default)))
        config = type(base).from_dict({"name": path.stem} | data, base)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return config.override(overrides)


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file's content; :class:`~chairsgen.errors.InputError` where there is none."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid TOML: {error}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def _parse_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _convert(key: str, kind: Any, value: Any) -> Any:
    if kind is float and type(value) is int:
        try:
            value = float(value)
        except OverflowError:
            raise InputError(f"{key}: the number is too large") from None
    if get_origin(kind) is tuple:
        if not isinstance(value, list | tuple):
            raise InputError(f"{key} = {value!r}: must be a list")
        return tuple(_convert(f"{key}[{i}]", get_args(kind)[0], item) for i, item in enumerate(value))
    if type(value) is not kind:
        raise InputError(f"{key} = {value!r}: must be of type {kind.__name__}")
    return value
