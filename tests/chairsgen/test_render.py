"""Laws of the renderer: premultiplied, inside its canvas, the same every time, lit from both sides."""

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
import trimesh
from PIL import Image
from trimesh.visual.material import PBRMaterial
from trimesh.visual.texture import TextureVisuals

from chairsgen.errors import InputError
from chairsgen.render import Renderer, get_renderer
from chairsgen.surfaces import surfaces
from chairsgen.views import VIEWS, View

FRONT = View(azimuth_deg=0.0, elevation_deg=0.0)
LEVEL = [View(azimuth_deg=azimuth, elevation_deg=0.0) for azimuth in (0.0, 90.0, 180.0, 270.0)]


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    try:
        return get_renderer()
    except InputError as error:
        pytest.skip(f"no rendering: {error}")


def _box(
    size: Sequence[float], centre: Sequence[float], srgb: Sequence[int] = (150, 150, 150)
) -> trimesh.Trimesh:
    box = trimesh.creation.box(size, trimesh.transformations.translation_matrix(centre))
    box.visual.vertex_colors = [*srgb, 255]
    return box


def _chair() -> trimesh.Scene:
    """Seat, back and four legs; only its left arm (+X seen from the front) makes it lopsided."""
    legs = [_box((0.05, 0.45, 0.05), (x, 0.225, z)) for x in (-0.2, 0.2) for z in (-0.2, 0.2)]
    back = _box((0.45, 0.45, 0.04), (0, 0.7, -0.2), (180, 60, 40))
    return trimesh.Scene(
        [*legs, _box((0.45, 0.05, 0.45), (0, 0.45, 0)), back, _box((0.04, 0.2, 0.4), (0.2, 0.55, 0))]
    )


def _sphere(visual: TextureVisuals | None = None, *, srgb: Sequence[int] | None = None) -> trimesh.Scene:
    sphere = trimesh.creation.uv_sphere(count=[96, 96])
    if visual is not None:
        sphere.visual = visual
    elif srgb is not None:
        sphere.visual.vertex_colors = [*srgb, 255]
    return trimesh.Scene(sphere)


def _quad(material: PBRMaterial) -> trimesh.Scene:
    """A square upright before the camera, with texture coordinates over all of the texture."""
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=float)
    vertices = np.column_stack([corners - 0.5, np.zeros(4)])
    visual = TextureVisuals(uv=corners, material=material)
    return trimesh.Scene(trimesh.Trimesh(vertices, [[0, 1, 2], [0, 2, 3]], visual=visual, process=False))


def test_views_are_those_of_seeing_3d_chairs() -> None:
    assert len(VIEWS) == len(set(VIEWS)) == 62
    assert {view.elevation_deg for view in VIEWS} == {20, 30}


@pytest.mark.parametrize("size", [64, 255])
def test_shape_premultiplication_and_place(renderer: Renderer, size: int) -> None:
    images = renderer.render(_chair(), VIEWS[::7], size)
    assert len(images) == len(VIEWS[::7])
    for image in images:
        assert image.shape == (size, size, 4)
        assert image.dtype == np.uint8
        assert image.flags.c_contiguous
        alpha = image[..., 3]
        assert (image[..., :3] <= alpha[..., None]).all()
        assert not alpha[[0, -1]].any(), "the chair touches the border"
        assert not alpha[:, [0, -1]].any(), "the chair touches the border"
        rows, columns = np.nonzero(alpha)
        assert max(np.ptp(rows), np.ptp(columns)) > 0.4 * size
        assert (alpha == 255).sum() > 0.03 * size**2


def test_canvas_is_the_square_about_the_bounding_sphere(renderer: Renderer) -> None:
    (image,) = renderer.render(_sphere(), [FRONT], 128)
    rows, columns = np.nonzero(image[..., 3] > 127)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (1, 126, 1, 126)


def test_azimuth_goes_counter_clockwise_and_elevation_up(renderer: Renderer) -> None:
    sides = {"+z": (200, 0, 0), "+x": (0, 200, 0), "-z": (0, 0, 200), "+y": (200, 200, 0)}
    placed = {"+z": (0, 0, 0.5), "+x": (0.5, 0, 0), "-z": (0, 0, -0.5), "+y": (0, 0.5, 0)}
    boxes = [
        _box([0.9 if c == 0 else 0.05 for c in placed[side]], placed[side], srgb)
        for side, srgb in sides.items()
    ]
    views = [*LEVEL[:3], View(azimuth_deg=0.0, elevation_deg=80.0)]
    for image, side in zip(
        renderer.render(trimesh.Scene(boxes), views, 64), ("+z", "+x", "-z", "+y"), strict=True
    ):
        assert np.array_equal(image[32, 32, :3] > 40, np.array(sides[side]) > 0), side


