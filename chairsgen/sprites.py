"""The textures that scenes need: chairs' and shapes' sprites and photographs, made once and kept in the bank.

Only what a dataset shows is made: a chair's views are rendered when the first scene shows them, and every later
build finds them.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType

import trimesh

from chairsgen import chairs, meshes, photos, render, shapes, surfaces, textures, upright
from chairsgen.aside import write_aside
from chairsgen.catalogue import Asset, Finding, Kind
from chairsgen.errors import InputError, UnusableAsset
from chairsgen.hashing import files_hash
from chairsgen.photos import files
from chairsgen.render import get_renderer
from chairsgen.scene import PHOTO_SIZE
from chairsgen.textures import Bank, Texture
from chairsgen.views import VIEWS

VIEWS_PER_JOB = 16
"""Few enough that all workers stay busy to the end, enough that a chair is seldom loaded twice."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """Textures that one worker makes in one go: some views of a chair, or a shape or photograph (view 0)."""

    asset: Asset
    views: tuple[int, ...]


@dataclass(frozen=True)
class Sprites:
    """The textures of a catalogue's assets.

    Attributes:
        root: The bank's folder.
        assets: Those that may be asked for.
        side: Of the square that a chair is rendered into, in pixels.
        rendering: What :func:`rendering` says of the processes that render.
        reading: What :func:`reading` says of the code that reads photographs.
    """

    root: Path
    assets: tuple[Asset, ...]
    side: int
    rendering: str
    reading: str

    @property
    def renderer(self) -> str:
        """OpenGL's implementation."""
        return self.rendering.partition("\n")[0]

    @cached_property
    def bank(self) -> Bank:
        return Bank(self.root)

    @cached_property
    def _by_id(self) -> dict[str, Asset]:
        return {asset.id: asset for asset in self.assets}

    @property
    def hash(self) -> str:
        """sha256 over all that determines textures beside the assets."""
        return hashlib.sha256(f"{self.rendering}\n{self.reading}\n{self.side}".encode()).hexdigest()

    def key(self, asset: Asset, view: int) -> str:
        """Name of a texture in the bank: sha256 over all that determines it."""
        if asset.kind == "photo":
            text = f"photo\n{self.reading}\n{asset.sha256}"
        elif asset.kind == "shape":
            text = f"shape\n{self.reading}\n{asset.sha256}\n{self.side}"
        else:
            text = f"chair\n{self.rendering}\n{self.side}\n{asset.sha256}\n{asset.up_axis}\n{VIEWS[view]}"
        return hashlib.sha256(text.encode()).hexdigest()

    def load(self, asset_id: str, view: int) -> Texture:
        """A texture from the bank, where it must be."""
        return self.bank.load(self.key(self._by_id[asset_id], view))

    def missing(self, wanted: Iterable[tuple[str, int]]) -> list[Job]:
        """The jobs that make those among the ``wanted`` (asset id, view) that the bank lacks."""
        lacking: dict[str, list[int]] = defaultdict(list)
        for asset_id, view in sorted(set(wanted)):
            if not self.bank.has(self.key(self._by_id[asset_id], view)):
                lacking[asset_id].append(view)
        return [
            Job(asset=self._by_id[asset_id], views=tuple(views[start : start + VIEWS_PER_JOB]))
            for asset_id, views in lacking.items()
            for start in range(0, len(views), VIEWS_PER_JOB)
        ]

    def estimate(self, jobs: Iterable[Job]) -> int:
        """About how many bytes the textures of jobs take in the bank."""
        # Measured: 1.6 MB a photograph, 60 kB a sprite of 256 px.
        photo, sprite = 2 * PHOTO_SIZE[0] * PHOTO_SIZE[1], self.side**2
        return sum(len(job.views) * (photo if job.asset.kind == "photo" else sprite) for job in jobs)

    def make(self, job: Job) -> int:
        """Makes a job's textures and adds them to the bank; returns how many.

        Raises:
            InputError: The asset cannot be used any more, or there is no OpenGL here, or too little memory.
        """
        try:
            made = list(self._textures(job))
        except UnusableAsset as error:
            raise InputError(f"{job.asset.path or job.asset.id}: {error}") from None
        except MemoryError:
            raise InputError(_NO_MEMORY.format(job.asset.path or job.asset.id)) from None
        for view, texture in zip(job.views, made, strict=True):
            self.bank.save(self.key(job.asset, view), texture)
        return len(made)

    def _textures(self, job: Job) -> Iterator[Texture]:
        if job.asset.kind == "photo":
            yield _photo(job.asset)
        elif job.asset.kind == "shape":
            yield textures.from_render(shapes.make(job.asset.id, self.side))
        else:
            views = [VIEWS[view] for view in job.views]
            for image in get_renderer().render(_chair(job.asset), views, self.side):
                yield textures.from_render(image)

    def inspect(self, kind: Kind, path: Path) -> Finding:
        """Whether a user's file can be used: it must load, and a chair must show in a small render.

        What was found is kept in the bank by the file's content, since loading takes its time.

        Raises:
            InputError: There is no OpenGL here, or too little memory.
            OSError: The bank's folder cannot be written.
        """
        try:
            sha256 = meshes.content_hash(path) if kind == "chair" else _sha256(path)
        except UnusableAsset as error:
            return Finding(cause=str(error))
        code = self.rendering if kind == "chair" else self.reading
        key = hashlib.sha256(f"{code}\n{sha256}".encode()).hexdigest()
        note = self.root / "inspected" / key[:2] / key[2:]
        if note.exists():
            cause = note.read_text(encoding="utf-8")
        else:
            # A cause may quote the file, which may hold what is no character.
            cause = _try(kind, path).encode(errors="backslashreplace").decode()
            write_aside(note, cause.encode())
        return Finding(sha256="" if cause else sha256, cause=cause)


