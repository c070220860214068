"""Flow of a user's own frames: what is written, what is read, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import photo

from chairsgen.errors import InputError
from chairsgen.flowio import read_flow, write_ppm
from chairsgen.flowviz import draw_arrows, flow_to_colour
from chairsgen.sample import Image
from trainer.cli import main
from trainer.media import natural_key, open_frames, read_image, video_writer
from trainer.methods import Flows, Images, open_method
from trainer.predict import FILES, predict

SIZE = (48, 62)


def frame(number: int) -> Image:
    """A frame of a scene that moves 2 px to the left and 1 px up each time."""
    return photo(3, 120, 160)[10 + number :, 20 + 2 * number :][: SIZE[0], : SIZE[1]].copy()


def write(path: Path, image: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[..., ::-1] if image.ndim == 3 and image.shape[2] == 3 else image)
    return path


@pytest.fixture
def pair(tmp_path: Path) -> list[str]:
    return [str(write(tmp_path / name, frame(i))) for i, name in enumerate(("one.png", "two.png"))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(5):
        write(tmp_path / "frames" / f"f{number + 8}.png", frame(number))
    return tmp_path / "frames"


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    with video_writer(path, 12.0) as show:
        for number in range(5):
            show(frame(number))
    return path


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as leaving:
        main(["predict", *map(str, arguments)])
    return int(leaving.value.code or 0)


class Recorder:
    """Flow of a constant; remembers the frames that it was given."""

    name = "recorder"

    def __init__(self, u: float = 3.0, v: float = -2.0) -> None:
        self.value, self.batches = np.array([u, v], np.float32), []

    def __call__(self, image1: Images, image2: Images) -> Flows:
        self.batches.append((image1, image2))
        return np.broadcast_to(self.value, (*image1.shape[:3], 2)).copy()


def read_video(path: Path) -> tuple[list[Image], float]:
    clip = cv2.VideoCapture(str(path))
    frames = []
    while (read := clip.read())[0]:
        frames.append(read[1][..., ::-1])
    return frames, clip.get(cv2.CAP_PROP_FPS)


# What is written.


def test_two_images_become_flow_and_its_picture(pair: list[str], tmp_path: Path) -> None:
    assert run("--method", "dis", *pair, "--out", tmp_path / "out") == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["one.flo", "one_colour.png"]
    expected = open_method("dis")(frame(0)[None], frame(1)[None])[0]
    flow, valid = read_flow(tmp_path / "out" / "one.flo")
    assert valid.all()
    np.testing.assert_array_equal(flow, expected)
    assert np.median(np.abs(flow - (-2, -1))) < 0.1
    np.testing.assert_array_equal(read_image(tmp_path / "out" / "one_colour.png"), flow_to_colour(expected))


def test_every_kind_of_file_says_the_same(pair: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    kinds = ",".join([*FILES, "video"])
    assert run("--method", "dis", "--refine", "variational", *pair, "--out", out, "--write", kinds) == 0
    flow, _ = read_flow(out / "one.flo")
    steps, valid = read_flow(out / "one_kitti.png")
    assert valid.all()
    assert np.abs(steps - flow).max() <= 1 / 128
    np.testing.assert_array_equal(read_image(out / "one_colour.png"), flow_to_colour(flow))
    np.testing.assert_array_equal(read_image(out / "one_arrows.png"), draw_arrows(frame(0), flow))
    warped = read_image(out / "one_warped.png").astype(int)[8:-8, 8:-8]
    assert np.abs(warped - frame(0)[8:-8, 8:-8]).mean() < np.abs(frame(1).astype(int) - frame(0)).mean() / 4
    shown, fps = read_video(out / "flow.mp4")
    assert (len(shown), fps) == (1, 25.0)
    assert shown[0].shape == (SIZE[0], 2 * SIZE[1], 3)
    beside = np.hstack([frame(0), flow_to_colour(flow)]).astype(int)
    assert np.abs(shown[0] - beside).mean() < 12


def test_the_warped_frame_is_frame_2_read_where_flow_leads(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{i}.png", frame(i)) for i in range(2)]
    predict(Recorder(3, -2), open_frames(paths), tmp_path, outputs=["warped"])
    warped = read_image(tmp_path / "0_warped.png")
    np.testing.assert_array_equal(warped[2:, :-3], frame(1)[:-2, 3:])
    assert not warped[:2].any()
    assert not warped[:, -3:].any()


def test_a_folder_is_taken_in_natural_order_and_each_flow_named_after_its_frame(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "notes.txt").write_text("no frame")
    (folder / ".f0.png").write_text("hidden")
    method, out = Recorder(), tmp_path / "out"
    assert predict(method, open_frames([folder]), out, outputs=["flo"], batch_size=3) == 4
    assert sorted(path.stem for path in out.iterdir()) == ["f10", "f11", "f8", "f9"]
    assert [len(batch[0]) for batch in method.batches] == [3, 1]
    for i, images in enumerate(zip(*method.batches, strict=True)):
        expected = np.stack([frame(number + i) for number in range(4)])
        np.testing.assert_array_equal(np.concatenate(images), expected)


@given(st.lists(st.text("ab0129_", max_size=6), max_size=8))
def test_natural_order_is_that_of_the_numbers(names: list[str]) -> None:
    ordered = sorted(names, key=natural_key)
    assert sorted(reversed(names), key=natural_key) == ordered
    numbers = [int(name) for name in ordered if name.isdecimal()]
    assert numbers == sorted(numbers)
    assert sorted(["f10", "f9", "F1", "f010"], key=natural_key) == ["F1", "f9", "f010", "f10"]


def test_batches_change_nothing(folder: Path, tmp_path: Path) -> None:
    for size in (1, 4):
        predict(open_method("dis"), open_frames([folder]), tmp_path / str(size), batch_size=size)
    for path in (tmp_path / "1").iterdir():
        assert path.read_bytes() == (tmp_path / "4" / path.name).read_bytes()


def test_a_video_becomes_a_video_at_its_own_pace(video: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("--method", "zero", video, "--out", out) == 0
    assert [path.name for path in out.iterdir()] == ["flow.mp4"]
    shown, fps = read_video(out / "flow.mp4")
    assert (len(shown), fps) == (4, 12.0)
    for number, picture in enumerate(shown):
        assert np.abs(picture[:, : SIZE[1]].astype(int) - frame(number)).mean() < 12
        assert picture[:, SIZE[1] + 8 :].min() > 225
    assert run("--method", "zero", video, "--out", out, "--write", "flo,video", "--fps", 5) == 0
    assert sorted(path.name for path in out.glob("*.flo")) == [f"clip_{i:06d}.flo" for i in range(4)]
    assert read_video(out / "flow.mp4")[1] == 5.0


def test_videos_of_odd_sizes_lose_nothing(tmp_path: Path) -> None:
    with video_writer(tmp_path / "odd.mp4", 25) as show:
        show(frame(0)[:47, :61])
    (shown,), _ = read_video(tmp_path / "odd.mp4")
    assert shown.shape == (48, 62, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["odd.mp4"]


def test_colours_of_a_sequence_are_of_one_length(folder: Path, pair: list[str], tmp_path: Path) -> None:
    def colour(paths: list[Path], **options: float) -> list[int]:
        predict(Recorder(1, 0), open_frames(paths), tmp_path / "out", outputs=["colour"], **options)
        picture = read_image(next((tmp_path / "out").glob("*_colour.png")))
        return picture[0, 0].tolist()

    flow = np.array([[[1.0, 0.0]]])
    assert colour([Path(path) for path in pair]) == [255, 0, 0]
    assert colour([Path(path) for path in pair], longest=4.0) == flow_to_colour(flow, 4.0)[0, 0].tolist()
    (tmp_path / "out" / "one_colour.png").unlink()
    assert colour([folder]) == flow_to_colour(flow, 0.04 * SIZE[1])[0, 0].tolist()


def test_flow_that_is_not_finite_is_unknown_in_files(pair: list[str], tmp_path: Path) -> None:
    frames = open_frames([Path(path) for path in pair])
    predict(Recorder(np.nan, 0), frames, tmp_path / "out", outputs=[*FILES, "video"])
    for name in ("one.flo", "one_kitti.png"):
        assert not read_flow(tmp_path / "out" / name)[1].any()
    assert not read_image(tmp_path / "out" / "one_colour.png").any()


def test_flow_longer_than_kittis_is_unknown_there(pair: list[str], tmp_path: Path) -> None:
    predict(Recorder(600, 0), open_frames([Path(path) for path in pair]), tmp_path, outputs=["flo", "kitti"])
    assert read_flow(tmp_path / "one.flo")[1].all()
    assert not read_flow(tmp_path / "one_kitti.png")[1].any()


@pytest.mark.parametrize(
    "options", [["--tile", "32"], ["--scale", "0.5"], ["--tile", "32", "--scale", "0.8"]]
)
def test_where_memory_is_short(options: list[str], pair: list[str], tmp_path: Path) -> None:
    assert run("--method", "lucas-kanade", *pair, "--out", tmp_path / "out", *options) == 0
    flow, _ = read_flow(tmp_path / "out" / "one.flo")
    assert flow.shape == (*SIZE, 2)
    assert np.median(np.abs(flow - (-2, -1))) < 0.5


# What is read.


def test_images_of_all_depths_are_read_alike(tmp_path: Path) -> None:
    image = frame(0)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    rgb16 = image.astype(np.uint16) * 257
    alpha = np.dstack([image[..., ::-1], np.full(SIZE, 255, np.uint8)])
    write(tmp_path / "rgb.png", image)
    write(tmp_path / "rgb16.png", rgb16)
    write(tmp_path / "alpha.png", alpha)
    write(tmp_path / "grey.png", grey)
    write(tmp_path / "grey16.png", grey.astype(np.uint16) * 257)
    write_ppm(tmp_path / "rgb.ppm", image)
    for name in ("rgb.png", "rgb16.png", "alpha.png", "rgb.ppm"):
        np.testing.assert_array_equal(read_image(tmp_path / name), image)
    for name in ("grey.png", "grey16.png"):
        np.testing.assert_array_equal(read_image(tmp_path / name), np.dstack([grey] * 3))


def test_more_than_two_images_are_taken_as_given(tmp_path: Path) -> None:
    paths = [write(tmp_path / name, frame(i)) for i, name in enumerate(("c.png", "a.png", "b.png"))]
    frames = open_frames(paths)
    assert frames.count == 3
    assert [name for name, _ in frames] == ["c", "a", "b"]


# What is refused.


def _damaged(change: Callable[[bytes], bytes]) -> Callable[[Path], list[object]]:
    def make(root: Path) -> list[object]:
        path = write(root / "bad.png", frame(1))
        path.write_bytes(change(path.read_bytes()))
        return [write(root / "good.png", frame(0)), path]

    return make


def _nothing(root: Path) -> list[object]:
    (root / "empty").mkdir()
    return [root / "empty"]


def _text(root: Path) -> list[object]:
    (root / "notes.txt").write_text("no video")
    return [root / "notes.txt"]


def _short(root: Path) -> list[object]:
    with video_writer(root / "short.mp4", 25) as show:
        show(frame(0))
    return [root / "short.mp4"]


def _truncated(root: Path) -> list[object]:
    with video_writer(root / "long.mp4", 25) as show:
        for number in range(5):
            show(frame(number))
    content = (root / "long.mp4").read_bytes()
    (root / "long.mp4").write_bytes(content[: len(content) // 2])
    return [root / "long.mp4"]


def _two_sizes(root: Path) -> list[object]:
    return [write(root / "a.png", frame(0)), write(root / "b.png", frame(1)[:40])]


def _one_name(root: Path) -> list[object]:
    for number, name in enumerate(("a.png", "a.jpg", "b.png")):
        write(root / "twice" / name, frame(number))
    return [root / "twice"]


def _folder_and_image(root: Path) -> list[object]:
    return [*_nothing(root), write(root / "a.png", frame(0))]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: [root / "nowhere"], "nowhere: no such file or folder"),
        (lambda root: [write(root / "a.png", frame(0)), root / "b.png"], "b.png: no such file"),
        (lambda root: [write(root / "a.png", frame(0))], "a.png: one image has no flow"),
        (lambda root: [write(root / "in" / "a.png", frame(0)).parent], "webp, .ppm: 1, flow takes two"),
        (_nothing, "webp, .ppm: 0, flow takes two"),
        (_text, "notes.txt: cannot be read as a video"),
        (_truncated, "long.mp4: cannot be read as a video"),
        (_short, "short.mp4: of its frames 1 can be read"),
        (_two_sizes, "frames differ in size: b is 62 x 40, the first 62 x 48"),
        (_one_name, "their flow would have one name"),
        (_folder_and_image, "or one folder, or one video"),
        (_damaged(lambda data: data[:1000]), "bad.png: truncated PNG"),
        (_damaged(lambda data: b""), "bad.png: zero bytes"),
        (_damaged(lambda data: b"version https://git-lfs.github.com/spec/v1"), "bad.png: not an image"),
    ],
)
def test_bad_input_is_one_line(
    make: Callable[[Path], list[object]], message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("--method", "zero", *make(tmp_path), "--out", tmp_path / "out") == 2
    output = capfd.readouterr()
    (line,) = [line for line in output.err.splitlines() if not line.startswith("flow: ")]
    assert message in line
    assert output.out == ""
    assert not list((tmp_path / "out").glob(".*"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "one of the arguments --checkpoint --method is required"),
        (["--method", "diss"], "unknown method 'diss': did you mean 'dis'"),
        (["--method", "zero", "--write", "flo,color"], "--write color: did you mean 'colour'"),
        (["--method", "zero", "--scale", "1.5"], "--scale 1.5: must be from 0.01 to 1"),
        (["--method", "zero", "--tile", "8"], "--tile 8: must be from 32"),
        (["--method", "zero", "--batch-size", "0"], "--batch-size 0: must be from 1"),
        (["--method", "zero", "--fps", "nan"], "--fps nan: must be from 0.1"),
        (["--method", "zero", "--radius", "0"], "--radius 0.0: must be from 0.01"),
        (["--method", "zero", "--checkpoint", "a.pt"], "not allowed with argument"),
        (["--checkpoint", "nowhere.pt"], "nowhere.pt: cannot be read"),
    ],
)
def test_a_mistaken_option_is_one_line(
    options: list[str], message: str, pair: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*options, *pair, "--out", tmp_path / "out") == 2
    output = capsys.readouterr()
    (line,) = output.err.splitlines()
    assert message in line
    assert output.out == ""


def test_a_place_that_cannot_be_written_is_named(pair: list[str], folder: Path) -> None:
    frames = open_frames([Path(path) for path in pair])
    with pytest.raises(InputError, match=r"one\.png: cannot be written"):
        predict(Recorder(), frames, Path(pair[0]))
    with pytest.raises(InputError, match="cannot be written"):
        predict(Recorder(), frames, Path("/proc/nowhere"))
    assert run("--method", "zero", folder, "--out", folder) == 2
    assert len(list(folder.iterdir())) == 5


def test_a_video_that_ends_early_is_told(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.predict.predict", lambda *_, **__: 2)
    assert run("--method", "zero", video, "--out", tmp_path / "out") == 0
    assert "clip.mp4: ended after 3 frames and says that it has 5" in capsys.readouterr().err
