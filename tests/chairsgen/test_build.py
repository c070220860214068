"""The build: what it makes does not depend on how, and it ends well however it ends."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from chairsgen import Recipe, build, open_dataset, shards
from chairsgen.aside import ASIDE
from chairsgen.dataset import MANIFEST
from chairsgen.errors import InputError

SMALL = (
    "frame.height=96",
    "frame.width=128",
    "chair.size.mean_px=60",
    "chair.size.std_px=30",
    "chair.size.min_px=20",
    "assets.chairs=6",
    "assets.photos=4",
    "assets.sprite_px=64",
    "assets.val_samples=0.25",
)
"""A recipe that builds within seconds."""

PAIRS, SHARD = 11, 4


def command(out: Path, *more: str) -> list[str]:
    """The command line of a small build."""
    sets = [word for text in SMALL for word in ("--set", text)]
    size = ["--n", str(PAIRS), "--shard-size", str(SHARD)]
    return [sys.executable, "-m", "chairsgen", "build", "--out", str(out), *size, *sets, *more]


def contents(folder: Path) -> dict[str, str]:
    """sha256 of every file of a folder, by name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small dataset, built in one go."""
    out = tmp_path_factory.mktemp("datasets") / "whole"
    result = subprocess.run(command(out), capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "11 pairs in 3 shards" in result.stdout
    return out


def test_every_sample_is_there_once(uninterrupted: Path) -> None:
    dataset = open_dataset(uninterrupted)
    assert [sample.index for sample in dataset] == list(range(PAIRS))
    assert sorted(contents(uninterrupted)) == [MANIFEST, "shard-00000.h5", "shard-00001.h5", "shard-00002.h5"]


def test_the_first_shard_is_made_before_the_rest_is_planned(uninterrupted: Path, tmp_path: Path) -> None:
    result = subprocess.run(command(tmp_path / "again"), capture_output=True, text=True, check=True)
    tasks = [
        line.split(": ") for line in result.stderr.splitlines() if line.startswith(("planning", "composing"))
    ]
    assert [(task, done.split()[0]) for task, done in tasks] == [
        ("planning scenes", "4/4"),
        ("composing pairs", "4/4"),
        ("planning scenes", "7/7"),
        ("composing pairs", "7/7"),
    ]
    assert contents(tmp_path / "again") == contents(uninterrupted)


def test_samples_do_not_depend_on_workers(uninterrupted: Path, tmp_path: Path) -> None:
    subprocess.run(command(tmp_path / "one", "--workers", "1"), check=True, capture_output=True)
    assert contents(tmp_path / "one") == contents(uninterrupted)


def test_samples_do_not_depend_on_shard_size_nor_on_n(uninterrupted: Path, tmp_path: Path) -> None:
    more = command(tmp_path / "other", "--shard-size", "3", "--n", str(PAIRS + 2))
    subprocess.run(more, check=True, capture_output=True)
    for one, other in zip(open_dataset(uninterrupted), open_dataset(tmp_path / "other"), strict=False):
        for name in ("image1", "image2", "layer_id1", "layer_id2", "occ_fw", "occ_bw", "motions"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert one.scene == other.scene


def test_another_seed_makes_other_samples(uninterrupted: Path, tmp_path: Path) -> None:
    subprocess.run(command(tmp_path / "seed", "--seed", "1"), check=True, capture_output=True)
    assert not np.array_equal(
        open_dataset(tmp_path / "seed")[0].image1, open_dataset(uninterrupted)[0].image1
    )


def test_a_larger_n_makes_a_dataset_larger(uninterrupted: Path, tmp_path: Path) -> None:
    subprocess.run(command(tmp_path / "grown", "--n", "6"), check=True, capture_output=True)
    first = contents(tmp_path / "grown")["shard-00000.h5"]
    subprocess.run(command(tmp_path / "grown"), check=True, capture_output=True)
    assert contents(tmp_path / "grown") == contents(uninterrupted)
    assert contents(tmp_path / "grown")["shard-00000.h5"] == first


def waiting_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    """Returns when the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


