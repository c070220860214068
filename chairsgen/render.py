"""A chair and a viewpoint in, a sprite out; the only file that knows pyrender and OpenGL.

It runs without a screen, on EGL: a graphics driver's, or Mesa's software one. `chairsgen.surfaces` says how
materials are read; the light is in shaders/chair.frag.
"""

import functools
import os
import sys
import types
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import trimesh
from jaxtyping import UInt8
from trimesh.transformations import rotation_matrix

from chairsgen.errors import InputError
from chairsgen.surfaces import Surface, surfaces
from chairsgen.views import View

FIELD_OF_VIEW_DEG = 30.0
SUPERSAMPLING = 2
"""Samples a side of a pixel, each of them multisampled 4 times. Alpha's error on thin rods, of 255, root mean
square against 576 samples: 1: 24, 1.5: 18, 2: 8, 3: 5; time: 1, 1.4, 1.6, 2.3."""

_NO_EGL = (
    "no OpenGL without a screen here ({cause}): install EGL with "
    "`apt-get install libegl1 libgl1 libgl1-mesa-dri`, or the graphics driver's own EGL"
)
_OLD_PYOPENGL = (
    "this PyOpenGL does not work on Python {major}.{minor}: run "
    '`pip install --no-deps "PyOpenGL>=3.1.5"` (pyrender pins an older one, hence --no-deps)'
)


class Renderer:
    """The process's one OpenGL context. Get it from `get_renderer`; never fork a process that holds it."""

    def __init__(self) -> None:
        """Start OpenGL.

        Raises:
            InputError: EGL or PyOpenGL cannot start here; the line says what to install.
        """
        self._pyrender, self._platform, self._gl = _start_gl()
        self._pid = os.getpid()

    @property
    def gl_name(self) -> str:
        """The OpenGL renderer and version that make the pixels: part of the key of a cache of sprites."""
        from OpenGL import GL

        return " ".join(GL.glGetString(name).decode() for name in (GL.GL_RENDERER, GL.GL_VERSION))

    def render(
        self, scene: trimesh.Scene, views: Sequence[View], size: int
    ) -> list[UInt8[np.ndarray, "size size 4"]]:
        """Photograph one chair, upright along +Y, from all `views` at one distance.

        The bounding sphere about the centre of the chair's bounding box touches the inscribed circle of the
        canvas, one pixel of margin left. Samples are averaged as premultiplied sRGB bytes, the space that
        sprites are composited in.

        Args:
            scene: triangle meshes with their materials; other geometry is left out.
            views: the viewpoints.
            size: side of the square canvas, pixels.

        Returns:
            For each view an RGBA image, sRGB, premultiplied by alpha.

        Raises:
            RuntimeError: The process is a fork of the one that started OpenGL.
        """
        if os.getpid() != self._pid:
            raise RuntimeError("an OpenGL context does not survive a fork: start worker processes by spawn")
        parts = surfaces(scene)
        points = np.concatenate([part.positions for part in parts])
        centre = (points.min(axis=0) + points.max(axis=0)) / 2
        radius = float(np.linalg.norm(points - centre, axis=1).max())
        half_angle = np.arctan(np.tan(np.radians(FIELD_OF_VIEW_DEG / 2)) * (1 - 2 / size))
        distance = radius / np.sin(half_angle)

        pyrender = self._pyrender
        stage = pyrender.Scene(bg_color=np.zeros(4))
        stage.add(pyrender.Mesh([self._primitive(part) for part in parts]))
        camera = stage.add(
            pyrender.PerspectiveCamera(
                yfov=np.radians(FIELD_OF_VIEW_DEG),
                aspectRatio=1.0,
                znear=distance - radius * 1.01,
                zfar=distance + radius * 1.01,
            )
        )
        flags = pyrender.RenderFlags
        self._platform.make_current()
        self._gl.viewport_width = self._gl.viewport_height = round(size * SUPERSAMPLING)
        images = []
        for view in views:
            stage.set_pose(camera, _camera_pose(view, centre, distance))
            images.append(self._gl.render(stage, flags.FLAT | flags.RGBA | flags.OFFSCREEN))
        return images

    def _primitive(self, surface: Surface) -> Any:
        pyrender = self._pyrender
        uniform = bool((surface.tints == surface.tints[0]).all())
        texture = None
        if surface.texture is not None:  # four channels, as three fall foul of OpenGL's row alignment
            texture = pyrender.Texture(source=surface.texture, source_channels="RGBA")
        material = pyrender.MetallicRoughnessMaterial(
            baseColorTexture=texture,
            baseColorFactor=surface.tints[0] if uniform else np.ones(4),
            metallicFactor=surface.metallic,
            roughnessFactor=surface.roughness,
            doubleSided=not surface.closed,
        )
        material.alpha_cutoff = surface.alpha_cutoff
        return pyrender.Primitive(
            positions=surface.positions,
            normals=surface.normals,
            texcoord_0=None if surface.texture is None else surface.uv,
            color_0=None if uniform else surface.tints,
            indices=surface.faces,
            material=material,
        )


