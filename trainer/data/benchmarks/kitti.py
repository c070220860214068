"""KITTI's flow benchmarks: Geiger et al., CVPR 2012; Menze and Geiger, CVPR 2015.

Truth is known where a laser scanner measured it: that is ``flow_occ``. What ``flow_noc`` leaves out of it is
covered in frame 2, or outside. Frames differ in size.
"""

from pathlib import Path

from trainer.data.benchmarks.files import Benchmark, Entry, between, choose, folder

LAYOUT = "KITTI's training/{%s,flow_occ,flow_noc}/000000_10.png and 000000_11.png, or testing/%s"


def open_kitti2012(place: str, *, name: str, set: str = "training") -> Benchmark:
    """Opens KITTI 2012, the left camera's colour images, or its grey ones where those are all there is.

    Args:
        place: The folder that it unpacks to.
        name: As the user wrote it.
        set: ``training``, or ``test``, which has no truth.

    Raises:
        InputError: It is not there, or only half of it.
    """
    grey = not any(Path(place).glob("*/colored_0")) and any(Path(place).glob("*/image_0"))
    return _open(place, name, set, "image_0" if grey else "colored_0")


def open_kitti2015(place: str, *, name: str, set: str = "training") -> Benchmark:
    """Opens KITTI 2015; arguments and errors as in :func:`open_kitti2012`."""
    return _open(place, name, set, "image_2")


def _open(place: str, name: str, set: str, images: str) -> Benchmark:
    choose(name, "set", set, ("training", "test"))
    layout, truth = LAYOUT % (images, images), set == "training"
    root = Path(place) / ("training" if truth else "testing")
    kinds = [folder(name, root / kind, layout) for kind in (images, *["flow_occ"] * truth)]
    entries = [
        Entry(
            name=number,
            image1=f"{images}/{number}_10.png",
            image2=f"{images}/{number}_11.png",
            flow=f"flow_occ/{number}_10.png" if truth else None,
            visible=f"flow_noc/{number}_10.png" if truth else None,
        )
        for number in sorted({number for kind in kinds for number in between(kind, "", "_10.png")})
    ]
    return Benchmark(name, root, entries, layout=layout, one_size=False)
