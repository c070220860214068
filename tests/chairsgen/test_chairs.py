"""The laws of parametric chairs: a name is a chair, it stands, and nothing floats."""

import subprocess
import sys

import cv2
import numpy as np
import pytest
import trimesh
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from chairsgen import chairs
from chairsgen.chairs import curves, parts
from chairsgen.chairs.curves import unit
from chairsgen.chairs.materials import PAINTERS
from chairsgen.errors import InputError

SAMPLE = chairs.model_names(2 * len(chairs.families()))
REACH_M = 0.012
"""Parts touch whose sampled points, some 7 mm apart, come this near: surfaces within some 5 mm."""


@pytest.fixture(scope="module")
def scenes() -> dict[str, trimesh.Scene]:
    return {name: chairs.build(name) for name in SAMPLE}


def _vertices(scene: trimesh.Scene) -> np.ndarray:
    return np.vstack([mesh.vertices for mesh in scene.geometry.values()])


def _digest(scene: trimesh.Scene) -> str:
    pixels = sum(
        np.asarray(mesh.visual.material.baseColorTexture).sum(dtype=int) for mesh in scene.geometry.values()
    )
    return f"{_vertices(scene).sum():.9f} {_vertices(scene).std():.12f} {pixels}"


def test_same_name_same_chair(scenes: dict[str, trimesh.Scene]) -> None:
    for name in SAMPLE[:6]:
        again = chairs.build(name)
        for mesh, other in zip(scenes[name].geometry.values(), again.geometry.values(), strict=True):
            assert np.array_equal(mesh.vertices, other.vertices)
            assert np.array_equal(mesh.faces, other.faces)
            assert np.array_equal(mesh.visual.uv, other.visual.uv)
            image, same = mesh.visual.material.baseColorTexture, other.visual.material.baseColorTexture
            assert np.array_equal(np.asarray(image), np.asarray(same))


def test_same_chair_in_another_process(scenes: dict[str, trimesh.Scene]) -> None:
    name = SAMPLE[0]
    code = (
        "import sys, numpy as np; from chairsgen import chairs\n"
        "g = chairs.build(sys.argv[1]).geometry.values(); v = np.vstack([m.vertices for m in g])\n"
        "p = sum(np.asarray(m.visual.material.baseColorTexture).sum(dtype=int) for m in g)\n"
        "print(f'{v.sum():.9f} {v.std():.12f} {p}')"
    )
    run = subprocess.run([sys.executable, "-c", code, name], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == _digest(scenes[name])


def test_names() -> None:
    names = chairs.model_names()
    assert len(names) == len(set(names)) == 809
    assert names[:100] == chairs.model_names(100)
    assert {name.rpartition("-")[0] for name in SAMPLE} == set(chairs.families())
    assert len(chairs.families()) >= 12


def test_different_names_different_chairs(scenes: dict[str, trimesh.Scene]) -> None:
    assert len({_digest(scene) for scene in scenes.values()}) == len(SAMPLE)


@pytest.mark.parametrize(
    "name", ["winsor-003", "windsor", "windsor-3", "windsor-x12", "windsor-\u0661\u0662\u0663", ""]
)
def test_unknown_name(name: str) -> None:
    with pytest.raises(InputError, match=r"windsor-000" if name.startswith("win") else r"-000"):
        chairs.build(name)


def test_the_source_hash_is_over_code_and_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chairs, "files_hash", lambda paths: " ".join(path.name for path in paths))
    over = set(chairs.source_hash.__wrapped__().split())
    assert over > {"__init__.py", "parts.py", "windsor.py", "windsor.toml", "materials.toml"}


@pytest.mark.parametrize("name", SAMPLE)
def test_chair_is_sound(name: str, scenes: dict[str, trimesh.Scene]) -> None:
    meshes = list(scenes[name].geometry.values())
    vertices = _vertices(scenes[name])
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    assert np.isfinite(vertices).all()
    assert 3_000 <= sum(len(mesh.faces) for mesh in meshes) <= 27_000
    assert len(meshes) <= 4
    assert low[1] == pytest.approx(0, abs=1e-9)
    assert np.allclose((low + high)[[0, 2]], 0, atol=1e-9)
    assert 0.4 < high[1] < 1.4
    assert 0.3 < high[0] - low[0] < 2.5
    assert 0.3 < high[2] - low[2] < 1.3
    for mesh in meshes:
        assert np.isfinite(mesh.visual.uv).all()
        assert mesh.visual.uv.shape == (len(mesh.vertices), 2)
        pixels = np.asarray(mesh.visual.material.baseColorTexture)
        assert pixels.dtype == np.uint8
        assert pixels.min() >= 56
        assert pixels.max() <= 231


@pytest.mark.parametrize("name", SAMPLE)
def test_normals_are_unit_and_outward(name: str, scenes: dict[str, trimesh.Scene]) -> None:
    for mesh in scenes[name].geometry.values():
        normals = mesh.vertex_normals
        assert np.allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-6)
        corners = mesh.vertices[mesh.faces]
        cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        agree = (unit(cross) * unit(normals[mesh.faces].mean(axis=1))).sum(axis=1)
        area = np.linalg.norm(cross, axis=1)
        assert np.average(agree > 0.5, weights=area) > 0.97
        assert mesh.volume > 0


