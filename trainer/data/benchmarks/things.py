"""FlyingThings3D: Mayer et al., "A Large Dataset to Train Convolutional Networks for Disparity, Optical Flow, and
Scene Flow Estimation", CVPR 2016; whole, not the subset without its hardest pairs.

Pairs are the left camera's, forward in time, as FlowNet2's authors say that they used them (lmb-freiburg/flownet2,
issue 21). The last frame of a sequence has flow, but no frame that it leads to.
"""

from trainer.data.benchmarks.files import Benchmark, Entry, folder, numbers, split_place
from trainer.data.source import Side

LAYOUT = (
    "FlyingThings3D's frames_{clean,final}pass/{TRAIN,TEST}/A/0000/left/0006.png and "
    "optical_flow/{TRAIN,TEST}/A/0000/into_future/left/OpticalFlowIntoFuture_0006_L.pfm"
)
SIDES: dict[str, Side] = {"TRAIN": "train", "TEST": "val"}


def open_things(place: str, *, name: str) -> Benchmark:
    """Opens FlyingThings3D.

    Args:
        place: The folder that its archives unpack to, a colon, and the pass: ``clean`` or ``final``.
        name: As the user wrote it.

    Raises:
        InputError: It is not there, or only half of it.
    """
    root, which = split_place(name, place, ("clean", "final"))
    images, entries = f"frames_{which}pass", []
    for kind in (images, "optical_flow"):
        folder(name, root / kind, LAYOUT)
    for part, side in SIDES.items():
        for left in sorted((root / images).glob(f"{part}/*/*/left")):
            sequence = left.parent.relative_to(root / images).as_posix()
            frames = numbers(left, "", ".png")
            entries += [
                Entry(
                    name=f"{sequence}/{i:04d}",
                    image1=f"{images}/{sequence}/left/{i:04d}.png",
                    image2=f"{images}/{sequence}/left/{i + 1:04d}.png",
                    flow=f"optical_flow/{sequence}/into_future/left/OpticalFlowIntoFuture_{i:04d}_L.pfm",
                    side=side,
                )
                for i in range(min(frames, default=0), max(frames, default=0))
            ]
    return Benchmark(name, root, entries, layout=LAYOUT)