@pytest.mark.parametrize(
    "moment", ["at the start", "first texture", "first shard begun", "first shard", "second shard"]
)
def test_a_killed_build_goes_on_to_the_same_bytes(
    moment: str, uninterrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAIRSGEN_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "killed"
    reached = {
        "at the start": out.exists,
        "first texture": lambda: any((tmp_path / "cache").rglob("*.texture")),
        "first shard begun": lambda: any(out.glob(".shard-*.part")),
        "first shard": (out / "shard-00000.h5").exists,
        "second shard": (out / "shard-00001.h5").exists,
    }[moment]
    process = subprocess.Popen(
        command(out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    waiting_for(lambda: reached() or process.poll() is not None)
    process.kill()
    process.wait()
    # Workers end with their parent, without being told.
    waiting_for(lambda: not members(process.pid), 20)
    for path in out.glob("shard-*.h5"):
        assert contents(out)[path.name] == contents(uninterrupted)[path.name]
    result = subprocess.run(command(out), capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert contents(out) == contents(uninterrupted)


def members(group: int) -> list[int]:
    """The living processes of a process group."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, pgrp = path.read_text().rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(pgrp) == group and state != "Z":
            found.append(int(path.parent.name))
    return found


def test_ctrl_c_keeps_whole_shards_and_says_how_to_go_on(uninterrupted: Path, tmp_path: Path) -> None:
    out = tmp_path / "interrupted"
    process = subprocess.Popen(
        command(out, "--n", "400"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    waiting_for((out / "shard-00001.h5").exists)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    last = errors.strip().splitlines()[-1]
    assert "are kept in" in last
    assert "the same command goes on" in last
    assert "Traceback" not in errors
    assert not list(out.glob(ASIDE))
    whole = contents(out)
    assert whole["shard-00000.h5"] == contents(uninterrupted)["shard-00000.h5"]
    assert len(open_dataset(out)) == SHARD * (len(whole) - 1)


def test_a_dead_worker_ends_the_build_with_its_error(tmp_path: Path) -> None:
    out = tmp_path / "dead"
    process = subprocess.Popen(
        command(out, "--n", "4000", "--workers", "2"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    waiting_for((out / "shard-00001.h5").exists)  # by then those workers are at work that go on to the end
    worker = next(
        pid for pid in members(process.pid) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    os.kill(worker, signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "a worker process died" in errors.strip().splitlines()[-1]
    assert "Traceback" not in errors
    waiting_for(lambda: not members(process.pid), 20)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--set", "chair.rotation.max_deg=5"], "chair.rotation.max_deg: 30.0 there, 5.0 here"),
        (["--seed", "3"], "seed: 0 there, 3 here"),
        (["--shard-size", "5"], "shard-size: 4 there, 5 here"),
        (["--dense-flow"], "dense-flow: False there, True here"),
        (["--n", "5"], "--n: 11 there, 5 here"),
        (["--set", "assets.chairs=5"], "assets.chairs: 6 there, 5 here"),
    ],
)
def test_a_folder_with_another_dataset_is_refused(uninterrupted: Path, more: list[str], said: str) -> None:
    before = contents(uninterrupted)
    result = subprocess.run(command(uninterrupted, *more), capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert said in result.stderr
    assert contents(uninterrupted) == before


def test_a_finished_build_is_left_as_it_is(uninterrupted: Path) -> None:
    before = contents(uninterrupted)
    subprocess.run(command(uninterrupted), check=True, capture_output=True)
    assert contents(uninterrupted) == before


def test_two_builds_in_one_folder_are_refused(tmp_path: Path) -> None:
    first = subprocess.Popen(command(tmp_path / "both"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    waiting_for((tmp_path / "both").exists)
    time.sleep(0.2)
    second = subprocess.run(command(tmp_path / "both"), capture_output=True, text=True, check=False)
    first.kill()
    first.wait()
    assert second.returncode == 2
    assert "is at work there" in second.stderr


def test_an_unknown_executor_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--executor slurm: must be one of local, ray"):
        build(tmp_path / "out", n=1, executor="slurm")


def test_a_cache_that_is_no_folder_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CHAIRSGEN_CACHE", str(tmp_path / "file"))
    result = subprocess.run(command(tmp_path / "out"), capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith(f"chairsgen: {tmp_path / 'file' / 'textures'}: Not a directory: ")
    assert result.stderr.count("\n") == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for one or two small shards."""
    place = tmp_path / "disk"
    place.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=500k", "tmpfs", str(place)]
    try:
        mounted = subprocess.run(mounting, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("needs the right to mount a file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_keeps_whole_shards_and_the_build_goes_on_with_more_room(
    small_disk: Path, uninterrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = small_disk / "out"
    recipe = Recipe.load("flyingchairs", SMALL)
    refused = subprocess.run(command(out, "--n", "400"), capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "GB are needed" in refused.stderr
    assert not list(out.iterdir())
    monkeypatch.setattr(shards, "estimate", lambda *_, **__: 0)
    with pytest.raises(InputError, match=r"No space left on device: make room.*the same command goes on"):
        build(out, n=PAIRS, shard_size=SHARD, recipe=recipe, quiet=True)
    kept = [path.name for path in out.iterdir()]
    for name in kept:
        assert name == MANIFEST or contents(out)[name] == contents(uninterrupted)[name]
    subprocess.run(["mount", "-o", "remount,size=50m", str(small_disk)], check=True)
    build(out, n=PAIRS, shard_size=SHARD, recipe=recipe, quiet=True)
    assert contents(out) == contents(uninterrupted)


def test_dense_flow_is_what_readers_derive(tmp_path: Path) -> None:
    subprocess.run(command(tmp_path / "dense", "--n", "3", "--dense-flow"), check=True, capture_output=True)
    with h5py.File(tmp_path / "dense" / "shard-00000.h5") as file:
        for position, sample in enumerate(open_dataset(tmp_path / "dense")):
            np.testing.assert_array_equal(file["flow_fw"][position], sample.flow_fw)
            np.testing.assert_array_equal(file["flow_bw"][position], sample.flow_bw)


def test_val_samples_and_train_samples_share_no_asset(uninterrupted: Path) -> None:
    manifest = open_dataset(uninterrupted).manifest
    sides = {asset["id"]: asset["side"] for asset in manifest.assets}
    assert manifest.val
    for sample in open_dataset(uninterrupted):
        shown = {sides[layer["asset"]] for layer in json.loads(sample.scene)["layers"]}
        assert shown == {"val" if sample.index in manifest.val else "train"}


def test_ray_makes_the_same_bytes(uninterrupted: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is an extra: pip install chairsgen[ray]")
    result = subprocess.run(
        command(tmp_path / "ray", "--executor", "ray", "--workers", "2"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert contents(tmp_path / "ray") == contents(uninterrupted)
