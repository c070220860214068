"""The public benchmarks: every layout is read as its site unpacks it, and every damage is named in one line."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from trees import CASES, Case, Expected, Tree, chairs, claiming, flo, png

from chairsgen.dataset import open_dataset
from chairsgen.errors import InputError
from chairsgen.export import export
from trainer.data import open_training, open_validation, ordered
from trainer.data.images import read_image, read_mask
from trainer.data.source import Pair, Vectors

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 1572876\n"


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "data", np.random.default_rng(0))


def assert_pair(pair: Pair, expected: Expected) -> None:
    """A pair is what was put into its files."""
    image1, image2, flow, valid, occ = expected[pair.name]
    np.testing.assert_array_equal(pair.image1, image1)
    np.testing.assert_array_equal(pair.image2, image2)
    assert isinstance(pair.truth, Vectors)
    np.testing.assert_array_equal(pair.truth.valid, valid)
    np.testing.assert_array_equal(pair.truth.flow[valid], flow[valid].astype(np.float32))
    if occ is None:
        assert pair.occ is None
    else:
        assert pair.occ is not None
        np.testing.assert_array_equal(pair.occ, occ)


# --- what is there is read


def test_every_layout_is_read(case: Case, tree: Tree) -> None:
    expected = case.make(tree)
    source = open_validation(case.spec.format(tree.root) + "?split=all")
    assert [source.read(i).name for i in range(len(source))] == list(expected)
    for i in range(len(source)):
        assert_pair(source.read(i), expected)
    assert source.size == case.size
    assert pickle.loads(pickle.dumps(source)).read(0).name == next(iter(expected))
    assert source.fingerprint


def test_hidden_files_are_no_part_of_it(case: Case, tree: Tree) -> None:
    expected = case.make(tree)
    for path in tree.files:
        path.with_name(f"._{path.name}").write_bytes(b"Mac OS X")
        (path.parent / ".DS_Store").write_bytes(b"Bud1")
    source = open_validation(case.spec.format(tree.root) + "?split=all")
    assert [source.read(i).name for i in range(len(source))] == list(expected)


def test_batches_of_every_layout(case: Case, tree: Tree) -> None:
    expected = list(case.make(tree).values())
    source = open_validation(case.spec.format(tree.root) + "?split=all")
    batches = list(ordered(source, 2, torch.device("cpu")))
    assert sum(len(batch) for batch in batches) == len(expected)
    np.testing.assert_array_equal(batches[0].image1[0].permute(1, 2, 0).numpy(), expected[0][0])


@pytest.mark.parametrize(
    ("name", "train", "val"),
    [
        ("chairs", ["00001", "00003"], ["00002"]),
        ("chairs2", ["train/0000000", "train/0000001"], ["val/0000000"]),
        ("things", ["TRAIN/A/0000/0006", "TRAIN/A/0000/0007"], ["TEST/B/0012/0006"]),
    ],
)
def test_sides_are_the_datasets_own(name: str, train: list[str], val: list[str], tree: Tree) -> None:
    CASES[name].make(tree)
    spec = CASES[name].spec.format(tree.root)
    for source, names in ((open_training(spec).source, train), (open_validation(spec), val)):
        assert [source.read(i).name for i in range(len(source))] == names


@pytest.mark.parametrize("name", ["sintel", "kitti2012", "kitti2015", "middlebury"])
def test_test_sets_have_no_truth(name: str, tree: Tree) -> None:
    CASES[name].make(tree)
    spec = CASES[name].spec.format(tree.root) + "?set=test"
    with pytest.raises(InputError, match="a test set has no truth to judge by"):
        open_validation(spec)
    source = open_validation(spec, truth=False)
    assert len(source) >= 1
    pair = source.read(0)
    assert isinstance(pair.truth, Vectors)
    assert not pair.truth.valid.any()
    assert not pair.truth.flow.any()
    with pytest.raises(InputError, match="a test set has no truth to learn from"):
        open_training(spec)
    with pytest.raises(InputError, match="set=hidden: must be training or test"):
        open_validation(CASES[name].spec.format(tree.root) + "?set=hidden")


@pytest.mark.parametrize("layout", ["flyingchairs", "flyingchairs2", "kitti"])
def test_what_is_exported_is_read(layout: str, tmp_path: Path) -> None:
    dataset = open_dataset(tiny.dataset(tmp_path / "made", 3, val=(1,)))
    export(tmp_path / "made", tmp_path / "out", layout, workers=1, quiet=True)
    kind = {"flyingchairs": "chairs", "flyingchairs2": "chairs2", "kitti": "kitti2015"}[layout]
    source = open_validation(f"{kind}:{tmp_path / 'out'}?split=all")
    assert len(source) == len(dataset)
    for i, index in enumerate([0, 2, 1] if kind == "chairs2" else [0, 1, 2]):
        pair, sample = source.read(i), dataset[index]
        np.testing.assert_array_equal(pair.image1, sample.image1)
        np.testing.assert_array_equal(pair.image2, sample.image2)
        assert isinstance(pair.truth, Vectors)
        tolerance = 1 / 128 if kind == "kitti2015" else 0
        np.testing.assert_allclose(
            pair.truth.flow[pair.truth.valid], sample.flow_fw[pair.truth.valid], rtol=0, atol=tolerance
        )
        if kind != "chairs":
            assert pair.occ is not None
            unseen = sample.occ_fw | sample.out_fw
            np.testing.assert_array_equal(pair.occ, unseen & pair.truth.valid)


# --- what is not there, or damaged, is named


def read_all(case: Case, tree: Tree) -> None:
    """Opens a tree, and reads all of it."""
    source = open_validation(case.spec.format(tree.root) + "?split=all")
    for i in range(len(source)):
        source.read(i)


def refusal(case: Case, tree: Tree) -> str:
    """The one line that refuses a tree."""
    with pytest.raises(InputError) as caught:
        read_all(case, tree)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_tree_that_is_not_there_is_named(case: Case, tree: Tree) -> None:
    message = refusal(case, tree)
    assert str(tree.root) in message
    assert "looked for" in message
    tree.root.mkdir()
    assert "looked for" in refusal(case, tree)
    case.make(tree)
    for path in tree.files:
        path.unlink()
    message = refusal(case, tree)
    assert str(tree.root) in message
    assert "looked for" in message or "offered beside" in message


def test_every_missing_file_is_named(case: Case, tree: Tree) -> None:
    case.make(tree)
    for path in tree.files:
        name = str(path.relative_to(tree.root))
        if name.startswith(case.unneeded) or path.name in case.unnoticed:
            continue
        content = path.read_bytes()
        path.unlink()
        message = refusal(case, tree)
        assert str(path) in message
        assert "half there" in message or "offered beside" in message
        path.write_bytes(content)


@pytest.mark.parametrize("damage", [b"", LFS, b"<html>", "half", "last byte"])
def test_every_damaged_file_is_named(case: Case, tree: Tree, damage: bytes | str) -> None:
    case.make(tree)
    for path in tree.files:
        content = path.read_bytes()
        if str(path.relative_to(tree.root)).startswith(case.unneeded):
            continue
        cut = {"half": content[: len(content) // 2], "last byte": content[:-1]}
        if damage == "last byte" and path.suffix in (".png", ".txt"):
            continue  # the checksum of an end that says nothing; a line's end
        path.write_bytes(damage if isinstance(damage, bytes) else cut[damage])
        assert str(path) in refusal(case, tree)
        path.write_bytes(content)


def test_every_image_of_another_size_is_named(case: Case, tree: Tree) -> None:
    case.make(tree)
    pixels = np.zeros((3, 4, 3), np.uint8)
    other = {".png": png(pixels), ".ppm": b"P6 4 3 255\n" + pixels.tobytes(), ".flo": flo(pixels[..., :2])}
    for path in tree.files:
        name = str(path.relative_to(tree.root))
        if name.startswith(case.unneeded) or path.suffix not in other:
            continue
        content = path.read_bytes()
        path.write_bytes(other[path.suffix])
        message = refusal(case, tree)
        assert "unpack it again" in message or "no flow of KITTI's" in message
        path.write_bytes(content)


def test_a_whole_pair_of_another_size_is_named(tree: Tree) -> None:
    chairs(tree)
    pixels = np.zeros((3, 4, 3), np.uint8)
    for k in (1, 2):
        tree.put(f"data/00002_img{k}.ppm", b"P6 4 3 255\n" + pixels.tobytes())
    tree.put("data/00002_flow.flo", flo(pixels[..., :2]))
    source = open_validation(f"chairs:{tree.root}?split=all")
    with pytest.raises(InputError, match="00002 is 3 x 4, others are 6 x 8: take it out"):
        list(ordered(source, 1, torch.device("cpu")))


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"1\n2\n", "has 2 lines, there are 3 pairs"),
        (b"1\n3\n1\n", "must be 1"),
        (b"\xff\xfe1\n", "must be 1"),
    ],
)
def test_a_split_that_does_not_fit_is_named(content: bytes, cause: str, tree: Tree) -> None:
    chairs(tree)
    tree.put("FlyingChairs_train_val.txt", content)
    assert cause in refusal(CASES["chairs"], tree)


@pytest.mark.parametrize("spec", ["sintel:{}", "sintel:{}:albedo", "things:{}", "things:{}:both"])
def test_a_pass_must_be_chosen(spec: str, tree: Tree) -> None:
    with pytest.raises(InputError, match="say which images, by :clean or :final at the end"):
        open_validation(spec.format(tree.root))


# --- images


def test_images_and_masks(tmp_path: Path) -> None:
    path, rng = tmp_path / "a.png", np.random.default_rng(3)
    pixels = rng.integers(0, 256, (4, 5, 3), np.uint8)
    path.write_bytes(png(pixels))
    np.testing.assert_array_equal(read_image(path), pixels)
    path.write_bytes(png(pixels[..., 0] // 200))
    np.testing.assert_array_equal(read_mask(path), pixels[..., 0] >= 200)


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (png(np.zeros((4, 5), np.uint16)), "more than 8 bits"),
        (claiming(9000, 9000), "9000 x 9000 pixels are not in 57 bytes"),
        (claiming(50000, 50000), "decompression bomb"),
        (claiming(4, 5), "cannot be read as an image"),
        (png(np.zeros((4, 5), np.uint8))[:20], "cannot be read as an image"),
        (b"<html>404</html>", "no image"),
    ],
)
def test_images_that_cannot_be_read_are_named(content: bytes, cause: str, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match=cause) as caught:
        read_image(path)
    assert str(path) in str(caught.value)
