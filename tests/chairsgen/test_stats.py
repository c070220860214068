"""Statistics of a dataset equal those of all its pixels put together."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import made
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chairsgen import geometry
from chairsgen.catalogue import Asset
from chairsgen.cli import main
from chairsgen.compose import compose
from chairsgen.dataset import Dataset, open_dataset
from chairsgen.errors import InputError
from chairsgen.sample import FlowSample
from chairsgen.scene import Scene
from chairsgen.stats import DIRECTIONS, FIGURES, STEP_PX, licences, measure, published, spectrum_slope, table


def _write(folder: Path, samples: list[FlowSample], **changes: Any) -> Dataset:
    shard = made.write_shard(folder / "shard-00000.h5", samples)
    count = len(samples)
    made.manifest(**{"num_samples": count, "shard_size": count, "shards": (shard,)} | changes).save(folder)
    return open_dataset(folder)


def _moved(shift: tuple[float, float]) -> FlowSample:
    """A photograph that moves as a whole."""
    layer = made.photo_layer(motion=geometry.translation(*shift))
    return compose(Scene(height=24, width=40, layers=(layer,)), made.load)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Thirty crowded little pairs: more than one call of a worker."""
    rng = np.random.default_rng(5)
    scenes: list[Scene] = [made.scene(rng, 24, 40, 5) for _ in range(30)]
    samples = [compose(scene, made.load, index) for index, scene in enumerate(scenes)]
    return _write(tmp_path_factory.mktemp("stats"), samples)


@pytest.fixture(scope="module")
def figures(dataset: Dataset) -> dict[str, Any]:
    """What is measured on it."""
    return measure(dataset, workers=2, quiet=True)


@pytest.fixture(scope="module")
def flow(dataset: Dataset) -> np.ndarray:
    """(pixels, 2): the flow of all its pixels."""
    return np.concatenate([sample.flow_fw.reshape(-1, 2) for sample in dataset]).astype(float)


def _visible(dataset: Dataset) -> list[int]:
    return [len(set(np.unique(sample.layer_id1)) - {0}) for sample in dataset]


def test_figures_are_those_of_all_pixels(dataset: Dataset, figures: dict[str, Any], flow: np.ndarray) -> None:
    length = np.linalg.norm(flow, axis=1)
    samples = list(dataset)
    expected = {
        "pairs": 30,
        "flow_mean": length.mean(),
        "flow_over_40": (length > 40).mean(),
        "u_std": flow[:, 0].std(),
        "v_std": flow[:, 1].std(),
        "u_mean": flow[:, 0].mean(),
        "v_mean": flow[:, 1].mean(),
        "coverage": (np.stack([sample.layer_id1 for sample in samples]) > 0).mean(),
        "visible_chairs": np.mean(_visible(dataset)),
        "occluded": np.mean([sample.occ_fw for sample in samples]),
        "out_of_frame": np.mean([sample.out_fw for sample in samples]),
        "spectrum_slope": np.mean([spectrum_slope(sample.image1) for sample in samples]),
    }
    assert {name: figures[name] for name in expected} == pytest.approx(expected)


def test_percentiles_are_right_within_a_bin(
    dataset: Dataset, figures: dict[str, Any], flow: np.ndarray
) -> None:
    length = np.linalg.norm(flow.astype(np.float32), axis=1)
    for name, percent in (("median", 50), ("p75", 75), ("p95", 95), ("p99", 99)):
        exact = np.percentile(length, percent, method="inverted_cdf")
        assert exact - STEP_PX <= figures[f"flow_{name}"] <= exact
    for name, percent in (("p5", 5), ("p95", 95)):
        exact = np.percentile(_visible(dataset), percent, method="inverted_cdf")
        assert figures[f"visible_{name}"] == exact


def test_the_histogram_counts_every_pixel_once(figures: dict[str, Any], flow: np.ndarray) -> None:
    length = np.linalg.norm(flow.astype(np.float32), axis=1)
    counted = {}
    for label in figures["flow_histogram"]:
        begin, _, end = label.partition("-")
        counted[label] = ((length >= float(begin)) & (length < float(end or "inf"))).mean()
    assert figures["flow_histogram"] == pytest.approx(counted)
    assert sum(counted.values()) == pytest.approx(1)


