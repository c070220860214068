"""Laws of streams: what a build would make, made on the fly."""

import functools
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from chairsgen import Recipe, build, pixel
from chairsgen.compose import Painter, painter_on
from chairsgen.errors import InputError
from chairsgen.gpu import open_gpu
from chairsgen.scene import side_of
from chairsgen.workers import Workers
from trainer.batch import LayeredTruth, Pairs
from trainer.data import open_training, open_validation, ordered, start_readers
from trainer.data.source import Side
from trainer.data.stream import Stream
from trainer.settings import configure
from trainer.train import Data

CPU = torch.device("cpu")
COUNT, SEED = 8, 3

RECIPE = """
[frame]
height = 96
width = 128
[chair.size]
mean_px = 60
std_px = 30
min_px = 20
[assets]
chairs = 6
photos = 4
sprite_px = 64
val_samples = 0.25
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "small.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    """One process that reads, with an empty bank."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHAIRSGEN_CACHE", str(tmp_path_factory.mktemp("cache")))
        with start_readers(1) as workers:
            yield workers


def same(one: Pairs, other: Pairs) -> bool:
    assert isinstance(one.truth, LayeredTruth)
    assert isinstance(other.truth, LayeredTruth)
    return all(
        map(
            torch.equal,
            (one.image1, one.image2, one.occ, one.truth.layer_id, one.truth.motions),
            (other.image1, other.image2, other.occ, other.truth.layer_id, other.truth.motions),
        )
    )


def test_where_it_is_painted_is_no_part_of_it(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = open_validation(f"stream:{recipe}?seed={SEED}&split=val")
    there = source.painted_on("cuda:1")
    assert there.fingerprint == source.fingerprint
    asked: list[str] = []

    def painter_on(device: str) -> Painter:
        asked.append(device)
        return pixel

    monkeypatch.setattr("trainer.data.stream.painter_on", painter_on)
    one, other = (pickle.loads(pickle.dumps(each)).read(1) for each in (source, there))
    assert asked == ["cpu", "cuda:1"]
    assert one.name == other.name
    assert (one.image2 == other.image2).all()


@pytest.mark.parametrize(
    ("paint", "device", "painted"),
    [("cpu", "cuda:2", "cpu"), ("cuda", "cuda:2", "cuda:2"), ("cuda", "cpu", "cuda")],
)
def test_a_training_paints_where_it_is_told_to(paint: str, device: str, painted: str, recipe: Path) -> None:
    spec = f"stream:{recipe}?seed={SEED}"
    config = configure(
        "spynet",
        data=[f"{spec}&weight=2"],
        val=[spec],
        crop=(64, 64),
        overrides=[f"machine.paint={paint}", "validation.pairs=1"],
    )
    data = Data.open(config, torch.device(device))
    sources = [*(part.source for part in data.parts.values()), *data.val.values()]
    assert [source.device for source in sources] == [painted, painted]


def test_without_a_gpu_there_is_none_to_paint_on(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.data.stream.painter_on", painter_on.__wrapped__)
    monkeypatch.setattr("chairsgen.compose.find_spec", lambda _: object())
    monkeypatch.setattr("chairsgen.gpu.open_gpu", open_gpu.__wrapped__)
    monkeypatch.setattr("chairsgen.gpu.find_spec", lambda _: None)
    source = open_validation(f"stream:{recipe}").painted_on("cuda")
    with pytest.raises(InputError, match=r"^stream:.*: machine.paint = cuda: .* or use cpu$"):
        source.read(0)


def test_a_stream_is_what_a_build_makes(recipe: Path, reader: Workers, tmp_path: Path) -> None:
    spec = f"stream:{recipe}?seed={SEED}"
    streamed = {
        split: list(ordered(open_validation(f"{spec}&split={split}"), 3, CPU, limit=limit, readers=reader))
        for split, limit in (("all", COUNT), ("train", 6), ("val", 2))
    }
    build(tmp_path / "built", n=COUNT, recipe=str(recipe), seed=SEED, workers=1, quiet=True)
    for split, batches in streamed.items():
        source = open_validation(f"{tmp_path}/built?split={split}")
        built = list(ordered(source, 3, CPU))
        assert len(built) == len(batches)
        assert all(map(same, built, batches)), split


@functools.cache
def stream(share: float) -> Stream:
    small = ("assets.chairs=6", "assets.photos=4", f"assets.val_samples={share}")
    return Stream(Recipe.load("flyingchairs", small), 0, "stream")


@given(st.sampled_from((0.25, 640 / 22872, 0.5, 0.99, 1e-3)), st.sampled_from(("train", "val")))
def test_a_side_is_the_builds_samples_of_that_side(share: float, side: Side) -> None:
    whole = stream(share)
    chosen = whole.side(side)
    assert chosen is not None
    found = (i for i in range(1500) if side_of(whole.recipe, whole.catalogue, i) == side)
    for number, index in enumerate(found):
        assert chosen.number(number) == index
    assert [whole.number(number) for number in (0, 7, 99)] == [0, 7, 99]


def test_training_streams_never_show_val_samples(recipe: Path) -> None:
    source = open_training(f"stream:{recipe}").source
    assert isinstance(source, Stream)
    sides = {side_of(source.recipe, source.catalogue, source.number(index)) for index in range(300)}
    assert sides == {"train"}


def test_a_stream_without_val_samples_has_no_sides() -> None:
    assert stream(0.0).side("train") is None
    assert stream(0.0).side("val") is None
    with pytest.raises(InputError, match="has no train pairs"):
        stream(1.0).side("train")


def test_streams_have_no_length_and_know_their_frames(recipe: Path) -> None:
    source = open_validation(f"stream:{recipe}")
    assert source.endless
    assert (source.size, source.num_layers) == ((96, 128), 24)
    with pytest.raises(TypeError, match="endless"):
        len(source)
    assert pickle.loads(pickle.dumps(source)).fingerprint == source.fingerprint
    assert open_validation(f"stream:{recipe}?seed=1").fingerprint != source.fingerprint


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("stream:flyingchair", "unknown recipe 'flyingchair': did you mean 'flyingchairs"),
        ("stream:nowhere.toml", "nowhere.toml: cannot be read"),
        ("stream:flyingchairs?seed=-1", "seed=-1: must be a whole number"),
        ("stream:flyingchairs?sed=1", "unknown option 'sed': did you mean 'seed'"),
    ],
)
def test_mistakes_are_one_line(spec: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        open_training(spec)
    assert "\n" not in str(caught.value)


def test_a_bank_that_cannot_be_written_is_one_line(recipe: Path, tmp_path: Path) -> None:
    class Full:
        def missing(self, wanted: object) -> list[str]:
            return ["job"]

        def make(self, job: str) -> int:
            raise OSError(28, "No space left on device", "some.texture")

    source = open_validation(f"stream:{recipe}")
    source.__dict__["_sprites"] = Full()
    with pytest.raises(InputError, match=r"some\.texture: No space left on device: free some space"):
        source.read(0)