def test_opposite_views_differ_and_mirrored_chairs_mirror(renderer: Renderer) -> None:
    front, _, rear, _ = (image.astype(int) for image in renderer.render(_chair(), LEVEL, 128))
    assert np.abs(front - rear).mean() > 5
    (mirrored,) = renderer.render(
        trimesh.Scene(_chair().to_geometry().apply_transform(np.diag([-1.0, 1, 1, 1]))), [FRONT], 128
    )
    assert np.abs(front[..., 3] - mirrored[:, ::-1, 3]).mean() < 0.5


def test_same_chair_gives_the_same_bytes(renderer: Renderer) -> None:
    first = renderer.render(_chair(), VIEWS[:3], 128)
    again = renderer.render(_chair(), VIEWS[:3], 128)
    renderer.render(_sphere(), VIEWS[:2], 64)
    after_another = renderer.render(_chair(), VIEWS[:3], 128)
    assert np.array_equal(first, again)
    assert np.array_equal(first, after_another)


def test_instances_equal_baked_meshes(renderer: Renderer) -> None:
    turn = trimesh.transformations.rotation_matrix(0.7, [0.3, 1, 0.2]) @ np.diag([-0.5, 0.8, 0.5, 1])
    scene = trimesh.Scene(trimesh.creation.icosphere())
    scene.graph.update(frame_from="world", frame_to="geometry_0", matrix=turn)
    baked = trimesh.Scene(trimesh.creation.icosphere().apply_transform(turn))
    placed, still = renderer.render(scene, [FRONT], 96)[0], renderer.render(baked, [FRONT], 96)[0]
    assert np.abs(placed.astype(int) - still).mean() < 0.2


@pytest.mark.parametrize("is_open", [False, True])
def test_flipped_normals_change_nothing(renderer: Renderer, is_open: bool) -> None:
    mesh = trimesh.creation.icosphere(subdivisions=3)
    if is_open:
        mesh.update_faces(mesh.triangles_center[:, 1] < 0.8)
    inside_out = mesh.copy()
    inside_out.invert()
    images = [renderer.render(trimesh.Scene(each), [FRONT], 96)[0] for each in (mesh, inside_out)]
    assert np.abs(images[0].astype(int) - images[1]).max() <= 2
    assert images[1][48, 48, :3].min() > 60


def test_mid_grey_is_exposed_well_and_white_does_not_clip(renderer: Renderer) -> None:
    for srgb, low, high in ((128, 85, 150), (235, 165, 245)):
        image = renderer.render(_sphere(srgb=[srgb] * 3), [FRONT], 128)[0]
        inside = image[image[..., 3] == 255][:, :3].astype(int)
        assert low < inside.mean() < high
        assert (inside == 255).mean() < 0.001
        assert inside.min() > 0.35 * srgb, "the shadow side is black"
        assert np.ptp(inside, axis=1).max() <= 1, "the light is coloured"


def test_linear_factors_and_srgb_colours_agree(renderer: Renderer) -> None:
    linear = [((value / 255 + 0.055) / 1.055) ** 2.4 for value in (180, 120, 60)]
    factor = TextureVisuals(material=PBRMaterial(baseColorFactor=[*linear, 1.0], roughnessFactor=0.7))
    by_factor = renderer.render(_sphere(factor), [FRONT], 64)[0].astype(int)
    by_vertex = renderer.render(_sphere(srgb=(180, 120, 60)), [FRONT], 64)[0]
    assert np.abs(by_factor - by_vertex).max() <= 3


def test_texture_shows_its_colours_the_right_way_up(renderer: Renderer) -> None:
    pixels = np.zeros((2, 3, 3), dtype=np.uint8)  # three wide: rows that OpenGL would align
    pixels[0], pixels[1] = [(220, 20, 20), (20, 220, 20), (20, 20, 220)], (220, 220, 20)
    texture = Image.fromarray(pixels).resize((99, 66), Image.Resampling.NEAREST)
    image = renderer.render(_quad(PBRMaterial(baseColorTexture=texture)), [FRONT], 200)[0]
    rows, columns = np.nonzero(image[..., 3] == 255)
    top, left = rows.min(), columns.min()
    height, width = np.ptp(rows), np.ptp(columns)
    for row, column, colour in ((0.2, 0.15, "r"), (0.2, 0.5, "g"), (0.2, 0.85, "b"), (0.8, 0.5, "rg")):
        seen = image[int(top + row * height), int(left + column * width), :3]
        assert {name for name, value in zip("rgb", seen, strict=True) if value > 100} == set(colour), seen


