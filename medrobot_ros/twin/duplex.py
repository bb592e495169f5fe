"""A duplex examination of one of the twin's great vessels: B-mode with colour, and the spectrum of a gate on the vessel's axis.

The probe lies along the vessel, its image plane through the axis, and is rocked so that beams and flow are less than 60 degrees apart.
"""

from dataclasses import dataclass, replace
from math import pi, radians
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medrobot_ros.config import CellConfig
from medrobot_ros.errors import ConfigError, UnknownName
from medrobot_ros.geometry.pose import frame_from_z, pose, rotation_from_vector
from medrobot_ros.imaging.probe import load_probe
from medrobot_ros.imaging.scan_conversion import ScanConverter, ScanLines, image_geometry, pixel_centres
from medrobot_ros.signals import Array
from medrobot_ros.twin.anatomy import inside_of
from medrobot_ros.twin.blood import MAX_ANGLE_RAD, Pulses, flow_velocity, mean_speed, spectrum
from medrobot_ros.twin.body import Body, load_body
from medrobot_ros.twin.doppler import GATES, TwinDoppler
from medrobot_ros.twin.tables import ASSUMED_SPEED_M_PER_S
from medrobot_ros.twin.ultrasound import TwinUltrasound
from medrobot_ros.twin.vessel import Vessel

PRESS_M = 0.005  # the face into the skin, as it lies while scanning
GATE_M = 0.003  # long, chosen
BEATS = 5  # of the heart, that the spectrum lasts; all but one count for the mean
PEAK_RAD = 0.5 * pi  # of the heart's phase, at which colour is drawn


@dataclass(frozen=True)
class Duplex:
    """What the examination found; velocities along the vessel, corrected for the angle [m/s]."""

    scan: ScanLines  # of the B-mode
    echoes: NDArray[np.uint8]  # (lines, samples)
    colour: Array  # (lines, GATES) along the beam, towards the probe
    spectrum: tuple[Array, Array, Array]  # times [s], velocities along the flow, power
    line: int
    depth_m: float
    angle_rad: float
    velocity_m_per_s: float  # of the spectrum, mean over whole beats
    true_m_per_s: float  # of the blood in the gate, mean over beats
    axis_m_per_s: float  # on the vessel's axis, which is faster than what lies about it

    def figures(self) -> dict[str, Any]:
        """In the words that a sonographer uses."""
        return {
            "gate": f"line {self.line}, {100.0 * self.depth_m:.1f} cm deep",
            "angle between beam and flow": f"{np.degrees(self.angle_rad):.0f} deg",
            "mean velocity": f"{100.0 * self.velocity_m_per_s:.1f} cm/s",
            "in truth": f"{100.0 * self.true_m_per_s:.1f} cm/s in the gate, {100.0 * self.axis_m_per_s:.1f} cm/s on the vessel's axis",
        }


