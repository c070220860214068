"""Loading of meshes: every real file stands upright, every damaged one says why."""

import json
import struct
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from chairsgen import meshes
from chairsgen.errors import UnusableAsset
from chairsgen.packs import AXES

SHARED = Path(__file__).parents[3] / "shared" / "data"
Z_UP = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
UNTEXTURED = {"Chair.obj"}


def _files(folder: str) -> list[Path]:
    return meshes.find([SHARED / folder]) if (SHARED / folder).is_dir() else []


def _box(size: tuple[float, ...], centre: tuple[float, ...]) -> trimesh.Trimesh:
    return trimesh.creation.box(size, trimesh.transformations.translation_matrix(centre))


def _chair() -> trimesh.Trimesh:
    """Seat, back and four legs, 0.9 m high, +Y up, facing +Z."""
    legs = [_box((0.05, 0.45, 0.05), (x, 0.225, z)) for x in (-0.2, 0.2) for z in (-0.2, 0.2)]
    return trimesh.util.concatenate(
        [*legs, _box((0.45, 0.05, 0.45), (0, 0.45, 0)), _box((0.45, 0.45, 0.04), (0, 0.7, -0.2))]
    )


def _points(scene: trimesh.Scene) -> np.ndarray:
    assert all(np.array_equal(scene.graph[node][0], np.eye(4)) for node in scene.graph.nodes_geometry)
    return np.concatenate([mesh.vertices for mesh in scene.geometry.values()])


def _assert_normalised(scene: trimesh.Scene) -> None:
    points = _points(scene)
    low, high = points.min(axis=0), points.max(axis=0)
    assert np.isfinite(points).all()
    np.testing.assert_allclose(low[1], 0, atol=1e-9)
    np.testing.assert_allclose((low + high)[[0, 2]], 0, atol=1e-9)
    np.testing.assert_allclose((high - low).max(), 1, atol=1e-9)


def _assert_is_the_chair(scene: trimesh.Scene) -> None:
    """Twice as high as wide, with the seat's surface at half height and the back behind."""
    _assert_normalised(scene)
    points = _points(scene)
    np.testing.assert_allclose(np.ptp(points, axis=0), np.array([0.45, 0.925, 0.45]) / 0.925, atol=1e-3)
    assert (points[points[:, 1] > 0.6, 2] < 0).all()
    assert 0.1 < (points[:, 1] < 0.05).mean() < 0.5


