"""The page: what is written, and what a real browser shows of it."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import made
import numpy as np
import pytest

from chairsgen.compose import compose
from chairsgen.dataset import Dataset, open_dataset
from chairsgen.errors import InputError
from chairsgen.page import pair, write_page
from chairsgen.verify import verify

HOSTILE = "</script><script>document.title='broken into'</script>"
VAL = (2, 5)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Six crowded little pairs, one layer with a name that would like to be a script."""
    folder = tmp_path_factory.mktemp("page") / "a&b"
    folder.mkdir()
    rng = np.random.default_rng(11)
    samples = []
    for index in range(6):
        scene = made.scene(rng, 36, 48, 6, strength=0.3 + index / 3)
        sample = compose(scene, made.load, index)
        samples.append(replace(sample, scene=sample.scene.replace(scene.layers[0].asset, HOSTILE)))
    shards = tuple(
        made.write_shard(folder / f"shard-0000{k}.h5", samples[2 * k : 2 * k + 2], 2 * k) for k in range(3)
    )
    made.manifest(num_samples=6, shards=shards, val=VAL).save(folder)
    return open_dataset(folder)


@pytest.fixture(scope="module")
def page(dataset: Dataset) -> Path:
    """The page of all six, where `chairsgen view DIR` puts it."""
    return write_page(dataset.folder, workers=1, quiet=True)


def data_of(folder: Path) -> dict[str, Any]:
    """What a pair's script tells the page."""
    text = (folder / pair.SCRIPT).read_text().removeprefix("chairsgen.pair(").removesuffix(");\n")
    return dict(json.loads(text))


def test_every_pair_has_its_files_and_the_page_its_assets(page: Path) -> None:
    names = {path.name for path in page.parent.iterdir()}
    assert names == {page.name, "page.css", "page.js", "wheel.png", "pairs"}
    folders = sorted((page.parent / "pairs").iterdir())
    assert [folder.name for folder in folders] == [f"{index:06d}" for index in range(6)]
    for folder in folders:
        assert {path.name for path in folder.iterdir()} == set(pair.FILES)


def test_pictures_are_the_samples(dataset: Dataset, page: Path) -> None:
    for sample in dataset:
        folder = page.parent / "pairs" / f"{sample.index:06d}"
        pictures = {
            name: np.asarray(cv2.imread(str(folder / f"{name}.png")))[..., ::-1] for name in pair.PICTURES
        }
        assert np.array_equal(pictures["frame1"], sample.image1)
        assert np.array_equal(pictures["frame2"], sample.image2)
        orange = (pictures["boundaries"] == (255, 140, 0)).all(axis=-1)
        assert np.array_equal(orange, sample.mb_fw)
        for number in range(len(sample.motions)):
            is_layer = (pictures["layers"] == pair.layer_colour(number)).all(axis=-1)
            assert np.array_equal(is_layer, sample.layer_id1 == number)


def test_numbers_are_the_samples(dataset: Dataset, page: Path) -> None:
    for sample in dataset:
        data = data_of(page.parent / "pairs" / f"{sample.index:06d}")
        assert np.array_equal(np.reshape(data["motions"], (-1, 2, 3)), sample.motions[:, :2])
        assert np.array_equal(np.reshape(data["inverse_motions"], (-1, 2, 3)), sample.inverse_motions[:, :2])
        assert data["mean"] == pytest.approx(np.linalg.norm(sample.flow_fw, axis=-1).mean())
        assert sum(data["histogram"]) == pytest.approx(1, abs=1e-4)
        assert data["figures"]["occluded"] == pytest.approx(sample.occ_fw.mean())
        assert sum(layer["share1"] for layer in data["layers"]) == pytest.approx(1)


def test_a_small_sample_is_spread_evenly_and_said_to_be_one(dataset: Dataset, tmp_path: Path) -> None:
    page = write_page(dataset.folder, tmp_path / "some", limit=3, workers=2, quiet=True)
    assert {path.name for path in (page.parent / "pairs").iterdir()} == {"000000", "000002", "000005"}
    assert "3 of 6 pairs, evenly spread" in page.read_text()


