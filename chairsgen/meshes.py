"""The user's meshes: finding the files, and loading each as an upright scene of one size.

A loaded scene has +Y up, stands on y = 0 centred on the y axis, and its bounding box's longest side is 1.
Its meshes hold world coordinates, and materials in the colour spaces that `chairsgen.surfaces` states.
"""

import contextlib
import io
import json
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import trimesh
from PIL import Image
from trimesh.visual.color import DEFAULT_COLOR
from trimesh.visual.material import PBRMaterial, SimpleMaterial
from trimesh.visual.texture import TextureVisuals

from chairsgen import finding
from chairsgen.errors import UnusableAsset
from chairsgen.hashing import files_hash
from chairsgen.packs import AUTO
from chairsgen.surfaces import to_srgb
from chairsgen.upright import TURNS, judged_axis

SUFFIXES = (".dae", ".glb", ".gltf", ".obj", ".off", ".ply", ".stl")
MAX_TRIANGLES = 5_000_000
MAX_BROKEN = 0.1
"""Share of a mesh's triangles that may use a vertex that is not finite; they are left out."""
COMPRESSED = {"KHR_draco_mesh_compression": "Draco", "EXT_meshopt_compression": "meshopt"}


def find(paths: Sequence[Path]) -> list[Path]:
    """The mesh files among `paths` and in the folders among them: see :func:`chairsgen.finding.find`."""
    return finding.find(paths, SUFFIXES, "mesh")


def content_hash(path: Path) -> str:
    """SHA-256, as hex, of a mesh file and of the files that it refers to: materials, textures, buffers.

    Raises:
        UnusableAsset: The file cannot be opened.
    """
    try:
        return files_hash([path, *_references(path)])
    except OSError as error:
        raise UnusableAsset(f"cannot be opened: {error.strerror or error}") from error


def load(path: Path, up_axis: str = AUTO) -> trimesh.Scene:
    """Load one mesh file as a scene.

    Args:
        path: The file.
        up_axis: What points up in it, one of `packs.AXES`; `packs.AUTO`: judge by its format and shape.

    Raises:
        UnusableAsset: It cannot be used; the message is the cause, on one line.
    """
    suffix = path.suffix.lower()
    content = _read_bytes(path)
    with _quiet():
        try:
            if suffix in (".glb", ".gltf"):
                _check_gltf(content)
            loaded = trimesh.load_scene(
                io.BytesIO(content), file_type=suffix[1:], resolver=_Neighbours(path.parent), process=False
            )
            meshes = list(_baked(loaded, suffix))
            return _normalised(meshes, suffix, content, up_axis)
        except (UnusableAsset, MemoryError):
            raise
        except FileNotFoundError as error:
            raise UnusableAsset(f"refers to {str(error)[:80]}, which is missing") from error
        except Exception as error:  # loaders fail in as many ways as there are damaged files
            reason = " ".join(f"{type(error).__name__} {error}".split())[:120]
            raise UnusableAsset(f"damaged, or no {suffix[1:].upper()} file ({reason})") from error


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnusableAsset(f"cannot be opened: {error.strerror or error}") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Loaders warn, log and print about files that are merely odd; callers of `load` hear the cause alone."""
    logger = logging.getLogger("trimesh")
    before = logger.disabled
    logger.disabled = True
    sink = io.StringIO()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before


class _Neighbours(trimesh.resolvers.Resolver):  # type: ignore[misc]
    """Files that a mesh refers to: where it says, or else, as downloads get flattened, beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, name: str) -> bytes:
        file = _neighbour(self.folder, name)
        if file is None:
            raise FileNotFoundError(name)
        return file.read_bytes()

    def keys(self) -> list[str]:
        return []

    def write(self, name: str, data: bytes) -> None:
        raise NotImplementedError

    def namespaced(self, namespace: str) -> "_Neighbours":
        return _Neighbours(self.folder / namespace)


