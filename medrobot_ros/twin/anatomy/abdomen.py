"""Where a patient's organs lie, as shapes of the patient frame.

Places are those of the analytic torso, stretched with the trunk: sideways with its width, towards the back with its thickness, along the
body with their geometric mean. Sizes are the patient's own, of the published ranges, below any skin. What touches is placed from its
neighbour, so that nothing overlaps at any size: the vertebrae from the back, vessels on the vertebrae, kidneys beside them, the liver
below the wall, the gallbladder in the liver's lower side and the stones at its lowest.
"""

from dataclasses import dataclass

import numpy as np

from medrobot_ros.geometry.pose import rotation_from_vector
from medrobot_ros.twin.anatomy.grid import Grid, Point
from medrobot_ros.twin.anatomy.ranges import ranges
from medrobot_ros.twin.anatomy.rib import Rib
from medrobot_ros.twin.anatomy.shapes import Cylinder, Ellipsoid
from medrobot_ros.twin.anatomy.wall import Wall
from medrobot_ros.twin.body import TORSO_DEPTH_M, TORSO_WIDTH_M, Body

X, Y, Z = np.eye(3)
BEHIND_VERTEBRAE_M = 0.08  # from the back's skin to a vertebral body: spinous process, muscle and fat; chosen
TRUNK_LENGTH_M = 0.6  # of vessels and spine, beyond the volume at both ends
CLEAR_M = 0.003  # between neighbours, chosen
LIVER_RISE = 0.4  # of its lower edge towards the front, per length; chosen so that the edge is thin
LUNG_SHARE = 0.45  # of the liver's half length above its middle, chosen
STONE_ROW = 0.6  # of the gallbladder's half length to either side, in which stones lie; chosen
GALLBLADDER_DEPTH_M = 0.075  # of its middle at most; below a thick liver it sinks into that. Chosen
FILM_M = 0.002  # of bile about a stone, chosen: a voxel's width
_TURNS = np.linspace(0.0, 2.0 * np.pi, 16, endpoint=False)
_DIRECTIONS = np.stack([(np.cos(a) * np.cos(b), np.sin(a) * np.cos(b), np.sin(b)) for a in _TURNS for b in _TURNS])  # of a sphere


@dataclass(frozen=True)
class Trunk:
    """How a body's trunk compares with the analytic torso."""

    across: float
    along: float
    deep: float

    @classmethod
    def of(cls, body: Body) -> "Trunk":
        across, deep = body.width_m / TORSO_WIDTH_M, body.thickness_m / TORSO_DEPTH_M
        return cls(across, float(np.sqrt(across * deep)), deep)


