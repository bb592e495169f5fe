"""The probe's own inertia is told from the tissue's push by how the arm moves."""

import numpy as np
from support import Gantry

from medrobot_ros.cell import Cell
from medrobot_ros.config import CellConfig
from medrobot_ros.contact.probe_motion import MOST_M_PER_S2, STALE_PERIODS, ProbeMotion
from medrobot_ros.force_bench import full
from medrobot_ros.geometry.pose import pose, rotation_from_vector
from medrobot_ros.geometry.wrench import accelerating_wrench

ARM, DT = Gantry(), 0.002


def motion():
    return ProbeMotion(ARM.T_ft_probe, ARM.probe_mass_kg, ARM.p_ft_com, DT)


def com_m(t):
    """Where a probe's centre of mass is while it turns and shifts, and its pose."""
    T = pose(rotation_from_vector(np.array([0.3 * np.sin(4.0 * t), 0.2 * t, 0.1])), np.array([0.05 * np.sin(3.0 * t), 0.0, 0.04 * t * t]))
    return (T @ np.append(ARM.p_ft_com - ARM.T_ft_probe[:3, 3], 1.0))[:3], T


def twist(t, h=1e-5):
    (_, A), (_, B), (_, T) = com_m(t - h), com_m(t + h), com_m(t)
    W = T[:3, :3].T @ (B[:3, :3] - A[:3, :3]) / (2.0 * h)
    return np.concatenate((T[:3, :3].T @ (B[:3, 3] - A[:3, 3]) / (2.0 * h), (W[2, 1], W[0, 2], W[1, 0])))


def test_a_turning_and_shifting_probe_is_accelerated_by_what_is_told():
    probe, h = motion(), 1e-4
    for k in range(100):
        probe.take(round(1e9 * k * DT), twist(k * DT))
        felt = probe.sample()
    t = 98.5 * DT  # half a period late
    a_base = (com_m(t + h)[0] - 2.0 * com_m(t)[0] + com_m(t - h)[0]) / (h * h)
    expected = accelerating_wrench(com_m(t)[1][:3, :3].T @ a_base, ARM.probe_mass_kg, ARM.p_ft_com)
    assert np.linalg.norm(expected[:3]) > 0.05
    assert np.allclose(felt, expected, atol=0.005)


def test_twists_that_fall_silent_or_jump_do_little():
    probe = motion()
    probe.take(0, np.zeros(6))
    probe.take(round(1e9 * DT), np.array([0.0, 0.0, 3.0, 0.0, 0.0, 0.0]))  # 1500 m/s^2
    assert 0.0 < np.linalg.norm(probe.sample()[:3]) <= ARM.probe_mass_kg * MOST_M_PER_S2 * 1.001
    for _ in range(STALE_PERIODS):
        probe.sample()
    assert not probe.sample().any() and probe.along_m_per_s is None
    probe.take(10**9, np.array([0.0, 0.0, 0.1, 0.0, 0.0, 0.0]))
    assert not probe.sample().any()  # a second between two twists tells nothing


def examined(compensated):
    """Largest force [N] felt in free space on the way to the skin, and the stiffness felt on it, through the whole control path."""
    stages = full.build(CellConfig(), speed_m_per_s=0.02)
    contact, free_n = stages["contact"], []
    if not compensated:
        contact._motion._accelerating[:] = 0.0

    def listen(topic, signal):
        if topic == "contact/wrench" and contact.engagement.state == "approach" and not touched:
            free_n.append(np.linalg.norm(signal.F[:3]))
        elif topic == "twin/contact_wrench" and signal.indentation_m > 0.0:
            touched.append(signal.stamp_ns)
        return ()

    cell, touched = Cell(stages, listen), []
    while not touched or cell.now_ns < touched[0] + 4e9:
        cell.advance()
    return max(free_n), contact.engagement.regulator.tissue.n_per_m


def test_without_it_an_arm_that_sets_off_feels_a_push_and_no_stiffness_is_told():
    (push_n, n_per_m), (raw_push_n, raw_n_per_m) = examined(True), examined(False)
    assert push_n < 0.2 and raw_push_n > 2.0 * push_n, (push_n, raw_push_n)
    assert abs(n_per_m - 800.0) < 150.0 < abs(raw_n_per_m - 800.0), (n_per_m, raw_n_per_m)