def _neighbour(folder: Path, name: str) -> Path | None:
    name = unquote(name.strip().strip('"')).replace("\\", "/")
    # A .mtl file may put options before the name.
    for candidate in (folder / name, folder / Path(name).name, folder / (name.split() or [""])[-1]):
        with contextlib.suppress(OSError, ValueError):
            if candidate.is_file():
                return candidate
    return None


def _references(path: Path) -> list[Path]:
    """The files, of those that exist, that a mesh file refers to, each once."""
    suffix = path.suffix.lower()
    names: list[str] = []
    content = _read_bytes(path)
    if suffix in (".glb", ".gltf"):
        with contextlib.suppress(UnusableAsset, AttributeError, TypeError):
            header = _gltf_header(content)
            uris = [item.get("uri") for kind in ("buffers", "images") for item in header.get(kind, [])]
            names = [uri for uri in uris if isinstance(uri, str) and not uri.startswith("data:")]
    elif suffix == ".dae":
        names = _matches(rb"<init_from>(.*?)</init_from>", content)
    elif suffix == ".ply":
        names = _matches(rb"^comment TextureFile (.+)$", content[:10_000])
    elif suffix == ".obj":
        names = _matches(rb"^mtllib\s+(.+)$", content)
        for library in [_neighbour(path.parent, name) for name in names]:
            if library is not None:
                names += _matches(rb"^\s*map_\w+\s+(.+)$", _read_bytes(library))
    files = [_neighbour(path.parent, name) for name in names]
    return sorted({file for file in files if file is not None})


def _matches(pattern: bytes, content: bytes) -> list[str]:
    found = re.findall(pattern, content, flags=re.MULTILINE | re.IGNORECASE)
    return [name.decode("utf-8", "replace").strip() for name in found]


def _gltf_header(content: bytes) -> dict[str, Any]:
    """The JSON part of a .gltf or .glb file."""
    text = content
    if content[:4] == b"glTF":
        if len(content) < 20:
            raise UnusableAsset("truncated: a GLB file without a JSON chunk")
        text = content[20 : 20 + int.from_bytes(content[12:16], "little")]
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnusableAsset("damaged, or no glTF file: its JSON part cannot be parsed") from error
    if not isinstance(header, dict):
        raise UnusableAsset("no glTF file: its JSON part is no object")
    return header


def _check_gltf(content: bytes) -> None:
    """Refuse what the loader would misread, hang on, or name badly."""
    header = _gltf_header(content)
    for extension in header.get("extensionsRequired", []):
        if name := COMPRESSED.get(extension):
            raise UnusableAsset(
                f"{name}-compressed, which is not supported: decompress it first, e.g. with gltf-transform"
            )
    if any(accessor.get("count", 0) > 3 * MAX_TRIANGLES for accessor in header.get("accessors", [])):
        raise UnusableAsset(f"too large: more than {MAX_TRIANGLES:,} triangles")
    inside = 1 if content[:4] == b"glTF" else 0  # a GLB file's first buffer is its own
    if any("uri" not in buffer for buffer in header.get("buffers", [])[inside:]):
        raise UnusableAsset("damaged: a buffer does not say where its data is")
    if header.get("meshes") and not header.get("bufferViews"):
        raise UnusableAsset("damaged: its meshes come without data")
    nodes = header.get("nodes", [])
    waiting = [len(node.get("children", [])) for node in nodes]
    parents: list[list[int]] = [[] for _ in nodes]
    for parent, node in enumerate(nodes):
        for child in node.get("children", []):
            parents[child].append(parent)
    finished = [node for node, count in enumerate(waiting) if count == 0]
    for node in finished:  # grows: a node is finished once its children are
        for parent in parents[node]:
            waiting[parent] -= 1
            if waiting[parent] == 0:
                finished.append(parent)
    if len(finished) < len(nodes):
        raise UnusableAsset("its nodes form a cycle")


