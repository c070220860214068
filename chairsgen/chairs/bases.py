"""What a seat stands on: stars, pedestals, sticks, rods and sleds. Each is added below a given height."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from chairsgen.chairs.assembly import Chair, Params
from chairsgen.chairs.curves import fillet, line, mix, superellipse
from chairsgen.chairs.joinery import board, opposite, stick
from chairsgen.chairs.materials import Finish
from chairsgen.chairs.parts import Part, lathe, ring, slab, tube


def stand(kind: str, chair: Chair, p: Params, top: float, width: float, depth: float) -> None:
    """Adds a base under a seat.

    Args:
        kind: a key of `BASES`.
        chair: to add to.
        p: gives the finishes legs (of wooden sticks) and base (of all else).
        top: height of the seat's underside, metres.
        width: of the seat's underside along x.
        depth: along z.
    """
    BASES[kind](chair, p.legs if kind == "sticks" else p.base, top, width, depth)


def star(chair: Chair, finish: Finish, top: float, reach: float, legs: int = 5, casters: bool = True) -> None:
    """A swivel column on a star of legs, `reach` metres from the middle to a foot."""
    hub = 0.115 if casters else 0.07
    column = [(0, hub - 0.045), (0.038, hub - 0.045), (0.042, hub + 0.03), (0.03, hub + 0.045),
              (0.03, hub + 0.5 * (top - hub)), (0.017, hub + 0.5 * (top - hub)), (0.017, top - 0.02),
              (0.075, top - 0.02), (0.075, top), (0, top)]  # fmt: skip
    chair.add(finish, lathe(column, 24))
    foot = 0.072 if casters else 0.018
    for k in range(legs):
        angle = 2 * np.pi * k / legs + 0.2
        arm = tube(line((0, hub, 0.02), (0, foot, reach), 8), np.linspace(0.027, 0.016, 8), 10)
        chair.add(finish, arm.rotate("y", angle))
        if casters:
            stem = stick((0, foot, reach - 0.012), (0, 0.03, reach - 0.012), 0.008, sides=8)
            wheels = [
                lathe(
                    [
                        (0, -0.009),
                        (0.024, -0.009),
                        (0.028, -0.004),
                        (0.028, 0.004),
                        (0.024, 0.009),
                        (0, 0.009),
                    ],
                    20,
                )
                .rotate("z", np.pi / 2)
                .move(x, 0.028, reach - 0.012)
                for x in (-0.013, 0.013)
            ]
            axle = stick((-0.014, 0.028, reach - 0.012), (0.014, 0.028, reach - 0.012), 0.006, sides=8)
            spin = 2.4 * k
            for part in (stem, axle, *wheels):
                turned = part.move(z=0.012 - reach).rotate("y", spin).move(z=reach - 0.012)
                chair.add(finish, turned.rotate("y", angle))


def _swivel(chair: Chair, finish: Finish, top: float, width: float, depth: float) -> None:
    star(chair, finish, top, 0.62 * min(width, depth), legs=4, casters=False)


def _trumpet(chair: Chair, finish: Finish, top: float, width: float, depth: float) -> None:
    foot = 0.55 * min(width, depth)
    t = np.linspace(0, 1, 24)
    flare = 0.032 + (foot - 0.032) * (1 - t) ** 5 + 0.09 * t**9
    wall = np.column_stack([flare, 0.012 + t * (top - 0.012)])
    chair.add(finish, lathe([(0, 0), (foot, 0), *wall, (0, top)], 40))


def _disc(chair: Chair, finish: Finish, top: float, width: float, depth: float) -> None:
    foot = 0.5 * min(width, depth)
    profile = [(0, 0), (foot - 0.004, 0), (foot, 0.004), (foot, 0.012), (foot - 0.006, 0.018), (0.05, 0.028),
               (0.032, 0.04), (0.028, 0.06), (0.028, top - 0.015), (0.10, top - 0.015), (0.10, top),
               (0, top)]  # fmt: skip
    chair.add(finish, lathe(profile, 40))


def _feet(top: float, width: float, depth: float, splay: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Tops and feet of two right-hand legs, the front one first."""
    pairs = []
    for way in (1, -1):
        head = np.array([0.33 * width, top, way * 0.33 * depth])
        pairs.append((head, np.array([0.33 * width + splay * top, 0.0, way * (0.33 * depth + splay * top)])))
    return pairs