def test_a_later_page_takes_the_place_of_an_earlier_one(dataset: Dataset, tmp_path: Path) -> None:
    write_page(dataset.folder, tmp_path, workers=1, quiet=True)
    (tmp_path / "pairs" / "notes.txt").write_text("mine")
    page = write_page(dataset.folder, tmp_path, limit=1, workers=1, quiet=True)
    assert sorted(path.name for path in (tmp_path / "pairs").iterdir()) == ["000000", "notes.txt"]
    assert "1 of 6 pairs" in page.read_text()


def test_names_are_escaped(page: Path) -> None:
    html = page.read_text()
    assert "<h1>a&amp;b</h1>" in html
    assert "broken into" not in html
    assert html.count("<script") == html.count("</script>") == 2
    assert data_of(page.parent / "pairs" / "000000")["layers"][0]["asset"] == HOSTILE


def test_to_verify_the_page_is_not_there(dataset: Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(dataset.folder, folder, ignore=shutil.ignore_patterns("view"))
    before = list(verify(folder, workers=1, quiet=True))
    assert write_page(folder, workers=1, quiet=True) == folder / "view" / "index.html"
    assert list(verify(folder, workers=1, quiet=True)) == before


def test_only_what_has_sides_is_seen_from_one(dataset: Dataset, tmp_path: Path) -> None:
    pair.write_pair(tmp_path, dataset[0], {"disc"})
    seen = {layer["asset"]: layer["seen"] for layer in data_of(tmp_path)["layers"]}
    assert re.fullmatch(r"\d+ px", seen["disc"])
    assert re.fullmatch(r"\d+ px, from \d+°, -?\d+° up", seen["blob"])


def test_where_the_index_is_the_page_is_whole(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_page(dataset.folder, tmp_path, workers=1, quiet=True)
    written: list[str] = []
    write_pair = pair.write_pair

    def interrupted(folder: Path, *pair: Any) -> dict[str, Any]:
        written.append(folder.name)
        if len(written) == 3:
            raise KeyboardInterrupt
        return write_pair(folder, *pair)

    monkeypatch.setattr(pair, "write_pair", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_page(dataset.folder, tmp_path, workers=1, quiet=True)
    assert not (tmp_path / "index.html").exists()
    monkeypatch.undo()
    assert write_page(dataset.folder, tmp_path, workers=1, quiet=True).exists()


def test_mistakes_are_one_line(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("<h1>My site</h1>")
    empty = tmp_path / "empty"
    empty.mkdir()
    made.manifest(num_samples=4).save(empty)
    calls: list[tuple[Path, dict[str, Any], str]] = [
        (dataset.folder, {"out": tmp_path / "file"}, "file: File exists: choose another --out"),
        (dataset.folder, {"out": tmp_path / "file" / "view"}, "file.*: Not a directory: choose"),
        (dataset.folder, {"out": tmp_path / "site"}, "--out .*holds another index.html"),
        (dataset.folder, {"limit": 0}, "--limit 0"),
        (tmp_path, {}, "no dataset here"),
        (empty, {}, "no pairs yet"),
    ]
    for folder, arguments, message in calls:
        with pytest.raises(InputError, match=message) as error:
            write_page(folder, workers=1, quiet=True, **arguments)
        assert "\n" not in str(error.value)
    assert (tmp_path / "site" / "index.html").read_text() == "<h1>My site</h1>"


def test_what_is_not_replaced_stays(dataset: Dataset, tmp_path: Path) -> None:
    theirs = tmp_path / "out" / "pairs" / "theirs" / "flow.png"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"theirs")
    out = write_page(dataset.folder, out=tmp_path / "page", workers=1, quiet=True).parent
    for folder in (theirs.parents[2], out):
        with pytest.raises(InputError, match="--workers 0"):
            write_page(dataset.folder, out=folder, workers=0, quiet=True)
    assert (out / "index.html").exists()
    write_page(dataset.folder, out=theirs.parents[2], workers=1, quiet=True)
    assert theirs.read_bytes() == b"theirs"


# ---- In a browser


@pytest.fixture
def opened(browser: Any, page: Path) -> Iterator[Any]:
    """The page on a desktop; in the end it has neither complained nor asked the network for anything."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    tab = context.new_page()
    complaints: list[str] = []
    asked: list[str] = []
    for event in ("console", "pageerror", "requestfailed"):
        tab.on(event, lambda what: complaints.append(str(what)))
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(page.as_uri())
    wait_for_pair(tab, 0)
    yield tab
    assert not complaints
    assert {url.partition(":")[0] for url in asked} <= {"file", "data"}
    context.close()


def wait_for_pair(tab: Any, index: int) -> None:
    """Until a pair is on show, its picture too."""
    tab.wait_for_function(
        """index => {
            const picture = document.querySelector("#stage img:not([hidden])");
            return document.getElementById("title").textContent === `Pair ${index}` &&
                picture && picture.complete && picture.naturalWidth > 0;
        }""",
        arg=index,
        timeout=10000,
    )


def shown(tab: Any) -> str:
    """The view on show."""
    views = tab.eval_on_selector_all("#stage img:not([hidden])", "all => all.map(one => one.dataset.view)")
    assert len(views) == 1
    return str(views[0])


def value(tab: Any) -> tuple[str, np.float32, np.float32, int, str]:
    """The value under the pointer, as a person reads it."""
    names = ["xy", "u", "v", "layer", "state"]
    texts = tab.evaluate("names => names.map(name => document.getElementById(name).innerText)", names)
    xy, u, v, layer, state = (text.replace("\N{MINUS SIGN}", "-") for text in texts)
    return xy, np.float32(u), np.float32(v), int(layer.split(" ")[0]), state


def expected(dataset: Dataset, index: int, x: int, y: int, direction: str) -> tuple[Any, ...]:
    """What the shard says of a pixel of frame 1 ("fw") or of frame 2 ("bw")."""
    sample = dataset[index]
    u, v = getattr(sample, f"flow_{direction}")[y, x]
    layer_id = sample.layer_id1 if direction == "fw" else sample.layer_id2
    occluded, out = (bool(getattr(sample, f"{name}_{direction}")[y, x]) for name in ("occ", "out"))
    state = "occluded" if occluded else "out of frame" if out else "visible"
    return f"{x}, {y}", u, v, int(layer_id[y, x]), state


def test_keys_flip_frames_and_choose_views(opened: Any) -> None:
    assert shown(opened) == "frame1"
    for name in ("frame2", "frame1"):
        opened.keyboard.press("Space")
        assert shown(opened) == name
    for number, name in enumerate(pair.PICTURES, 1):
        opened.keyboard.press(str(number))
        assert shown(opened) == name
        pressed = opened.eval_on_selector_all(
            "[aria-pressed=true]", "all => all.map(one => one.dataset.view)"
        )
        assert pressed == [name]
    opened.keyboard.press("Space")
    opened.click("#stage")
    assert shown(opened) == "frame2"
    opened.hover("button[data-view=flow]")
    assert shown(opened) == "flow"
    opened.hover("#title")
    assert shown(opened) == "frame2"
    opened.keyboard.press("b")
    for name in ("frame1", "frame2"):
        opened.wait_for_selector(f"#stage [data-view={name}]:not([hidden])", timeout=5000)


def test_arrows_leaf_and_the_address_keeps_the_place(opened: Any, page: Path) -> None:
    for index in (1, 2):
        opened.keyboard.press("ArrowRight")
        wait_for_pair(opened, index)
    opened.keyboard.press("ArrowLeft")
    wait_for_pair(opened, 1)
    opened.keyboard.press("4")
    opened.wait_for_function("location.hash === '#1/occlusion'")
    opened.reload()
    wait_for_pair(opened, 1)
    assert shown(opened) == "occlusion"
    opened.focus("#slider")
    opened.keyboard.press("End")
    wait_for_pair(opened, 5)
    assert opened.get_attribute("#slider", "aria-valuetext") == "pair 5, 6 of 6"
    assert opened.is_disabled("#next")


def test_the_value_under_the_pointer_is_the_shards(opened: Any, dataset: Dataset) -> None:
    rng = np.random.default_rng(2)
    box = opened.locator("#stage").bounding_box()
    states = set()
    for index, direction in ((0, "fw"), (5, "fw"), (5, "bw")):
        opened.goto(f"{opened.url.partition('#')[0]}#{index}/frame{1 if direction == 'fw' else 2}")
        wait_for_pair(opened, index)
        sample = dataset[index]
        height, width = sample.size
        pixels = [
            (0, 0),
            (width - 1, height - 1),
            *zip(*rng.integers(0, (width, height), (25, 2)).T, strict=True),
        ]
        for x, y in pixels:
            opened.mouse.move(
                box["x"] + (x + 0.5) / width * box["width"], box["y"] + (y + 0.5) / height * box["height"]
            )
            seen = value(opened)
            assert seen == expected(dataset, index, int(x), int(y), direction)
            states.add(seen[-1])
    assert states == {"visible", "occluded", "out of frame"}


def test_the_pointer_is_moved_by_keys_alone(opened: Any, dataset: Dataset) -> None:
    opened.keyboard.press("Shift+ArrowRight")
    assert value(opened) == expected(dataset, 0, 24, 18, "fw")
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "ArrowLeft", "ArrowUp"):
        opened.keyboard.press(f"Shift+{key}")
    assert value(opened) == expected(dataset, 0, 25, 16, "fw")
    opened.keyboard.press("Escape")
    assert opened.inner_text("#u") == "\N{EN DASH}"


def test_filters_leave_the_pairs_that_they_name(opened: Any, dataset: Dataset) -> None:
    opened.select_option("#side", "val")
    wait_for_pair(opened, VAL[0])
    assert opened.inner_text("#count") == "2 of 6 shown"
    opened.click("#next")
    wait_for_pair(opened, VAL[1])
    opened.click("#clear")
    means = [np.linalg.norm(sample.flow_fw, axis=-1).mean() for sample in dataset]
    least, most = np.percentile(means, (20, 70))
    opened.fill("#least", str(least))
    opened.fill("#most", str(most))
    left = [index for index, mean in enumerate(means) if least <= mean <= most]
    assert opened.inner_text("#count") == f"{len(left)} of 6 shown"
    opened.fill("#least", "1e6")
    assert opened.is_visible("#none")
    assert not opened.is_visible("#stage")
    opened.focus("#clear")
    opened.keyboard.press("Enter")
    opened.wait_for_selector("#stage", timeout=5000)
    assert opened.inner_text("#count") == ""


def test_names_are_shown_as_text(opened: Any) -> None:
    assert opened.inner_text("#seen tr:first-child td:nth-child(2)") == HOSTILE
    assert opened.title() == "a&b: pairs of flyingchairs"


def test_pictures_have_texts_and_controls_have_names(opened: Any) -> None:
    texts = opened.eval_on_selector_all("img", "all => all.map(one => one.alt)")
    assert len(texts) == len(pair.PICTURES) + 1
    assert len(set(texts)) == len(texts)
    assert all(len(text) > 10 for text in texts)
    nameless = "all => all.filter(one => !(one.labels?.length || one.ariaLabel || one.innerText)).length"
    assert opened.eval_on_selector_all("button:not([hidden]), input, select", nameless) == 0
    assert "median" in opened.get_attribute("#histogram", "aria-label")


def test_the_focus_is_seen_and_reaches_every_control(opened: Any) -> None:
    reached = set()
    for _ in range(20):
        opened.keyboard.press("Tab")
        reached.add(opened.evaluate("document.activeElement.id || document.activeElement.dataset.view"))
        if opened.evaluate("document.activeElement !== document.body"):
            assert opened.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert reached >= {*pair.PICTURES, "blink", "slider", "next", "side", "least", "most", "own"}


def test_a_damaged_pair_is_named_and_the_others_are_shown(
    browser: Any, dataset: Dataset, tmp_path: Path
) -> None:
    page = write_page(dataset.folder, tmp_path, limit=2, workers=1, quiet=True)
    (tmp_path / "pairs" / "000000" / pair.SCRIPT).unlink()
    tab = browser.new_page()
    tab.goto(page.as_uri())
    tab.wait_for_function("document.getElementById('caption').innerText.includes('000000/pair.js')")
    for key in ("Space", "Escape", "b", "3", "Shift+ArrowUp", "ArrowRight"):
        tab.keyboard.press(key)
    wait_for_pair(tab, 5)
    tab.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_without_scrolling_sideways(browser: Any, page: Path, scheme: str) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True, color_scheme=scheme)
    tab = context.new_page()
    tab.goto(page.as_uri())
    wait_for_pair(tab, 0)
    tab.tap("#stage")
    assert shown(tab) == "frame2"
    assert tab.is_visible("#brief")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360
    assert tab.locator("#stage").bounding_box()["width"] > 320
    paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(re.findall(r"\d+", paper)[0]) < 128) == (scheme == "dark")
    context.close()