@pytest.mark.parametrize("name", SAMPLE)
def test_nothing_floats(name: str, scenes: dict[str, trimesh.Scene]) -> None:
    """Every part is linked to all others by parts that touch."""
    whole = trimesh.util.concatenate(
        [trimesh.Trimesh(m.vertices, m.faces, process=False) for m in scenes[name].geometry.values()]
    )
    _, welded = np.unique(np.round(whole.vertices, 6), axis=0, return_inverse=True)
    faces = welded.ravel()[whole.faces]
    edges = np.vstack([faces[:, :2], faces[:, 1:]])
    size = welded.max() + 1
    _, label = connected_components(
        coo_matrix((np.ones(len(edges)), edges.T), shape=(size, size)), directed=False
    )
    part = label[faces[:, 0]]

    points, face = _scatter(whole)
    owner = part[face]
    pairs = cKDTree(points).query_pairs(REACH_M, output_type="ndarray")
    links = owner[pairs]
    count = part.max() + 1
    _, groups = connected_components(
        coo_matrix((np.ones(len(links)), links.T), shape=(count, count)), directed=False
    )
    sizes = np.bincount(groups[part])
    assert (sizes > 0).sum() == 1, f"{(sizes > 0).sum()} separate groups, of {sizes[sizes > 0]} triangles"


def _scatter(mesh: trimesh.Trimesh) -> tuple[np.ndarray, np.ndarray]:
    """Points on the surface, some 7 mm apart, and the faces that they lie on."""
    rng = np.random.default_rng(0)
    count = np.ceil(mesh.area_faces / 0.007**2).astype(int) + 1
    face = np.repeat(np.arange(len(count)), count)
    a, b = np.sort(rng.random((2, len(face))), axis=0)
    weights = np.column_stack([a, b - a, 1 - b])
    return (mesh.triangles[face] * weights[:, :, None]).sum(axis=1), face


@pytest.mark.parametrize(
    "part",
    [
        parts.box((0.4, 0.1, 0.3), (0.03, 0.02, 0.05), (3, 1, 4)),
        parts.box((0.4, 0.1, 0.3), 0.01, grain="x").rotate("y", 0.4).mirrored(),
        parts.tube(curves.fillet([(0, 0, 0), (0, 0.5, 0), (0.2, 0.5, 0.4)], 0.08), 0.02),
        parts.sweep(curves.line((0, 0, 0), (0, 1, 0), 5), curves.rounded_rectangle(0.05, 0.03, 0.008)),
        parts.lathe([(0, 0), (0.2, 0), (0.2, 0.02), (0.04, 0.1), (0.03, 0.4), (0, 0.4)]),
        parts.slab(curves.superellipse(0.4, 0.5, 3.0), 0.04, 0.015),
    ],
    ids=["box", "mirrored", "tube", "sweep", "lathe", "slab"],
)
def test_solids_are_closed_and_face_outward(part: parts.Part) -> None:
    solid = trimesh.Trimesh(part.vertices, part.faces, process=False)
    solid.merge_vertices(merge_norm=True, merge_tex=True, digits_vertex=7)
    solid.update_faces(solid.nondegenerate_faces())
    assert solid.is_watertight
    assert solid.volume > 0


def test_warped_normals_stay_perpendicular() -> None:
    """A bent plate's normals are those of its bent surface, not of the flat one."""
    flat = parts.slab(curves.superellipse(0.4, 0.4, 4.0), 0.02, 0.008, rings=20)
    bent = flat.warp(lambda v: np.column_stack([v[:, 0], v[:, 1] + 2 * v[:, 0] ** 2, v[:, 2]]))
    top = flat.normals[:, 1] > 0.999
    expected = unit(np.column_stack([-4 * flat.vertices[:, 0], np.ones(len(top)), np.zeros(len(top))]))
    assert np.allclose(bent.normals[top], expected[top], atol=1e-3)


def test_fillet_keeps_its_radius() -> None:
    arc = curves.fillet([(0, 0), (1, 0), (1, 1)], 0.2)[1:-1]
    assert np.allclose(np.linalg.norm(arc - [0.8, 0.2], axis=1), 0.2)


@pytest.mark.parametrize("painter", sorted(PAINTERS))
def test_textures_tile(painter: str) -> None:
    """Across the seam a texture changes no more than it does elsewhere."""
    rng = np.random.default_rng(1)
    image = PAINTERS[painter](rng.random((3, 3)).astype(np.float32), rng)
    grey = cv2.cvtColor(np.clip(image, 0, 1), cv2.COLOR_RGB2GRAY)
    for axis in (0, 1):
        steps = np.abs(np.diff(grey, axis=axis, append=grey.take([0], axis=axis))).mean(axis=1 - axis)
        assert steps[-1] <= 1.05 * steps.max()
