"""Which axis explains how much of the variance of the error, and whether that is beyond the noise of the seeds.

For each seed, the settings' errors are fitted by a sum of effects, one of each axis' value: of a grid, this is
the analysis of variance; of one axis at a time, an effect is a setting's difference to the base. What an axis
explains is the variance of its values' effects, were each value as likely as the others; less the part that noise
gives to it, as the effects' scatter from seed to seed tells. What no sum of effects fits is said of all axes
together, and what tells a run from its setting's mean, of the seeds. The shares are of the sum of all these.

An axis is beyond the noise if an F test at 95 % says so. Of two values alone, that is the verdict of a difference
paired by seed (:mod:`trainer.studies.answers`). Optuna's measures, one of which ``trainer search`` uses, are for
many trials of one run each, and know no seeds.
"""

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from trainer.studies.answers import (
    CONFIDENCE,
    decimals,
    in_columns,
    in_markdown,
    rounded,
    scipy_stats,
    verdict,
)

HEADINGS = ("axis", "share", "spread, px", "beyond noise")
TITLE = "Which axis matters"
TOGETHER, SEEDS = "axes together", "seeds"
"""What names, in place of an axis, the variance that no axis has alone, and that of seeds."""

NOTHING = 1e-9
"""Effects smaller than so many of the largest error are rounding, not effects."""


@dataclass(frozen=True, kw_only=True)
class Importance:
    """What an axis explains, on one dataset.

    Attributes:
        axis: Its name; :data:`TOGETHER` or :data:`SEEDS` for what no axis explains.
        data: What was judged on.
        variance: Of the end-point error between its values, in square pixels, less the noise.
        share: Of the variance of a run's error, were every value as likely as the others, from 0 to 1.
        variance_error: Standard error of ``variance``.
        share_error: That of ``share``.
        beyond_noise: Whether seeds alone would hardly scatter its values so; None for the seeds themselves.
    """

    axis: str
    data: str
    variance: float
    share: float
    variance_error: float
    share_error: float
    beyond_noise: bool | None

    @property
    def spread(self) -> float:
        """Standard deviation of the error between its values, in pixels."""
        return math.sqrt(self.variance)

    @property
    def spread_error(self) -> float:
        """About the standard error of that."""
        error = self.variance_error
        return error / (2 * self.spread) if self.spread else math.sqrt(error)


@dataclass(frozen=True, kw_only=True)
class _Part:
    """A part of the variance: its estimate, the estimate's own variance, and the verdict."""

    variance: float
    uncertainty: float
    beyond_noise: bool | None


def importance(
    levels: Mapping[str, Mapping[str, str]], errors: Mapping[str, Mapping[int, float]], data: str
) -> list[Importance]:
    """What each axis explains, the most first; then all together, if there are settings enough; then the seeds.

    Args:
        levels: The value of every axis, by setting, then by axis.
        errors: End-point errors in pixels, by setting, then by seed. Settings without any are left out, and seeds
            that another setting lacks.
        data: What the errors are on.

    Returns:
        Nothing where there are fewer than two seeds, or where the settings do not tell the axes apart.
    """
    cases = [case for case in levels if errors.get(case)]
    seeds = sorted(set.intersection(*(set(errors[case]) for case in cases))) if cases else []
    if len(seeds) < 2:
        return []
    table = np.array([[errors[case][seed] for seed in seeds] for case in cases])
    axes = list(levels[cases[0]])
    values = {axis: list(dict.fromkeys(levels[case][axis] for case in cases)) for axis in axes}
    columns = [np.ones(len(cases))] + [
        np.array([levels[case][axis] == value for case in cases], float)
        for axis in axes
        for value in values[axis]
    ]
    design = np.stack(columns, axis=1)
    rank = 1 + sum(len(values[axis]) - 1 for axis in axes)
    if np.linalg.matrix_rank(design) < rank:
        return []
    effects = np.linalg.lstsq(design, table, rcond=None)[0]

    parts: dict[str, _Part] = {}
    start = 1
    for axis in axes:
        own = effects[start : start + len(values[axis])]
        start += len(values[axis])
        parts[axis] = _part(own - own.mean(0), len(own) - 1, np.abs(table).max())
    if len(cases) > rank:
        parts[TOGETHER] = _part(table - design @ effects, len(cases) - rank, np.abs(table).max())
    noise = float(table.var(axis=1, ddof=1).mean())
    # All settings share the seeds: no more than these are free.
    parts[SEEDS] = _Part(variance=noise, uncertainty=2 * noise**2 / (len(seeds) - 1), beyond_noise=None)
    return sorted(_shares(parts, data), key=lambda one: (one.axis == SEEDS, one.axis == TOGETHER, -one.share))


