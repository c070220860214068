"""Meshes as a graphics card wants them: few draw calls, shading normals, colours multiplied out. No OpenGL.

Colour spaces are the file formats': a `PBRMaterial`'s factor and vertex colours beside a material are linear
light; textures, a `SimpleMaterial`'s diffuse colour and plain vertex or face colours (`ColorVisuals`) sRGB.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import trimesh
from jaxtyping import Float, Int
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from trimesh.visual.material import PBRMaterial, SimpleMaterial

CREASE_DEG = 40.0
"""Faces that meet at a smaller angle than this are shaded as one smooth surface."""
MAX_TEXTURE_SIDE = 1024
DEFAULT_COLOUR = (0.62, 0.62, 0.62, 1.0)
"""sRGB and alpha of a mesh that brings no colour of its own."""
DEFAULT_ROUGHNESS = 0.7


@dataclass(frozen=True, kw_only=True, eq=False)
class Surface:
    """What one draw call paints.

    Attributes:
        positions: In the scene's frame.
        normals: Of unit length, on the side from which a face's corners run counter-clockwise.
        tints: Squared sRGB colour (what the shader adds light up in) and alpha, all in [0, 1].
        uv: Texture coordinates, (0, 0) the image's lower left corner.
        faces: Indices of vertices.
        texture: RGBA in sRGB, or None.
        metallic: 0 dielectric to 1 metal.
        roughness: 0 mirror to 1 matt.
        closed: no inside can be seen, so faces that show their back need not be drawn.
        alpha_cutoff: where alpha is below it nothing is drawn, elsewhere the surface is opaque; 0 for
            translucency by alpha; None for a surface that is opaque whatever its alpha.
    """

    positions: Float[np.ndarray, "vertices 3"]
    normals: Float[np.ndarray, "vertices 3"]
    tints: Float[np.ndarray, "vertices 4"]
    uv: Float[np.ndarray, "vertices 2"]
    faces: Int[np.ndarray, "faces 3"]
    closed: bool
    texture: Image.Image | None
    metallic: float
    roughness: float
    alpha_cutoff: float | None


def surfaces(scene: trimesh.Scene) -> list[Surface]:
    """All triangle meshes of `scene`, in its own frame, those of one material joined."""
    joined: dict[tuple[object, ...], list[Surface]] = {}
    for node in sorted(scene.graph.nodes_geometry):
        transform, name = scene.graph[node]
        mesh = scene.geometry[name]
        if isinstance(mesh, trimesh.Trimesh) and len(mesh.faces):
            for part in _parts(mesh, transform):
                key = (id(part.texture), part.closed, part.metallic, part.roughness, part.alpha_cutoff)
                joined.setdefault(key, []).append(part)
    return [_join(parts) for parts in joined.values()]


def _join(parts: list[Surface]) -> Surface:
    first = parts[0]
    offsets = np.cumsum([0] + [len(part.positions) for part in parts[:-1]])
    faces = np.concatenate([part.faces + offset for part, offset in zip(parts, offsets, strict=True)])
    tints = np.concatenate([part.tints for part in parts])
    texture, alpha_cutoff = first.texture and first.texture.convert("RGBA"), first.alpha_cutoff
    if texture is not None:
        if alpha_cutoff is None:
            texture.putalpha(255)
        texture.thumbnail((MAX_TEXTURE_SIDE, MAX_TEXTURE_SIDE), Image.Resampling.BOX)
    if (tints[:, 3] >= 1).all() and (texture is None or texture.getextrema()[3][0] == 255):
        alpha_cutoff = None
    return replace(
        first,
        positions=np.concatenate([part.positions for part in parts]),
        normals=np.concatenate([part.normals for part in parts]),
        tints=tints,
        uv=np.concatenate([part.uv for part in parts]),
        faces=faces,
        closed=first.closed and alpha_cutoff is None,
        texture=texture,
        alpha_cutoff=alpha_cutoff,
    )


def _parts(mesh: trimesh.Trimesh, transform: np.ndarray) -> Iterator[Surface]:
    """The closed and the open part of one mesh."""
    if mesh.visual.kind == "face":
        mesh = _corners_apart(mesh)
    positions = trimesh.transform_points(mesh.vertices, transform)
    size = np.ptp(positions, axis=0).max() or 1.0
    _, weld = np.unique(np.round(positions / size, 6), axis=0, return_inverse=True)
    weld = weld.reshape(-1)
    faces = np.asarray(mesh.faces)
    if np.linalg.det(transform[:3, :3]) < 0:
        faces = faces[:, ::-1]
    given = None
    if "vertex_normals" in mesh._cache:  # the file's own, or its maker's
        given = mesh.vertex_normals @ np.linalg.inv(transform[:3, :3])
    faces, closed = _outward(positions, faces, weld, given)
    if given is None:
        source, faces, normals = crease_normals(positions, faces, weld)
    else:
        source = np.arange(len(positions))
        corners = np.repeat(_face_normals(positions, faces), 3, axis=0)
        same_side = np.einsum("ci,ci->c", corners, given[faces.reshape(-1)])
        flipped = np.bincount(faces.reshape(-1), same_side, len(given)) < 0
        normals = np.where(flipped[:, None], -given, given)
    tints, uv, texture, metallic, roughness, alpha_cutoff = _material(mesh)
    for chosen, is_closed in ((closed, True), (~closed, False)):
        if chosen.any():
            used, part_faces = np.unique(faces[chosen], return_inverse=True)
            yield Surface(
                positions=positions[source[used]],
                normals=_unit(normals[used]),
                tints=tints[source[used]],
                uv=uv[source[used]],
                faces=part_faces.reshape(-1, 3),
                closed=is_closed,
                texture=texture,
                metallic=metallic,
                roughness=roughness,
                alpha_cutoff=alpha_cutoff,
            )


def _outward(
    positions: np.ndarray, faces: np.ndarray, weld: np.ndarray, normals: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Wind all faces so that their fronts face outward, and say which of them belong to closed bodies.

    Of an open piece nothing but its normals can tell the outside; without them its winding stays.

    Returns:
        The (F, 3) faces, and for each whether its body is closed, (F,) bool.
    """
    welded = weld[faces]
    tails, heads = welded.reshape(-1), welded[:, [1, 2, 0]].reshape(-1)
    count = len(positions)
    graph = coo_array((np.ones(len(tails), dtype=bool), (tails, heads)), shape=(count, count))
    num_bodies, body_of_vertex = connected_components(graph, directed=False)
    body = body_of_vertex[welded[:, 0]]

    # In a closed body every edge is walked as often one way as the other.
    keys, edge = np.unique(
        np.minimum(tails, heads).astype(np.int64) * count + np.maximum(tails, heads), return_inverse=True
    )
    surplus = np.bincount(edge.reshape(-1), np.sign(heads - tails), len(keys))
    closed = np.ones(num_bodies, dtype=bool)
    closed[body_of_vertex[keys[surplus != 0] // count]] = False

    a, b, c = (positions[faces[:, corner]] - positions.mean(axis=0) for corner in range(3))
    outwardness = np.bincount(body, np.einsum("fi,fi->f", a, np.cross(b, c)), num_bodies)[body]
    if normals is not None:
        by_normals = np.einsum("fi,fi->f", np.cross(b - a, c - a), normals[faces].sum(axis=1))
        outwardness = np.where(closed[body], outwardness, by_normals)
    else:
        outwardness[~closed[body]] = 0.0
    return np.where(outwardness[:, None] < 0, faces[:, ::-1], faces), closed[body]


def crease_normals(
    positions: Float[np.ndarray, "vertices 3"],
    faces: Int[np.ndarray, "faces 3"],
    weld: Int[np.ndarray, " vertices"],
) -> tuple[Int[np.ndarray, " new"], Int[np.ndarray, "faces 3"], Float[np.ndarray, "new 3"]]:
    """Shading normals of a mesh without any: smooth over gentle edges, broken at creases.

    Args:
        positions: Of the vertices.
        faces: Their indices.
        weld: The number that vertices at one place share.

    Returns:
        The old vertex that each new one copies, the faces over new vertices, and the normals, not of unit length.
    """
    welded = weld[faces]
    areas = _face_normals(positions, faces)
    unit = _unit(areas)

    edges = np.sort(welded[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    order = np.lexsort(edges.T)
    owner = order // 3
    left, right = [], []
    for step in (1, 2, 3):  # an edge that more than four faces share is a crease anyway
        a, b = owner[:-step], owner[step:]
        same = (edges[order[:-step]] == edges[order[step:]]).all(axis=1)
        a, b = a[same], b[same]
        gentle = np.einsum("fi,fi->f", unit[a], unit[b]) > np.cos(np.radians(CREASE_DEG))
        left.append(a[gentle])
        right.append(b[gentle])
    links = (np.concatenate(left), np.concatenate(right))
    graph = coo_array((np.ones(len(links[0]), dtype=bool), links), shape=(len(faces), len(faces)))
    patches, patch = connected_components(graph, directed=False)

    # A new vertex for each old one and each smooth patch that it is on; welded vertices share their normal.
    corner = faces.astype(np.int64) * patches + patch[:, None]
    corners, first, renumbered = np.unique(corner.reshape(-1), return_index=True, return_inverse=True)
    _, shared = np.unique(
        (welded.astype(np.int64) * patches + patch[:, None]).reshape(-1), return_inverse=True
    )
    shared = shared.reshape(-1)
    weights = np.repeat(areas, 3, axis=0)
    sums = np.stack([np.bincount(shared, weights=weights[:, axis]) for axis in range(3)], axis=1)
    return corners // patches, renumbered.reshape(-1, 3), sums[shared[first]]


def _face_normals(positions: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(F, 3), as long as twice the face's area."""
    a, b, c = (positions[faces[:, corner]] for corner in range(3))
    return np.cross(b - a, c - a)


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors at unit length; the vanishing ones point up."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(lengths > 0, vectors / np.where(lengths > 0, lengths, 1.0), (0.0, 1.0, 0.0))


def _corners_apart(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """Face colours as vertex colours, each face with corners of its own."""
    corners = mesh.faces.reshape(-1)
    return trimesh.Trimesh(
        vertices=mesh.vertices[corners],
        faces=np.arange(len(corners)).reshape(-1, 3),
        vertex_colors=np.repeat(mesh.visual.face_colors, 3, axis=0),
        process=False,
    )


def _material(
    mesh: trimesh.Trimesh,
) -> tuple[np.ndarray, np.ndarray, Image.Image | None, float, float, float | None]:
    """Tints, texture coordinates, texture, metallic, roughness and cutoff of `Surface`."""
    count = len(mesh.vertices)
    visual = mesh.visual
    tints, uv, texture = np.ones((count, 4)), np.zeros((count, 2)), None
    metallic, roughness = 0.0, DEFAULT_ROUGHNESS
    cutoff: float | None = 0.0
    if visual.kind == "vertex":
        tints = _squared(visual.vertex_colors / 255.0)
    elif visual.kind != "texture":
        tints = _squared(np.tile(DEFAULT_COLOUR, (count, 1)))
    else:
        material = visual.material
        if isinstance(material, SimpleMaterial):
            image = material.image
            factor = _squared(np.ones(4) if material.image is not None else material.diffuse / 255.0)
            roughness = float((2 / (max(material.glossiness, 0.0) + 2)) ** 0.25)
        elif isinstance(material, PBRMaterial):
            image = material.baseColorTexture
            factor = (
                np.ones(4)
                if material.baseColorFactor is None
                else _squared(to_srgb(material.baseColorFactor / 255.0))
            )
            metallic = material.metallicFactor or 0.0
            roughness = DEFAULT_ROUGHNESS if material.roughnessFactor is None else material.roughnessFactor
            mask = 0.5 if material.alphaCutoff is None else material.alphaCutoff
            cutoff = {"MASK": mask, "BLEND": 0.0}.get(material.alphaMode)
        else:
            image, factor = None, _squared(np.array(DEFAULT_COLOUR))
        tints = tints * factor
        if (colour := visual.vertex_attributes.get("color")) is not None:
            linear = trimesh.visual.color.to_float(colour)
            tints[:, : linear.shape[1]] *= _squared(to_srgb(np.clip(linear, 0.0, 1.0)))
        if cutoff is None:
            tints[:, 3] = 1.0
        if image is not None and visual.uv is not None and len(visual.uv) == count:
            uv, texture = np.asarray(visual.uv, dtype=np.float64)[:, :2], image
    return tints, uv, texture, metallic, roughness, cutoff


def _squared(colour: np.ndarray) -> np.ndarray:
    """SRGB in [0, 1] to the shader's space; a fourth column is alpha and stays."""
    return np.concatenate([colour[..., :3] ** 2, colour[..., 3:]], axis=-1)


def to_srgb(colour: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Linear light in [0, 1] as sRGB; a fourth column is alpha and stays."""
    rgb = colour[..., :3]
    encoded = np.where(rgb <= 0.0031308, 12.92 * rgb, 1.055 * np.maximum(rgb, 0.0031308) ** (1 / 2.4) - 0.055)
    return np.concatenate([encoded, colour[..., 3:]], axis=-1)
