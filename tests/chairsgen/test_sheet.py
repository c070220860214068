"""Contact sheets: what lies where, and what the command says of a wrong call."""

from pathlib import Path

import cv2
import made
import numpy as np
import pytest

from chairsgen import sheet
from chairsgen.compose import compose
from chairsgen.errors import InputError
from chairsgen.flowviz import flow_to_colour


def test_a_sample_is_a_row_of_frames_flow_and_occlusion() -> None:
    rng = np.random.default_rng(5)
    samples = [compose(made.scene(rng, 24, 40, 5), made.load) for _ in range(3)]
    picture = sheet.contact_sheet(sheet.dataset_rows(samples), gap=2)
    assert picture.shape == (3 * 26 - 2, 4 * 42 - 2, 3)
    row = picture[26:50]
    np.testing.assert_array_equal(row[:, :40], samples[1].image1)
    np.testing.assert_array_equal(row[:, 42:82], samples[1].image2)
    np.testing.assert_array_equal(row[:, 84:124], flow_to_colour(samples[1].flow_fw, sheet.LONGEST_PX))
    np.testing.assert_array_equal(row[:, 126:], sheet.occlusion_overlay(samples[1]))
    assert (picture[24:26] == 255).all()
    assert (picture[:, 40:42] == 255).all()


def test_overlay_is_red_where_covered_and_blue_where_outside() -> None:
    rng = np.random.default_rng(5)
    sample = compose(made.scene(rng, 32, 48, 8), made.load)
    red, _, blue = np.moveaxis(sheet.occlusion_overlay(sample).astype(int), -1, 0)
    assert sample.occ_fw.any()
    assert sample.out_fw.any()
    assert (red > blue)[sample.occ_fw].all()
    assert (blue > red)[sample.out_fw].all()
    assert (red == blue)[~(sample.occ_fw | sample.out_fw)].all()


@pytest.mark.parametrize("kind", ["chairs", "photos"])
def test_embedded_assets(kind: str, tmp_path: Path) -> None:
    picture = tmp_path / "sheet.png"
    assert sheet._main([kind, str(picture), "--rows", "2", "--columns", "3", "--width", "300"]) == 0
    shown = cv2.imread(str(picture))
    assert shown.shape[1] == 300
    tiles = [tile for row in np.array_split(shown, 2) for tile in np.array_split(row, 3, axis=1)]
    assert all(tile.std() > 5 for tile in tiles), "a picture is empty"
    assert len({tile.tobytes() for tile in tiles}) == 6


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (["dataset", "{}/none", "{}/a.png"], "no dataset here"),
        (["chairs", "{}/a.png", "--rows", "0"], "--rows 0"),
        (["photos", "{}/none/a.png", "--rows", "1", "--columns", "1"], "cannot be written"),
        (["photos", "{}/a.nothing", "--rows", "1", "--columns", "1"], "cannot be written"),
        (["chairs", "{}/a.png", "--width", "0"], "--width 0"),
    ],
)
def test_bad_calls_get_one_line(call: list[str], said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        sheet._main([part.format(tmp_path) for part in call])
