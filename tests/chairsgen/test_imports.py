"""Who may know whom: every arrow points one way."""

import ast
import itertools
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LAYERS = (
    ("errors", "assets", "aside", "packing", "geometry", "views", "flowviz", "hashing", "finding"),
    ("config", "sample", "spline", "flowio"),
    ("recipe", "effects", "textures", "packs", "catalogue", "progress", "surfaces", "upright"),
    ("chairs", "photos", "shapes", "meshes", "render", "scene", "pixel", "gpu"),
    ("compose", "shards", "sprites"),
    ("dataset", "workers"),
    ("folder", "verify", "stats", "export"),
    ("builder",),
    ("arguments", "sheet", "page", "cli", "__main__", "__init__"),
)
"""The rooms of chairsgen from the lowest up; a room may know its own floor and those below."""


def imported(path: Path, package: str) -> set[str]:
    """The modules of a package that a file imports when it is loaded or run, types alone excepted."""
    names = set()
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body.clear()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            first, _, rest = node.module.partition(".")
            if first == package:
                names |= {rest.split(".")[0]} if rest else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {
                alias.name.split(".")[1] for alias in node.names if alias.name.startswith(f"{package}.")
            }
    return names


@pytest.mark.parametrize("path", sorted((ROOT / "chairsgen").rglob("*.py")), ids=lambda path: path.stem)
def test_no_import_runs_upwards(path: Path) -> None:
    room = path.relative_to(ROOT / "chairsgen").parts[0].removesuffix(".py")
    floors = {name: floor for floor, names in enumerate(LAYERS) for name in names}
    for name in imported(path, "chairsgen") & set(floors):
        assert floors[name] <= floors[room], f"{room} imports {name}"


def test_every_room_has_its_floor() -> None:
    modules = (ROOT / "chairsgen").rglob("*.py")
    rooms = {path.relative_to(ROOT / "chairsgen").parts[0].removesuffix(".py") for path in modules}
    assert sorted(rooms) == sorted(itertools.chain(*LAYERS))


def test_chairsgen_knows_neither_torch_nor_trainer() -> None:
    code = (
        "import sys, pkgutil, importlib, chairsgen\n"
        "for module in pkgutil.iter_modules(chairsgen.__path__, 'chairsgen.'):\n"
        "    if not module.name.endswith('__main__'): importlib.import_module(module.name)\n"
        "print({'torch', 'trainer'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
