"""Searches: known parameters come back, workers may die, and a benchmark is no objective by accident."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import studied

from chairsgen.errors import InputError
from chairsgen.recipe import Recipe
from trainer.cli import main
from trainer.settings import TrainConfig
from trainer.studies.objective import Objective, check_searchable, statistics_distance
from trainer.studies.search import search
from trainer.studies.statistics import distance, flow_statistics
from trainer.studies.study import Study

optuna = pytest.importorskip("optuna", reason="needs Optuna: pip install chairsgen[studies]")

SEARCH = """
[base]
recipe.frame = { height = 64, width = 96 }
recipe.chair.count_min = 3
recipe.chair.count_max = 3
recipe.chair.size = { mean_px = 30.0, std_px = 5.0, min_px = 10.0 }
recipe.chair.placement = { spread = 0.0, margin_px = 0.0 }

[ranges]
recipe.background.translation.range_px = { low = 5.0, high = 300.0, log = true }
recipe.chair.translation.range_px = { low = 5.0, high = 300.0, log = true }
recipe.chair.size.mean_px = { low = 10.0, high = 60.0 }

[objective]
scenes = 4
"""
TRUTH = {
    "recipe.background.translation.range_px": 90.0,
    "recipe.chair.translation.range_px": 40.0,
    "recipe.chair.size.mean_px": 25.0,
}
TRIALS = 30


def with_target(folder: Path, name: str = "known") -> Path:
    """The study whose target is what the truth has."""
    text = SEARCH + "target = { flow_mean = 1.0 }\n"
    recipe = Study.load(studied.write(folder, text, name)).setting(TRUTH).recipe
    names = ("flow_mean", "flow_median", "flow_p95", "u_std", "v_std", "coverage")
    found = flow_statistics(recipe, names, scenes=4)
    target = ", ".join(f"{key} = {value}" for key, value in found.items())
    return studied.write(folder, f"{SEARCH}target = {{ {target} }}\n", name)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Path, float]:
    """A search that is done."""
    folder = tmp_path_factory.mktemp("search")
    study = Study.load(with_target(folder))
    found = search(study, folder / "out", trials=TRIALS, quiet=True)
    assert len(found.trials) == TRIALS
    return study, folder / "out", found.value


def test_the_truth_has_no_distance(searched: tuple[Study, Path, float]) -> None:
    assert statistics_distance(searched[0], TRUTH) < 1e-9


def test_a_search_beats_random_draws_of_its_budget(searched: tuple[Study, Path, float]) -> None:
    study, _, value = searched
    rng = np.random.default_rng(3)
    budgets = [
        min(
            statistics_distance(
                study,
                {
                    key: float(
                        np.exp(rng.uniform(np.log(range_.low), np.log(range_.high)))
                        if range_.log
                        else rng.uniform(range_.low, range_.high)
                    )
                    for key, range_ in study.ranges.items()
                },
            )
            for _ in range(TRIALS)
        )
        for _ in range(2)
    ]
    assert value < min(budgets)


def test_known_parameters_come_back(searched: tuple[Study, Path, float]) -> None:
    study, folder, _ = searched
    best = Recipe.load(folder / "best.toml")
    assert best.name == "known-best"
    assert best.background.translation.range_px == pytest.approx(90, rel=0.25)
    assert best.chair.size.mean_px == pytest.approx(25, rel=0.35)
    assert best.frame == study.setting({}).recipe.frame
    rows = list(csv.DictReader((folder / "trials.csv").read_text().splitlines()))
    assert [int(row["trial"]) for row in rows] == list(range(TRIALS))
    assert {row["state"] for row in rows} == {"complete"}
    page = (folder / "index.html").read_text()
    assert page.count("<svg") == 3


def test_a_stopped_search_goes_on_as_if_it_had_not_been(
    searched: tuple[Study, Path, float], tmp_path: Path
) -> None:
    study, folder, _ = searched
    for trials in (5, 12):
        search(study, tmp_path, trials=trials, quiet=True)
    lines = (folder / "trials.csv").read_text().splitlines()[:13]
    assert (tmp_path / "trials.csv").read_text().splitlines() == lines


def test_another_study_of_the_name_is_refused(searched: tuple[Study, Path, float]) -> None:
    study, folder, _ = searched
    with pytest.raises(InputError, match=r"another one of this name \(objective\.scenes: 4 there, 9 here\)"):
        search(study.override(["objective.scenes=9"]), folder, quiet=True)


def test_draws_that_do_not_fit_are_trials_that_failed(tmp_path: Path) -> None:
    text = """