def _part(effects: Float64[np.ndarray, "values seeds"], freedom: int, scale: float) -> _Part:
    """The variance of effects that sum to 0 for each seed and lie in ``freedom`` dimensions."""
    effects = np.where(np.abs(effects) > NOTHING * scale, effects, 0.0)
    count, seeds = effects.shape
    means = effects.mean(axis=1, keepdims=True)
    explained = float(np.square(means).sum())
    scatter = float(np.square(effects - means).sum()) / max(freedom * (seeds - 1), 1)
    variance = max(explained / count - freedom * scatter / (count * seeds), 0.0)
    # Explained variance is, in units of the noise, a noncentral chi square.
    unit = scatter / (count * seeds)
    uncertainty = 2 * freedom * unit**2 + 4 * variance * unit
    if not explained:
        beyond = False
    elif not scatter:
        beyond = True
    else:
        ratio = seeds * explained / freedom / scatter
        beyond = bool(ratio > scipy_stats().f.ppf(CONFIDENCE, freedom, freedom * (seeds - 1)))
    return _Part(variance=variance, uncertainty=uncertainty, beyond_noise=beyond)


def _shares(parts: Mapping[str, _Part], data: str) -> Iterator[Importance]:
    total = sum(part.variance for part in parts.values())
    uncertain = sum(part.uncertainty for part in parts.values())
    for name, part in parts.items():
        share = part.variance / total if total else 0.0
        others = uncertain - part.uncertainty
        error = math.sqrt((1 - share) ** 2 * part.uncertainty + share**2 * others) / total if total else 0.0
        yield Importance(
            axis=name,
            data=data,
            variance=part.variance,
            share=share,
            variance_error=math.sqrt(part.uncertainty),
            share_error=error,
            beyond_noise=part.beyond_noise,
        )


def row(one: Importance) -> dict[str, str]:
    """The cells of a table's line, by :data:`HEADINGS`."""
    return dict(
        zip(
            HEADINGS,
            (
                one.axis,
                f"{100 * one.share:.0f} ± {math.ceil(100 * one.share_error)} %",
                rounded(one.spread, one.spread_error),
                "" if one.beyond_noise is None else verdict(one.beyond_noise),
            ),
            strict=True,
        )
    )


def note(found: Sequence[Importance], mode: str) -> str:
    """What the shares mean, or why there are none.

    Args:
        found: What every axis explains.
        mode: The study's.
    """
    if not found:
        return (
            "importance of axes: told from two seeds on that all settings have, if settings tell axes apart"
        )
    alone = "; what axes do together was not tried" if mode == "one-at-a-time" else ""
    return (
        "share: of the variance of a run's error, were all values of an axis as likely, \N{PLUS-MINUS SIGN} one "
        f"standard error; spread: standard deviation of the error between an axis' values, less the noise{alone}"
    )


def as_text(found: Sequence[Importance], mode: str) -> str:
    """A table for each dataset, in columns, and what it means."""
    lines: list[str] = []
    for name, rows in _tables(found):
        lines += [f"{TITLE}: {name}", *in_columns(HEADINGS, rows), ""]
    return "\n".join([*lines, note(found, mode)])


def as_markdown(found: Sequence[Importance], mode: str) -> str:
    """The same in Markdown."""
    lines: list[str] = []
    for name, rows in _tables(found):
        lines += [f"**{TITLE}: {name}**", "", *in_markdown(HEADINGS, rows), ""]
    return "\n".join([*lines, note(found, mode), ""])


def as_csv(found: Sequence[Importance]) -> str:
    """The same as one table, with the dataset as first column, and shares and their errors apart."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["data", "axis", "share", "its error", *HEADINGS[2:]])
    for one in found:
        plain, cells = _plain(one), row(one)
        shares = (plain["share"], plain["share_error"])
        writer.writerow([one.data, one.axis, *shares, *(cells[heading] for heading in HEADINGS[2:])])
    return file.getvalue()


def as_json(found: Sequence[Importance]) -> str:
    """The same."""
    return json.dumps([_plain(one) for one in found], indent=1) + "\n"


def _plain(one: Importance) -> dict[str, str | float | bool | None]:
    return {
        "data": one.data,
        "axis": one.axis,
        "share": round(one.share, 2),
        "share_error": math.ceil(100 * one.share_error) / 100,
        "spread_px": round(one.spread, decimals(one.spread_error, one.spread)),
        "beyond_noise": one.beyond_noise,
    }


def _tables(found: Sequence[Importance]) -> Iterator[tuple[str, list[dict[str, str]]]]:
    for name in dict.fromkeys(one.data for one in found):
        yield name, [row(one) for one in found if one.data == name]
