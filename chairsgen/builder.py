"""Building a dataset: catalogue -> plan -> sprites -> samples -> shards, each stage by all workers.

What a sample shows depends on (recipe, catalogue, seed, index) alone, so that any worker may make it, at any time:
an interrupted build goes on with the first shard that is missing, and ends with the same bytes.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from chairsgen import __version__, chairs, scene, shapes, shards
from chairsgen import meshes as mesh_files
from chairsgen import photos as procedural_photos
from chairsgen.catalogue import Asset, Catalogue, Finding, Kind, Skipped, embedded, from_files, split
from chairsgen.compose import compose, painter_on
from chairsgen.dataset import Dataset, Manifest, open_dataset
from chairsgen.errors import InputError
from chairsgen.folder import (
    check_disk,
    continue_from,
    disk_errors,
    locked,
    pairs_kept,
    telling_what_is_kept,
    uninterrupted,
)
from chairsgen.packs import Pack, packs_of
from chairsgen.photos import files as photo_files
from chairsgen.progress import progress
from chairsgen.recipe import Recipe
from chairsgen.shards import Encoded, ShardWriter
from chairsgen.sprites import Job, Sprites, reading, rendering
from chairsgen.textures import bank_folder
from chairsgen.workers import Workers, check_workers, pieces, start_workers

DEVICES = ("auto", "cpu", "cuda")
EXECUTORS = ("local", "ray")

SAMPLES_PER_CALL = 8
SCENES_PER_CALL = 250

REMEDY = (
    "make room, change its rights, or let CHAIRSGEN_CACHE name another folder for textures; "
    "whole shards are kept, and the same command goes on"
)
"""Of a build that could not write or read a file."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What every worker knows: all that determines a dataset's samples, and the device that paints them."""

    recipe: Recipe
    seed: int
    catalogue: Catalogue
    sprites: Sprites
    dense_flow: bool
    device: str

    @property
    def layers(self) -> int:
        """Length of a shard's motions."""
        return self.recipe.chair.count_max + 1


@dataclass(frozen=True, kw_only=True)
class Given:
    """What the user gave of one kind: files and folders, the files found there, and each one's pack."""

    roots: list[Path]
    files: list[Path]
    packs: list[Pack]


def build(
    out: str | os.PathLike[str],
    *,
    n: int = 22000,
    recipe: Recipe | str | os.PathLike[str] = "flyingchairs",
    seed: int = 0,
    meshes: Sequence[str | os.PathLike[str]] = (),
    photos: Sequence[str | os.PathLike[str]] = (),
    workers: int | None = None,
    shard_size: int = 500,
    dense_flow: bool = False,
    device: str = "auto",
    executor: str = "local",
    quiet: bool = False,
) -> Dataset:
    """Builds a dataset, or goes on with one that the same arguments began.

    A larger ``n`` makes an existing dataset larger. Workers are spawned: a script that calls this needs the usual
    ``if __name__ == "__main__":``.

    Args:
        out: The dataset's folder; made if missing.
        n: How many pairs.
        recipe: A recipe, a preset's name, or a TOML file.
        seed: Of all draws.
        meshes: Files and folders of chair models; the embedded ones, if none.
        photos: Files and folders of photographs; the embedded ones, if none.
        workers: Processes; all cores, if None.
        shard_size: Pairs a shard.
        dense_flow: Whether to store the flow, too, which readers otherwise make from layers and matrices.
        device: What paints pairs, with the same bytes: "cpu", "cuda", or "auto" for a GPU where there is one.
        executor: "local", or "ray" for the workers of a Ray cluster that shares the folders.
        quiet: Print nothing.

    Returns:
        The dataset, whole.

    Raises:
        InputError: An argument is wrong, the folder holds another dataset, or the disk is too small.
        WorkerDied: A worker ended without an answer; whole shards stay.
        KeyboardInterrupt: Likewise.
    """
    if not isinstance(recipe, Recipe):
        recipe = Recipe.load(os.fspath(recipe))
    for name, value in (("n", n), ("shard-size", shard_size)):
        if value < 1:
            raise InputError(f"--{name} {value}: must be at least 1")
    check_workers(workers)
    if device not in DEVICES:
        raise InputError(f"--device {device}: must be one of {', '.join(DEVICES)}")
    if not 0 <= seed < 2**63:
        raise InputError(f"--seed {seed}: must be from 0 to 2^63 - 1")
    if executor not in EXECUTORS:
        raise InputError(f"--executor {executor}: must be one of {', '.join(EXECUTORS)}")
    found: dict[Kind, Given] = {
        "chair": _given(meshes, mesh_files.find),
        "photo": _given(photos, photo_files.find),
    }
    folder = Path(out)
    with (
        locked(folder, "build or export"),
        disk_errors(folder, REMEDY),
        telling_what_is_kept(lambda: pairs_kept(folder)),
    ):
        with start_workers(executor, workers) as pool:
            if device == "cuda":  # said now, not when all is rendered
                list(pool.map(_open, pool.share(device), [None]))
            plan = _plan(pool, recipe, seed, dense_flow, device, found, quiet)
            manifest = continue_from(folder, _manifest(plan, n, shard_size))
            # The first shard by itself: it can be looked at while the rest, whose planning takes longer, is made.
            manifest = _extend(pool, folder, plan, manifest, min(manifest.num_ready + shard_size, n), quiet)
        if not manifest.complete:
            # By new processes: none renders again after it has composed.
            with start_workers(executor, workers) as pool:
                _extend(pool, folder, plan, manifest, n, quiet)
    return open_dataset(folder)