def test_directions_share_out_all_that_moves(figures: dict[str, Any], flow: np.ndarray) -> None:
    degrees = np.degrees(np.arctan2(flow[:, 1], flow[:, 0])) % 360
    counted = {}
    for number, label in enumerate(DIRECTIONS):
        off = (degrees - 45 * number + 180) % 360 - 180
        counted[label] = (np.abs(off) < 22.5).mean()
    assert figures["flow_directions"] == pytest.approx(counted, abs=2 / len(flow))
    assert sum(figures["flow_directions"].values()) == pytest.approx(1)


SHIFTS = [(3, 0), (3, 3), (0, 3), (-3, 3), (-3, 0), (-3, -3), (0, -3), (3, -3)]


@pytest.mark.parametrize(("direction", "shift"), [*zip(DIRECTIONS, SHIFTS, strict=True)])
def test_a_direction_is_where_things_go(direction: str, shift: tuple[float, float], tmp_path: Path) -> None:
    figures = measure(_write(tmp_path, [_moved(shift)]), workers=1, quiet=True)
    assert figures["flow_directions"] == {name: float(name == direction) for name in DIRECTIONS}
    assert figures["flow_median"] == pytest.approx(np.hypot(*shift), abs=STEP_PX)


def test_a_dataset_at_rest_has_no_directions(tmp_path: Path) -> None:
    figures = measure(_write(tmp_path, [_moved((0, 0))]), workers=1, quiet=True)
    assert set(figures["flow_directions"].values()) == {0.0}
    assert figures["flow_histogram"]["0-0.5"] == 1
    for name in ("flow_mean", "flow_median", "flow_p99", "u_std", "u_mean", "coverage"):
        assert figures[name] == 0
    assert table([("rest", figures)])


def test_flow_beyond_all_bins_is_still_counted(tmp_path: Path) -> None:
    figures = measure(_write(tmp_path, [_moved((1e5, 0))]), workers=1, quiet=True)
    assert figures["flow_mean"] == pytest.approx(1e5)
    assert figures["flow_histogram"]["128-"] == 1


def test_figures_do_not_depend_on_workers(dataset: Dataset, figures: dict[str, Any]) -> None:
    assert measure(dataset, workers=1, quiet=True) == figures


def test_an_unfinished_dataset_is_measured_as_far_as_it_goes(
    dataset: Dataset, figures: dict[str, Any], tmp_path: Path
) -> None:
    unfinished = _write(tmp_path, list(dataset), num_samples=60)
    assert measure(unfinished, workers=1, quiet=True) == figures


def test_a_dataset_without_pairs_is_refused(tmp_path: Path) -> None:
    made.manifest(num_samples=4).save(tmp_path)
    with pytest.raises(InputError, match="no pairs in it yet"):
        measure(open_dataset(tmp_path), workers=1, quiet=True)