@pytest.mark.skipif(not _files("meshes"), reason="no real meshes: shared/data/meshes is absent")
@pytest.mark.parametrize("path", _files("meshes"), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_real_mesh_stands_upright_with_its_texture(path: Path) -> None:
    scene = meshes.load(path)
    _assert_normalised(scene)
    width, height, depth = np.ptp(_points(scene), axis=0)
    is_sofa = "ofa" in path.name and path.parent.name != "SofaB"
    if "couch" in path.name or is_sofa:
        assert height < max(width, depth)
    elif "stool" not in path.name and "armchair" not in path.name:
        assert height > 0.95 * max(width, depth)
    # Feet: what touches the floor reaches to both sides of the middle, left and right, front and back.
    points = _points(scene)
    feet = points[points[:, 1] < 0.05]
    assert (feet[:, [0, 2]].min(axis=0) < 0).all()
    assert (feet[:, [0, 2]].max(axis=0) > 0).all()
    images = [
        getattr(mesh.visual.material, "baseColorTexture", None)
        or getattr(mesh.visual.material, "image", None)
        for mesh in scene.geometry.values()
        if mesh.visual.kind == "texture"
    ]
    assert any(images) == (path.name not in UNTEXTURED)


CAUSES = {  # file: part of the cause, None if the file is usable
    "bench.gltf": "Draco-compressed",
    "office_chair.gltf": "Draco-compressed",
    "sofa.gltf": "Draco-compressed",
    "buffer/custom_property.gltf": "does not say where its data is",
    "valid_placeholder.glb": "does not say where its data is",
    "invalid_uri_data.glb": "data:, which is missing",
    "non_relative_uri.gltf": "http://example.com/buffer.bin, which is missing",
    "buffer/not_found.gltf": "not_found.bin, which is missing",
    "empty_json_chunk.glb": "cannot be parsed",
    "invalid_json_chunk.glb": "cannot be parsed",
    "invalid_magic.glb": "cannot be parsed",
    "only_header.glb": "truncated",
    "zero_length.glb": "truncated",
    "two_bin_chunks.glb": "cannot be parsed",
    "two_empty_bin_chunks.glb": "cannot be parsed",
    "two_empty_json_chunks.glb": "cannot be parsed",
    "two_images.glb": "damaged",
    "unknown_chunk.glb": "cannot be parsed",
    "zero_chunk_header.glb": "cannot be parsed",
    "buffer_view_bytestride.gltf": "does not say where its data is",
    "missing_mime_type_buffer_view.gltf": "does not say where its data is",
    "accessor_attribute_uint32.gltf": "come without data",
    "accessor_without_bytestride.gltf": "does not say where its data is",
    "mesh/bufferview_target_override.gltf": "does not say where its data is",
    "invalid_indexed_attribute.gltf": "come without data",
    "morph_attribute_invalid_count.gltf": "come without data",
    "morph_attribute_no_base.gltf": "come without data",
    "morph_bufferview_target_override.gltf": "does not say where its data is",
    "morph_unequal_targets_count.gltf": "come without data",
    "position_accessor_no_bounds.gltf": "come without data",
    "primitive_generated_tangent_space.gltf": "come without data",
    "primitive_incompatible_mode.gltf": "come without data",
    "primitive_no_position.gltf": "come without data",
    "unresolved_indices.gltf": "come without data",
    "unresolved_material.gltf": "come without data",
    "uv.gltf": "come without data",
    "node_skin_without_skinned_mesh.gltf": "come without data",
    "joints_no_weights.gltf": "damaged",
    "node_loop.gltf": "cycle",
    "node_loop_scene.gltf": "cycle",
    "face_in_group_name_mid_file.obj": None,
    "joined_tetrahedra.obj": None,
    "monkey.glb": None,
    "noimg.obj": None,
    "notenoughindices.obj": "flat",
    "polygonfaces.obj": None,
}
"""Files that are not named here are sound, but hold no triangles."""


@pytest.mark.skipif(not _files("meshes_bad"), reason="no damaged meshes: shared/data/meshes_bad is absent")
@pytest.mark.parametrize("path", _files("meshes_bad"), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_damaged_mesh_says_why(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    full = f"{path.parent.name}/{path.name}"
    cause = CAUSES.get(full, CAUSES.get(path.name, "has no triangles"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if cause is None:
            _assert_normalised(meshes.load(path))
        else:
            with pytest.raises(UnusableAsset) as caught:
                meshes.load(path)
            assert cause in str(caught.value)
            assert "\n" not in str(caught.value)
            assert path.name not in str(caught.value).replace(cause, "")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("suffix", [".obj", ".ply", ".off", ".stl"])
@pytest.mark.parametrize("up", ["Y", "Z"])
def test_formats_without_an_up_axis_are_told_by_the_shape(tmp_path: Path, suffix: str, up: str) -> None:
    chair = _chair()
    if up == "Z":
        chair.apply_transform(Z_UP)
    chair.export(tmp_path / f"chair{suffix}")
    _assert_is_the_chair(meshes.load(tmp_path / f"chair{suffix}"))


@pytest.mark.parametrize("axis", AXES)
def test_an_axis_that_is_given_wins_over_what_format_and_shape_say(tmp_path: Path, axis: str) -> None:
    up = np.eye(3)["xyz".index(axis[-1])] * (-1 if axis[0] == "-" else 1)
    fallen = _chair().apply_transform(trimesh.geometry.align_vectors([0, 1, 0], up))
    fallen.export(tmp_path / "chair.glb")
    scene = meshes.load(tmp_path / "chair.glb", axis)
    _assert_normalised(scene)
    points = _points(scene)
    np.testing.assert_allclose(np.ptp(points, axis=0)[1], 1, atol=1e-6)
    assert 0.1 < (points[:, 1] < 0.05).mean() < 0.5
    volume = trimesh.util.concatenate(list(scene.geometry.values())).volume
    np.testing.assert_allclose(volume, fallen.volume / 0.925**3, rtol=1e-4)


def test_an_upside_down_chair_stays_in_front(tmp_path: Path) -> None:
    turn = trimesh.transformations.rotation_matrix(np.pi, [0, 0, 1])
    _chair().apply_transform(turn).export(tmp_path / "chair.ply")
    _assert_is_the_chair(meshes.load(tmp_path / "chair.ply", "-y"))


def test_glb_with_nested_transforms(tmp_path: Path) -> None:
    scene = trimesh.Scene()
    turn = trimesh.transformations.rotation_matrix(0.3, [0, 1, 0])
    scene.graph.update(frame_from="world", frame_to="base", matrix=np.linalg.inv(turn))
    scene.add_geometry(_chair(), parent_node_name="base", transform=turn @ np.diag([-3.0, 3, 3, 1]))
    scene.export(tmp_path / "chair.glb")
    loaded = meshes.load(tmp_path / "chair.glb")
    _assert_is_the_chair(loaded)
    assert trimesh.util.concatenate(list(loaded.geometry.values())).volume > 0, (
        "the mirrored node is inside out"
    )


@pytest.mark.parametrize(("scale", "shift"), [(1e-6, 0.0), (1e6, 0.0), (1.0, 1e6)])
def test_any_size_and_place(tmp_path: Path, scale: float, shift: float) -> None:
    chair = _chair().apply_scale(scale)
    chair.vertices += shift
    np.set_printoptions(precision=17)
    (tmp_path / "chair.off").write_text(
        f"OFF\n{len(chair.vertices)} {len(chair.faces)} 0\n"
        + "".join(f"{x!r} {y!r} {z!r}\n" for x, y, z in chair.vertices.tolist())
        + "".join(f"3 {a} {b} {c}\n" for a, b, c in chair.faces.tolist())
    )
    _assert_is_the_chair(meshes.load(tmp_path / "chair.off"))


def test_ply_keeps_vertex_colours(tmp_path: Path) -> None:
    chair = _chair()
    chair.visual.vertex_colors = [200, 30, 10, 255]
    chair.export(tmp_path / "chair.ply")
    (mesh,) = meshes.load(tmp_path / "chair.ply").geometry.values()
    assert (mesh.visual.vertex_colors == [200, 30, 10, 255]).all()


def test_glb_vertex_colours_are_linear(tmp_path: Path) -> None:
    chair = _chair()
    chair.visual.vertex_colors = [55, 55, 55, 255]
    chair.export(tmp_path / "chair.glb")
    (mesh,) = meshes.load(tmp_path / "chair.glb").geometry.values()
    assert (np.abs(mesh.visual.vertex_colors[:, :3].astype(int) - 128) <= 1).all()


def _write_obj(folder: Path, mtl: str) -> Path:
    chair = _chair()
    lines = ["mtllib chair.mtl", "usemtl wood", "vt 0.5 0.5"]
    lines += [f"v {x} {y} {z}" for x, y, z in chair.vertices]
    lines += [f"f {a}/1 {b}/1 {c}/1" for a, b, c in chair.faces + 1]
    (folder / "chair.obj").write_text("\n".join(lines))
    (folder / "chair.mtl").write_text("newmtl wood\n" + mtl)
    return folder / "chair.obj"


def test_obj_colour_without_a_texture(tmp_path: Path) -> None:
    (mesh,) = meshes.load(_write_obj(tmp_path, "Kd 0.2 0.4 0.6\n")).geometry.values()
    assert mesh.visual.material.diffuse.tolist() == [51, 102, 153, 255]


@pytest.mark.parametrize(
    "name", ["wood.png", "C:\\artist\\wood.png", "../gone/wood.png", "-s 1 1 1 wood.png"]
)
def test_obj_colour_does_not_darken_a_texture_found_beside_it(tmp_path: Path, name: str) -> None:
    Image.new("RGB", (4, 4), (10, 200, 30)).save(tmp_path / "wood.png")
    (mesh,) = meshes.load(_write_obj(tmp_path, f"Kd 0.1 0.1 0.1\nmap_Kd {name}\n")).geometry.values()
    assert mesh.visual.material.diffuse.tolist() == [255, 255, 255, 255]
    assert mesh.visual.material.image.getpixel((0, 0)) == (10, 200, 30, 255)


@pytest.mark.parametrize("content", [None, b"", b"\x89PNG\r\n\x1a\n cut short"])
def test_texture_that_cannot_be_read_leaves_the_geometry(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "wood.png").write_bytes(content)
    _assert_is_the_chair(meshes.load(_write_obj(tmp_path, "map_Kd wood.png\n")))


def _write_stl(path: Path, change: Callable[[np.ndarray], None]) -> Path:
    triangles = np.array(_chair().triangles, dtype=np.float32)
    change(triangles)
    records = np.zeros(
        len(triangles), dtype=[("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("pad", "<u2")]
    )
    records["corners"] = triangles
    path.write_bytes(bytes(80) + struct.pack("<I", len(triangles)) + records.tobytes())
    return path


def test_few_broken_vertices_are_left_out(tmp_path: Path) -> None:
    def break_few(triangles: np.ndarray) -> None:
        triangles[0, 0, 1] = np.nan
        triangles[1, 1, 0] = np.inf

    scene = meshes.load(_write_stl(tmp_path / "chair.stl", break_few))
    _assert_normalised(scene)
    assert sum(len(mesh.faces) for mesh in scene.geometry.values()) == 12 * 6 - 2


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda triangles: triangles.__setitem__(slice(None, None, 3), np.nan), "not finite"),
        (lambda triangles: triangles.__setitem__(slice(None), 1.0), "no extent"),
        (lambda triangles: triangles.__setitem__((..., 1), 0.0), "flat"),
    ],
)
def test_unusable_geometry(tmp_path: Path, change: Callable[[np.ndarray], None], cause: str) -> None:
    with pytest.raises(UnusableAsset, match=cause):
        meshes.load(_write_stl(tmp_path / "chair.stl", change))


def test_index_out_of_range(tmp_path: Path) -> None:
    (tmp_path / "chair.off").write_text("OFF\n4 2 0\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n3 0 1 2\n3 0 1 9\n")
    with pytest.raises(UnusableAsset):
        meshes.load(tmp_path / "chair.off")


def test_too_many_triangles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _chair().export(tmp_path / "chair.stl")
    monkeypatch.setattr(meshes, "MAX_TRIANGLES", 10)
    with pytest.raises(UnusableAsset, match="more than 10 triangles"):
        meshes.load(tmp_path / "chair.stl")


def test_want_of_memory_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    _chair().export(tmp_path / "chair.stl")
    monkeypatch.setattr(trimesh, "load_scene", fail)
    with pytest.raises(MemoryError):
        meshes.load(tmp_path / "chair.stl")


def test_missing_file_is_unusable(tmp_path: Path) -> None:
    with pytest.raises(UnusableAsset, match="cannot be opened"):
        meshes.load(tmp_path / "gone.obj")


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), suffix=st.sampled_from(meshes.SUFFIXES))
def test_corrupted_bytes_never_leak_another_exception(
    tmp_path: Path, data: st.DataObject, suffix: str
) -> None:
    path = tmp_path / f"chair{suffix}"
    if suffix == ".gltf":
        path.write_text(
            json.dumps({"asset": {"version": "2.0"}, "nodes": [{"children": [0]}], "scenes": [{}]})
        )
    else:
        _chair().export(path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    cause = ""
    try:
        _assert_normalised(meshes.load(path))
    except UnusableAsset as error:
        cause = str(error)
    assert "\n" not in cause


def test_content_hash_follows_the_files_referred_to(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4), (10, 200, 30)).save(tmp_path / "wood.png")
    path = _write_obj(tmp_path, "map_Kd wood.png\n")
    before = meshes.content_hash(path)
    (tmp_path / "other.png").write_bytes(b"not referred to")
    assert meshes.content_hash(path) == before
    Image.new("RGB", (4, 4), (10, 200, 31)).save(tmp_path / "wood.png")
    changed = meshes.content_hash(path)
    (tmp_path / "chair.mtl").write_text("newmtl wood\nKd 1 0 0\n")
    assert len({before, changed, meshes.content_hash(path)}) == 3


def test_content_hash_of_gltf_buffers(tmp_path: Path) -> None:
    for name, content in trimesh.exchange.gltf.export_gltf(trimesh.Scene(_chair())).items():
        (tmp_path / name.replace("model", "chair")).write_bytes(content)
    before = meshes.content_hash(tmp_path / "chair.gltf")
    buffer = next(tmp_path.glob("*.bin"))
    buffer.write_bytes(buffer.read_bytes()[:-1] + b"x")
    assert meshes.content_hash(tmp_path / "chair.gltf") != before