@pytest.mark.parametrize(
    ("mode", "expected"), [("OPAQUE", [1, 1, 1]), ("MASK", [0, 1, 1]), ("BLEND", [0, 0.5, 1])]
)
def test_alpha_modes(renderer: Renderer, mode: str, expected: list[float]) -> None:
    rgba = np.full((64, 96, 4), 200, dtype=np.uint8)
    rgba[..., 3] = np.repeat([0, 128, 255], 32)
    material = PBRMaterial(baseColorTexture=Image.fromarray(rgba), alphaMode=mode, alphaCutoff=0.4)
    image = renderer.render(_quad(material), [FRONT], 200)[0]
    assert (image[..., :3] <= image[..., 3:]).all()
    centre, reach = 100, 45  # the quad's thirds
    shown = [image[100, centre + shift, 3] / 255 for shift in (-reach, 0, reach)]
    np.testing.assert_allclose(shown, expected, atol=0.13)


def test_metal_and_rough_surfaces_look_different(renderer: Renderer) -> None:
    looks = [
        renderer.render(
            _sphere(TextureVisuals(material=PBRMaterial(baseColorFactor=[0.5, 0.4, 0.3, 1.0], **look))),
            [FRONT],
            96,
        )[0][..., :3].astype(int)
        for look in (
            {"roughnessFactor": 1.0},
            {"roughnessFactor": 0.1},
            {"roughnessFactor": 0.2, "metallicFactor": 1.0},
        )
    ]
    assert looks[1].max() - looks[0].max() > 20, "no highlight"
    assert np.abs(looks[2] - looks[1]).mean() > 3


def test_edges_follow_analytic_coverage(renderer: Renderer) -> None:
    size = 128
    alpha = renderer.render(_sphere(), [FRONT], size)[0][..., 3] / 255
    fine = (np.arange(size * 16) + 0.5) / 16 - size / 2
    disc = (np.hypot(fine[:, None], fine[None]) < size / 2 - 1).reshape(size, 16, size, 16).mean(axis=(1, 3))
    edge = (disc > 0) & (disc < 1)
    assert np.sqrt(((alpha - disc)[edge] ** 2).mean()) < 0.05
    assert np.abs(alpha - disc)[~edge].max() < 0.05


def test_creases_are_sharp_and_curves_smooth() -> None:
    (box,) = surfaces(trimesh.Scene(trimesh.creation.box()))
    assert box.closed
    assert len(box.positions) == 24
    assert (np.abs(box.normals).max(axis=1) > 0.999).all()
    (ball,) = surfaces(trimesh.Scene(trimesh.creation.icosphere(subdivisions=3)))
    assert len(ball.positions) == 642
    assert (np.einsum("vi,vi->v", ball.positions, ball.normals) > 0.99).all()


def test_surfaces_are_joined_by_material() -> None:
    wood = PBRMaterial(baseColorTexture=Image.new("RGB", (4, 4), (90, 60, 30)))
    scene = _chair()
    for shift in range(3):
        box = _box((0.1, 0.1, 0.1), (shift, 0, 0))
        box.visual = TextureVisuals(uv=np.zeros((8, 2)), material=wood)
        scene.add_geometry(box)
    assert len(surfaces(scene)) == 2


def test_fork_is_refused(renderer: Renderer) -> None:
    def child(queue: multiprocessing.SimpleQueue) -> None:
        try:
            renderer.render(_chair(), [FRONT], 32)
        except RuntimeError as error:
            queue.put(str(error))
        os._exit(0)

    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    process = context.Process(target=child, args=(queue,))
    process.start()
    process.join(30)
    assert "spawn" in queue.get()


@pytest.mark.parametrize(
    ("sabotage", "message"),
    [
        (
            """
import builtins
real = builtins.__import__
def broken(name, *rest, **kwargs):
    if name == "pyrender":
        raise ImportError("libEGL.so.1: no such\\nfile")
    return real(name, *rest, **kwargs)
builtins.__import__ = broken
""",
            "apt-get install libegl1 libgl1 libgl1-mesa-dri",
        ),
        (
            """
import importlib.metadata, sys
sys.version_info = (3, 13, 0)
importlib.metadata.version = lambda name: "3.1.0"
""",
            'pip install --no-deps "PyOpenGL>=3.1.5"',
        ),
    ],
    ids=["no library", "old PyOpenGL"],
)
def test_a_machine_that_cannot_render_is_told_what_to_install(sabotage: str, message: str) -> None:
    code = f"""
from chairsgen.errors import InputError
from chairsgen.render import get_renderer
{sabotage}
try:
    get_renderer()
except InputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert message in done.stdout
    assert done.stdout.count("\n") == 1


def test_gl_name_tells_the_driver(renderer: Renderer) -> None:
    assert len(renderer.gl_name) > 5
