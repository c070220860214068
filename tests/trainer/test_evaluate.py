"""Methods on datasets, beside OpenCV and NumPy by hand; and the table of them."""

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from made import photo
from trees import Tree, flo, kitti_tree, png, sintel

from chairsgen.errors import InputError
from chairsgen.flowio import read_flow
from trainer.cli import main
from trainer.evaluate import Evaluation, evaluate
from trainer.methods import Flows, Images, open_method
from trainer.metrics import ERRORS, REGIONS, Measures, Result
from trainer.published import PUBLISHED
from trainer.table import make_table

Pairs = list[tuple[np.ndarray, np.ndarray, np.ndarray]]


def frames(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two frames that move, and a flow that is another."""
    scenery = photo(number, 90, 120)
    flow = np.random.default_rng(number).normal(0, 12, (48, 64, 2)).astype(np.float32)
    return scenery[20:68, 30:94].copy(), scenery[18:66, 27:91].copy(), flow


@pytest.fixture
def chairs(tmp_path: Path) -> tuple[str, Pairs]:
    """A dataset in FlyingChairs' layout, and its pairs."""
    pairs = [frames(number) for number in range(5)]
    tree = Tree(tmp_path / "chairs", np.random.default_rng(0))
    for number, (image1, image2, flow) in enumerate(pairs, 1):
        for k, image in enumerate((image1, image2), 1):
            tree.put(f"data/{number:05d}_img{k}.ppm", b"P6 64 48 255\n" + image.tobytes())
        tree.put(f"data/{number:05d}_flow.flo", flo(flow))
    tree.put("FlyingChairs_train_val.txt", b"1\n1\n1\n2\n2\n")
    return f"chairs:{tree.root}", pairs


class Constant:
    """The same flow everywhere."""

    def __init__(self, u: float = 1.0, v: float = 0.0, name: str = "constant") -> None:
        self.value, self.name = np.array([u, v], np.float32), name

    def __call__(self, image1: Images, image2: Images) -> Flows:
        return np.broadcast_to(self.value, (*image1.shape[:3], 2)).copy()


def run(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> str:
    with pytest.raises(SystemExit) as leaving:
        main(["evaluate", *map(str, arguments)])
    output = capsys.readouterr()
    assert (leaving.value.code or 0) == code
    return output.err if code else output.out


def grey(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


# Figures.


def test_figures_are_those_of_opencv_by_hand(
    chairs: tuple[str, Pairs], capsys: pytest.CaptureFixture[str]
) -> None:
    spec, pairs = chairs
    methods = ["--method", "farneback", "--method", "dis", "--method", "zero"]
    found = json.loads(run(capsys, *methods, "--data", f"{spec}?split=all", "--data", spec, "--json"))
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flows: dict[str, Any] = {
        "farneback": lambda a, b: cv2.calcOpticalFlowFarneback(a, b, None, 0.5, 3, 15, 3, 5, 1.2, 0),
        "dis": lambda a, b: dis.calc(a, b, None),
        "zero": lambda a, b: np.zeros((*a.shape, 2)),
    }
    assert list(found["measured"]) == ["farneback", "dis", "zero"]
    for name, flow_of in flows.items():
        errors = np.stack(
            [np.linalg.norm(flow_of(grey(one), grey(two)) - flow, axis=-1) for one, two, flow in pairs]
        )
        whole, val = found["measured"][name][f"{spec}?split=all"], found["measured"][name][spec]
        assert whole["epe"] == pytest.approx(errors.mean(), rel=1e-5)
        assert val["epe"] == pytest.approx(errors[3:].mean(), rel=1e-5)
        assert whole["pixels"]["all"]["over_3px"] == pytest.approx((errors > 3).mean(), abs=1e-6)
        assert whole["pixels"]["all"]["pixels"] == errors.size
        assert (whole["pairs"], val["pairs"]) == (5, 2)
        assert whole["ms"] > 0


def test_refinement_is_its_own_row(chairs: tuple[str, Pairs], capsys: pytest.CaptureFixture[str]) -> None:
    spec, pairs = chairs
    found = json.loads(run(capsys, "--method", "dis", "--refine", "variational", "--data", spec, "--json"))
    method = open_method("dis", refine=True)
    errors = [
        np.linalg.norm(method(one[None], two[None])[0] - flow, axis=-1).mean() for one, two, flow in pairs[3:]
    ]
    assert found["measured"]["dis+v"][spec]["epe"] == pytest.approx(np.mean(errors), rel=1e-5)


def test_batches_change_no_figure(chairs: tuple[str, Pairs]) -> None:
    spec = f"{chairs[0]}?split=all"
    methods = [open_method("dis"), open_method("zero")]
    one, three = (list(evaluate(methods, [spec], batch_size=size)) for size in (1, 3))
    for a, b in zip(one, three, strict=True):
        assert (a.method, a.data, a.pairs) == (b.method, b.data, b.pairs)
        assert a.result == b.result


def test_frames_that_differ_in_size_and_pixels_without_truth(tmp_path: Path) -> None:
    tree = Tree(tmp_path, np.random.default_rng(1))
    expected = kitti_tree(tree, "image_2")
    (found,) = evaluate([Constant(2, -1)], [f"kitti2015:{tmp_path}"], batch_size=4)
    errors, known, covered = [], [], []
    for _, _, flow, valid, occ in expected.values():
        assert occ is not None
        errors.append(np.linalg.norm(flow - (2, -1), axis=-1)[valid])
        known.append(valid.sum())
        covered.append(occ[valid])
    every, hidden = np.concatenate(errors), np.concatenate(covered)
    everything, matched = found.result.pixels["all"], found.result.pixels["matched"]
    assert (found.pairs, everything.pixels) == (2, sum(known))
    assert everything.epe == pytest.approx(every.mean(), rel=1e-5)
    assert found.result.images["all"].epe == pytest.approx(np.mean([e.mean() for e in errors]), rel=1e-5)
    assert matched.pixels <= np.count_nonzero(~hidden)


def test_the_first_pairs_alone(chairs: tuple[str, Pairs]) -> None:
    spec, pairs = chairs
    (found,) = evaluate([Constant()], [f"{spec}?split=all"], limit=2)
    errors = [np.linalg.norm(flow - (1, 0), axis=-1).mean() for _, _, flow in pairs[:2]]
    assert (found.pairs, found.result.epe) == (2, pytest.approx(np.mean(errors), rel=1e-5))


# Submissions.


def test_a_test_set_has_no_figures_and_a_submission(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = Tree(tmp_path / "data", np.random.default_rng(1))
    sintel(tree)
    kitti_tree(tree, "image_2")
    out = tmp_path / "out"
    specs = [f"sintel:{tree.root}:final?set=test", f"kitti2015:{tree.root}?set=test"]
    data = [text for spec in specs for text in ("--data", spec)]
    text = run(capsys, "--method", "zero", *data, "--submission", out)
    assert text.splitlines()[-1].split()[:3] == ["zero", "-", "-"]
    files = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert files == [
        "kitti2015.zip",
        "kitti2015/flow/000000_10.png",
        "kitti2015/flow/000001_10.png",
        "sintel/final/market_4/frame0001.flo",
    ]
    flow, valid = read_flow(out / "kitti2015/flow/000001_10.png")
    assert (flow.shape, valid.all(), flow.any()) == ((5, 9, 2), True, False)


def test_a_test_set_without_a_submission_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = Tree(tmp_path / "data", np.random.default_rng(1))
    sintel(tree)
    kitti_tree(tree, "image_2")
    for spec in (f"sintel:{tree.root}:final?set=test", f"kitti2015:{tree.root}?set=test"):
        (line,) = run(capsys, "--method", "zero", "--data", spec, code=2).splitlines()
        assert f"{spec}: a test set has no truth to judge by" in line
        assert "`trainer evaluate --submission DIR`" in line
        assert "`trainer predict`" in line


def test_errors_of_pairs_are_those_of_each_alone(chairs: tuple[str, Pairs]) -> None:
    spec, pairs = chairs
    expected = [np.linalg.norm(flow - (1, 0), axis=-1).mean() for _, _, flow in pairs]
    for size in (1, 3):
        (found,) = evaluate([Constant()], [f"{spec}?split=all"], batch_size=size)
        assert found.errors == pytest.approx(expected, rel=1e-5)
    (found,) = evaluate([Constant(NAN)], [spec])
    assert found.errors == [math.inf] * 2


def test_flow_is_submitted_under_its_pairs_name(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "data", np.random.default_rng(1))
    for number in range(3):
        for frame, image in zip((10, 11), frames(number), strict=False):
            tree.put(f"testing/image_2/{number:06d}_{frame}.png", png(image))
    spec = f"kitti2015:{tree.root}?set=test"
    list(evaluate([open_method("dis")], [spec], submission=tmp_path / "out"))
    for number in range(3):
        image1, image2, _ = frames(number)
        expected = open_method("dis")(image1[None], image2[None])[0]
        flow, _ = read_flow(tmp_path / "out" / "kitti2015" / "flow" / f"{number:06d}_10.png")
        assert np.abs(flow - expected).max() <= 1 / 128


# The table.

NAN = math.nan


def measures(epe: float, fl: float = 0.25, pixels: int = 10) -> Measures:
    return Measures(epe=epe, aae=2 * epe, over_1px=0.5, over_3px=0.25, over_5px=0.125, fl=fl, pixels=pixels)


def evaluation(method: str, data: str, epe: float) -> Evaluation:
    regions = {name: measures(epe + i) for i, name in enumerate(REGIONS)}
    regions["s40+"] = measures(NAN, NAN, 0)
    images = {name: measures(10 * epe + i) for i, name in enumerate(REGIONS)}
    result = Result(pixels=regions, images=images, num_images=dict.fromkeys(REGIONS, 1))
    return Evaluation(method=method, data=data, pairs=3, result=result, seconds=0.0125)


SINTEL = "sintel:/data/MPI-Sintel:clean"
FOUND = [
    evaluation(method, data, epe)
    for data, epe in ((SINTEL, 3.333), ("data/chairs", 2.0))
    for method in ("dis", "zero")
]


def test_text_has_methods_down_and_datasets_across() -> None:
    assert make_table(FOUND, "epe,fl,epe@s40+,ms").text().splitlines() == [
        "                  MPI-Sintel:clean                      chairs",
        "method   EPE   Fl%  EPE s40+    ms   EPE   Fl%  EPE s40+    ms",
        "dis     3.33  25.0         -  12.5  2.00  25.0         -  12.5",
        "zero    3.33  25.0         -  12.5  2.00  25.0         -  12.5",
    ]
    wide = [evaluation("dis", "a-dataset-of-a-long-name", 1.0)]
    assert make_table(wide, "epe").text().splitlines() == [
        "        a-dataset-of-a-long-name",
        "method                       EPE",
        "dis                         1.00",
    ]


def test_means_over_images_are_others() -> None:
    lines = make_table(FOUND, "epe", average="images").text().splitlines()
    assert lines[2].split() == ["dis", "33.33", "20.00"]


def test_published_rows_stand_apart() -> None:
    table = make_table(FOUND, "epe,ms", published=True)
    measured, published = table.text().split("published:\n")
    assert "FlowNetS" not in measured
    assert "dis" not in published
    (row,) = [line for line in published.splitlines() if line.startswith("PWC-Net (Sun et al.")]
    assert row.split()[-4:] == ["3.33", "-", "-", "-"]
    assert "not measured here" in published.splitlines()[-1]
    markdown = [line for line in table.markdown().splitlines() if "PWC-Net (Sun" in line]
    assert markdown == ["| PWC-Net (Sun et al., CVPR 2018) *(published)* | 3.33 | - | - | - |"]
    rows = list(csv.DictReader(io.StringIO(table.csv())))
    kinds = {(row["kind"], row["method"]) for row in rows}
    assert {kind for kind, method in kinds if method in ("dis", "zero")} == {"measured"}
    assert {kind for kind, method in kinds if method == "PWC-Net"} == {"published"}
    whole = json.loads(table.json())
    assert set(whole["measured"]) == {"dis", "zero"}
    assert {row["data"] for row in whole["published"]} == {SINTEL}
    assert "published" not in make_table(FOUND).text()


def test_csv_and_json_hold_every_measure() -> None:
    table = make_table(FOUND)
    rows = list(csv.DictReader(io.StringIO(table.csv())))
    assert len(rows) == len(FOUND) * 2 * len(REGIONS)
    chosen = {"method": "zero", "data": SINTEL, "average": "images", "region": "s10-40"}
    (row,) = [row for row in rows if chosen.items() <= row.items()]
    assert float(row["epe"]) == pytest.approx(35.33)
    assert (row["pairs"], row["pixels"], float(row["ms"])) == ("3", "10", 12.5)
    assert {row["epe"] for row in rows if row["region"] == "s40+" and row["average"] == "pixels"} == {""}
    found = json.loads(table.json(), parse_constant=pytest.fail)["measured"]["zero"][SINTEL]
    assert found["pixels"]["s40+"]["epe"] is None
    assert set(found["images"]["matched"]) == {*ERRORS, "pixels"}
    assert (found["epe"], found["fl_all"], found["num_images"]["all"]) == (3.333, 0.25, 1)


def test_markdown_is_one_row_a_method() -> None:
    assert make_table(FOUND, "epe,ms").markdown().splitlines() == [
        "| method | MPI-Sintel:clean EPE | MPI-Sintel:clean ms | chairs EPE | chairs ms |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| dis | 3.33 | 12.5 | 2.00 | 12.5 |",
        "| zero | 3.33 | 12.5 | 2.00 | 12.5 |",
    ]


def test_datasets_of_one_name_are_told_apart() -> None:
    found = [evaluation("dis", spec, 1.0) for spec in ("a/chairs", "b/chairs")]
    assert make_table(found, "epe").text().splitlines()[0].split() == ["a/chairs", "b/chairs"]


@pytest.mark.parametrize(
    ("spec", "there"),
    [
        ("sintel:/a/b:clean", True),
        ("sintel:/a/b:final", True),
        ("sintel:/a/b:clean?set=test", False),
        ("chairs:/a", True),
        ("chairs:/a?split=val", True),
        ("chairs:/a?split=train", False),
        ("kitti2012:/a", True),
        ("kitti2015:/a", True),
        ("kitti2015:/a?set=test", False),
        ("middlebury:/a", True),
        ("data/chairs", False),
    ],
)
def test_published_figures_are_of_those_pairs_alone(spec: str, there: bool) -> None:
    assert any(row.on(spec) for row in PUBLISHED) == there


def test_published_figures_have_sources() -> None:
    assert all(row.source for row in PUBLISHED)
    assert len({(row.method, row.source) for row in PUBLISHED}) == len(PUBLISHED)


# Mistakes.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "whose flow? Give --checkpoint FILE or --method NAME"),
        (["--method", "dys"], "unknown method 'dys'"),
        (["--method", "zero", "--show", "epe,fll"], "--show fll: unknown 'fll': did you mean 'fl'"),
        (["--method", "zero", "--show", "epe@s41"], "--show epe@s41: unknown 's41'"),
        (["--method", "zero", "--limit", "0"], "--limit 0: must be from 1"),
        (["--method", "zero", "--json", "--csv"], "not allowed with argument"),
        (["--method", "zero", "--submission", "out"], "only Sintel's and KITTI's servers"),
        (["--method", "zero", "--method", "dis", "--submission", "out"], "is of one method, 2 are given"),
        (["--method", "zero", "--data", "chairs:/nowhere"], "/nowhere/data"),
        (["--method", "zero", "--data", "stream:flyingchairs"], "has no end: say how many pairs, by --limit"),
    ],
)
def test_a_mistake_is_one_line(
    options: list[str], message: str, chairs: tuple[str, Pairs], capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = run(capsys, *options, "--data", chairs[0], code=2).splitlines()
    assert message in line


def test_a_folder_for_submissions_that_cannot_be_written(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "data", np.random.default_rng(1))
    kitti_tree(tree, "image_2")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"--submission .*file: cannot be written"):
        list(evaluate([Constant()], [f"kitti2015:{tree.root}?set=test"], submission=tmp_path / "file"))


def test_flow_that_is_not_finite_is_an_outlier_and_no_mean(chairs: tuple[str, Pairs]) -> None:
    (found,) = evaluate([Constant(NAN)], [chairs[0]])
    assert found.result.fl_all == 1
    assert math.isnan(found.result.epe)
    assert make_table([found], "epe,fl").text().splitlines()[-1].split() == ["constant", "-", "100.0"]