class Places:
    """Draws where organs of given `sizes` lie below a wall."""

    def __init__(self, grid: Grid, body: Body, wall: Wall, sizes: dict[str, float], rng: np.random.Generator) -> None:
        self._grid, self._wall, self._sizes, self._rng = grid, wall, sizes, rng
        self.trunk = Trunk.of(body)
        front = body.thickness_m - BEHIND_VERTEBRAE_M * self.trunk.deep - sizes["vertebra_depth"]
        self._vertebra_front_m = front  # below the origin
        self._rib_margin_m = self.about(0.125, 0.006) * self.trunk.along

    def about(self, value: float, spread: float) -> float:
        """`value` give or take `spread`, all alike."""
        return float(value + spread * self._rng.uniform(-1.0, 1.0))

    def spine(self) -> tuple[list[Cylinder], list[Cylinder]]:
        """Vertebral bodies and the discs between them."""
        s = self._sizes
        half = (0.5 * s["vertebra_width"], 0.5 * s["vertebra_depth"])
        pitch = s["vertebra_height"] + s["disc_height"]
        first = self.about(0.0, 0.5 * pitch)
        centers = [np.array([0.0, first + k * pitch, -self._vertebra_front_m - half[1]]) for k in range(-8, 9)]
        bodies = [Cylinder(c, Y, X, half, 0.5 * s["vertebra_height"]) for c in centers]
        discs = [Cylinder(c + 0.5 * pitch * Y, Y, X, half, 0.5 * s["disc_height"]) for c in centers]
        return bodies, discs

    def great_vessels(self) -> tuple[Cylinder, Cylinder]:
        """Aorta, a little left of the midline, and vena cava to its right; both lie on the vertebrae."""
        s = self._sizes
        aorta, cava = 0.5 * s["aorta_diameter"], 0.5 * s["vena_cava_diameter"]
        x_aorta = self.about(0.010, 0.003)
        x_cava = x_aorta - aorta - s["vessel_gap"] - cava
        return self._along_the_spine(x_aorta, aorta), self._along_the_spine(x_cava, cava)

    def _along_the_spine(self, x: float, radius: float) -> Cylinder:
        """1.5 mm before the vertebrae: 1.0 to 2.5 on average from aorta to disc in 557 CT, Kot 2022, Surg Radiol Anat 44, 431."""
        center = np.array([x, 0.0, -(self._vertebra_front_m - radius - 0.5 * CLEAR_M)])
        return Cylinder(center, Y, X, (radius, radius), 0.5 * TRUNK_LENGTH_M)

    def liver(self) -> Ellipsoid:
        """The right lobe: its front touches the wall, its lower edge lies near the ribs' margin and further in front than its back."""
        s = self._sizes
        half = (0.5 * s["liver_width"], 0.5 * s["liver_span"], 0.5 * s["liver_thickness"])
        y = self.about(-0.025, 0.010) * self.trunk.along + half[1]
        x = -0.075 * self.trunk.across
        return Ellipsoid(self._grid.patient_point(x, y, self._wall.below(x, y) + half[2] + CLEAR_M), half, rise=LIVER_RISE)

    def lung_from(self, liver: Ellipsoid) -> float:
        """Where lung begins, cranial of the ribs' margin and beside the liver's dome: its y [m]."""
        return float(max(self._rib_margin_m, liver.center[1] + LUNG_SHARE * liver.half[1]))

    def gallbladder(self, liver: Ellipsoid, cava: Cylinder) -> Ellipsoid:
        """Half sunk into the liver's lower side to the right of the vena cava; its fundus points to the feet and the front."""
        s = self._sizes
        half = (0.5 * s["gallbladder_width"], 0.5 * s["gallbladder_length"], 0.5 * s["gallbladder_height"])
        x = min(self.about(-0.045, 0.006) * self.trunk.across, cava.center[0] - cava.half[0] - CLEAR_M - half[0])
        offset = np.array([x - liver.center[0], -0.75 * liver.half[1]])
        below = liver.half[2] * np.sqrt(1.0 - ((offset / liver.half[:2]) ** 2).sum()) + LIVER_RISE * offset[1]
        y = liver.center[1] + offset[1]
        deepest = max(GALLBLADDER_DEPTH_M * self.trunk.deep, self._wall.below(x, y) + half[2] + CLEAR_M)
        center = np.array([x, y, max(liver.center[2] - below, -deepest)])
        return Ellipsoid(center, half, rotation_from_vector(-self.about(0.25, 0.1) * X))

    def kidneys(self, cava: Cylinder, gallbladder: Ellipsoid) -> tuple[Ellipsoid, Ellipsoid]:
        """Right, lower and behind the gallbladder, and left, beside vertebrae and vena cava. Upper poles lean inwards."""
        s = self._sizes
        half = (0.5 * s["kidney_width"], 0.5 * s["kidney_length"], 0.5 * s["kidney_thickness"])
        lean = self.about(0.2, 0.05)
        reach = float(np.hypot(half[0] * np.cos(lean), half[1] * np.sin(lean)))
        left = 0.5 * s["vertebra_width"] + CLEAR_M + reach
        right = max(left, cava.half[0] - cava.center[0] + CLEAR_M + reach)
        z = -(self._vertebra_front_m + 0.2 * s["vertebra_depth"])
        behind = gallbladder.center[2] - float(np.linalg.norm(gallbladder.R[2] * gallbladder.half)) - CLEAR_M - half[2]
        y_right, y_left = (self.about(y, 0.008) * self.trunk.along for y in (-0.035, -0.020))
        return (
            Ellipsoid(np.array([-right, y_right, min(z, behind)]), half, rotation_from_vector(-lean * Z)),
            Ellipsoid(np.array([left, y_left, z]), half, rotation_from_vector(lean * Z)),
        )

    def stones(self, gallbladder: Ellipsoid) -> list[Ellipsoid]:
        """In a row on the gallbladder's lower wall, where stones settle in a patient who lies on the back."""
        count, low = round(self._sizes["stones"]), 0.5 * ranges()["stone_diameter"].low
        room = 2.0 * STONE_ROW * gallbladder.half[1] / count
        largest = min(0.5 * self._sizes["stone_diameter"], 0.5 * (room - FILM_M))
        radii = [largest, *self._rng.uniform(low, largest, count - 1)]
        along = (np.arange(count) - 0.5 * (count - 1)) * room
        return [self._settled(gallbladder, float(a), float(r)) for a, r in zip(along, radii, strict=True)]

    def _settled(self, gallbladder: Ellipsoid, along: float, radius: float) -> Ellipsoid:
        """A round stone as low in the gallbladder as it fits, `along` its axis from the middle."""
        surface = (radius + FILM_M) * _DIRECTIONS
        for height in np.arange(-gallbladder.half[2], gallbladder.half[2], 0.0005):
            center = gallbladder.center + gallbladder.R @ np.array([0.0, along, height])
            if gallbladder.holds(center + surface):
                break
        return Ellipsoid(center, (radius, radius, radius))

    def portal_veins(self, liver: Ellipsoid) -> list[Cylinder]:
        """Branches within the liver: sizes chosen below the 9 to 13 mm of the main portal vein."""
        branches = (((0.2, -0.05, -0.25), (0.9, 0.25, -0.1), 0.005, 0.55), ((-0.2, 0.1, 0.2), (0.3, 0.9, -0.2), 0.0035, 0.4))
        return [self._branch(liver, *branch) for branch in branches]

    def _branch(self, liver: Ellipsoid, place: Point, along: Point, radius: float, share: float) -> Cylinder:
        axis = np.asarray(along) / np.linalg.norm(along)
        side = np.cross(axis, Z) / np.linalg.norm(np.cross(axis, Z))
        return Cylinder(liver.center + np.asarray(place) * liver.half, axis, side, (radius, radius), share * min(liver.half))

    def gas(self) -> list[Ellipsoid]:
        """Pockets in the bowel's front, where gas rises to: on the left and towards the feet, away from what a liver scan looks at."""
        return [self._pocket() for _ in range(round(self._sizes["gas_pockets"]))]

    def _pocket(self) -> Ellipsoid:
        left = self._rng.random() < 0.5
        x, y = (self.about(0.11, 0.03), self.about(-0.02, 0.10)) if left else (self.about(0.0, 0.10), self.about(-0.18, 0.06))
        x, y = x * self.trunk.across, y * self.trunk.along
        wide = 0.5 * float(self._rng.uniform(ranges()["gas_diameter"].low, self._sizes["gas_diameter"]))
        flat = 0.6 * wide  # lies on fluid; chosen
        depth = self._wall.below(x, y) + flat + float(self._rng.uniform(0.004, 0.02))
        return Ellipsoid(self._grid.patient_point(x, y, depth), (wide, wide, flat))

    def ribs(self) -> list[Rib]:
        """Arches that begin at the lower end of the breastbone, and more of them cranially."""
        s = self._sizes
        top = self._wall.fat_m + CLEAR_M
        reach = (0.02 * self.trunk.across, 0.16 * self.trunk.across)
        return [Rib(self._rib_margin_m + s["rib_pitch"] * k, reach, s["rib_height"], s["rib_thickness"], top) for k in range(5)]
