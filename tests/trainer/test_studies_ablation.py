"""Ablations as they run: a planted truth, a killed study, failed runs, and the page in a browser."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import made
import pytest
import studied

from chairsgen.errors import InputError
from chairsgen.folder import locked
from trainer.cli import main
from trainer.settings import TrainConfig
from trainer.studies.ablation import ablate
from trainer.studies.page import INDEX
from trainer.studies.plan import Plan
from trainer.studies.running import RUNS, errors
from trainer.studies.study import Study


@pytest.fixture(scope="module", autouse=True)
def building_here() -> Iterator[None]:
    with studied.building_here():
        yield


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return studied.write(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def done(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study that nothing disturbed."""
    folder = tmp_path_factory.mktemp("done")
    ablate(Study.load(study), folder, device="cpu", quiet=True)
    return folder


@pytest.fixture
def begun(done: Path, tmp_path: Path) -> Path:
    """A folder with the datasets, and no run yet."""
    shutil.copytree(done / "data", tmp_path / "begun" / "data")
    return tmp_path / "begun"


def leave(code: int, *arguments: str) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(arguments)
    assert leaving.value.code == code


def test_a_planted_truth_is_found(done: Path) -> None:
    rows = {row["setting"]: row for row in json.loads((done / "table.json").read_text())}
    assert set(rows) == {"base", "train.options.offset = 3", "train.log_every = 2"}
    assert rows["train.options.offset = 3"]["beyond_noise"] is True
    assert rows["train.options.offset = 3"]["difference"] > 0.2
    assert rows["train.log_every = 2"]["beyond_noise"] is False
    page = (done / "index.html").read_text()
    assert "recipe.name: none of its values changes what a network learns" in page
    axes = {one["axis"]: one for one in json.loads((done / "importance.json").read_text())}
    assert axes["train.options.offset"]["share"] > 0.9
    assert axes["train.options.offset"]["beyond_noise"] is True
    for name in ("train.log_every", "recipe.name"):
        assert (axes[name]["share"], axes[name]["beyond_noise"]) == (0, False)


PLANTED = """
about = "Do motions matter, and what folders are called?"
seeds = 3
val_pairs = 4

[base]
data.pairs = 6
data.photos = ["photos"]
recipe.frame = { height = 24, width = 32 }
recipe.assets = { objects = "shapes", chairs = 4, sprite_px = 64 }
recipe.background.translation = { kind = "uniform", k = 1.0, norm = 1.0, range_px = 3.0 }
recipe.chair.count_min = 1
recipe.chair.count_max = 2
recipe.chair.size = { mean_px = 12.0, std_px = 2.0, min_px = 8.0 }
recipe.chair.translation = { kind = "uniform", k = 1.0, norm = 1.0, range_px = 3.0 }
train.model = "studied:match"
train.augment.preset = "none"
train.crop = { height = 24, width = 32 }
train.steps = 15
train.batch_size = 2
train.optimiser.lr = 0.1
train.validation.every = 15
train.machine.workers = 0

[axes.objects]
"in motion" = {}

[axes.objects.static]
recipe.background = { translation.probability = 0.0, rotation.probability = 0.0, scale.probability = 0.0 }
recipe.chair = { translation.probability = 0.0, rotation.probability = 0.0, scale.probability = 0.0 }

[axes.folder]
given = {}
renamed = { data.photos = ["renamed"] }
"""


def planted(folder: Path) -> Path:
    """The study of motions and folders, with two folders of the same photographs."""
    text = PLANTED
    for name in ("photos", "renamed"):
        (folder / name).mkdir()
        for number in range(4):
            cv2.imwrite(str(folder / name / f"{number}.png"), made.photo(number, 96, 128))
        text = text.replace(f'["{name}"]', f'["{folder / name}"]')
    return studied.write(folder, text, "planted")


def test_motion_matters_and_the_name_of_a_folder_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = planted(tmp_path), tmp_path / "out"
    leave(0, "ablate", str(path), "--out", str(out), "--device", "cpu")
    said = capsys.readouterr().out
    rows = {row["setting"]: row for row in json.loads((out / "table.json").read_text())}
    assert set(rows) == {"base", "objects = static", "folder = renamed"}
    # Who has seen nothing move, sees nothing move: the error is about that of zero flow.
    assert rows["objects = static"]["beyond_noise"] is True
    assert rows["objects = static"]["difference"] > 0.5 * rows["base"]["mean"]
    # Its pairs were built, and its networks trained: they are the same.
    assert len(list((out / "data").glob("*/manifest.json"))) == 4
    assert rows["folder = renamed"]["beyond_noise"] is False
    assert rows["folder = renamed"]["errors"] == rows["base"]["errors"]
    motion, folder, seeds = json.loads((out / "importance.json").read_text())
    assert (motion["axis"], motion["beyond_noise"]) == ("objects", True)
    assert (folder["axis"], folder["beyond_noise"], folder["share"]) == ("folder", False, 0)
    assert motion["share"] > 0.8 > 0.2 > seeds["share"]
    assert (out / "table.txt").read_text() in said
    # All were judged on the same pairs.
    judged = {TrainConfig.load(run / "config.toml").val for run in (out / RUNS).iterdir()}
    assert len(judged) == 1


