"""The command line as a user meets it: help, errors in one line, exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from chairsgen import builder, export
from chairsgen.cli import main
from chairsgen.recipe import PRESETS, Recipe


def chairsgen(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "chairsgen", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )


@pytest.fixture
def places(tmp_path: Path) -> Path:
    """Folders and files that a user might name by mistake."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "notes.txt").write_text("no mesh, no photo")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "chair.obj").write_text("v nan nan nan")
    (tmp_path / "broken" / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n, and no more")
    (tmp_path / "recipe.toml").write_text("[chair]\ncont_min = 3\n")
    (tmp_path / "file").write_text("in the way")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("build", "--out"),
        ("build --out {} --n 0", "--n 0: must be at least 1"),
        ("build --out {} --n -3", "--n -3: must be at least 1"),
        ("build --out {} --n many", "invalid int value: 'many'"),
        ("build --out {} --shard-size 0", "--shard-size 0: must be at least 1"),
        ("build --out {} --workers 0", "--workers 0: must be at least 1"),
        ("build --out {} --seed -1", "--seed -1: must be from 0 to 2^63 - 1"),
        (f"build --out {{}} --seed {2**63}", f"--seed {2**63}: must be from 0 to 2^63 - 1"),
        ("build --out {} --recipe flyingchars", "did you mean 'flyingchairs'?"),
        ("build --out {} --recipe {}/absent.toml", "absent.toml: cannot be read"),
        ("build --out {} --recipe {}/recipe.toml", "did you mean 'chair.count_min'?"),
        ("build --out {} --set chair.rotaton.max_deg=3", "did you mean 'chair.rotation'?"),
        (
            "build --out {} --set chair.rotation.max_deg=400",
            "chair.rotation.max_deg = 400.0: must be from 0.0 to 180.0",
        ),
        ("build --out {} --set chair.rotation.max_deg", "write KEY=VALUE"),
        ("build --out {} --wrokers 3", "did you mean '--workers'?"),
        ("build --out {} --device tpu", "unknown 'tpu'"),
        ("build --out {} --meshes {}/absent", "absent"),
        ("build --out {} --photos {}/absent", "absent"),
        ("build --out {} --meshes {}/empty", "empty"),
        ("build --out {} --photos {}/empty", "empty"),
        ("build --out {} --meshes {}/texts", "texts"),
        ("build --out {} --photos {}/texts/notes.txt", "notes.txt"),
        ("build --out {}/file", "file"),
        ("verify {}/absent", "no dataset here"),
        ("stats {}/empty", "no dataset here"),
        ("export {}/empty --format kitti --out {}", "no dataset here"),
        ("export {}/empty --format kiti --out {}", "did you mean 'kitti'?"),
        ("recipes flyingchars", "did you mean 'flyingchairs'?"),
        ("biuld --out {}", "did you mean 'build'?"),
    ],
)
def test_a_mistake_gets_one_line_and_exit_code_2(
    words: str, said: str, places: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = [word.replace("{}", str(places / "out" if word == "{}" else places)) for word in words.split()]
    with pytest.raises(SystemExit) as end:
        main(argv)
    output, errors = capsys.readouterr()
    assert end.value.code == 2, errors
    assert said in errors
    assert errors.count("\n") == 1
    assert not output
    assert not (places / "out" / "manifest.json").exists()


@pytest.mark.parametrize(("option", "name"), [("--meshes", "chair.obj"), ("--photos", "photo.png")])
def test_a_folder_without_a_usable_file_is_refused_with_the_cause(
    option: str, name: str, places: Path
) -> None:
    result = chairsgen("build", "--out", places / "out", "--n", 2, option, places / "broken")
    assert result.returncode == 2
    last = result.stderr.strip().splitlines()[-1]
    assert name in last
    assert "none of its" in last
    assert "Traceback" not in result.stderr


def test_a_broken_photo_among_good_ones_is_named_counted_and_recorded(places: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(3):
        picture = cv2.resize(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8), (256, 192))
        cv2.imwrite(str(places / "broken" / f"good{number}.png"), picture)
    sets = [
        "--set",
        "assets.chairs=2",
        "--set",
        "assets.sprite_px=64",
        "--set",
        "frame.height=64",
        "--set",
        "frame.width=64",
    ]
    result = chairsgen("build", "--out", places / "out", "--n", 2, "--photos", places / "broken", *sets)
    assert result.returncode == 0, result.stderr
    assert f"skipped {places / 'broken' / 'photo.png'}: " in result.stderr
    assert "3 photos; 1 file skipped" in result.stdout
    manifest = json.loads((places / "out" / "manifest.json").read_text())
    (skipped,) = manifest["skipped"]
    assert skipped["path"].endswith("photo.png")
    assert skipped["cause"]


def test_a_machine_without_egl_is_told_what_to_install(places: Path) -> None:
    result = chairsgen(
        "build", "--out", places / "out", "--n", 2, __EGL_VENDOR_LIBRARY_FILENAMES="/nowhere.json"
    )
    assert result.returncode == 2
    assert "apt-get install libegl1 libgl1 libgl1-mesa-dri" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "known"),
    [
        ("build --out x --device {}", builder.DEVICES),
        ("build --out x --executor {}", builder.EXECUTORS),
        ("export x --out y --format {}", export.LAYOUTS),
    ],
)
def test_choices_are_those_that_the_work_knows(
    words: str, known: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(words.format("0").split())
    assert f"unknown '0': known are {', '.join(known)} (see" in capsys.readouterr().err


def test_help_loads_nothing_heavy() -> None:
    code = """
import atexit, sys
heavy = {"numpy", "cv2", "trimesh", "numba", "h5py"}
atexit.register(lambda: print(sorted(heavy & set(sys.modules))))
from chairsgen.cli import main
main(["--help"])
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0
    assert result.stdout.strip().splitlines()[-1] == "[]"
    assert "build" in result.stdout


def test_a_printed_recipe_can_be_given_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["recipes", "weather"])
    assert not end.value.code
    (tmp_path / "mine.toml").write_text(capsys.readouterr().out)
    assert Recipe.load(tmp_path / "mine.toml") == PRESETS["weather"]


def test_recipes_are_listed_a_line_each() -> None:
    lines = chairsgen("recipes").stdout.splitlines()
    assert [line.split(maxsplit=1) for line in lines] == [[n, recipe.about] for n, recipe in PRESETS.items()]
    assert max(map(len, lines)) < 120


def test_output_that_nobody_reads_is_no_error() -> None:
    result = subprocess.run(
        f"{sys.executable} -m chairsgen recipes flyingchairs | head -n 1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout.startswith("name")
    assert not result.stderr
