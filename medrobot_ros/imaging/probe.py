"""What an ultrasound probe is, as far as images and contact care."""

from dataclasses import dataclass
from math import sin

import numpy as np

from medrobot_ros.config import load_yaml
from medrobot_ros.errors import DataError, UnknownName
from medrobot_ros.resources import share
from medrobot_ros.signals import Array

KINDS = ("curvilinear", "linear", "phased")
FLAT_RADIUS_M = 1.0  # a flat array's face, for contact


@dataclass(frozen=True)
class ProbeGeometry:
    """Curvilinear: `radius_m` and `field_of_view_rad`; linear: `width_m`; phased: all three, lines fanning out `radius_m` behind the face.

    Across the image: `elevation_m`.
    """

    name: str
    kind: str
    elements: int
    elevation_m: float
    radius_m: float = 0.0
    field_of_view_rad: float = 0.0
    width_m: float = 0.0

    @property
    def aperture_m(self) -> float:
        """Chord of the face along probe x."""
        return 2.0 * self.radius_m * sin(0.5 * self.field_of_view_rad) if self.kind == "curvilinear" else self.width_m

    @property
    def face_radius_m(self) -> float:
        """Radius of curvature of the face along probe x."""
        return self.radius_m if self.kind == "curvilinear" else FLAT_RADIUS_M

    def elements_m(self) -> Array:
        """Elements' places (elements, 2) in the probe's x-z plane."""
        if self.kind == "curvilinear":
            angles = self.field_of_view_rad * (np.arange(self.elements) / (self.elements - 1) - 0.5)
            return self.radius_m * np.column_stack((np.sin(angles), np.cos(angles) - 1.0))
        return np.column_stack((np.linspace(-0.5 * self.width_m, 0.5 * self.width_m, self.elements), np.zeros(self.elements)))


def probe_names() -> tuple[str, ...]:
    """Probes with a file in config/probes."""
    return tuple(sorted(p.stem for p in share("config/probes").glob("*.yaml")))


def load_probe(name: str) -> ProbeGeometry:
    """The geometry of a probe by name. `UnknownName` for one that is not there."""
    if name not in probe_names():
        raise UnknownName("probe", name, probe_names())
    path = share(f"config/probes/{name}.yaml")
    values = load_yaml(path)
    if values.get("kind") not in KINDS:
        raise DataError(f"{path}: kind must be one of {', '.join(KINDS)}")
    fields = {k: values[k] for k in ("kind", "elements", "elevation_m", "radius_m", "field_of_view_rad", "width_m") if k in values}
    return ProbeGeometry(name, **fields)
