from dataclasses import replace

import numpy as np
import pytest
from support import POINTING_DOWN, Gantry

from medrobot_ros.config import ContactSection, ImageServoSection
from medrobot_ros.contact.image_servo import ImageServo
from medrobot_ros.contact.path_tracking import PathTracking
from medrobot_ros.contact.stage import ContactStage
from medrobot_ros.errors import ConfigError
from medrobot_ros.geometry.pose import pose, rotation_from_vector, rotation_vector
from medrobot_ros.signals import ContactMode, ImageQuality, ProbeState, ScanReference, Wrench

CONFIG = ImageServoSection()
PERIOD_NS = 50_000_000
ARM = Gantry()


def image(stamp_ns: int, share: float = 1.0, imbalance: float = 0.0, shadow: float | None = 0.0) -> ImageQuality:
    return ImageQuality(stamp_ns, share, 0.9, (-0.02, 0.02), True, imbalance=imbalance, shadow_share=shadow)


def heard(seconds: float, servo: ImageServo | None = None, begin_ns: int = 0, **quality: float) -> ImageServo:
    servo = servo or ImageServo(CONFIG)
    for k in range(round(1e9 * seconds / PERIOD_NS) + 1):
        servo.hear(image(begin_ns + k * PERIOD_NS, **quality))
    return servo


def path() -> PathTracking:
    T = np.array([pose(POINTING_DOWN, np.array([0.5 + x, 0.0, 0.1])) for x in (0.0, 0.1)])
    return PathTracking(ScanReference(0, "r", T, np.array([0.0, 5.0])), 4.0, 4.0)


def test_a_good_image_asks_for_nothing():
    servo = heard(5.0)
    assert (servo.tilt_rad, servo.rock_rad, servo.press_n) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_a_tilt_lowers_the_side_that_does_not_couple(side):
    servo = heard(0.5, share=0.6, imbalance=-0.8 * side)  # `side` of probe x has lost contact
    dry_edge = rotation_from_vector(np.array([0.0, servo.tilt_rad, 0.0])) @ np.array([0.02 * side, 0.0, 0.0])
    assert dry_edge[2] > 0.0  # deeper
    assert abs(servo.tilt_rad) == pytest.approx(CONFIG.tilt_rad_per_s * 0.8 * 0.5)
    assert servo.press_n == 0.0


def test_even_loss_of_contact_is_pressed_and_not_tilted():
    servo = heard(1.0, share=0.4, imbalance=0.05)
    assert servo.press_n == pytest.approx(CONFIG.press_n_per_s) and servo.tilt_rad == 0.0


def test_every_request_is_bounded():
    servo = ImageServo(CONFIG)
    rocks = []
    for k in range(400):
        servo.hear(image(k * PERIOD_NS, share=0.3, imbalance=-1.0 if k % 2 else 0.0, shadow=0.9))
        rocks.append(servo.rock_rad)
        assert abs(servo.tilt_rad) <= CONFIG.max_tilt_rad and 0.0 <= servo.press_n <= CONFIG.max_press_n
    assert max(rocks) == CONFIG.max_rock_rad and min(rocks) == -CONFIG.max_rock_rad
    assert np.abs(np.diff(rocks)).max() <= CONFIG.rock_rad_per_s * 0.05 + 1e-12


def test_requests_fade_with_their_time_constant_once_the_image_is_good():
    servo = heard(3.0, share=0.3, imbalance=0.0)
    asked_n = servo.press_n
    heard(CONFIG.return_s, servo, begin_ns=3 * 10**9)
    assert servo.press_n == pytest.approx(asked_n / np.e, rel=1e-6)


def test_a_gap_between_images_moves_no_further_than_a_short_one():
    servo = ImageServo(CONFIG)
    servo.hear(image(0, share=0.3))
    servo.hear(image(60 * 10**9, share=0.3))
    assert servo.press_n == pytest.approx(0.2 * CONFIG.press_n_per_s)


def test_the_path_is_followed_as_before_while_nothing_is_asked():
    T = pose(rotation_from_vector(np.array([0.02, -0.03, 0.1])) @ POINTING_DOWN, np.array([0.501, 0.002, 0.1]))
    assert np.array_equal(ImageServo(CONFIG).follow(path(), T, 1.0), path().twist(T, 1.0))


def test_the_probe_settles_at_the_path_turned_by_what_is_asked():
    servo, track = heard(0.5, share=0.6, imbalance=0.8, shadow=0.9), path()
    wanted = np.array([servo.rock_rad, servo.tilt_rad, 0.0])
    assert np.all(np.abs(wanted[:2]) > 0.01)
    T, dt = track.pose_at(0.0), 0.01
    for _ in range(400):
        V = servo.follow(track, T, 0.0)
        assert V[2] == 0.0
        T = T @ pose(rotation_from_vector(V[3:] * dt), V[:3] * dt)
    turned = track.pose_at(0.0)[:3, :3].T @ T[:3, :3]
    assert np.allclose(rotation_vector(turned), wanted, atol=1e-4)
    assert np.linalg.norm(T[:2, 3] - track.pose_at(0.0)[:2, 3]) < 1e-4


