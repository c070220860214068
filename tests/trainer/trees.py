"""Fake trees of the public benchmarks: small files in the layouts that their sites unpack to.

They are made by hand, byte by byte, apart from the project's own writers.
"""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SIZE = (6, 8)
# --- files by hand


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG, with its checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(pixels: np.ndarray) -> bytes:
    """A PNG, grey or RGB, of 8 or 16 bits."""
    height, width = pixels.shape[:2]
    bits, colour = 8 * pixels.itemsize, 2 if pixels.ndim == 3 else 0
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    rows = pixels.astype(pixels.dtype.newbyteorder(">")).reshape(height, -1)
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def flo(flow: np.ndarray) -> bytes:
    """A .flo file."""
    return b"PIEH" + struct.pack("<ii", flow.shape[1], flow.shape[0]) + flow.astype("<f4").tobytes()


def pfm(flow: np.ndarray) -> bytes:
    """A PFM file: rows from the bottom up, a third channel."""
    rows = np.dstack([flow, np.full(flow.shape[:2], 7.0)])[::-1]
    return f"PF\n{flow.shape[1]} {flow.shape[0]}\n-1.000000\n".encode() + rows.astype("<f4").tobytes()


def kitti(flow: np.ndarray, valid: np.ndarray) -> bytes:
    """KITTI's PNG."""
    steps = np.where(valid[..., None], np.rint(flow * 64) + 2**15, 0)
    return png(np.dstack([steps, valid]).astype(np.uint16))


def claiming(width: int, height: int) -> bytes:
    """A PNG of that size whose pixels are missing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


# --- trees by hand


@dataclass
class Tree:
    """A dataset's folder, and what it holds."""

    root: Path
    rng: np.random.Generator

    def put(self, name: str, content: bytes) -> None:
        """Writes a file."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def image(self, height: int = SIZE[0], width: int = SIZE[1]) -> np.ndarray:
        """An image of noise."""
        return self.rng.integers(0, 256, (height, width, 3), np.uint8)

    def flow(self, height: int = SIZE[0], width: int = SIZE[1]) -> np.ndarray:
        """Flow that KITTI's PNG holds exactly."""
        return np.rint(self.rng.normal(0, 64 * 20, (height, width, 2))) / 64

    def mask(self, height: int = SIZE[0], width: int = SIZE[1]) -> np.ndarray:
        """A mask."""
        return self.rng.random((height, width)) < 0.3

    @property
    def files(self) -> list[Path]:
        """All files."""
        return sorted(path for path in self.root.rglob("*") if path.is_file())


Expected = dict[str, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]]
"""Name of a pair -> image 1, image 2, flow, where it is known, what is covered."""

EVERYWHERE = np.ones(SIZE, bool)


def sintel(tree: Tree) -> Expected:
    """Two scenes of three frames and of two; a test scene of two."""
    expected: Expected = {}
    for scene, count in (("alley_1", 3), ("cave_2", 2)):
        frames = [tree.image() for _ in range(count)]
        for i, frame in enumerate(frames, 1):
            tree.put(f"training/clean/{scene}/frame_{i:04d}.png", png(frame))
            tree.put(f"training/final/{scene}/frame_{i:04d}.png", png(255 - frame))
            invalid = tree.mask()
            tree.put(f"training/invalid/{scene}/frame_{i:04d}.png", png(np.uint8(255) * invalid))
            if i < count:
                flow, occ = tree.flow(), tree.mask()
                tree.put(f"training/flow/{scene}/frame_{i:04d}.flo", flo(flow))
                tree.put(f"training/occlusions/{scene}/frame_{i:04d}.png", png(np.uint8(255) * occ))
                name = f"{scene}/frame_{i:04d}"
                expected[name] = (255 - frame, 255 - frames[i], flow, ~invalid, occ)
    for i in (1, 2):
        tree.put(f"test/final/market_4/frame_{i:04d}.png", png(tree.image()))
    return expected


def kitti_tree(tree: Tree, images: str, *, grey: bool = False) -> Expected:
    """Two pairs of different sizes, and one to be tested on."""
    expected: Expected = {}
    for i, size in enumerate([(6, 8), (5, 9)]):
        frames = [tree.image(*size) for _ in range(2)]
        stored = [frame[..., 0] if grey else frame for frame in frames]
        flow, valid, occ = tree.flow(*size), tree.mask(*size), tree.mask(*size)
        for number, frame in zip(("10", "11"), stored, strict=True):
            tree.put(f"training/{images}/{i:06d}_{number}.png", png(frame))
            tree.put(f"testing/{images}/{i:06d}_{number}.png", png(frame))
        tree.put(f"training/flow_occ/{i:06d}_10.png", kitti(flow, valid))
        tree.put(f"training/flow_noc/{i:06d}_10.png", kitti(flow, valid & ~occ))
        read = [np.dstack([frame] * 3) if grey else frame for frame in stored]
        expected[f"{i:06d}"] = (*read, flow, valid, valid & occ)
    return expected


