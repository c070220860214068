"""SPEC: how a dataset is named on the command line.

``shards:DIR`` (a bare path means this), ``stream:RECIPE``, or another of :data:`KINDS`: the public benchmarks are
``chairs:DIR``, ``chairs2:DIR``, ``things:DIR:PASS``, ``sintel:DIR:PASS``, ``kitti2012:DIR``, ``kitti2015:DIR`` and
``middlebury:DIR``, PASS being clean or final, DIR what their archives unpack to; the last four have test sets
without truth: ``?set=test``.

Then options, such as ``?split=val&weight=2``. ``split=train``, ``val`` or ``all`` chooses a side of the dataset;
without it training takes the train side and validation the val side, where the dataset has sides, else all. For
training alone: ``weight=2`` gives a dataset twice the batches of one of weight 1, which is the default;
``from=STEP`` and ``until=STEP`` leave it out before the one step, and from the other on.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from chairsgen.config import nearest
from chairsgen.errors import InputError
from trainer.data.benchmarks import (
    open_chairs,
    open_chairs2,
    open_kitti2012,
    open_kitti2015,
    open_middlebury,
    open_sintel,
    open_things,
)
from trainer.data.order import Part
from trainer.data.shards import open_shards
from trainer.data.source import Side, Source


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of dataset.

    Attributes:
        open: Makes the source, called as ``open(place, name=spec, option="text")``, where ``place`` is what stands
            between the kind and the options.
        options: The names of options that only this kind has.
    """

    open: Callable[..., Source]
    options: tuple[str, ...] = ()


def _open_stream(place: str, **options: str) -> Source:
    # Imported when asked for: what renders takes its time to load.
    from trainer.data.stream import open_stream

    return open_stream(place, **options)


KINDS = {
    "shards": Kind(open=open_shards),
    "stream": Kind(open=_open_stream, options=("seed",)),
    "chairs": Kind(open=open_chairs),
    "chairs2": Kind(open=open_chairs2),
    "things": Kind(open=open_things),
    "sintel": Kind(open=open_sintel, options=("set",)),
    "kitti2012": Kind(open=open_kitti2012, options=("set",)),
    "kitti2015": Kind(open=open_kitti2015, options=("set",)),
    "middlebury": Kind(open=open_middlebury, options=("set",)),
}
"""All kinds, by the word that a SPEC begins with."""


def open_training(spec: str) -> Part:
    """Opens a dataset to learn from.

    Raises:
        InputError: The SPEC is wrong, there is no such dataset, or it holds no pairs.
    """
    source, options = _open(spec, ("weight", "from", "until"))
    part = Part(
        source=_side(source, options.get("split"), "train"),
        weight=_weight(spec, options.get("weight", "1")),
        start=_step(spec, "from", options.get("from", "0")),
        stop=_step(spec, "until", options["until"]) if "until" in options else None,
    )
    if part.stop is not None and part.stop <= part.start:
        raise InputError(f"{spec}: until={part.stop} must come after from={part.start}")
    return part


def open_validation(spec: str, *, truth: bool = True) -> Source:
    """Opens a dataset to validate on.

    Args:
        spec: Which one.
        truth: Whether flow is judged; without it, a test set will do.

    Raises:
        InputError: The SPEC is wrong, there is no such dataset, or it holds no pairs, or no truth.
    """
    source, options = _open(spec, ())
    if truth and not source.has_truth:
        raise InputError(
            f"{spec}: a test set has no truth to judge by: `trainer evaluate --submission DIR` writes its "
            "flow for the benchmark's server, `trainer predict` that of any frames"
        )
    return _side(source, options.get("split"), "val")


def _open(spec: str, known: Iterable[str]) -> tuple[Source, dict[str, str]]:
    """The source as its kind opens it, and the options that are not the kind's own."""
    where, _, tail = spec.partition("?")
    word, colon, place = where.partition(":")
    if not colon or (word not in KINDS and Path(where).exists()):
        word, place = "shards", where
    if word not in KINDS:
        raise InputError(f"{spec}: unknown kind of dataset {word!r}: {nearest(word, KINDS)}")
    if not place:
        raise InputError(f"{spec}: says no place: write {word}:PLACE")
    kind, options = KINDS[word], _options(spec, tail)
    names = [*kind.options, "split", *known]
    for name in options:
        if name not in names:
            raise InputError(f"{spec}: unknown option {name!r}: {nearest(name, names)}")
    own = {name: options.pop(name) for name in kind.options if name in options}
    return kind.open(place, name=spec, **own), options


def _options(spec: str, tail: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for text in filter(None, tail.split("&")):
        name, equals, value = text.partition("=")
        if not equals or name in options:
            raise InputError(f"{spec}: {text!r}: write every option once, as NAME=VALUE")
        options[name] = value
    return options


def _side(source: Source, split: str | None, default: Side) -> Source:
    if split not in (None, *get_args(Side), "all"):
        raise InputError(f"{source.name}: split={split}: must be train, val or all")
    side = cast(Side, split or default)
    chosen = source if split == "all" else source.side(side)
    if chosen is None and split:
        raise InputError(f"{source.name}: has no train and val side: leave split={split} out")
    chosen = source if chosen is None else chosen
    if not chosen.endless and not len(chosen):
        raise InputError(f"{source.name}: holds no {side} pairs: choose others by split=train, val or all")
    return chosen


def _weight(spec: str, text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not 0 < weight < math.inf:
        raise InputError(f"{spec}: weight={text}: must be a number above 0")
    return weight


def _step(spec: str, name: str, text: str) -> int:
    if not text.isdecimal():
        raise InputError(f"{spec}: {name}={text}: must be a step, a whole number from 0 on")
    return int(text)
