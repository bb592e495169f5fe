"""One patient's inside: the label volume, the vessels in it and the truth about what an examination looks for. Drawn for a seed."""

from dataclasses import astuple, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.signals import Array
from medrobot_ros.twin.anatomy.abdomen import Places, Y
from medrobot_ros.twin.anatomy.grid import Grid, Point
from medrobot_ros.twin.anatomy.materials import Tissue
from medrobot_ros.twin.anatomy.ranges import draw_sizes
from medrobot_ros.twin.anatomy.shapes import Cylinder, Ellipsoid, Shape, paint
from medrobot_ros.twin.anatomy.wall import Wall
from medrobot_ros.twin.body import Body, analytic_torso
from medrobot_ros.twin.vessel import Vessel

SINUS_SHARE = (0.4, 0.6, 0.4)  # of a kidney's half axes, chosen

REACH_M = 0.05  # to both sides of the origin, over which a vessel's direction is taken


@dataclass(frozen=True)
class Blood:
    """How blood flows, in the terms of `Vessel`."""

    mean_speed_m_per_s: float
    pulsatility: float
    pulse_share: float


# Chosen: with the sizes drawn the aorta carries 1.6 to 3.1 l/min and peaks at 75 cm/s on its axis; its diameter changes by 8 % in a beat.
AORTA = Blood(0.15, 3.0, 0.04)
VENA_CAVA = Blood(0.10, 0.8, 0.03)


@dataclass(frozen=True)
class Target:
    """What an examination looks for: its centre in skin coordinates and in the patient frame [m], and its diameter or three axes [m]."""

    center: Point
    p_patient: Point
    size_m: tuple[float, ...]


class Anatomy:
    """Label volume `labels` (nx, ny, nd) uint8 of `Tissue`, `vessels`, `targets` by name and the `sizes` drawn [m]. Built once."""

    def __init__(self, seed: int, body: Body | None = None) -> None:
        rng = np.random.default_rng([seed, 4])
        body = body or analytic_torso()
        self.grid = Grid(body)
        self.labels: NDArray[np.uint8] = np.full(self.grid.shape, Tissue.BOWEL, np.uint8)
        self.sizes = draw_sizes(rng)
        self.targets: dict[str, Target] = {}
        wall = Wall(self.grid, self.sizes, rng)
        places = Places(self.grid, body, wall, self.sizes, rng)
        self.vessels = self._organs(places)
        for pocket in places.gas():
            paint(self.labels, self.grid, pocket, Tissue.AIR, only_over=Tissue.BOWEL)
        wall.paint(self.labels)
        self._paint(Tissue.BONE, *places.ribs())

    def _paint(self, tissue: Tissue, *shapes: Shape) -> None:
        for shape in shapes:
            paint(self.labels, self.grid, shape, tissue)

    def _organs(self, places: Places) -> tuple[Vessel, ...]:
        """Paints what lies behind the wall, what displaces its neighbours last."""
        liver, (aorta, cava), (vertebrae, discs) = places.liver(), places.great_vessels(), places.spine()
        gallbladder = places.gallbladder(liver, cava)
        self._liver(liver, places)
        for name, kidney in zip(("right_kidney", "left_kidney"), places.kidneys(cava, gallbladder), strict=True):
            self._kidney(name, kidney)
        self._paint(Tissue.FASCIA, *discs)
        self._paint(Tissue.BONE, *vertebrae)
        self._paint(Tissue.BLOOD, aorta, cava)
        self._gallbladder(gallbladder, places.stones(gallbladder))
        return self._vessel("aorta", aorta, -Y, AORTA), self._vessel("vena_cava", cava, Y, VENA_CAVA)

    def _liver(self, liver: Ellipsoid, places: Places) -> None:
        """Below the lung, with branches of the portal vein."""
        self.labels[:, self.grid.y >= places.lung_from(liver)] = Tissue.LUNG
        self._paint(Tissue.LIVER, liver)
        self._paint(Tissue.BLOOD, *places.portal_veins(liver))

    def _kidney(self, name: str, kidney: Ellipsoid) -> None:
        across, along, deep = np.array(SINUS_SHARE) * kidney.half
        self._paint(Tissue.KIDNEY, kidney)
        self._paint(Tissue.SINUS, replace(kidney, half=(across, along, deep)))
        self._note(name, kidney)

    def _gallbladder(self, gallbladder: Ellipsoid, stones: list[Ellipsoid]) -> None:
        self._paint(Tissue.BILE, gallbladder)
        self._paint(Tissue.STONE, *stones)
        self._note("gallbladder", gallbladder)
        for k, stone in enumerate(stones, 1):
            self._note(f"stone_{k}", stone)

    def _note(self, name: str, organ: Ellipsoid | Cylinder) -> None:
        """Remembers where an organ lies, with its axes or a vessel's or a ball's diameter."""
        size = tuple(dict.fromkeys(2.0 * half for half in organ.half))
        self.targets[name] = Target(tuple(self.grid.skin_coordinates(organ.center).tolist()), tuple(organ.center.tolist()), size)

    def _vessel(self, name: str, lumen: Cylinder, flow: Array, blood: Blood) -> Vessel:
        """The vessel in skin coordinates, in which it is straight as far as the skin is: about its place under the origin."""
        self._note(name, lumen)
        begin, end = (self.grid.skin_coordinates(lumen.center + side * REACH_M * flow) for side in (-1.0, 1.0))
        point, direction = 0.5 * (begin + end), end - begin
        return Vessel(name, tuple(point.tolist()), tuple(direction.tolist()), lumen.half[0], *astuple(blood))