[ranges]
recipe.chair.count_min = { low = 2, high = 23 }
recipe.chair.count_max = { low = 16, high = 18 }
[objective]
scenes = 1
target = { coverage = 0.3 }
"""
    found = search(Study.load(studied.write(tmp_path, text)), tmp_path / "out", trials=12, quiet=True)
    failed = [trial.state == "failed" for trial in found.trials]
    assert 0 < sum(failed) < len(failed) == 12
    assert found.counts == f"12 trials ({12 - sum(failed)} complete, {sum(failed)} failed)"
    for trial in found.trials:
        fits = trial.draws["recipe.chair.count_min"] <= trial.draws["recipe.chair.count_max"]
        assert (trial.state, trial.value is None) == (("complete", False) if fits else ("failed", True))


def test_distance_by_hand() -> None:
    target: dict[str, float | tuple[float, float]] = {"flow_mean": 2.0, "visible_chairs": (7.0, 11.0)}
    assert distance({"flow_mean": 2.0, "visible_chairs": 9.0}, target) == 0
    assert distance({"flow_mean": 4.0, "visible_chairs": 7.0}, target) == pytest.approx(np.log(2) / 2**0.5)
    assert distance({"flow_mean": 2.0, "visible_chairs": 22.0}, target) == pytest.approx(np.log(2) / 2**0.5)
    assert np.isfinite(distance({"flow_mean": 0.0, "visible_chairs": 0.0}, target))


def test_a_scene_that_stands_still_has_no_flow() -> None:
    still = [
        f"{layer}.{kind}.probability=0"
        for layer in ("chair", "background")
        for kind in ("translation", "rotation", "scale")
    ]
    figures = flow_statistics(Recipe().override(still), scenes=3)
    assert figures["flow_mean"] == pytest.approx(0, abs=1e-4)
    assert figures["coverage"] > 0
    bare = flow_statistics(Recipe().override(["chair.count_min=0", "chair.count_max=0"]), scenes=3)
    assert (bare["coverage"], bare["visible_chairs"]) == (0, 0)


ERROR = (
    studied.STUDY.partition("[axes]")[0]
    + """
[ranges]
train.options.offset = { low = 0.0, high = 9.0 }
train.optimiser.name = ["adam", "adamw"]
[objective]
kind = "error"
"""
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a search whose datasets are there."""
    folder = tmp_path_factory.mktemp("built")
    with studied.building_here():
        Objective(Study.load(studied.write(folder, ERROR)), folder, "cpu").prepare(quiet=True)
    return folder


def test_an_error_is_that_of_a_training(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(studied.__file__).parent))
    path, out = studied.write(tmp_path, ERROR), tmp_path / "out"
    shutil.copytree(built / "data", out / "data")
    with pytest.raises(SystemExit) as leaving:
        main(["search", str(path), "--out", str(out), "--trials", "1", "--device", "cpu"])
    assert leaving.value.code == 0
    (row,) = csv.DictReader((out / "trials.csv").read_text().splitlines())
    (metrics,) = (out / "trials").glob("*/metrics.jsonl")
    validations = [
        line for line in map(json.loads, metrics.read_text().splitlines()) if line["kind"] == "val"
    ]
    assert validations[-1]["step"] == 4
    assert float(row["value"]) == validations[-1]["epe"]
    said = capsys.readouterr().out
    assert "1 trials (1 complete); EPE, px: " in said
    assert "the best of many is partly luck" in said


STEPS = 20


class Planted:
    """In place of a training: at every look one more validation, of an error that its offset rules."""

    looks = 0

    def __init__(self, config: TrainConfig, folder: Path, *_: object) -> None:
        self.config, self.folder, self.step = config, folder, 0
        (folder / "checkpoints").mkdir(parents=True)

    @property
    def at_work(self) -> bool:
        if self.step == STEPS:
            return False
        self.step += 1
        Planted.looks += 1
        epe = self.config.options.to_dict()["offset"] + 10 / self.step
        with (self.folder / "metrics.jsonl").open("a") as file:
            for data in self.config.val:
                file.write(json.dumps({"kind": "val", "data": data, "step": self.step, "epe": epe}) + "\n")
        return True

    def stop(self) -> None:
        pass

    def failure(self) -> str:
        return ""