# --- stages


def _given(paths: Sequence[str | os.PathLike[str]], find: Callable[[Sequence[Path]], list[Path]]) -> Given:
    roots = [Path(path) for path in paths]
    files = find(roots) if roots else []
    return Given(roots=roots, files=files, packs=packs_of(files, roots))


def _plan(
    pool: Workers,
    recipe: Recipe,
    seed: int,
    dense_flow: bool,
    device: str,
    found: dict[Kind, Given],
    quiet: bool,
) -> Plan:
    # A worker is asked what renders: this process must not hold an OpenGL context.
    (renders,) = pool.map(_ask_rendering, pool.share(None), [None])
    sprites = Sprites(
        root=bank_folder(),
        assets=(),
        side=recipe.assets.sprite_px,
        rendering=renders,
        reading=reading(),
    )
    inspector = pool.share(sprites)
    assets: dict[Kind, tuple[Asset, ...]] = {}
    skipped: list[Skipped] = []
    for kind, given in found.items():
        if given.files:
            findings = _inspect_all(pool, inspector, kind, given.files, quiet)
            usable, left_out = from_files(
                kind, given.roots, zip(given.files, findings, given.packs, strict=True)
            )
            skipped += left_out
        else:
            usable = embedded_assets(kind, recipe)
        assets[kind] = split(usable, recipe.assets.val_assets)
    catalogue = Catalogue(chairs=assets["chair"], photos=assets["photo"], skipped=tuple(skipped))
    sprites = replace(sprites, assets=(*catalogue.chairs, *catalogue.photos))
    return Plan(
        recipe=recipe,
        seed=seed,
        catalogue=catalogue,
        sprites=sprites,
        dense_flow=dense_flow,
        device=device,
    )


def embedded_assets(kind: Kind, recipe: Recipe) -> list[Asset]:
    """The chairs (or what flies in their place) or photographs of a build that is given none, before the split."""
    if kind == "chair" and recipe.assets.objects != "chairs":
        names = shapes.names(recipe.assets.objects, recipe.assets.chairs)
        return embedded("shape", names, shapes.source_hash())
    if kind == "chair":
        return embedded(kind, chairs.model_names(recipe.assets.chairs), chairs.source_hash())
    names = procedural_photos.names(recipe.assets.photos)
    return embedded(kind, names, procedural_photos.source_hash())


def _inspect_all(
    pool: Workers, inspector: object, kind: Kind, files: Sequence[Path], quiet: bool
) -> list[Finding]:
    task = "checking meshes" if kind == "chair" else "checking photos"
    findings = []
    with progress(task, len(files), "files", quiet=quiet) as shown:
        for finding in pool.map(_inspect, inspector, [(kind, path) for path in files]):
            findings.append(finding)
            shown.advance(1)
    return findings


def _extend(pool: Workers, folder: Path, plan: Plan, manifest: Manifest, end: int, quiet: bool) -> Manifest:
    """Makes the pairs up to ``end``, and the textures that they lack."""
    shared = pool.share(plan)
    jobs = _missing(pool, shared, plan, range(manifest.num_ready, end), quiet)
    frame, lacking = plan.recipe.frame, manifest.num_samples - manifest.num_ready
    pairs_bytes = lacking * shards.estimate((frame.height, frame.width), dense_flow=plan.dense_flow)
    check_disk([(folder, pairs_bytes), (bank_folder(), plan.sprites.estimate(jobs))])
    manifest.save(folder)  # also where nothing lacks: licences may have been put right since
    _make(pool, shared, jobs, quiet)
    return _compose(pool, shared, folder, plan, manifest, end, quiet)


