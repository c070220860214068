"""What a study says: means, spreads, differences to the base, and whether these are beyond the noise of the seeds.

A difference is paired by seed where two settings share seeds (two at least), else taken between the means (Welch).
Its interval is Student's, at 95 %: of twenty differences that are none, one seems to be one.
"""

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from chairsgen.errors import InputError

CONFIDENCE = 0.95
MOST_DECIMALS = 6
HEADINGS = ("setting", "seeds", "EPE, px", "spread", "to the base", "95 % interval", "beyond noise")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A setting's error less the base's.

    Attributes:
        mean: In pixels.
        half: Half of its interval's width; None where the seeds are too few to tell.
        error: Its standard error, likewise.
    """

    mean: float
    half: float | None = None
    error: float | None = None

    @property
    def beyond_noise(self) -> bool | None:
        """Whether 0 is outside the interval; None where that cannot be told."""
        return None if self.half is None else abs(self.mean) > self.half


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A setting on one dataset.

    Attributes:
        case: Its name.
        data: What it was judged on.
        errors: End-point errors in pixels, by seed.
        difference: To the base; None for the base itself, or where the base or this has no run.
    """

    case: str
    data: str
    errors: Mapping[int, float]
    difference: Difference | None = None

    @property
    def mean(self) -> float | None:
        """Over seeds."""
        return fmean(self.errors.values()) if self.errors else None

    @property
    def spread(self) -> float | None:
        """Standard deviation over seeds."""
        return stdev(self.errors.values()) if len(self.errors) > 1 else None

    @property
    def error(self) -> float | None:
        """Of the mean."""
        return None if self.spread is None else self.spread / math.sqrt(len(self.errors))


def compare(errors: Mapping[int, float], base: Mapping[int, float]) -> Difference | None:
    """How errors, by seed, differ from the base's; None where either has none."""
    if not errors or not base:
        return None
    shared = sorted(set(errors) & set(base))
    if len(shared) > 1:
        each = [errors[seed] - base[seed] for seed in shared]
        error = stdev(each) / math.sqrt(len(each))
        return Difference(mean=fmean(each), half=_student(len(each) - 1) * error, error=error)
    mean = fmean(errors.values()) - fmean(base.values())
    if min(len(errors), len(base)) < 2:
        return Difference(mean=mean)
    first, second = (stdev(values.values()) ** 2 / len(values) for values in (errors, base))
    error = math.sqrt(first + second)
    freedom = error**4 / (first**2 / (len(errors) - 1) + second**2 / (len(base) - 1)) if error else math.inf
    return Difference(mean=mean, half=_student(freedom) * error, error=error)


def answers(
    cases: Sequence[str], data: Sequence[str], errors: Mapping[tuple[str, str], Mapping[int, float]]
) -> list[Answer]:
    """All settings on all datasets.

    Args:
        cases: The settings' names, the base first.
        data: The datasets' names.
        errors: By setting and dataset, then by seed.
    """
    return [
        Answer(
            case=case,
            data=name,
            errors=errors.get((case, name), {}),
            difference=(
                compare(errors.get((case, name), {}), errors.get((cases[0], name), {})) if number else None
            ),
        )
        for name in data
        for number, case in enumerate(cases)
    ]


def decimals(error: float | None, value: float) -> int:
    """How many decimals of a value its standard error supports: up to the error's first digit.

    Where the error is not known, or none was seen, the value has two digits.
    """
    scale = error or (abs(value) / 10)
    return min(max(-math.floor(math.log10(scale)), 0), MOST_DECIMALS) if scale else 0


def rounded(value: float, error: float | None, *, sign: bool = False) -> str:
    """A value with the digits that its standard error supports."""
    places = decimals(error, value)
    # Plus 0: what is rounded to 0 has no sign of its own.
    text = f"{round(value, places) + 0.0:{'+' if sign else ''}.{places}f}"
    return text.replace("-", "\N{MINUS SIGN}") if sign else text


def row(answer: Answer) -> dict[str, str]:
    """The cells of a table's line, by :data:`HEADINGS`."""
    cells = dict.fromkeys(HEADINGS, "")
    cells |= {"setting": answer.case, "seeds": str(len(answer.errors))}
    if answer.mean is None:
        return cells | {"EPE, px": "failed"}
    cells["EPE, px"] = rounded(answer.mean, answer.error)
    if answer.spread is not None:
        cells["spread"] = rounded(answer.spread, answer.error)
    if difference := answer.difference:
        cells["to the base"] = rounded(difference.mean, difference.error, sign=True)
        if difference.half is not None:
            ends = (difference.mean - difference.half, difference.mean + difference.half)
            cells["95 % interval"] = " to ".join(rounded(end, difference.error, sign=True) for end in ends)
        cells["beyond noise"] = verdict(difference.beyond_noise)
    return cells


