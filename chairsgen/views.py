"""The viewpoints from which every chair is rendered."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class View:
    """Where the camera stands, seen from the chair.

    Attributes:
        azimuth_deg: Degrees round the vertical axis, counter-clockwise seen from above; 0 looks at the chair's
            +Z side, its front in glTF.
        elevation_deg: Degrees above the horizon.
    """

    azimuth_deg: float
    elevation_deg: float


NUM_AZIMUTHS = 31

VIEWS = tuple(
    View(azimuth_deg=360 * k / NUM_AZIMUTHS, elevation_deg=elevation)
    for elevation in (20.0, 30.0)
    for k in range(NUM_AZIMUTHS)
)
"""The 62 viewpoints of Aubry et al., "Seeing 3D Chairs", CVPR 2014."""
