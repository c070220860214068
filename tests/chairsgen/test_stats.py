"""Statistics of a dataset equal those of all its pixels put together."""

import json
from pathlib import Path

import made
import numpy as np
import pytest

from chairsgen.compose import compose
from chairsgen.dataset import Dataset, open_dataset
from chairsgen.scene import Scene
from chairsgen.stats import PUBLISHED, measure, table


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Thirty crowded little pairs: more than one call of a worker."""
    folder: Path = tmp_path_factory.mktemp("stats")
    rng = np.random.default_rng(5)
    scenes: list[Scene] = [made.scene(rng, 24, 40, 5) for _ in range(30)]
    samples = [compose(scene, made.load, index) for index, scene in enumerate(scenes)]
    shard = made.write_shard(folder / "shard-00000.h5", samples)
    made.manifest(num_samples=30, shard_size=30, shards=(shard,)).save(folder)
    return open_dataset(folder)


def test_figures_are_those_of_all_pixels(dataset: Dataset) -> None:
    figures = measure(dataset, workers=2, quiet=True)
    samples = list(dataset)
    flow = np.concatenate([sample.flow_fw.reshape(-1, 2) for sample in samples]).astype(float)
    length = np.linalg.norm(flow, axis=1)
    layer_id = np.stack([sample.layer_id1 for sample in samples])
    expected = {
        "pairs": 30,
        "flow_mean": length.mean(),
        "flow_over_40": (length > 40).mean(),
        "u_std": flow[:, 0].std(),
        "v_std": flow[:, 1].std(),
        "u_mean": flow[:, 0].mean(),
        "v_mean": flow[:, 1].mean(),
        "coverage": (layer_id > 0).mean(),
        "visible_chairs": np.mean([len(set(np.unique(one)) - {0}) for one in layer_id]),
        "occluded": np.mean([sample.occ_fw for sample in samples]),
        "out_of_frame": np.mean([sample.out_fw for sample in samples]),
    }
    assert {name: figures[name] for name in expected} == pytest.approx(expected)
    for name, share in (("median", 50), ("p75", 75), ("p95", 95), ("p99", 99)):
        assert figures[f"flow_{name}"] == pytest.approx(np.percentile(length, share), abs=0.03)


def test_figures_do_not_depend_on_workers(dataset: Dataset) -> None:
    assert measure(dataset, workers=1, quiet=True) == measure(dataset, workers=2, quiet=True)


def test_the_table_shows_every_figure_beside_the_published_one(dataset: Dataset) -> None:
    figures = measure(dataset, workers=1, quiet=True)
    lines = table(figures).splitlines()
    assert len(lines) == 1 + len(PUBLISHED)
    assert json.loads(json.dumps(figures)) == figures
    assert set(figures) == {"pairs", *PUBLISHED}