def verdict(beyond_noise: bool | None) -> str:
    """Whether something is beyond the noise, in a word."""
    return {None: "one seed", True: "yes", False: "no"}[beyond_noise]


def note(found: Sequence[Answer]) -> str:
    """How much to believe of a table."""
    compared = sum(one.difference is not None and one.difference.half is not None for one in found)
    if not compared:
        return "one seed a setting: no spread, no verdict; two or more tell"
    return (
        f"intervals at {CONFIDENCE:.0%} (Student's t over seeds): of {compared} comparisons, "
        f"{compared * (1 - CONFIDENCE):.1g} would seem beyond the noise by chance alone"
    )


def as_text(found: Sequence[Answer]) -> str:
    """A table for each dataset, in columns."""
    lines: list[str] = []
    for name, rows in _tables(found):
        lines += [name, *in_columns(HEADINGS, rows), ""]
    return "\n".join([*lines, note(found)])


def as_markdown(found: Sequence[Answer]) -> str:
    """The same in Markdown."""
    lines: list[str] = []
    for name, rows in _tables(found):
        lines += [f"**{name}**", "", *in_markdown(HEADINGS, rows), ""]
    return "\n".join([*lines, note(found), ""])


def as_csv(found: Sequence[Answer]) -> str:
    """The same as one table, with the dataset as first column."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["data", *HEADINGS])
    for answer in found:
        cells = (cell.replace("\N{MINUS SIGN}", "-") for cell in row(answer).values())
        writer.writerow([answer.data, *cells])
    return file.getvalue()


def as_json(found: Sequence[Answer]) -> str:
    """The same, with the interval as numbers and the errors of all runs, as they were measured."""
    return json.dumps([_plain(answer) for answer in found], indent=1) + "\n"


def in_columns(headings: Sequence[str], rows: Sequence[Mapping[str, str]]) -> list[str]:
    """A table's lines as text: the first column to the left, all others to the right."""
    cells = [dict(zip(headings, headings, strict=True)), *rows]
    first, *others = [(heading, max(len(line[heading]) for line in cells)) for heading in headings]
    return [
        "  ".join(
            [f"{line[first[0]]:<{first[1]}}", *(f"{line[heading]:>{width}}" for heading, width in others)]
        ).rstrip()
        for line in cells
    ]


def in_markdown(headings: Sequence[str], rows: Sequence[Mapping[str, str]]) -> list[str]:
    """The same in Markdown."""
    lines = [f"| {' | '.join(headings)} |", f"|---{'|--:' * (len(headings) - 1)}|"]
    for line in rows:
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line.values())} |")
    return lines


def scipy_stats() -> Any:
    """SciPy's distributions.

    Raises:
        InputError: It is not installed.
    """
    try:
        from scipy import stats
    except ImportError:
        raise InputError('studies need SciPy: run `pip install "chairsgen[studies]"`') from None
    return stats


def _plain(answer: Answer) -> dict[str, Any]:
    def number(value: float | None, error: float | None) -> float | None:
        return None if value is None else round(value, decimals(error, value))

    plain: dict[str, Any] = {
        "data": answer.data,
        "setting": answer.case,
        "errors": {str(seed): error for seed, error in answer.errors.items()},
        "mean": number(answer.mean, answer.error),
        "spread": number(answer.spread, answer.error),
    }
    if difference := answer.difference:
        plain |= {"difference": number(difference.mean, difference.error), "interval": None}
        if difference.half is not None:
            ends = (difference.mean - difference.half, difference.mean + difference.half)
            plain["interval"] = [number(end, difference.error) for end in ends]
        plain["beyond_noise"] = difference.beyond_noise
    return plain


def _tables(found: Sequence[Answer]) -> Iterator[tuple[str, list[dict[str, str]]]]:
    for name in dict.fromkeys(answer.data for answer in found):
        yield name, [row(answer) for answer in found if answer.data == name]


def _student(freedom: float) -> float:
    return float(scipy_stats().t.ppf((1 + CONFIDENCE) / 2, freedom))
