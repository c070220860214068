"""Flow in the layouts that the benchmarks' servers take."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from chairsgen.errors import InputError
from chairsgen.flowio import read_flow
from trainer.submission import Submission

FLOW = np.random.default_rng(0).normal(0, 20, (5, 7, 2)).astype(np.float32)


def test_sintels_passes_share_a_folder(tmp_path: Path) -> None:
    for images in ("clean", "final"):
        submission = Submission(tmp_path, f"sintel:/data/a:b/sintel:{images}?set=test")
        path = submission.write("PERTURBED_market_3/frame_0001", FLOW)
        assert path == tmp_path / "sintel" / images / "PERTURBED_market_3" / "frame0001.flo"
        np.testing.assert_array_equal(read_flow(path)[0], FLOW)
    assert "bundler" in submission.finish()


@pytest.mark.parametrize(
    ("spec", "within"), [("kitti2015:/data/k?set=test", "flow/"), ("kitti2012:/data/k", "")]
)
def test_kittis_files_are_in_a_zip(spec: str, within: str, tmp_path: Path) -> None:
    submission = Submission(tmp_path, spec)
    for pair in ("000000", "000001"):
        path = submission.write(pair, FLOW)
        flow, valid = read_flow(path)
        assert valid.all()
        assert np.abs(flow - FLOW).max() <= 1 / 128
    name = spec[:9]
    assert submission.finish().startswith(f"{tmp_path / name}.zip")
    with zipfile.ZipFile(tmp_path / f"{name}.zip") as packed:
        files = {entry for entry in packed.namelist() if not entry.endswith("/")}
        assert files == {f"{within}000000_10.png", f"{within}000001_10.png"}
        assert packed.read(f"{within}000001_10.png") == path.read_bytes()


def test_kittis_flow_is_cut_to_what_its_files_hold(tmp_path: Path) -> None:
    flow = np.array([[[900.0, -900.0], [511.999, -512.001]]], np.float32)
    read, valid = read_flow(Submission(tmp_path, "kitti2015:k").write("000000", flow))
    assert valid.all()
    np.testing.assert_array_equal(read, [[[511.984375, -512.0]] * 2])


def test_flow_that_is_no_number_is_refused(tmp_path: Path) -> None:
    for spec in ("kitti2015:k", "sintel:s:clean"):
        with pytest.raises(InputError, match="not finite"):
            Submission(tmp_path, spec).write("ambush_1/frame_0001", np.full((2, 2, 2), np.nan, np.float32))


@pytest.mark.parametrize(
    "spec", ["data/chairs", "chairs:/data", "middlebury:/m", "sintel:/data", "kitti2013:/k"]
)
def test_other_datasets_have_no_server(spec: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--submission"):
        Submission(tmp_path, spec)