def test_a_done_study_is_not_done_again(done: Path, study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (done / "table.txt").read_text()
    monkeypatch.setattr("trainer.studies.ablation.train_here", pytest.fail)
    monkeypatch.setattr("trainer.studies.ablation.make", pytest.fail)
    ablate(Study.load(study), done, device="cpu", quiet=True)
    assert (done / "table.txt").read_text() == text


def test_more_seeds_go_on_and_another_study_is_refused(begun: Path, done: Path, study: Path) -> None:
    found = ablate(Study.load(study, ["seeds=1"]), begun, device="cpu", quiet=True)
    assert {len(answer.errors) for answer in found.answers} == {1}
    with pytest.raises(InputError, match=r"holds another study \(base\.train\.steps: 4 there, 5 here\)"):
        ablate(Study.load(study, ["train.steps=5"]), begun, device="cpu", quiet=True)
    ablate(Study.load(study), begun, device="cpu", quiet=True)
    assert (begun / "table.json").read_text() == (done / "table.json").read_text()


def test_a_folder_serves_one_study_at_a_time(study: Path, begun: Path) -> None:
    with locked(begun, "study"), pytest.raises(InputError, match="another study is at work there: wait"):
        ablate(Study.load(study), begun, device="cpu", quiet=True)


def test_a_failed_run_does_not_end_its_study(
    begun: Path, study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = study.read_text().replace("offset = [0.0, 3.0]", "offset = [0.0, 101.0]")
    path = studied.write(begun, text, "broken")
    leave(1, "ablate", str(path), "--out", str(begun), "--set", "seeds=1", "--device", "cpu")
    said = capsys.readouterr()
    assert said.err.count("offset is beyond belief") == 2
    assert "failed" in said.out
    assert "train.log_every = 2" in said.out
    assert "1 runs failed: the same command tries them again" in said.err


def test_a_dry_run_says_what_would_be_done(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(0, "ablate", str(study), "--out", str(tmp_path / "dry"), "--dry-run", "--device", "cpu")
    said = capsys.readouterr().out
    assert "base: 2 of 2 seeds to run" in said
    assert "6 runs of 6 to go: about 0 s of training" in said
    assert "base and 2 more: 4 pairs to build, 0.00 GB, " in said
    assert "val pairs of the base: 3 pairs to build, 0.00 GB, " in said
    assert not (tmp_path / "dry").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--jobs", "0"), "--jobs 0: must be at least 1"),
        (("--set", "evaluate=['sintl:x']"), "did you mean 'sintel'"),
        (("--set", "data.pairs=1000000000000"), "GB are needed"),
    ],
)
def test_mistakes_are_one_line(
    arguments: tuple[str, ...], said: str, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(2, "ablate", str(study), "--out", str(tmp_path / "new"), "--device", "cpu", *arguments)
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("change", ["recipe.assets.val_assets = [0.01]", "recipe.assets.chairs = [550]"])
def test_nothing_is_judged_on_what_it_learned_from(change: str, tmp_path: Path) -> None:
    base = studied.STUDY.partition("[axes]")[0]
    study = Study.load(studied.write(tmp_path, f"{base}\n[axes]\n{change}\n"))
    with pytest.raises(InputError, match="would learn from chairs that all are judged on, such as "):
        _ = Plan(study=study, folder=tmp_path).cases


@pytest.mark.parametrize(
    ("change", "options"),
    [
        ("recipe.assets.chairs = [100]", []),
        ('recipe.assets.objects = ["shapes"]', []),
        ("recipe.assets.val_assets = [0.2]", []),
        ("recipe.assets.val_assets = [0.01]", ["evaluate=['sintel:elsewhere']"]),
    ],
)
def test_other_assets_are_welcome(change: str, options: list[str], tmp_path: Path) -> None:
    base = studied.STUDY.partition("[axes]")[0]
    study = Study.load(studied.write(tmp_path, f"{base}\n[axes]\n{change}\n"), options)
    assert len(Plan(study=study, folder=tmp_path).cases) == 2


def test_photographs_that_others_hold_back_are_refused(tmp_path: Path) -> None:
    base = studied.STUDY.partition("[axes]")[0]
    for name in ("some", "more"):
        (tmp_path / name).mkdir()
    some, more = (str(tmp_path / name) for name in ("some", "more"))
    given = base.replace("data.pairs = 4", f"data.pairs = 4\ndata.photos = ['{some}']")
    for axis, refused in (
        (f"data.photos = [['{some}', '{more}']]", True),
        (f"data.photos = [['{more}']]", False),
        ("recipe.assets.val_assets = [0.2]", True),
        ("recipe.chair.count_max = [1]", False),
    ):
        plan = Plan(study=Study.load(studied.write(tmp_path, f"{given}\n[axes]\n{axis}\n")), folder=tmp_path)
        if refused:
            with pytest.raises(InputError, match=r"would learn from photos that .* such as .*some"):
                _ = plan.cases
        else:
            assert len(plan.cases) == 2


SPYNET = """
seeds = 2
val_pairs = 2
[base]
data.pairs = 4
recipe.frame = { height = 64, width = 96 }
recipe.background.gradient = 1.0
recipe.assets = { objects = "shapes", chairs = 4, photos = 2, sprite_px = 64 }
recipe.chair = { count_min = 2, count_max = 3, size = { mean_px = 40.0, std_px = 10.0, min_px = 20.0 } }
train.model = "spynet"
train.options.num_levels = 2
train.augment.preset = "none"
train.crop = { height = 64, width = 96 }
train.steps = 4
train.batch_size = 1
train.validation.every = 2
train.machine.workers = 0
[axes]
train.optimiser.lr = [1e-4, 1e-3, 1e-2, 3e-2]
"""


@pytest.fixture(scope="module")
def spynet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study of SpyNet's coarse levels that nothing disturbed; the study's file lies beside it."""
    folder = tmp_path_factory.mktemp("spynet")
    found = ablate(
        Study.load(studied.write(folder, SPYNET, "spynet")), folder / "out", device="cpu", quiet=True
    )
    assert not found.failures
    assert {(answer.case, len(answer.errors)) for answer in found.answers} == {
        ("base", 2),
        *((f"train.optimiser.lr = {lr}", 2) for lr in ("0.001", "0.01", "0.03")),
    }
    return folder / "out"


def test_killed_and_resumed_the_table_is_the_same(spynet: Path, tmp_path: Path) -> None:
    study, begun = spynet.parent / "spynet.toml", tmp_path / "begun"
    shutil.copytree(spynet / "data", begun / "data")
    command = [sys.executable, "-m", "trainer", "ablate", str(study), "--out", str(begun), "--jobs", "2"]
    killed = subprocess.Popen(
        [*command, "--device", "cpu"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    plan = Plan(study=Study.load(study), folder=begun)

    def ended() -> list[str]:
        return [run.name for run in plan.runs if errors(begun / RUNS / run.name, run.config) is not None]

    while not ended():
        assert killed.poll() is None
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert len(ended()) < len(plan.runs)
    # Those at work end with it: a run's folder is free again.
    deadline = time.monotonic() + 60
    while True:
        found = ablate(Study.load(study), begun, device="cpu", quiet=True)
        if not found.failures or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    assert not found.failures
    for name in ("table.txt", "table.csv", "table.md", "table.json", "importance.csv", "importance.json"):
        assert (begun / name).read_text() == (spynet / name).read_text()


def test_its_page_in_a_browser(spynet: Path, tmp_path: Path, browser: Any) -> None:
    for scheme, width in (("light", 1280), ("dark", 360)):
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        tab = context.new_page()
        complaints: list[str] = []
        for event in ("console", "pageerror", "requestfailed"):
            tab.on(event, lambda what, complaints=complaints: complaints.append(str(what)))
        tab.goto((spynet / INDEX).as_uri())
        assert tab.locator("h1").inner_text() == "spynet"
        tables = tab.locator("tbody")
        assert [tables.nth(place).locator("tr").count() for place in range(tables.count())] == [4, 2]
        titles = tab.locator("figure h2").all_inner_texts()
        assert titles == ["Error against train.optimiser.lr", "Learning curves"]
        for place in range(2):
            box = tab.locator("figure svg").nth(place).bounding_box()
            assert box["width"] > 300
            assert box["height"] > 100
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert not complaints
        tab.screenshot(path=tmp_path / f"{scheme}.png", full_page=True)
        context.close()
