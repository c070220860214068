"""Middlebury: Baker et al., "A Database and Evaluation Methodology for Optical Flow", IJCV 2011.

Of the training sequences, those with hidden textures have pixels whose flow is unknown: beyond 1e9 in the files.
Frames differ in size.
"""

from pathlib import Path

from trainer.data.benchmarks.files import Benchmark, Entry, choose, folder, within

LAYOUT = (
    "Middlebury's other-data/SCENE/frame10.png and frame11.png with other-gt-flow/SCENE/flow10.flo, "
    "or eval-data/SCENE/frame10.png"
)


def open_middlebury(place: str, *, name: str, set: str = "training") -> Benchmark:
    """Opens Middlebury: the sequences with public truth, or those of the evaluation.

    Args:
        place: The folder that its archives unpack to.
        name: As the user wrote it.
        set: ``training``, or ``test``, which has no truth.

    Raises:
        InputError: It is not there, or only half of it.
    """
    choose(name, "set", set, ("training", "test"))
    images, scenes = ("other-data", "other-gt-flow") if set == "training" else ("eval-data", "eval-data")
    for kind in (images, scenes):
        folder(name, Path(place) / kind, LAYOUT)
    entries = [
        Entry(
            name=scene,
            image1=f"{images}/{scene}/frame10.png",
            image2=f"{images}/{scene}/frame11.png",
            flow=f"{scenes}/{scene}/flow10.flo" if set == "training" else None,
        )
        for scene in within(Path(place) / scenes)
    ]
    return Benchmark(name, Path(place), entries, layout=LAYOUT, one_size=False)