@functools.cache
def get_renderer() -> Renderer:
    """The process's renderer, started on first use; kept for good: a deleted context takes others along."""
    return Renderer()


def _camera_pose(view: View, centre: np.ndarray, distance: float) -> np.ndarray:
    """(4, 4) camera to world; the camera looks down its own -Z at `centre`."""
    azimuth, elevation = np.radians([view.azimuth_deg, view.elevation_deg])
    turn, tilt = rotation_matrix(azimuth, [0, 1, 0]), rotation_matrix(-elevation, [1, 0, 0])
    pose: np.ndarray = turn @ tilt
    pose[:3, 3] = centre + distance * pose[:3, 2]
    return pose


def _start_gl() -> tuple[types.ModuleType, Any, Any]:
    """Import pyrender with its traps disarmed, and open an OpenGL context.

    Returns:
        The pyrender module, its EGL platform, and our renderer in that context.
    """
    # An older one starts, and then fails at whatever it is first asked to draw.
    if sys.version_info >= (3, 13) and metadata.version("PyOpenGL") == "3.1.0":
        raise InputError(_OLD_PYOPENGL.format(major=sys.version_info[0], minor=sys.version_info[1]))
    os.environ["PYOPENGL_PLATFORM"] = "egl"
    # One Mesa thread a process: many processes make better use of the cores.
    os.environ.setdefault("LP_NUM_THREADS", "1")
    # pyrender's viewer would pull in pyglet, which wants a display.
    viewer = types.ModuleType("pyrender.viewer")
    vars(viewer)["Viewer"] = None
    sys.modules["pyrender.viewer"] = viewer
    try:
        import pyrender
        from pyrender.platforms import egl

        device = egl.get_device_by_index(int(os.environ.get("EGL_DEVICE_ID", "0")))
        platform = egl.EGLPlatform(1, 1, device=device)
        platform.init_context()
        return pyrender, platform, _colour_renderer(pyrender)
    except Exception as error:  # PyOpenGL reports a missing library in half a dozen ways.
        cause = " ".join(str(error).split()) or type(error).__name__
        raise InputError(_NO_EGL.format(cause=cause)) from error


def _colour_renderer(pyrender: types.ModuleType) -> Any:
    """pyrender's renderer with our shaders, without its depth read-back, averaging down on the way out."""
    from OpenGL import GL

    class ColourRenderer(pyrender.Renderer):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__(1, 1)
            self._program_cache.shader_dir = str(Path(__file__).parent / "shaders")

        def _get_primitive_program(self, primitive: Any, flags: int, program_flags: int) -> Any:
            present = {
                "POSITION": True,
                "NORMAL": True,
                "UV": primitive.texcoord_0 is not None,
                "TINT": primitive.color_0 is not None,
            }
            attributes = [name for name, is_present in present.items() if is_present]
            defines = {f"{name}_LOC": location for location, name in enumerate(attributes)}
            material = primitive.material
            features = {
                "SEE_THROUGH": material.alpha_cutoff is not None,
                "TWO_SIDED": material.doubleSided,
                "METAL": material.metallicFactor > 0,
            }
            defines |= {name: 1 for name, is_present in features.items() if is_present}
            program = self._program_cache.get_program("chair.vert", "chair.frag", defines=defines)
            if not program._in_context():
                program._add_to_context()
            return program

        def _bind_and_draw_primitive(self, primitive: Any, pose: Any, program: Any, flags: int) -> None:
            see_through = primitive.material.alpha_cutoff
            if see_through is not None:
                program.set_uniform("alpha_cutoff", see_through)
            super()._bind_and_draw_primitive(primitive, pose, program, flags)

        def _read_main_framebuffer(self, scene: Any, flags: int) -> np.ndarray:
            size = self.viewport_width
            GL.glBindFramebuffer(GL.GL_READ_FRAMEBUFFER, self._main_fb_ms)
            GL.glBindFramebuffer(GL.GL_DRAW_FRAMEBUFFER, self._main_fb)
            GL.glBlitFramebuffer(0, 0, size, size, 0, 0, size, size, GL.GL_COLOR_BUFFER_BIT, GL.GL_NEAREST)
            GL.glBindFramebuffer(GL.GL_READ_FRAMEBUFFER, self._main_fb)
            buffer = GL.glReadPixels(0, 0, size, size, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE)
            image = np.frombuffer(buffer, dtype=np.uint8).reshape(size, size, 4)
            small = round(size / SUPERSAMPLING)
            return np.ascontiguousarray(cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)[::-1])

    return ColourRenderer()