def rendering() -> str:
    """Identifies what turns a mesh into pixels: OpenGL's implementation and our own code."""
    shaders = sorted((Path(render.__file__).parent / "shaders").iterdir())
    return f"{get_renderer().gl_name}\n{_sources(*_MESH_CODE)}\n{files_hash(shaders)}"


def reading() -> str:
    """Identifies our own code that turns a photograph into a texture."""
    return _sources(files, textures)


_NO_MEMORY = "{}: too little memory to load it: give fewer --workers, or leave it out"
_MESH_CODE = (meshes, upright, render, surfaces, textures)


def _try(kind: Kind, path: Path) -> str:
    try:
        if kind == "photo":
            files.read(path)
        else:
            view = VIEWS[len(VIEWS) // 4]
            for image in get_renderer().render(meshes.load(path), [view], 64):
                textures.from_render(image)
    except UnusableAsset as error:
        return str(error)
    except MemoryError:
        raise InputError(_NO_MEMORY.format(path)) from None
    return ""


def _chair(asset: Asset) -> trimesh.Scene:
    if asset.is_embedded:
        return chairs.build(asset.id)
    path = Path(asset.path)
    _unchanged(asset, meshes.content_hash(path))
    return meshes.load(path, asset.up_axis)


def _photo(asset: Asset) -> Texture:
    if asset.is_embedded:
        return textures.from_photo(photos.make(asset.id))
    path = Path(asset.path)
    _unchanged(asset, _sha256(path))
    return textures.from_photo(files.read(path))


def _unchanged(asset: Asset, sha256: str) -> None:
    if sha256 != asset.sha256:
        raise UnusableAsset("changed during the build: run the same command again")


def _sha256(path: Path) -> str:
    try:
        return files_hash([path])
    except OSError as error:
        raise UnusableAsset(f"cannot be read: {error.strerror}") from None


@cache
def _sources(*modules: ModuleType) -> str:
    return files_hash(Path(str(module.__file__)) for module in modules)