def _baked(scene: trimesh.Scene, suffix: str) -> Iterator[trimesh.Trimesh]:
    """The scene's triangle meshes in world coordinates, free of broken triangles and unused vertices."""
    broken = total = 0
    materials: dict[int, PBRMaterial | SimpleMaterial | None] = {}  # meshes that share one go on sharing it
    for node in scene.graph.nodes_geometry:
        transform, name = scene.graph[node]
        mesh = scene.geometry[name]
        if not isinstance(mesh, trimesh.Trimesh) or not len(mesh.faces):
            continue
        faces = np.asarray(mesh.faces, dtype=np.int64)
        total += len(faces)
        if total > MAX_TRIANGLES:
            raise UnusableAsset(f"too large: more than {MAX_TRIANGLES:,} triangles")
        if faces.min() < 0 or faces.max() >= len(mesh.vertices):
            raise UnusableAsset("damaged: a triangle refers to a vertex that does not exist")
        with np.errstate(all="ignore"):
            vertices = trimesh.transform_points(mesh.vertices, transform)
        sound = np.isfinite(vertices).all(axis=1)[faces].all(axis=1)
        broken += int((~sound).sum())
        if sound.any():
            material = getattr(mesh.visual, "material", None)
            if id(material) not in materials:
                materials[id(material)] = _material(material, suffix)
            yield _rebuilt(mesh, vertices, transform, sound, materials[id(material)], suffix)
    if total == 0:
        raise UnusableAsset("has no triangles")
    if broken > MAX_BROKEN * total:
        raise UnusableAsset(f"damaged: {broken} of {total} triangles have coordinates that are not finite")


def _rebuilt(
    mesh: trimesh.Trimesh,
    vertices: np.ndarray,
    transform: np.ndarray,
    sound: np.ndarray,
    material: PBRMaterial | SimpleMaterial | None,
    suffix: str,
) -> trimesh.Trimesh:
    """The `sound` triangles of `mesh`, with `vertices` (its own, transformed) and `material`."""
    used, faces = np.unique(mesh.faces[sound], return_inverse=True)
    faces = faces.reshape(-1, 3)
    linear = transform[:3, :3]
    if np.linalg.det(linear) < 0:
        faces = faces[:, ::-1]
    normals = None
    if "vertex_normals" in mesh._cache and np.linalg.det(linear) != 0:
        given = mesh.vertex_normals[used] @ np.linalg.inv(linear)
        if np.isfinite(given).all() and (np.linalg.norm(given, axis=1) > 0).all():
            normals = given / np.linalg.norm(given, axis=1, keepdims=True)
    rebuilt = trimesh.Trimesh(vertices=vertices[used], faces=faces, vertex_normals=normals, process=False)
    visual = mesh.visual
    if visual.kind == "face":
        rebuilt.visual.face_colors = visual.face_colors[sound]
    elif visual.kind == "vertex":
        colours = np.array(visual.vertex_colors[used])
        if suffix in (".glb", ".gltf"):  # linear light there, sRGB everywhere else
            colours[:, :3] = np.round(255 * to_srgb(colours[:, :3] / 255.0))
        colours[:, 3] = 255
        rebuilt.visual.vertex_colors = colours
    elif material is not None:
        usable = visual.uv is not None and len(visual.uv) == len(mesh.vertices)
        uv = np.nan_to_num(np.asarray(visual.uv, dtype=np.float64)[used]) if usable else None
        rebuilt.visual = TextureVisuals(uv=uv, material=material)
        if "color" in visual.vertex_attributes:
            rebuilt.visual.vertex_attributes["color"] = visual.vertex_attributes["color"][used]
    return rebuilt