def _missing(pool: Workers, shared: object, plan: Plan, indices: range, quiet: bool) -> list[Job]:
    wanted: set[tuple[str, int]] = set()
    with progress("planning scenes", len(indices), "pairs", quiet=quiet) as shown:
        calls = pieces(indices, SCENES_PER_CALL)
        for call, textures in zip(calls, pool.map(_wanted, shared, calls), strict=True):
            wanted |= textures
            shown.advance(len(call))
    return plan.sprites.missing(wanted)


def _make(pool: Workers, shared: object, jobs: Sequence[Job], quiet: bool) -> None:
    for kind, task, unit in (
        ("photo", "preparing photos", "photos"),
        ("shape", "painting shapes", "shapes"),
        ("chair", "rendering chairs", "views"),
    ):
        chosen = [job for job in jobs if job.asset.kind == kind]
        with progress(task, sum(len(job.views) for job in chosen), unit, quiet=quiet) as shown:
            for made in pool.map(_make_textures, shared, chosen):
                shown.advance(made)


def _compose(
    pool: Workers, shared: object, folder: Path, plan: Plan, manifest: Manifest, end: int, quiet: bool
) -> Manifest:
    indices = range(manifest.num_ready, end)
    encoded = pool.map(_compose_samples, shared, pieces(indices, SAMPLES_PER_CALL))
    samples = (sample for piece in encoded for sample in piece)
    attributes: dict[str, str | int] = {
        "schema": manifest.schema,
        "recipe": manifest.recipe,
        "seed": manifest.seed,
        "catalogue_hash": manifest.catalogue_hash,
        "sprite_bank_hash": manifest.sprite_bank_hash,
        "version": manifest.version,
    }
    frame = plan.recipe.frame
    with progress("composing pairs", len(indices), "pairs", quiet=quiet) as shown:
        while manifest.num_ready < end:
            start = manifest.num_ready
            count = min(manifest.shard_size, end - start)
            writer = ShardWriter(
                folder / f"shard-{len(manifest.shards):05d}.h5",
                start=start,
                count=count,
                size=(frame.height, frame.width),
                layers=plan.layers,
                attributes=attributes,
                dense_flow=plan.dense_flow,
            )
            with writer:
                for _ in range(count):
                    writer.add(next(samples))
                    shown.advance(1)
                with uninterrupted():
                    manifest = replace(manifest, shards=(*manifest.shards, writer.finish()))
                    manifest.save(folder)
    return manifest


def _manifest(plan: Plan, n: int, shard_size: int) -> Manifest:
    catalogue = plan.catalogue
    sides = (scene.side_of(plan.recipe, catalogue, index) for index in range(n))
    return Manifest(
        version=__version__,
        recipe=plan.recipe.to_toml(),
        seed=plan.seed,
        num_samples=n,
        shard_size=shard_size,
        dense_flow=plan.dense_flow,
        catalogue_hash=catalogue.hash,
        sprite_bank_hash=plan.sprites.hash,
        renderer=plan.sprites.renderer,
        val=tuple(index for index, side in enumerate(sides) if side == "val"),
        assets=tuple(asdict(asset) for asset in (*catalogue.chairs, *catalogue.photos)),
        skipped=tuple(asdict(skipped) for skipped in catalogue.skipped),
    )


# --- what workers do


def _open(device: str, _: None) -> None:
    try:
        painter_on(device)
    except InputError as error:
        raise InputError(f"--device {error}") from error


def _ask_rendering(_: None, __: None) -> str:
    return rendering()


def _inspect(sprites: Sprites, item: tuple[Kind, Path]) -> Finding:
    return sprites.inspect(*item)


def _wanted(plan: Plan, indices: Sequence[int]) -> set[tuple[str, int]]:
    scenes = (scene.draw_scene(plan.recipe, plan.catalogue, plan.seed, index) for index in indices)
    return {texture for drawn in scenes for texture in scene.textures(drawn)}


def _make_textures(plan: Plan, job: Job) -> int:
    return plan.sprites.make(job)


def _compose_samples(plan: Plan, indices: Sequence[int]) -> list[Encoded]:
    encoded = []
    for index in indices:
        drawn = scene.draw_scene(plan.recipe, plan.catalogue, plan.seed, index)
        sample = compose(drawn, plan.sprites.load, index, painter_on(plan.device))
        encoded.append(shards.encode(sample, plan.layers, dense_flow=plan.dense_flow))
    return encoded