def test_bad_trials_are_ended_early_and_the_best_is_found(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.studies.objective.Child", Planted)
    monkeypatch.setattr("trainer.studies.objective.SECONDS_A_LOOK", 0)
    study = Study.load(studied.write(tmp_path, ERROR), [f"train.steps={STEPS}"])
    shutil.copytree(built / "data", tmp_path / "out" / "data")
    found = search(study, tmp_path / "out", trials=15, device="cpu", quiet=True)
    states = [trial.state for trial in found.trials]
    assert states[:5] == ["complete"] * 5
    assert states.count("pruned") > 2
    assert states.count("complete") + states.count("pruned") == 15
    assert found.counts == f"15 trials ({states.count('complete')} complete, {states.count('pruned')} pruned)"
    # Ended early: fewer steps in all, the others whole.
    assert STEPS * states.count("complete") < Planted.looks < STEPS * (states.count("complete") + 2)
    # The best of all that were drawn is not among the pruned ones.
    assert found.draws["train.options.offset"] == min(
        trial.draws["train.options.offset"] for trial in found.trials
    )
    assert found.value == pytest.approx(found.draws["train.options.offset"] + 10 / STEPS)
    rows = list(csv.DictReader((tmp_path / "out" / "trials.csv").read_text().splitlines()))
    assert [row["state"] for row in rows] == states
    assert all((row["state"] == "pruned") == (row["value"] == "") for row in rows)
    assert found.counts in (tmp_path / "out" / "index.html").read_text()
    # No weights are left that nobody asked for.
    assert not list((tmp_path / "out" / "trials").glob("*/checkpoints"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no ranges"),
        ("[ranges]\nrecipe.chair.rotation.k = {low = 1.0, high = 2.0}", "objective.target is missing"),
        (
            "[ranges]\ntrain.steps = {low = 1, high = 2}\n[objective]\ntarget = 'flyingchairs'",
            "ranges.train.steps: a recipe's statistics do not depend on it",
        ),
        (
            "evaluate = ['sintel:x:clean']\n[ranges]\ntrain.steps = {low=1, high=2}\n[objective]\nkind = 'error'",
            "results on a benchmark that was searched on are no test",
        ),
    ],
)
def test_what_cannot_be_searched_is_refused(text: str, said: str, tmp_path: Path) -> None:
    study = Study.load(studied.write(tmp_path, text))
    with pytest.raises(InputError, match=said):
        check_searchable(study)


def test_a_test_benchmark_must_be_asked_for(tmp_path: Path) -> None:
    text = "evaluate = ['kitti2015:x']\n[ranges]\ntrain.steps = {low = 1, high = 2}\n[objective]\nkind = 'error'\n"
    check_searchable(Study.load(studied.write(tmp_path, text + "test_benchmark = true")))


def test_a_database_out_of_reach_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = "postgresql://someone:secret@127.0.0.1:9/none"
    with pytest.raises(SystemExit) as leaving:
        main(["search", str(with_target(tmp_path)), "--out", str(tmp_path / "out"), "--storage", url])
    said = capsys.readouterr().err
    assert leaving.value.code == 2
    assert said.count("\n") == 1
    assert "cannot be used" in said
    assert "secret" not in said


# --- many workers on a real PostgreSQL


def _server(name: str) -> str | None:
    """A program of PostgreSQL; Debian keeps them off the path."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(found[-1]) if found else None)


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[str]:
    """The URL of a database of its own."""
    initdb, server = _server("initdb"), _server("postgres")
    if not initdb or not server:
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    # It refuses to run as root.
    user = {"user": "postgres"} if os.geteuid() == 0 else {}
    folder = Path("/tmp") / f"chairsgen-pg-{os.getpid()}"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    made = subprocess.run(
        [initdb, "-D", str(folder / "data"), "-U", "tester", "-A", "trust"], capture_output=True, **user
    )
    if made.returncode:
        shutil.rmtree(folder)
        pytest.skip(f"needs a PostgreSQL that starts: {made.stderr.decode()[:200]}")
    command = [server, "-D", str(folder / "data"), "-k", str(folder), "-c", "listen_addresses="]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **user)
    while not (folder / ".s.PGSQL.5432").exists():
        assert running.poll() is None
        time.sleep(0.05)
    time.sleep(1)
    yield f"postgresql://tester@/postgres?host={folder}"
    running.send_signal(signal.SIGINT)
    running.wait()
    shutil.rmtree(folder)


SLOW = """
import sys, time
from pathlib import Path
from trainer.studies import objective, search
from trainer.studies.study import Study

def never(*_):
    Path(sys.argv[2], "at work").touch()
    time.sleep(1000)

objective.statistics_distance = never
search.search(Study.load(sys.argv[1]), Path(sys.argv[2]), trials=12, storage=sys.argv[3], heartbeat=1, quiet=True)
"""


def test_a_worker_that_dies_gives_its_trial_back(postgres: str, tmp_path: Path) -> None:
    study, out = with_target(tmp_path), tmp_path / "out"
    slow = subprocess.Popen([sys.executable, "-c", SLOW, str(study), str(out), postgres])
    while not (out / "at work").exists():
        assert slow.poll() is None
        time.sleep(0.1)
    slow.kill()
    slow.wait()
    found = search(Study.load(study), out, trials=12, storage=postgres, workers=2, heartbeat=1, quiet=True)
    # Two workers may begin the last one in the same moment.
    assert len(found.trials) in (12, 13)
    storage = optuna.storages.RDBStorage(postgres.replace("postgresql://", "postgresql+psycopg://"))
    trials = optuna.load_study(study_name="known", storage=storage).get_trials()
    storage.remove_session()
    storage.engine.dispose()
    states = [trial.state.name for trial in trials]
    assert states.count("COMPLETE") == len(found.trials)
    assert states.count("FAIL") == 1
    assert len(states) == states.count("COMPLETE") + 1
    # What the dead worker drew was taken up, once.
    (given_back,) = (trial for trial in trials if trial.state.name == "FAIL")
    again = [trial for trial in trials if trial.params == given_back.params and trial is not given_back]
    assert [trial.state.name for trial in again] == ["COMPLETE"]