def _material(material: Any, suffix: str) -> PBRMaterial | SimpleMaterial | None:
    """The material reduced to what the renderer shows; None for one that says nothing.

    An OBJ's diffuse factor is not meant to darken its texture. glTF's default of full metalness is not
    followed: exporters leave the key out for plastics. Nor is trimesh's default grey, beside a texture,
    which files that it converted carry. A texture of metalness and roughness counts by its mean.
    """
    if isinstance(material, SimpleMaterial):
        image = _sound_image(material.image)
        # trimesh stands a plain image of 2x2 pixels in for a material that is not there.
        if "kd" not in material.kwargs and (image is None or image.size == (2, 2)):
            return None
        colour = np.full(3, 255) if image is not None else material.diffuse[:3]
        opacity = float(np.ravel(material.kwargs.get("d", 1.0))[0])
        return _simple(image, colour, opacity, material.glossiness)
    if not isinstance(material, PBRMaterial):
        return None
    image = _sound_image(material.baseColorTexture)
    roughness = 1.0 if material.roughnessFactor is None else material.roughnessFactor
    metallic = material.metallicFactor or 0.0
    if (detail := _sound_image(material.metallicRoughnessTexture)) is not None:
        _, green, blue, _ = np.asarray(detail.resize((1, 1), Image.Resampling.BOX))[0, 0] / 255.0
        roughness, metallic = roughness * green, metallic * blue
    if suffix == ".dae":  # its colours are sRGB
        factor = material.baseColorFactor
        return _simple(image, factor[:3], float(factor[3]) / 255, 2 / max(roughness, 0.05) ** 4 - 2)
    factor = material.baseColorFactor
    if image is not None and np.array_equal(factor, DEFAULT_COLOR):
        factor = None
    return PBRMaterial(
        baseColorTexture=image,
        baseColorFactor=factor,
        metallicFactor=float(np.clip(metallic, 0, 1)),
        roughnessFactor=float(np.clip(roughness, 0, 1)),
        alphaMode=material.alphaMode,
        alphaCutoff=material.alphaCutoff,
    )


def _simple(
    image: Image.Image | None, colour: np.ndarray, opacity: float, glossiness: float
) -> SimpleMaterial:
    """A material of sRGB colour; no opacity at all means that the exporter counted the other way round."""
    alpha = round(255 * min(max(opacity, 0.0), 1.0)) or 255
    diffuse = np.append(colour, alpha).astype(np.uint8)
    return SimpleMaterial(image=image, diffuse=diffuse, glossiness=glossiness)


def _sound_image(image: Image.Image | None) -> Image.Image | None:
    """The image, decoded; None where it cannot be: geometry is worth keeping without its texture."""
    try:
        return image and image.convert("RGBA")
    except Exception:
        return None


def _normalised(meshes: list[trimesh.Trimesh], suffix: str, content: bytes, up_axis: str) -> trimesh.Scene:
    """The meshes as a scene upright, centred and at unit size."""
    points = np.concatenate([mesh.vertices for mesh in meshes])
    origin = points.min(axis=0)
    extent = float(np.ptp(points, axis=0).max())
    if not np.isfinite(extent) or extent <= 0:
        raise UnusableAsset("has no extent: all its triangles lie in one point")
    points = (points - origin) / extent
    spread = np.linalg.svd(points - points.mean(axis=0), full_matrices=False, compute_uv=False)
    offsets = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    faces = np.concatenate([mesh.faces + offset for mesh, offset in zip(meshes, offsets, strict=True)])
    if spread[2] < 1e-5 * spread[0]:
        raise UnusableAsset("flat: all its triangles lie in one plane")
    if up_axis == AUTO:
        expected, doubt = _promised_axis(suffix, content)
        up_axis = judged_axis(points, faces, expected=expected, doubt=doubt)
    turn = TURNS[up_axis.removeprefix("+")]
    turned = points @ turn.T
    foot = (turned.min(axis=0) + turned.max(axis=0)) / 2
    foot[1] = turned[:, 1].min()
    start = 0
    for mesh in meshes:
        normals = mesh.vertex_normals @ turn.T if "vertex_normals" in mesh._cache else None
        stop = start + len(mesh.vertices)
        mesh.vertices = turned[start:stop] - foot
        start = stop
        if normals is not None:
            mesh.vertex_normals = normals
    return trimesh.Scene(meshes)


def _promised_axis(suffix: str, content: bytes) -> tuple[str, float]:
    """The up axis that the file promises, and how hard that is to doubt (see `upright.judged_axis`)."""
    if suffix in (".glb", ".gltf"):  # +Y by the specification, which some converters forget
        return "y", 0.3
    if suffix == ".dae":
        tag = re.search(rb"<up_axis>\s*([XYZ])_UP", content)
        return (tag[1].decode().lower() if tag else "y"), 0.3
    return "y", 0.05
