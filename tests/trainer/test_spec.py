"""SPEC: what it names, and what is said where it is wrong."""

from pathlib import Path

import pytest
import tiny

from chairsgen.errors import InputError
from trainer.data import open_training, open_validation
from trainer.data.order import Part
from trainer.data.source import Source, Subset
from trainer.data.spec import KINDS, Kind

COUNT, VAL = 6, (1, 4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.dataset(tmp_path_factory.mktemp("data") / "chairs", COUNT, val=VAL)


def names(source: Source) -> list[str]:
    """The pairs of a source."""
    return [source.read(index).name for index in range(len(source))]


@pytest.mark.parametrize("form", ["{}", "shards:{}", "{}/", "shards:{}?", "{}?weight=1"])
def test_a_path_is_a_dataset_of_shards(folder: Path, form: str) -> None:
    part = open_training(form.format(folder))
    assert names(part.source) == ["0", "2", "3", "5"]
    assert (part.weight, part.start, part.stop) == (1.0, 0, None)
    assert part.source.name == form.format(folder)


def test_training_and_validation_take_their_sides(folder: Path) -> None:
    spec = str(folder)
    assert names(open_training(spec).source) == ["0", "2", "3", "5"]
    assert names(open_validation(spec)) == ["1", "4"]
    for side, expected in (("train", "0235"), ("val", "14"), ("all", "012345")):
        assert names(open_training(f"{spec}?split={side}").source) == list(expected)
        assert names(open_validation(f"{spec}?split={side}")) == list(expected)


def test_a_dataset_without_sides_is_taken_whole(tmp_path: Path) -> None:
    spec = str(tiny.dataset(tmp_path / "whole", 2))
    assert names(open_training(spec).source) == names(open_validation(spec)) == ["0", "1"]
    with pytest.raises(InputError, match="has no train and val side: leave split=val out"):
        open_validation(f"{spec}?split=val")


def test_weights_and_stages(folder: Path) -> None:
    part = open_training(f"{folder}?weight=0.5&from=10&until=2000&split=all")
    assert (part.weight, part.start, part.stop, len(part.source)) == (0.5, 10, 2000, COUNT)


def test_a_path_may_hold_a_colon(tmp_path: Path) -> None:
    folder = tiny.dataset(tmp_path / "a:b", 2)
    assert len(open_validation(str(folder))) == 2
    assert len(open_validation(f"shards:{folder}")) == 2


def test_other_kinds_are_a_line_each(monkeypatch: pytest.MonkeyPatch) -> None:
    class Halves(tiny.Numbers):
        def side(self, side: str) -> Source | None:
            return Subset(
                self, range(self.count // 2) if side == "val" else range(self.count // 2, self.count)
            )

    def opened(place: str, *, name: str, scale: str = "1") -> Source:
        folder, _, version = place.partition(":")
        assert (folder, version) == ("DIR", "clean")
        return Halves(4 * int(scale), name=name)

    monkeypatch.setitem(KINDS, "halves", Kind(open=opened, options=("scale",)))
    assert names(open_validation("halves:DIR:clean")) == ["0", "1"]
    part = open_training("halves:DIR:clean?scale=2&weight=3")
    assert isinstance(part, Part)
    assert names(part.source) == ["4", "5", "6", "7"]
    assert (part.source.size, part.source.num_layers, part.source.name) == (
        (2, 3),
        2,
        "halves:DIR:clean?scale=2&weight=3",
    )


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("shrads:{}", "unknown kind of dataset 'shrads': did you mean 'shards'"),
        ("zzz:{}", "unknown kind of dataset 'zzz': known are shards, stream"),
        ("shards:", "write shards:PLACE"),
        ("{}?wieght=2", "unknown option 'wieght': did you mean 'weight'"),
        ("{}?seed=2", "unknown option 'seed'"),
        ("{}?weight", "as NAME=VALUE"),
        ("{}?weight=2&weight=3", "every option once"),
        ("{}?weight=0", "weight=0: must be a number above 0"),
        ("{}?weight=inf", "weight=inf: must be a number above 0"),
        ("{}?weight=much", "weight=much: must be a number above 0"),
        ("{}?split=test", "split=test: must be train, val or all"),
        ("{}?from=-3", "from=-3: must be a step"),
        ("{}?until=1.5", "until=1.5: must be a step"),
        ("{}?from=7&until=7", "until=7 must come after from=7"),
        ("{}/nothing", "no dataset here"),
        ("", "no place|no dataset here"),
    ],
)
def test_mistakes_are_one_line(folder: Path, form: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        open_training(form.format(folder))
    assert "\n" not in str(caught.value)


def test_validation_knows_no_weights_and_stages(folder: Path) -> None:
    for option in ("weight=2", "from=3", "until=9"):
        with pytest.raises(InputError, match="unknown option"):
            open_validation(f"{folder}?{option}")


def test_an_empty_side_is_said(tmp_path: Path) -> None:
    folder = tiny.dataset(tmp_path / "all val", 2, val=(0, 1))
    assert len(open_validation(str(folder))) == 2
    with pytest.raises(InputError, match="holds no train pairs"):
        open_training(str(folder))


def test_an_unfinished_build_is_refused(tmp_path: Path) -> None:
    folder = tiny.dataset(tmp_path / "half", 4, shard_size=2)
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"num_samples": 4', '"num_samples": 6'))
    with pytest.raises(InputError, match="incomplete: 4 of 6 pairs: go on with the command"):
        open_training(str(folder))


def test_fingerprints_tell_datasets_apart(folder: Path, tmp_path: Path) -> None:
    other = tiny.dataset(tmp_path / "other", COUNT, seed=1)
    prints = [open_validation(str(place)).fingerprint for place in (folder, folder, other)]
    assert prints[0] == prints[1] != prints[2]
    assert open_training(str(folder)).source.fingerprint == prints[0]
