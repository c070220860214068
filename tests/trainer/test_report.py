"""Reports of runs: figures beside `trainer evaluate` and a slow reference, and what a real browser shows."""

import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

import made
import moving
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pages import Reader, decoded

from chairsgen.dataset import open_dataset
from chairsgen.flowviz import ERROR_COLOURS, error_map, flow_to_colour
from trainer.cli import main
from trainer.methods import open_method
from trainer.report import plots, write_report
from trainer.report.pairs import PICTURES, extremes
from trainer.report.trained import Log
from trainer.runs import METRICS
from trainer.settings import configure
from trainer.train import train

SIZE = (48, 64)
VAL = tuple(range(1, 12, 2))
RUNS = {"small": "networks:small", "a <b> & c": "networks:plain"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset, and two runs: one on it, one on another."""
    place = tmp_path_factory.mktemp("report")
    moving.dataset(place / "pairs", 12, size=SIZE, val=VAL)
    moving.dataset(place / "others", 5, size=SIZE)
    for (name, model), data in zip(RUNS.items(), ("pairs", "others"), strict=True):
        config = configure(
            model,
            data=[str(place / data)],
            val=[str(place / "pairs")],
            steps=6,
            batch_size=2,
            crop=SIZE,
            augment="none",
            overrides=["machine.workers=0", "log_every=1", "validation.every=2", "optimiser.lr=1e-3"],
        )
        train(config, place / name, device="cpu", quiet=True)
    return place


@pytest.fixture(scope="module")
def page(place: Path) -> Path:
    """The report of both, with a classical method."""
    return report(place, place / "report.html", methods=["dis"], pairs=2)


def report(place: Path, out: Path, **options: Any) -> Path:
    write_report([place / name for name in RUNS], out, **({"device": "cpu"} | options))
    return out


def run(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> str:
    with pytest.raises(SystemExit) as leaving:
        main([*map(str, arguments)])
    output = capsys.readouterr()
    assert (leaving.value.code or 0) == code
    return output.err if code else output.out


def checkpoint(place: Path, name: str) -> Path:
    return place / name / "checkpoints" / "best.pt"


def by_hand(place: Path, name: str) -> dict[int, float]:
    """A run's error on every val pair, one after the other."""
    method, errors = open_method(checkpoint=checkpoint(place, name), device="cpu"), {}
    for number in VAL:
        sample = open_dataset(place / "pairs")[number]
        flow = method(sample.image1[None], sample.image2[None])[0]
        errors[number] = float(np.linalg.norm(flow - sample.flow_fw, axis=-1).mean())
    return errors


# Figures.


def test_figures_are_those_of_evaluate(place: Path, page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [argument for name in RUNS for argument in ("--checkpoint", checkpoint(place, name))]
    data = place / "pairs"
    text = run(capsys, "evaluate", *files, "--method", "dis", "--data", data, "--device", "cpu", "--json")
    measured = json.loads(text)["measured"]
    rows = Reader(page)
    for name, method in {**{name: str(checkpoint(place, name)) for name in RUNS}, "dis": "dis"}.items():
        there, row = measured[method][str(data)], rows.row(name)
        assert row[4:6] == [f"{there['epe']:.2f}", f"{there['fl_all']:.1%}"]
        assert row[7] == f"{there['pixels']['all']['pixels']:,}" == f"{len(VAL) * math.prod(SIZE):,}"
    weights = sum(p.numel() for p in open_method(checkpoint=checkpoint(place, "small")).model.parameters())  # type: ignore[attr-defined]
    assert rows.row("small")[1:3] == ["networks:small", f"{weights:,}"]
    assert rows.row("small")[8] == "best.pt"
    assert rows.row("dis")[1:4] == ["classical", "", ""]


def test_worst_and_best_pairs_are_those_found_one_by_one(place: Path, page: Path) -> None:
    titles = [title for title in Reader(page).titles if re.match("Pair|Worst|Best", title)]
    expected = []
    for name in RUNS:
        errors = by_hand(place, name)
        ordered = sorted(errors, key=errors.__getitem__)
        expected += ["Worst", *(f"Pair {number}" for number in ordered[:-3:-1])]
        expected += ["Best", *(f"Pair {number}" for number in ordered[:2])]
        for number in (*ordered[:2], *ordered[-2:]):
            assert f"EPE <b>{errors[number]:.2f} px</b>" in page.read_text()
    assert titles == expected


def test_pictures_are_of_their_pair(place: Path, page: Path) -> None:
    shown = [one for one in Reader(page).pictures if "of pair" in one[0]]
    assert len(shown) == len(PICTURES) * 2 * 2 * len(RUNS)
    method = open_method(checkpoint=checkpoint(place, "small"), device="cpu")
    for start in range(0, len(shown) // 2, len(PICTURES)):
        pictures = shown[start : start + len(PICTURES)]
        number = int(re.findall(r"of pair (\d+)", pictures[0][0])[0])
        assert [text for text, _ in pictures] == [
            *(f"{name} of pair {number}" for name in PICTURES[:3]),
            *(f"{name} of pair {number} by small" for name in PICTURES[3:]),
        ]
        sample = open_dataset(place / "pairs")[number]
        flow = method(sample.image1[None], sample.image2[None])[0]
        image1, image2, truth, predicted, error = (decoded(uri) for _, uri in pictures)
        for picture, image in ((image1, sample.image1), (image2, sample.image2)):
            assert np.abs(picture.astype(float) - image).mean() < 12
        scales = [
            px
            for px in (1, 2, 3, 5, 8, 12, 20, 30, 40, 60, 80, 120)
            if f"colour at {px} px" in page.read_text()
        ]
        (longest,) = [px for px in scales if np.array_equal(truth, flow_to_colour(sample.flow_fw, px))]
        assert np.abs(predicted.astype(float) - flow_to_colour(flow, longest)).mean() < 6
        rows, columns = np.indices(SIZE)
        x, y = columns + sample.flow_fw[..., 0], rows + sample.flow_fw[..., 1]
        noc = ~sample.occ_fw & (x >= 0) & (x <= SIZE[1] - 1) & (y >= 0) & (y <= SIZE[0] - 1)
        assert (error == error_map(flow, sample.flow_fw, noc=noc)).mean() > 0.999
        assert {tuple(colour) for colour in error[noc].tolist()} <= set(ERROR_COLOURS)


@given(
    st.lists(st.one_of(st.just(math.nan), st.floats(0, 9), st.just(math.inf)), max_size=12), st.integers(0, 7)
)
def test_the_worst_and_the_best_share_no_pair(errors: list[float], count: int) -> None:
    worst, best = extremes(errors, count)
    left = [error for i, error in enumerate(errors) if i not in (*worst, *best) and not math.isnan(error)]
    assert (
        len({*worst, *best}) == len(worst) + len(best) == min(2 * count, len(left) + len(worst) + len(best))
    )
    ordered = [*(errors[i] for i in worst), *sorted(left, reverse=True), *(errors[i] for i in reversed(best))]
    assert ordered == sorted(ordered, reverse=True)
    assert not any(map(math.isnan, ordered))
    assert 0 <= len(worst) - len(best) <= 1


@given(st.lists(st.floats(0, 9), min_size=1, max_size=1500))
def test_a_long_curve_is_drawn_by_its_means(values: list[float]) -> None:
    curve = list(enumerate(values))
    drawn = plots.thinned(curve)
    assert len(drawn) <= plots.MOST_POINTS
    assert drawn[-1][0] == curve[-1][0]
    group = drawn[0][0] + 1
    weights = [group] * (len(drawn) - 1) + [len(curve) - group * (len(drawn) - 1)]
    assert np.average([value for _, value in drawn], weights=weights) == pytest.approx(np.mean(values))


def test_curves_are_those_of_the_log(place: Path) -> None:
    log = Log.read(place / "small" / METRICS)
    lines = [json.loads(line) for line in (place / "small" / METRICS).read_text().splitlines()]
    for name in ("loss", "epe", "lr"):
        assert log.learned[name] == [(line["step"], line[name]) for line in lines if line["kind"] == "train"]
    (judged,) = log.judged.values()
    assert judged == [(line["step"], line["epe"]) for line in lines if line["kind"] == "val"]
    assert [step for step, _ in judged] == [2, 4, 6]


# What is said beside them.


def test_runs_on_other_data_are_said_to_be(place: Path, page: Path, tmp_path: Path) -> None:
    text = page.read_text()
    assert "The runs learned from different data" in text
    assert "on the pairs by which it was chosen" in text
    assert Reader(page).rows[-1][:2] == ["a <b> & c", str(place / "others")]
    write_report([place / "small"] * 2, tmp_path / "one.html", pairs=0, device="cpu")
    text = (tmp_path / "one.html").read_text()
    assert "<h1>small</h1>" in text
    assert "different data" not in text
    assert "Worst" not in text


def test_data_that_has_changed_since_is_said_to_have(place: Path, tmp_path: Path) -> None:
    copy = tmp_path / "small"
    shutil.copytree(place / "small", copy)
    config = (copy / "config.toml").read_text()
    (copy / "config.toml").write_text(re.sub(r'(/pairs"? = ")[0-9a-f]{8}', r"\g<1>00000000", config))
    write_report([copy], tmp_path / "page.html", pairs=0, limit=1, device="cpu")
    text = (tmp_path / "page.html").read_text()
    assert "pairs is not what it was when small was trained" in text
    assert "Judged on the first 1 pairs" in text


def test_a_run_at_work_is_reported_as_far_as_it_is(place: Path, tmp_path: Path) -> None:
    copy = tmp_path / "small"
    shutil.copytree(place / "small", copy)
    lines = (copy / METRICS).read_text().splitlines(keepends=True)
    (copy / METRICS).write_text(
        "".join(line for line in lines if json.loads(line)["step"] < 5) + '{"step": 5, "ki'
    )
    write_report([copy], tmp_path / "page.html", pairs=0, device="cpu")
    assert "small has learned 4 of its 6 steps so far." in (tmp_path / "page.html").read_text()


def test_runs_of_one_name_are_told_apart_and_an_earlier_report_is_replaced(
    place: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "again" / "small"
    shutil.copytree(place / "small", copy)
    out = tmp_path / "new" / "page.html"
    for _ in range(2):
        found = write_report([place / "small", copy], out, pairs=0, device="cpu")
        assert [one.method for one in found] == [str(place / "small"), str(copy)]
    assert [path.name for path in out.parent.iterdir()] == ["page.html"]


def test_published_figures_are_marked(place: Path, tmp_path: Path) -> None:
    folder = tmp_path / "chairs"
    (folder / "data").mkdir(parents=True)
    for number in (1, 2):
        for k in (1, 2):
            picture = made.photo(3 * number + k, *SIZE)
            header = f"P6 {SIZE[1]} {SIZE[0]} 255\n".encode()
            (folder / "data" / f"{number:05d}_img{k}.ppm").write_bytes(header + picture.tobytes())
        flow = np.random.default_rng(number).normal(0, 5, (*SIZE, 2)).astype("<f4")
        header = b"PIEH" + np.array(SIZE[::-1], "<i4").tobytes()
        (folder / "data" / f"{number:05d}_flow.flo").write_bytes(header + flow.tobytes())
    (folder / "FlyingChairs_train_val.txt").write_text("1\n2\n")
    out = report(place, tmp_path / "page.html", data=[f"chairs:{folder}"], published=True)
    rows = Reader(out)
    published = [row for row in rows.rows if "published:" in row[0]]
    assert {row[1] for row in published if row[0].startswith("PWC-Net")} == {"2.00", "1.51"}
    assert not any("published" in row[0] for row in rows.rows if row[0] in RUNS)
    text = out.read_text()
    assert "not measured here" in text
    assert "hollow: published" in text
    assert "ublished:" not in report(place, out, data=[f"chairs:{folder}"], pairs=0).read_text()


def test_flow_that_is_not_finite_is_the_worst(place: Path, tmp_path: Path) -> None:
    copy = tmp_path / "small"
    shutil.copytree(place / "small", copy)
    path = checkpoint(tmp_path, "small")
    content = torch.load(path, weights_only=True)
    for weight in content["weights"].values():
        weight.fill_(math.nan)
    torch.save(content, path)
    write_report([copy, place / "a <b> & c"], tmp_path / "page.html", pairs=1, device="cpu")
    rows = Reader(tmp_path / "page.html")
    assert rows.row("small")[4:6] == ["not finite", "100.0%"]
    assert "EPE <b>inf px</b>" in (tmp_path / "page.html").read_text()


# The command, and mistakes.


def test_the_command_says_what_it_wrote(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = run(capsys, "report", place / "small", "--pairs", 1, "--device", "cpu").splitlines()
    assert said[-2].split()[0] == "small"
    assert said[-1] == "report.html: the same with curves and pictures"
    assert (tmp_path / "report.html").stat().st_size < 500_000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["nowhere"], "nowhere: is no run: there is no config.toml"),
        (["pairs"], "pairs: is no run"),
        (["begun"], "begun: has no checkpoint yet"),
        (["silent"], "metrics.jsonl: cannot be read: No such file"),
        (["empty"], "metrics.jsonl: holds no metrics yet"),
        (["damaged"], "metrics.jsonl: line 2 is damaged"),
        (["alone"], "alone: was trained without --val: say what to judge it on, such as --data"),
        (["small", "--data", "sintl:x"], "did you mean 'sintel'"),
        (["small", "--data", "stream:flyingchairs"], "has no end: say how many pairs, by --limit 500"),
        (["small", "--method", "dys"], "unknown method 'dys'"),
        (["small", "--pairs", "-1"], "--pairs -1: must be from 0"),
        (["small", "--limit", "0"], "--limit 0: must be from 1"),
        (["small", "--out", "small"], "--out small: cannot be written"),
        (["small", "--out", "note/page.html"], "--out note/page.html: cannot be written"),
        (["small", "--out", "note"], "--out note: is no report"),
    ],
)
def test_a_mistake_is_one_line(
    options: list[str],
    message: str,
    place: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "note").write_text("mine")
    (tmp_path / "pairs").mkdir()
    for name in ("small", "begun", "silent", "empty", "damaged", "alone"):
        shutil.copytree(place / "small", tmp_path / name)
    shutil.rmtree(tmp_path / "begun" / "checkpoints")
    (tmp_path / "silent" / METRICS).unlink()
    (tmp_path / "empty" / METRICS).write_text('{"step": 1')
    lines = (tmp_path / "damaged" / METRICS).read_text().splitlines(keepends=True)
    (tmp_path / "damaged" / METRICS).write_text(f"{lines[0]}nonsense\n{lines[1]}")
    config = (tmp_path / "alone" / "config.toml").read_text()
    (tmp_path / "alone" / "config.toml").write_text(re.sub(r"(?m)^val = .*$", "val = []", config))
    (line,) = run(capsys, "report", *options, "--device", "cpu", code=2).splitlines()
    assert message in line
    assert (tmp_path / "note").read_text() == "mine"


# ---- In a browser


@pytest.mark.parametrize(
    ("scheme", "width"), [("light", 1440), ("dark", 1440), ("light", 360), ("dark", 360)]
)
def test_the_page_in_a_browser(browser: Any, page: Path, tmp_path: Path, scheme: str, width: int) -> None:
    alone = tmp_path / "alone.html"
    shutil.copy(page, alone)
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    tab = context.new_page()
    complaints: list[str] = []
    asked: list[str] = []
    for event in ("console", "pageerror", "requestfailed"):
        tab.on(event, lambda what: complaints.append(str(what)))
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(alone.as_uri())
    for summary in tab.locator("summary").all()[1:]:
        summary.click()

    # All is there, and fits.
    assert tab.locator("h1").inner_text() == "2 runs"
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert tab.locator(".plots svg").count() == 4 + 2
    for plot in tab.locator(".plots svg").all():
        box = plot.bounding_box()
        assert box["width"] > 300
        assert box["height"] > 100
    tab.wait_for_function("[...document.images].every(one => one.complete && one.naturalWidth > 0)")
    assert tab.locator(".frames img:visible").count() == len(PICTURES) * 2 * 2 * len(RUNS)
    paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(re.findall(r"\d+", paper)[0]) < 128) == (scheme == "dark")

    # It is told to those who do not see it.
    texts = tab.eval_on_selector_all("img, [role=img]", "all => all.map(one => one.alt || one.ariaLabel)")
    assert all(len(text) > 10 for text in texts)
    assert tab.locator("th:not([scope])").count() == 0
    assert tab.locator("tbody tr").first.locator("th").inner_text() == "small"
    assert tab.locator("td", has_text="networks:plain").count() == 1

    # A picture is larger while it is looked at, by pointer or key.
    pictures = tab.locator("details[open] .frames figure")
    small = pictures.nth(3).bounding_box()["width"]
    pictures.nth(3).click()
    assert pictures.nth(3).bounding_box()["width"] > 1.8 * small
    tab.keyboard.press("Tab")
    assert pictures.nth(4).bounding_box()["width"] > 1.8 * small
    assert pictures.nth(3).bounding_box()["width"] == pytest.approx(small, abs=1)

    assert not complaints
    assert {url.partition(":")[0] for url in asked} <= {"file", "data"}
    context.close()
