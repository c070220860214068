"""One training sample, and the conventions that the whole project keeps.

* Images are RGB uint8, (height, width, 3). Points are (x, y), sizes (height, width).
* Integer coordinates are pixel centres: a frame covers [-0.5, width - 0.5] x [-0.5, height - 0.5].
* Flow is (u right, v down) in pixels of the grid that it lies on, float32, (height, width, 2).
  ``flow_fw`` lies on frame 1 and leads to frame 2; ``flow_bw`` lies on frame 2 and leads to frame 1.
* A scene is a stack of layers, painted back to front; layer 0 is the background. The front layer of a pixel
  is the nearest one whose own alpha there is at least 0.5. ``motion`` is the 3x3 float64 matrix that takes a
  layer's points from frame 1 to frame 2, and ``flow_fw(p) = motion[front] p - p``. Nothing else defines flow.
* ``occ_fw``: the surface point seen at p in frame 1 lies inside frame 2, but a nearer layer covers it there.
  ``out_fw``: it lies outside frame 2. The two are disjoint.
* ``mb_fw``: a motion boundary, where neighbouring pixels show layers whose flows differ by more than
  :data:`MOTION_BOUNDARY_PX`.
* ``_bw`` is the same with the frames' roles exchanged.
* Angles are degrees in recipes and on the command line, radians in code; colours composited with
  premultiplied alpha.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

from chairsgen import geometry

MOTION_BOUNDARY_PX = 0.5
"""Flow's difference, in pixels, above which the edge between two layers is a motion boundary."""

Image = UInt8[np.ndarray, "height width 3"]
LayerMap = UInt8[np.ndarray, "height width"]
Mask = Bool[np.ndarray, "height width"]
Flow = Float32[np.ndarray, "height width 2"]


@dataclass(frozen=True, kw_only=True, eq=False)
class FlowSample:
    """Two frames, their layer maps and motions; flow and masks are derived from these when asked for.

    Attributes:
        image1: Frame 1.
        image2: Frame 2.
        layer_id1: The front layer of every pixel of frame 1; 0 is the background.
        layer_id2: The same for frame 2.
        occ_fw: On frame 1: covered by a nearer layer in frame 2.
        occ_bw: On frame 2: covered by a nearer layer in frame 1.
        motions: Frame 1 to frame 2, a matrix a layer.
        index: The sample's position in its dataset; -1 where it has none.
        scene: What was drawn, as :func:`chairsgen.scene.to_json` writes it; empty where unknown.
    """

    image1: Image
    image2: Image
    layer_id1: LayerMap
    layer_id2: LayerMap
    occ_fw: Mask
    occ_bw: Mask
    motions: Float64[np.ndarray, "layers 3 3"]
    index: int = -1
    scene: str = field(default="", repr=False)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        height, width = self.layer_id1.shape
        return height, width

    @cached_property
    def inverse_motions(self) -> Float64[np.ndarray, "layers 3 3"]:
        """Frame 2 to frame 1, a matrix a layer."""
        return np.stack([geometry.inverse(motion) for motion in self.motions])

    @cached_property
    def flow_fw(self) -> Flow:
        """From frame 1 to frame 2, on frame 1."""
        return geometry.affine_flow(self.layer_id1, self.motions)

    @cached_property
    def flow_bw(self) -> Flow:
        """From frame 2 to frame 1, on frame 2."""
        return geometry.affine_flow(self.layer_id2, self.inverse_motions)

    @cached_property
    def out_fw(self) -> Mask:
        """On frame 1: the surface point lies outside frame 2."""
        return leaves_frame(self.layer_id1, self.motions)

    @cached_property
    def out_bw(self) -> Mask:
        """On frame 2: the surface point lies outside frame 1."""
        return leaves_frame(self.layer_id2, self.inverse_motions)

    @cached_property
    def mb_fw(self) -> Mask:
        """On frame 1: motion boundaries."""
        return motion_boundaries(self.layer_id1, self.flow_fw)

    @cached_property
    def mb_bw(self) -> Mask:
        """On frame 2: motion boundaries."""
        return motion_boundaries(self.layer_id2, self.flow_bw)


def leaves_frame(layer_id: LayerMap, motions: Float64[np.ndarray, "layers 3 3"]) -> Mask:
    """Where the exact (float64) position ``motions[layer_id(p)] p`` lies outside the frame's rectangle."""
    height, width = layer_id.shape
    x, y = np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64)[:, None]
    outside = np.zeros(layer_id.shape, bool)
    for axis, length in enumerate((width, height)):
        by_x, by_y, constant = (motions[:, axis, column][layer_id] for column in range(3))
        position = by_x * x + by_y * y + constant
        outside |= (position < -0.5) | (position > length - 0.5)
    return outside


def motion_boundaries(layer_id: LayerMap, flow: Flow, threshold: float = MOTION_BOUNDARY_PX) -> Mask:
    """Pixels with a 4-neighbour on another layer whose flow differs by more than ``threshold`` pixels."""
    boundary = np.zeros(layer_id.shape, bool)
    for here, there in (
        (np.s_[:, :-1], np.s_[:, 1:]),
        (np.s_[:-1, :], np.s_[1:, :]),
    ):
        differs = layer_id[here] != layer_id[there]
        differs &= np.linalg.norm(flow[here] - flow[there], axis=-1) > threshold
        boundary[here] |= differs
        boundary[there] |= differs
    return boundary
