"""Flow of a user's own frames, as files and pictures."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import numpy as np

from chairsgen.config import nearest
from chairsgen.errors import InputError
from chairsgen.flowio import fits_kitti, write_flo, write_kitti, write_png
from chairsgen.flowviz import draw_arrows, flow_to_colour
from chairsgen.progress import progress
from chairsgen.sample import Flow, Image, Mask
from trainer.media import Frames, video_writer
from trainer.methods import Method
from trainer.methods.resample import backward_warp

SEQUENCE_LONGEST = 0.04
"""Length of full saturation in a sequence, in widths of its frames: 20 px at 512. It is one for all pictures."""

FPS = 25.0
"""Of a video of frames that do not say."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """Flow of one pair.

    Attributes:
        name: Of frame 1.
        image1: Frame 1.
        image2: Frame 2.
        flow: From frame 1 to frame 2, in pixels.
        longest: Length of full saturation in pixels; the flow's own longest, if None.
    """

    name: str
    image1: Image
    image2: Image
    flow: Flow
    longest: float | None

    @property
    def valid(self) -> Mask:
        """Where flow is finite, as a method's should be."""
        return np.isfinite(self.flow).all(axis=-1)

    def colour(self) -> Image:
        """Flow in the Middlebury colours."""
        return flow_to_colour(self.flow, self.longest)

    def write_flo(self, folder: Path) -> None:
        write_flo(folder / f"{self.name}.flo", self.flow, self.valid)

    def write_kitti(self, folder: Path) -> None:
        """KITTI's PNG; what is longer than it holds is unknown there."""
        write_kitti(folder / f"{self.name}_kitti.png", self.flow, self.valid & fits_kitti(self.flow))

    def write_colour(self, folder: Path) -> None:
        write_png(folder / f"{self.name}_colour.png", self.colour())

    def write_arrows(self, folder: Path) -> None:
        write_png(folder / f"{self.name}_arrows.png", draw_arrows(self.image1, self.flow))

    def write_warped(self, folder: Path) -> None:
        """Frame 2 brought onto frame 1 by the flow."""
        write_png(folder / f"{self.name}_warped.png", backward_warp(self.image2, self.flow))


FILES: dict[str, Callable[[Prediction, Path], None]] = {
    "flo": Prediction.write_flo,
    "kitti": Prediction.write_kitti,
    "colour": Prediction.write_colour,
    "arrows": Prediction.write_arrows,
    "warped": Prediction.write_warped,
}
"""What is written for each pair."""

VIDEO = "video"
"""What is written once: frame 1 beside its flow in colours."""


def parse_outputs(text: str) -> tuple[str, ...]:
    """Kinds of output from their names, separated by commas.

    Raises:
        InputError: A name is unknown.
    """
    known = (*FILES, VIDEO)
    names = tuple(filter(None, text.split(",")))
    for name in names:
        if name not in known:
            raise InputError(f"--write {name}: {nearest(name, known)}")
    return names


def predict(
    method: Method,
    frames: Frames,
    out: Path,
    *,
    outputs: Sequence[str] | None = None,
    longest: float | None = None,
    fps: float | None = None,
    batch_size: int = 1,
) -> int:
    """Writes the flow from each frame to the next: files named after the former, and a video of all.

    Args:
        method: What makes the flow.
        frames: At least two.
        out: The folder, made if missing.
        outputs: Of :data:`FILES` and :data:`VIDEO`; if None, flo and colour, of a video a video.
        longest: Length in pixels that has full saturation. If None: of two frames, the flow's own longest; of
            more, :data:`SEQUENCE_LONGEST`.
        fps: Of the video; if None, that of the frames, else :data:`FPS`.
        batch_size: Pairs that the method gets at once.

    Returns:
        How many pairs there were.

    Raises:
        InputError: The frames are not to be read, or the folder not to be written.
    """
    outputs = outputs or (("flo", "colour") if frames.fps is None else (VIDEO,))
    done = 0
    try:
        out.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            show = None
            if VIDEO in outputs:
                show = stack.enter_context(video_writer(out / "flow.mp4", fps or frames.fps or FPS))
            bar = stack.enter_context(progress("flow", max(frames.count - 1, 0), "pairs"))
            for prediction in _predictions(method, frames, longest, batch_size):
                for name in outputs:
                    if name in FILES:
                        FILES[name](prediction, out)
                if show:
                    show(np.hstack([prediction.image1, prediction.colour()]))
                bar.advance(1)
                done += 1
    except OSError as error:
        raise InputError(f"--out {out}: cannot be written: {error.strerror}") from None
    return done


def _predictions(
    method: Method, frames: Frames, longest: float | None, batch_size: int
) -> Iterator[Prediction]:
    for batch in _batches(pairwise(frames), batch_size):
        image1, image2 = (np.stack([pair[i][1] for pair in batch]) for i in range(2))
        if longest is None and frames.count != 2:
            longest = SEQUENCE_LONGEST * image1.shape[2]
        for (first, second), flow in zip(batch, method(image1, image2), strict=True):
            yield Prediction(name=first[0], image1=first[1], image2=second[1], flow=flow, longest=longest)


Pair = tuple[tuple[str, Image], tuple[str, Image]]


def _batches(pairs: Iterable[Pair], size: int) -> Iterator[list[Pair]]:
    iterator = iter(pairs)
    while batch := list(islice(iterator, size)):
        yield batch