def examine(config: CellConfig, name: str, rocked_deg: float) -> Duplex:
    """Duplex of the configured patient's vessel `name`. Raises: UnknownName, ConfigError where no beam meets it at less than 60 degrees."""
    body = load_body(config.body.mesh)
    inside = inside_of(config, body)
    vessels = {v.name: v for v in inside.vessels}
    if name not in vessels:
        raise UnknownName("vessel", name, tuple(vessels))
    vessel, probe = vessels[name], load_probe(config.probe.name)
    c = replace(config.imaging, focus_m=vessel.point[2])
    T = along(vessel, body, radians(rocked_deg))
    pulses = Pulses(c.frequency_hz, ASSUMED_SPEED_M_PER_S / (2.0 * c.depth_m), config.twin.pulse.frequency_hz)
    doppler = TwinDoppler(c, pulses, probe, body, inside.vessels, config.seed)
    found = doppler.most_along(vessel, T)
    if found is None:
        raise ConfigError(f"no line of the image meets {name}'s axis within imaging.depth_m = {c.depth_m:g} m")
    line, depth_m, beam = found
    angle = float(np.arccos(abs(beam @ vessel.axis)))
    if angle > MAX_ANGLE_RAD:
        apart = f"{np.degrees(angle):.0f} degrees apart at best, {np.degrees(MAX_ANGLE_RAD):.0f} at most are of use"
        raise ConfigError(f"beams and {name} are {apart}: rock the probe further")
    gate = doppler.gate_at(T, line, depth_m, GATE_M)
    times, towards, power = spectrum(doppler.echoes(vessel, gate, round(BEATS * pulses.repetition_hz / pulses.heart_hz)), pulses)
    flow = flow_velocity(towards, gate.axes[2], vessel.axis)
    whole = times - times[0] < (BEATS - 1) / pulses.heart_hz
    b_mode = TwinUltrasound(c, probe, body, inside.labels, config.seed, materials=inside.materials, vessels=inside.vessels)
    return Duplex(
        b_mode.scan, b_mode.echoes(0, T, 0.0), doppler.colour(T, 0.0, PEAK_RAD), (times, flow, power), line, depth_m, angle,
        float((flow @ power / power.sum(axis=0))[whole].mean()), mean_speed(vessel, gate), 2.0 * vessel.mean_speed_m_per_s,
    )  # fmt: skip


def along(vessel: Vessel, body: Body, rocked_rad: float) -> Array:
    """`T_patient_probe` (4, 4) above the vessel, x along its flow, rocked about y."""
    x, y, _ = vessel.point
    normal = body.normal(x, y)
    skin = np.array([x, y, float(body.surface(x, y))])
    R = frame_from_z(-normal, np.array([vessel.axis[0], vessel.axis[1], 0.0])) @ rotation_from_vector(np.array([0.0, rocked_rad, 0.0]))
    return pose(R, skin - PRESS_M * normal)


def draw(duplex: Duplex, config: CellConfig, file: Path) -> None:
    """The picture that a machine shows: the image with its colours, the gate, and the spectrum below."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 8.5), layout="constrained")
    image, spectrum = figure.subplots(2, 1, height_ratios=(2, 1))
    scan, geometry = duplex.scan, image_geometry(load_probe(config.probe.name), duplex.scan)
    x, z = pixel_centres(geometry)
    extent = 100.0 * np.array([x[0], x[-1], z[-1], z[0]])
    image.imshow(ScanConverter(scan, x, z)(duplex.echoes), cmap="gray", vmin=0, vmax=255, extent=extent)
    line, sample = scan.fractional(x[None, :], z[:, None])
    inside = (line >= 0.0) & (line <= scan.lines - 1) & (sample >= 0.0) & (sample < scan.samples)
    i, k = (np.where(inside, v, 0).astype(int) for v in (np.rint(line), sample * GATES / scan.samples))
    colour = 100.0 * np.where(inside, duplex.colour[i, k], np.nan)
    fastest = float(np.nanmax(np.abs(colour)))
    shown = image.imshow(colour, cmap="seismic", vmin=-fastest, vmax=fastest, extent=extent, interpolation="nearest")
    figure.colorbar(shown, ax=image, label="towards the probe [cm/s]")
    faces, ahead = scan.faces_and_directions()
    image.plot(*(100.0 * (faces[duplex.line] + duplex.depth_m * ahead[duplex.line])), "y+", markersize=14)
    image.set(xlabel="along the vessel [cm]", ylabel="depth [cm]", xlim=extent[:2], ylim=extent[2:])
    times, flow, power = duplex.spectrum
    db = 10.0 * np.log10(power / power.max() + 1e-6)
    spectrum.pcolormesh(times, 100.0 * flow, db, cmap="gray", vmin=-30.0, vmax=0.0, shading="nearest")
    angle = np.degrees(duplex.angle_rad)
    title = f"mean {100.0 * duplex.velocity_m_per_s:.1f} cm/s at {angle:.0f} deg"
    spectrum.set(xlabel="time [s]", ylabel="along the flow [cm/s]", title=title)
    figure.savefig(file, dpi=110)
