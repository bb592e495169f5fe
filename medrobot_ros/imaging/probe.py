"""What an ultrasound probe is, as far as images and contact care."""

from dataclasses import dataclass
from math import sin

from medrobot_ros.config import load_yaml
from medrobot_ros.errors import DataError, UnknownName
from medrobot_ros.resources import share

FLAT_RADIUS_M = 1.0  # a linear array's face, for contact: nearly flat


@dataclass(frozen=True)
class ProbeGeometry:
    """Curvilinear: `radius_m` and `field_of_view_rad`; linear: `width_m`. Across the image: `elevation_m`."""

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
        return self.width_m if self.kind == "linear" else 2.0 * self.radius_m * sin(0.5 * self.field_of_view_rad)

    @property
    def face_radius_m(self) -> float:
        """Radius of curvature of the face along probe x."""
        return FLAT_RADIUS_M if self.kind == "linear" else self.radius_m


def probe_names() -> tuple[str, ...]:
    """Probes with a file in config/probes."""
    return tuple(sorted(p.stem for p in share("config/probes").glob("*.yaml")))


def load_probe(name: str) -> ProbeGeometry:
    """The geometry of a probe by name. `UnknownName` for one that is not there."""
    if name not in probe_names():
        raise UnknownName("probe", name, probe_names())
    path = share(f"config/probes/{name}.yaml")
    values = load_yaml(path)
    if values.get("kind") not in ("curvilinear", "linear"):
        raise DataError(f"{path}: kind must be curvilinear or linear")
    fields = {k: values[k] for k in ("kind", "elements", "elevation_m", "radius_m", "field_of_view_rad", "width_m") if k in values}
    return ProbeGeometry(name, **fields)
