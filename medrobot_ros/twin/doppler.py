"""The twin's colour and spectral Doppler of an anatomy's vessels, in the lines of its B-mode."""

import numpy as np

from medrobot_ros.config import ImagingSection
from medrobot_ros.imaging.probe import ProbeGeometry
from medrobot_ros.imaging.scan_conversion import ScanLines
from medrobot_ros.signals import Array
from medrobot_ros.twin.beam import FWHM, Beam
from medrobot_ros.twin.blood import Gate, Iq, Pulses, mean_velocity, slow_time_iq, spectrum
from medrobot_ros.twin.body import Body
from medrobot_ros.twin.chart import KNOT_SAMPLES, Chart
from medrobot_ros.twin.patient import skin_of
from medrobot_ros.twin.tables import ASSUMED_SPEED_M_PER_S
from medrobot_ros.twin.vessel import Vessel

CYCLES = 4.0  # of a colour pulse: chosen
PACKET = 12  # pulses that make one colour estimate: chosen
GATES = 128  # along a line
ON_AXIS = 0.2  # of a vessel's radius, within which a gate counts as on its axis: 4 % slower there at most


class TwinDoppler:
    """Velocities of blood along the beam, positive towards the probe [m/s], from simulated echoes. Lines of sight are straight."""

    def __init__(
        self, settings: ImagingSection, pulses: Pulses, probe: ProbeGeometry, body: Body, vessels: tuple[Vessel, ...], seed: int
    ) -> None:
        self._scan, self._pulses, self._vessels = ScanLines.of_probe(probe, GATES, settings.depth_m), pulses, vessels
        self._chart = Chart(self._scan, probe.elements_m(), skin_of(body))
        self._rng = np.random.default_rng([seed, 6])
        wavelength_m = ASSUMED_SPEED_M_PER_S / pulses.frequency_hz
        self._beam = Beam(wavelength_m, settings.focus_m, settings.f_number, probe.aperture_m, probe.elevation_m)
        self._axial_m = 0.5 * CYCLES * wavelength_m / FWHM

    def colour(self, T_patient_probe: Array, breathing_offset_m: float = 0.0, heart_phase_rad: float = 0.0) -> Array:
        """Velocity (lines, GATES) along the beam [m/s], NaN outside the vessels' lumen."""
        out = np.full((self._scan.lines, GATES), np.nan)
        knots = self._chart.at(T_patient_probe, breathing_offset_m)
        depth_m = (np.arange(GATES) + 0.5) * self._scan.depth_m / GATES
        for i in range(self._scan.lines):
            places = self._places(knots[i], depth_m)
            for vessel in self._vessels:
                for k in np.flatnonzero(vessel.contains(places, heart_phase_rad)):
                    iq = self.echoes(vessel, self.gate(knots[i], depth_m[k]), PACKET, heart_phase_rad)
                    out[i, k] = mean_velocity(iq, self._pulses)
        return out

    def spectral(
        self, vessel: Vessel, T_patient_probe: Array, line: int, depth_m: float, duration_s: float, gate_m: float = 0.003
    ) -> tuple[Array, Array, Array]:
        """Times [s], velocities along the beam [m/s] and power (velocities, times) of the gate `gate_m` long at a depth of a line."""
        gate = self.gate_at(T_patient_probe, line, depth_m, gate_m)
        return spectrum(self.echoes(vessel, gate, round(duration_s * self._pulses.repetition_hz)), self._pulses)

    def most_along(self, vessel: Vessel, T_patient_probe: Array) -> tuple[int, float, Array] | None:
        """Line and depth [m] of the place on a vessel's axis whose beam goes most along the flow, and that beam (3,) in skin coordinates;
        None where no line meets the axis."""
        knots, depth_m = self._chart.at(T_patient_probe, 0.0), (np.arange(GATES) + 0.5) * self._scan.depth_m / GATES
        best: tuple[int, float, Array] | None = None
        for i in range(self._scan.lines):
            places = self._places(knots[i], depth_m)
            k = int(np.argmin(vessel.from_axis_squared(places)))
            if vessel.from_axis_squared(places[k]) < (ON_AXIS * vessel.radius_m) ** 2:
                beam = self.gate(knots[i], depth_m[k]).axes[2]
                if best is None or abs(beam @ vessel.axis) > abs(best[2] @ vessel.axis):
                    best = i, float(depth_m[k]), beam
        return best

    def _places(self, knots: Array, depth_m: Array) -> Array:
        """Skin coordinates (n, 3) at depths of a line."""
        return np.column_stack([np.interp(depth_m, self._knots_m(), knots[:KNOT_SAMPLES, 0, c]) for c in range(3)])

    def gate_at(self, T_patient_probe: Array, line: int, depth_m: float, gate_m: float) -> Gate:
        """The sample volume `gate_m` long at a depth of a line."""
        return self.gate(self._chart.at(T_patient_probe, 0.0)[line], depth_m, gate_m)

    def gate(self, knots: Array, depth_m: float, gate_m: float | None = None) -> Gate:
        """The sample volume at a depth of a line, whose chart is `knots`; a colour pulse's own length where none is given [m]."""
        u = depth_m / self._scan.depth_m * (KNOT_SAMPLES - 1)
        a = min(int(u), KNOT_SAMPLES - 2)
        ahead = knots[a + 1, 0] - knots[a, 0]
        axes = np.array([knots[a, 1], knots[a, 2], ahead], float)
        axes /= np.linalg.norm(axes, axis=1, keepdims=True)
        beside, across = (float(f(np.array(depth_m))) / FWHM for f in (self._beam.lateral_m, self._beam.elevation_m_at))
        along = self._axial_m if gate_m is None else gate_m / FWHM
        return Gate(knots[a, 0] + (u - a) * ahead, axes, np.array([beside, across, along]))

    def echoes(self, vessel: Vessel, gate: Gate, count: int, heart_phase_rad: float = 0.0) -> Iq:
        """Slow-time echoes (count,) of a vessel's blood in a gate."""
        return slow_time_iq(vessel, gate, self._pulses, count, self._rng, heart_phase_rad)

    def _knots_m(self) -> Array:
        return np.linspace(0.0, self._scan.depth_m, KNOT_SAMPLES)
