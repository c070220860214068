"""MPI-Sintel: Butler et al., "A Naturalistic Open Source Movie for Optical Flow Evaluation", ECCV 2012.

Masks as the README says that the dataset comes with: what is black is not occluded, not invalid. Where it is
invalid, flow counts as unknown; other code counts it in, and its figures differ a little.
"""

from dataclasses import replace

from trainer.data.benchmarks.files import Benchmark, Entry, choose, folder, numbers, split_place, within

LAYOUT = (
    "MPI-Sintel's training/{clean,final,flow,occlusions,invalid}/SCENE/frame_0001.{png,flo}, "
    "or test/{clean,final}/SCENE/frame_0001.png"
)


def open_sintel(place: str, *, name: str, set: str = "training") -> Benchmark:
    """Opens MPI-Sintel.

    Args:
        place: The folder that it unpacks to, a colon, and the pass: ``clean`` or ``final``.
        name: As the user wrote it.
        set: ``training``, or ``test``, which has no truth.

    Raises:
        InputError: It is not there, or only half of it.
    """
    path, images = split_place(name, place, ("clean", "final"))
    choose(name, "set", set, ("training", "test"))
    root, truth, entries = path / set, set == "training", []
    for kind in (images, *["flow"] * truth):
        folder(name, root / kind, LAYOUT)
    for scene in sorted({*within(root / images), *(within(root / "flow") if truth else ())}):
        frames = numbers(root / images / scene, "frame_", ".png")
        flows = numbers(root / "flow" / scene, "frame_", ".flo") if truth else []
        # Whatever is missing at a scene's end, too, is missed.
        ends = [*frames, *flows, *(number + 1 for number in flows)]
        entries += [
            _entry(scene, number, images, truth=truth)
            for number in range(min(ends, default=0), max(ends, default=0))
        ]
    return Benchmark(name, root, entries, layout=LAYOUT)


def _entry(scene: str, number: int, images: str, *, truth: bool) -> Entry:
    frame, after = (f"{scene}/frame_{i:04d}" for i in (number, number + 1))
    pair = Entry(name=frame, image1=f"{images}/{frame}.png", image2=f"{images}/{after}.png")
    if not truth:
        return pair
    return replace(
        pair, flow=f"flow/{frame}.flo", occ=f"occlusions/{frame}.png", invalid=f"invalid/{frame}.png"
    )
