"""Contact sheets: what lies where, and what the command says of a wrong call."""

import subprocess
import sys
from pathlib import Path

import cv2
import made
import numpy as np
import pytest

from chairsgen import sheet
from chairsgen.compose import compose
from chairsgen.errors import InputError
from chairsgen.flowviz import flow_to_colour, occlusion_overlay


def test_a_sample_is_a_row_of_frames_flow_and_occlusion() -> None:
    rng = np.random.default_rng(5)
    samples = [compose(made.scene(rng, 24, 40, 5), made.load) for _ in range(3)]
    picture = sheet.contact_sheet(sheet.dataset_rows(samples), gap=2)
    assert picture.shape == (3 * 26 - 2, 4 * 42 - 2, 3)
    row = picture[26:50]
    np.testing.assert_array_equal(row[:, :40], samples[1].image1)
    np.testing.assert_array_equal(row[:, 42:82], samples[1].image2)
    np.testing.assert_array_equal(row[:, 84:124], flow_to_colour(samples[1].flow_fw, sheet.LONGEST_PX))
    overlay = occlusion_overlay(samples[1].image1, samples[1].occ_fw, samples[1].out_fw)
    np.testing.assert_array_equal(row[:, 126:], overlay)
    assert (picture[24:26] == 255).all()
    assert (picture[:, 40:42] == 255).all()


@pytest.mark.parametrize("kind", ["chairs", "photos"])
def test_embedded_assets(kind: str, tmp_path: Path) -> None:
    picture = tmp_path / "sheet.png"
    assert sheet._main([kind, str(picture), "--rows", "2", "--columns", "3", "--width", "300"]) == 0
    shown = cv2.imread(str(picture))
    assert shown.shape[1] == 300
    tiles = [tile for row in np.array_split(shown, 2) for tile in np.array_split(row, 3, axis=1)]
    assert all(tile.std() > 5 for tile in tiles), "a picture is empty"
    assert len({tile.tobytes() for tile in tiles}) == 6


def test_a_sheet_of_any_width_is_written_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flat = np.zeros((2, 900, 3), np.uint8)
    monkeypatch.setattr(sheet, "photo_pictures", lambda count: iter([flat] * count))
    assert sheet._main(["photos", str(tmp_path / "a.png"), "--rows", "1", "--width", "1"]) == 0
    assert cv2.imread(str(tmp_path / "a.png")).shape == (1, 1, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (["dataset", "{}/none", "{}/a.png"], "no dataset here"),
        (["chairs", "{}/a.png", "--rows", "0"], "--rows 0"),
        (["photos", "{}/file/a.png", "--rows", "1", "--columns", "1"], "cannot be written: .*: name a file"),
        (["photos", "{}/a.nothing", "--rows", "1", "--columns", "1"], "cannot be written: name a .png"),
        (["photos", "{}/a", "--rows", "1", "--columns", "1"], "cannot be written: name a .png"),
        (["chairs", "{}/a.png", "--width", "0"], "--width 0"),
    ],
)
def test_bad_calls_get_one_line(call: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=said):
        sheet._main([part.format(tmp_path) for part in call])


def test_a_bad_call_is_told_by_the_programs_name() -> None:
    call = [sys.executable, "-m", "chairsgen.sheet", "chairs", "a.png", "--width", "0"]
    result = subprocess.run(call, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr == "python -m chairsgen.sheet: --width 0: must be at least 1\n"