def _sticks(chair: Chair, finish: Finish, top: float, width: float, depth: float) -> None:
    for head, foot in _feet(top + 0.012, width, depth, 0.2):
        chair.add(finish, stick(head, foot, 0.018, "taper").both())
    (a, b), (c, d) = _feet(top + 0.012, width, depth, 0.2)
    near, rear = mix(a, b, 0.35), mix(c, d, 0.35)
    chair.add(finish, *(stick(opposite(e), e, 0.008, sides=8) for e in (near, rear)))
    chair.add(finish, stick(near, rear, 0.008, sides=8).both(), _plate(top, width, depth, 0.8))


def _rods(chair: Chair, finish: Finish, top: float, width: float, depth: float) -> None:
    for head, foot in _feet(top, width, depth, 0.14):
        chair.add(finish, tube(line(head, foot, 6), 0.011).both())
    (a, b), (c, d) = _feet(top, width, depth, 0.14)
    chair.add(finish, tube(line(opposite(a), a, 4), 0.011), tube(line(opposite(c), c, 4), 0.011))
    chair.add(finish, tube(line(a, c, 4), 0.011).both(), _plate(top, width, depth))
    chair.add(finish, tube(line(mix(a, b, 0.5), mix(c, d, 0.5), 4), 0.006).both())


def _sled(chair: Chair, finish: Finish, top: float, width: float, depth: float) -> None:
    x, z, flare = 0.40 * width, 0.36 * depth, 0.06
    foot = z + flare
    loop = fillet(
        [
            (0, top, z),
            (x, top, z),
            (x + 0.01, 0.01, foot),
            (x + 0.01, 0.01, -foot),
            (x, top, -z),
            (0, top, -z),
        ],
        0.05,
    )
    chair.add(finish, tube(loop, 0.010).both(), _plate(top, width, depth))


def _wires(chair: Chair, finish: Finish, top: float, width: float, depth: float) -> None:
    """Thin rods in a cage, each leg a hairpin."""
    for head, foot in _feet(top, width, depth, 0.16):
        for shift in (np.array([-0.07, 0, 0]), np.array([0, 0, -np.sign(head[2]) * 0.07])):
            chair.add(finish, tube(line(head + shift, foot, 6), 0.0055, 8).both())
        chair.add(finish, tube(line(head + shift, head - [0.07, 0, 0], 3), 0.0055, 8).both())
    chair.add(finish, _plate(top, width, depth))


def _plate(top: float, width: float, depth: float, share: float = 0.5) -> Part:
    """What the seat is screwed to, `share` of its width."""
    outline = superellipse(share * width, 0.8 * depth, 5.0, 40)
    return slab(outline, 0.014, 0.005).move(y=top + 0.004)


def foot_ring(chair: Chair, finish: Finish, y: float, radius: float, hub: float = 0.0) -> None:
    """A round rest for the feet at height `y`; a `hub` of that radius is reached by three spokes."""
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    circle = np.column_stack([radius * np.sin(angle), np.full(40, y), radius * np.cos(angle)])
    chair.add(finish, ring(circle, 0.009))
    if hub:
        for k in range(3):
            spoke = tube(line((0, y, 0.5 * hub), (0, y, radius), 3), 0.007, 8)
            chair.add(finish, spoke.rotate("y", 2 * np.pi * k / 3 + 0.5))


def trestle(chair: Chair, finish: Finish, x: float, top: float, depth: float) -> None:
    """Two plank legs of a bench at +-x, with feet and a bar between."""
    leg = board((x, 0.05, 0), (x, top, 0), 0.6 * depth, 0.028, face=(1, 0, 0))
    foot = board((x, 0.03, -depth / 2), (x, 0.03, depth / 2), 0.06, 0.045, face=(1, 0, 0))
    head = board((x, top - 0.025, -0.45 * depth), (x, top - 0.025, 0.45 * depth), 0.05, 0.04, face=(1, 0, 0))
    chair.add(finish, leg.both(), foot.both(), head.both())
    chair.add(finish, board((-x, 0.45 * top, 0), (x, 0.45 * top, 0), 0.07, 0.025))


BASES: dict[str, Callable[[Chair, Finish, float, float, float], None]] = {
    "swivel": _swivel,
    "trumpet": _trumpet,
    "disc": _disc,
    "sticks": _sticks,
    "rods": _rods,
    "sled": _sled,
    "wires": _wires,
}