def middlebury(tree: Tree) -> Expected:
    """Two scenes with truth, one without; one of the evaluation."""
    expected: Expected = {}
    for scene, size in (("RubberWhale", (6, 8)), ("Venus", (5, 7)), ("DogDance", (4, 4))):
        frames = [tree.image(*size) for _ in range(2)]
        for number, frame in zip((10, 11), frames, strict=True):
            tree.put(f"other-data/{scene}/frame{number}.png", png(frame))
        if scene != "DogDance":
            flow, valid = tree.flow(*size), ~tree.mask(*size)
            tree.put(f"other-gt-flow/{scene}/flow10.flo", flo(np.where(valid[..., None], flow, 1666666752.0)))
            expected[scene] = (*frames, flow, valid, None)
    for number in (10, 11):
        tree.put(f"eval-data/Army/frame{number}.png", png(tree.image()))
    return expected


def chairs(tree: Tree) -> Expected:
    """Three pairs, the second to validate on; headers in both styles."""
    expected: Expected = {}
    headers = (b"P6 8 6 255\n", b"P6 \n8 6 \n255\n", b"P6\n8 6\n255\n")
    for i, header in enumerate(headers, 1):
        image1, image2, flow = tree.image(), tree.image(), tree.flow()
        tree.put(f"data/{i:05d}_img1.ppm", header + image1.tobytes())
        tree.put(f"data/{i:05d}_img2.ppm", header + image2.tobytes())
        tree.put(f"data/{i:05d}_flow.flo", flo(flow))
        expected[f"{i:05d}"] = (image1, image2, flow, EVERYWHERE, None)
    tree.put("FlyingChairs_train_val.txt", b"1\n2\n1\n")
    return expected


def chairs2(tree: Tree) -> Expected:
    """Two pairs to train on, one to validate on."""
    expected: Expected = {}
    for name in ("train/0000000", "train/0000001", "val/0000000"):
        image1, image2, flow, occ = tree.image(), tree.image(), tree.flow(), tree.mask()
        tree.put(f"{name}-img_0.png", png(image1))
        tree.put(f"{name}-img_1.png", png(image2))
        tree.put(f"{name}-flow_01.flo", flo(flow))
        tree.put(f"{name}-occ_01.png", png(np.uint8(255) * occ))
        expected[name] = (image1, image2, flow, EVERYWHERE, occ)
    return expected


def things(tree: Tree) -> Expected:
    """A sequence of three frames to train on, one of two to validate on; the last frame has flow, too."""
    expected: Expected = {}
    for sequence, count in (("TRAIN/A/0000", 3), ("TEST/B/0012", 2)):
        frames = [tree.image() for _ in range(count)]
        for i, frame in enumerate(frames):
            flow = tree.flow()
            tree.put(f"frames_cleanpass/{sequence}/left/{6 + i:04d}.png", png(frame))
            place = f"optical_flow/{sequence}/into_future/left"
            tree.put(f"{place}/OpticalFlowIntoFuture_{6 + i:04d}_L.pfm", pfm(flow))
            if i + 1 < count:
                expected[f"{sequence}/{6 + i:04d}"] = (frame, frames[i + 1], flow, EVERYWHERE, None)
    return expected


@dataclass
class Case:
    """A benchmark of this test.

    Attributes:
        spec: Its SPEC, with {} for the folder.
        make: Makes its tree.
        size: Of its frames, where all are of one.
        unneeded: Beginnings of names of files that its SPEC does not read.
        unnoticed: Names of files whose absence leaves a sound, smaller tree.
    """

    spec: str
    make: Callable[[Tree], Expected]
    size: tuple[int, int] | None = None
    unneeded: tuple[str, ...] = ()
    unnoticed: tuple[str, ...] = ()


CASES = {
    "sintel": Case(
        spec="sintel:{}:final",
        make=sintel,
        size=SIZE,
        unneeded=(
            "training/clean",
            "test",
            "training/invalid/alley_1/frame_0003.png",
            "training/invalid/cave_2/frame_0002.png",
        ),
    ),
    "kitti2012": Case(
        spec="kitti2012:{}", make=lambda tree: kitti_tree(tree, "colored_0"), unneeded=("testing",)
    ),
    "kitti2012-grey": Case(
        spec="kitti2012:{}", make=lambda tree: kitti_tree(tree, "image_0", grey=True), unneeded=("testing",)
    ),
    "kitti2015": Case(
        spec="kitti2015:{}", make=lambda tree: kitti_tree(tree, "image_2"), unneeded=("testing",)
    ),
    "middlebury": Case(spec="middlebury:{}", make=middlebury, unneeded=("eval-data", "other-data/DogDance")),
    "chairs": Case(spec="chairs:{}", make=chairs, size=SIZE),
    "chairs2": Case(spec="chairs2:{}", make=chairs2, size=SIZE),
    "things": Case(
        spec="things:{}:clean",
        make=things,
        size=SIZE,
        unneeded=(
            "optical_flow/TRAIN/A/0000/into_future/left/OpticalFlowIntoFuture_0008_L.pfm",
            "optical_flow/TEST/B/0012/into_future/left/OpticalFlowIntoFuture_0007_L.pfm",
        ),
        unnoticed=("0008.png", "0006.png", "0007.png"),
    ),
}
