"""How many views a second the renderer makes, in one process and in two.

Run it as a script: `python tests/benchmarks/bench_render.py`.
"""

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np

SIZE = 256
NUM_CHAIRS = 8


def _render(names: list[str]) -> tuple[int, int, float, float, str]:
    """Render `names` whole: number of views, of triangles, start and end in seconds, OpenGL renderer."""
    from chairsgen import chairs
    from chairsgen.render import get_renderer
    from chairsgen.views import VIEWS

    renderer = get_renderer()
    scenes = [chairs.build(name) for name in names]
    renderer.render(scenes[0], VIEWS[:1], SIZE)  # compiles the shaders
    start = time.time()
    for scene in scenes:
        renderer.render(scene, VIEWS, SIZE)
    triangles = sum(len(mesh.faces) for scene in scenes for mesh in scene.geometry.values())
    return len(names) * len(VIEWS), triangles, start, time.time(), renderer.gl_name


def rows() -> list[tuple[str, str]]:
    """What was measured, and the measure."""
    from chairsgen import chairs

    names = chairs.model_names(NUM_CHAIRS)
    measured = []
    for workers in (1, 2):
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            done = list(pool.map(_render, (names[k::workers] for k in range(workers))))
        views, triangles, starts, ends, gl_names = zip(*done, strict=True)
        # Each worker's own rate: the faster one does not idle in a real build.
        rate = sum(view / (end - start) for view, start, end in zip(views, starts, ends, strict=True))
        what = (
            f"render, {SIZE} px, {np.sum(triangles) // len(names):,} triangles a chair, processes: {workers}"
        )
        measured.append((what, f"{rate:.0f} views/s ({gl_names[0]})"))
    return measured


if __name__ == "__main__":
    for name, value in rows():
        print(f"{name}: {value}")
