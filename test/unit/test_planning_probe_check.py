"""A wrong probe shows in what is left of its weight when it tilts."""

import numpy as np
import pytest

from medrobot_ros.arms import load_arm
from medrobot_ros.contact.wrench_estimate import WrenchEstimate
from medrobot_ros.geometry.pose import rotation_from_vector
from medrobot_ros.geometry.wrench import weight_wrench
from medrobot_ros.planning.probe_check import MAX_MASS_ERROR_KG, TILT_RAD, probe_fault

ARM = load_arm("fr3", "curvilinear")
R_TARED = np.diag([1.0, -1.0, -1.0])
R_TILTED = R_TARED @ rotation_from_vector(np.array([TILT_RAD, 0.0, 0.0]))
BIAS = np.array([1.0, -2.0, 0.3, 0.01, 0.02, -0.03])


def left(mass_kg, p_ft_com):
    """What the cell's compensation leaves of a probe with this mass and centre of mass."""
    R_probe_ft = ARM.T_ft_probe[:3, :3].T

    def raw(R_base_probe):
        return BIAS + weight_wrench(R_base_probe @ R_probe_ft, mass_kg, p_ft_com)

    estimate = WrenchEstimate(ARM.T_ft_probe, ARM.probe_mass_kg, ARM.p_ft_com, 40.0, 0.002)
    estimate.tare(raw(R_TARED), R_TARED)
    estimate.turn(R_TILTED)
    return estimate.update(raw(R_TILTED), np.zeros(6))


def test_the_right_probe_leaves_nothing():
    assert probe_fault(left(ARM.probe_mass_kg, ARM.p_ft_com), R_TARED, R_TILTED) == ""


@pytest.mark.parametrize(("excess_kg", "message"), [(0.07, "70 g heavier"), (-0.07, "70 g lighter")])
def test_a_difference_of_mass_is_weighed_and_said(excess_kg, message):
    assert message in probe_fault(left(ARM.probe_mass_kg + excess_kg, ARM.p_ft_com), R_TARED, R_TILTED)
    assert probe_fault(left(ARM.probe_mass_kg + 0.4 * MAX_MASS_ERROR_KG, ARM.p_ft_com), R_TARED, R_TILTED) == ""


@pytest.mark.parametrize("carried", ["curvilinear", "linear"])
def test_this_packages_probes_are_told_apart(carried):
    other = load_arm("fr3", "linear")
    mounted = other if carried == "linear" else ARM
    assert bool(probe_fault(left(mounted.probe_mass_kg, mounted.p_ft_com), R_TARED, R_TILTED)) == (carried == "linear")


def test_a_wrong_centre_of_mass_and_a_pulling_cable_are_seen():
    assert "Nm left" in probe_fault(left(ARM.probe_mass_kg, ARM.p_ft_com + (0.0, 0.0, 0.03)), R_TARED, R_TILTED)
    assert "0.80 N" in probe_fault(np.array([0.8, 0.0, 0.0, 0.0, 0.0, 0.0]), R_TARED, R_TILTED)