def test_the_servo_closes_the_loop_on_a_probe_that_stands_askew():
    """Coupling as geometry has it: an edge couples while it is no higher than 2 mm above the skin."""
    askew_rad, half_m, servo = 0.12, 0.025, ImageServo(CONFIG)
    x = np.linspace(-half_m, half_m, 64)
    shares = []
    for k in range(80):
        touching = np.sin(askew_rad + servo.tilt_rad) * x < 0.001  # height of the face above flat skin
        shares.append(touching.mean())
        servo.hear(image(k * PERIOD_NS, share=shares[-1], imbalance=-float(touching[:32].mean() - touching[32:].mean())))
    assert shares[0] < 0.7 and shares[-1] > CONFIG.wanted_share - 0.05


# --- in the contact stage ---------------------------------------------------------------------------------------------


def scanning(force_n: float, slow_n: float = 15.0, servo: ImageServoSection = CONFIG) -> tuple[ContactStage, int]:
    """A stage in state `scan` with a constant push, and the time."""
    stage = ContactStage(
        ContactSection(force_n=force_n), slow_n, 500.0, 0.01, ARM.T_ft_probe, ARM.probe_mass_kg, ARM.p_ft_com, servo
    )
    T = pose(POINTING_DOWN, np.array([0.5, 0.0, 0.1]))
    stage.receive("scan/reference", path().reference)
    now = run(stage, 0, 0.0, 0.02, T)
    for mode, push_n, seconds in (("tare", 0.0, 1.0), ("approach", force_n, 4.0), ("scan", force_n, 0.1)):
        stage.receive("contact/mode", ContactMode(now, mode))
        now = run(stage, now, push_n, seconds, T)
    assert stage.status(now).state == "scan"
    return stage, now


def run(stage: ContactStage, now: int, push_n: float, seconds: float, T: np.ndarray, quality: ImageQuality | None = None) -> int:
    """The tissue pushes with `push_n` at first, then by how far the probe goes."""
    weight = ARM.probe_mass_kg * 9.80665  # pointing down, the weight pulls along the sensor's z
    deeper_n = 0.0
    for k in range(round(500 * seconds)):
        now += 2_000_000
        stage.now_ns = now
        if k % 5 == 0:
            stage.receive("probe/pose", ProbeState(now, T))
        if quality is not None and k % 25 == 0:
            stage.receive("image/quality", replace(quality, stamp_ns=now))
        push = max(0.0, push_n + deeper_n) if push_n else 0.0
        for topic, signal in stage.receive("wrench", Wrench(now, "ft", np.array([0.0, 0.0, weight - push, 0.0, 0.0, 0.0]))):
            deeper_n += 800.0 * 0.002 * signal.V_base_probe_in_probe[2] if topic == "probe/twist_command" else 0.0
    return now


@pytest.mark.parametrize(
    ("force_n", "slow_n", "most_n"), [(5.0, 15.0, 5.0 + CONFIG.max_press_n), (11.0, 15.0, 12.0), (5.0, 8.0, 6.4), (7.0, 8.0, 7.0)]
)
def test_pressing_stays_within_the_force_limits(force_n, slow_n, most_n):
    stage, now = scanning(force_n, slow_n)
    now = run(stage, now, force_n, 6.0, pose(POINTING_DOWN, np.array([0.5, 0.0, 0.1])), image(0, share=0.3))
    assert force_n + stage.status(now).press_n == pytest.approx(most_n)


def test_what_is_asked_is_told_and_forgotten_when_the_scan_ends():
    stage, now = scanning(5.0)
    T = pose(POINTING_DOWN, np.array([0.5, 0.0, 0.1]))
    now = run(stage, now, 5.0, 1.0, T, image(0, share=0.6, imbalance=0.8, shadow=0.9))
    status = stage.status(now)
    assert status.tilt_rad > 0.1 and status.rock_rad > 0.05
    stage.receive("contact/mode", ContactMode(now, "retreat"))
    status = stage.status(now)
    assert (status.tilt_rad, status.rock_rad, status.press_n) == (0.0, 0.0, 0.0)


def test_images_before_the_scan_ask_for_nothing():
    stage = ContactStage(ContactSection(), 15.0, 500.0, 0.01, ARM.T_ft_probe, ARM.probe_mass_kg, ARM.p_ft_com, CONFIG)
    for k in range(100):
        stage.receive("image/quality", image(k * PERIOD_NS, share=0.3))
    assert stage.status(0).press_n == 0.0


def test_the_servo_can_be_switched_off():
    off = ImageServoSection(max_tilt_rad=0.0, max_press_n=0.0, max_rock_rad=0.0)
    servo = ImageServo(off)
    for k in range(100):
        servo.hear(image(k * PERIOD_NS, share=0.3, imbalance=0.9 * (k % 2), shadow=0.9))
    assert (servo.tilt_rad, servo.rock_rad, servo.press_n) == (0.0, 0.0, 0.0)


def test_bounds_are_bounded():
    with pytest.raises(ConfigError, match="max_press_n"):
        ImageServoSection(max_press_n=20.0)