def _noise(rng: np.random.Generator, slope: float, height: int, width: int) -> np.ndarray:
    """A grey picture whose power falls as frequency to the ``slope``."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal((height, width))) * frequency ** (slope / 2)
    picture = np.fft.irfft2(spectrum, (height, width))
    grey = np.clip(128 + 40 * picture / picture.std(), 0, 255).round().astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


@settings(deadline=None, max_examples=20)
@given(
    slope=st.floats(-3, 0),
    size=st.sampled_from([(384, 512), (256, 192), (437, 1024)]),
    seed=st.integers(0, 2**32),
)
def test_the_spectrum_s_slope_is_recovered(slope: float, size: tuple[int, int], seed: int) -> None:
    picture = _noise(np.random.default_rng(seed), slope, *size)
    assert spectrum_slope(picture) == pytest.approx(slope, abs=0.12)


@given(size=st.tuples(st.integers(16, 40), st.integers(16, 40)), level=st.integers(0, 255))
def test_a_spectrum_has_a_slope_however_small_or_flat_the_image(size: tuple[int, int], level: int) -> None:
    assert np.isfinite(spectrum_slope(np.full((*size, 3), level, np.uint8)))
    assert np.isfinite(spectrum_slope(_noise(np.random.default_rng(level), -2, *size)))


def _asset(kind: str, licence: str, author: str = "", source: str = "") -> dict[str, Any]:
    asset = Asset(id="", kind=kind, sha256="", licence=licence, author=author, source=source)  # type: ignore[arg-type]
    return asdict(asset)


ASSETS = (
    _asset("chair", "CC-BY-4.0", "B", "https://b.org"),
    _asset("chair", "CC-BY-4.0", "A"),
    _asset("photo", "CC-BY-4.0", "A"),
    _asset("photo", "unknown"),
    *(_asset("photo", "MIT", f"P{number}") for number in range(5)),
)


def test_licences_are_counted_and_their_authors_named() -> None:
    assert licences(made.manifest(assets=ASSETS)) == [
        {"licence": "MIT", "assets": {"photo": 5}, "authors": ["P0", "P1", "P2", "P3", "P4"], "sources": []},
        {
            "licence": "CC-BY-4.0",
            "assets": {"chair": 2, "photo": 1},
            "authors": ["A", "B"],
            "sources": ["https://b.org"],
        },
        {"licence": "unknown", "assets": {"photo": 1}, "authors": [], "sources": []},
    ]


def test_the_table_names_licences_and_few_authors(figures: dict[str, Any]) -> None:
    text = table([("made", figures | {"licences": licences(made.manifest(assets=ASSETS))})])
    assert text.split("licences of what made was made from\n")[1].splitlines() == [
        "  MIT: 5 photos; by P0, P1, P2 and 2 more",
        "  CC-BY-4.0: 2 chairs, 1 photo; by A, B; source: https://b.org",
        "  unknown: 1 photo",
    ]


def test_the_table_shows_every_figure_beside_the_published_one(figures: dict[str, Any]) -> None:
    rows = table([("made", figures)]).split("\n\n")[0].splitlines()
    scalars = [(name, figure) for name, figure in FIGURES.items() if not figure.bins]
    assert len(rows) == 1 + len(scalars)
    assert rows[0].split() == ["made", "FlyingChairs"]
    for row, (name, figure) in zip(rows[1:], scalars, strict=True):
        assert row.startswith(figure.meaning)
        here, beside = row[len(figure.meaning) :].split(maxsplit=1)
        assert float(here) == pytest.approx(figures[name], rel=0.01)
        assert (beside == "-") == (name not in published())


def _json(capsys: pytest.CaptureFixture[str], words: Sequence[object]) -> dict[str, Any]:
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    assert not end.value.code
    values: dict[str, Any] = json.loads(capsys.readouterr().out)
    return values


def test_json_holds_the_figures_the_published_ones_and_another_dataset_s(
    dataset: Dataset, figures: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["stats", dataset.folder, "--json", "--workers", "1"]
    alone = _json(capsys, command)
    assert set(alone) == {*FIGURES, "licences", "published"}
    assert {name: alone[name] for name in figures} == figures
    assert alone["published"]["visible_chairs"] == [7, 11]
    other = _write(tmp_path, [_moved((3, 4))])
    both = _json(capsys, [*command, "--against", other.folder])
    assert both == alone | {"against": measure(other, workers=1, quiet=True)}


def test_datasets_stand_side_by_side(
    dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = _write(tmp_path, [_moved((3, 4))])
    with pytest.raises(SystemExit):
        main(["stats", str(dataset.folder), "--against", str(other.folder), "--workers", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == [str(dataset.folder), str(other.folder), "FlyingChairs"]
    assert next(line for line in lines if line.startswith("mean |flow|")).split()[-2:] == ["5", "11.1"]
    (row,) = (line for line in lines if line.startswith("  4-8"))
    assert row.split()[3:5] == ["100.0", "%"]


@pytest.mark.parametrize("words", ["--against {}/absent", "--against {}", "--workers 0"])
def test_a_mistake_is_said_before_anything_is_measured(
    words: str, dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["stats", str(dataset.folder), *words.format(tmp_path).split()])
    output, errors = capsys.readouterr()
    assert end.value.code == 2
    assert errors.count("\n") == 1
    assert words.split()[-1].format(tmp_path) in errors
    assert not output
