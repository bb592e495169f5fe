"""The image on the probe, from drawn wire phantoms with known truth."""

from dataclasses import replace

import numpy as np
import pytest
import yaml
from scipy.spatial.transform import Rotation

from medrobot_ros.calibration.image import from_crossed_wires, from_n_wires, without_outliers
from medrobot_ros.calibration.phantom import read_phantom
from medrobot_ros.calibration.spots import bright_spots, n_wire_spots
from medrobot_ros.calibration.store import read_sections
from medrobot_ros.cli import main
from medrobot_ros.errors import DataError
from medrobot_ros.geometry.pose import inverse, pose, rotation_vector
from medrobot_ros.imaging.sequence import Frame, Sequence, write_sequence

SIZE, SPACING_M = (300, 260), np.array([3e-4, 3.5e-4])
T_PROBE_IMAGE = pose(Rotation.from_euler("xyz", (92.0, 3.0, -2.0), degrees=True).as_matrix(), np.array([-0.044, 0.002, 0.01]))
LAYERS_MM = ((0, 0), (4, -15), (-3, -30))  # where the first wire begins: x, z
WIRES_MM = [[[[x, 0, z], [x, 40, z]], [[x, 0, z], [x + 30, 40, z]], [[x + 30, 0, z], [x + 30, 40, z]]] for x, z in LAYERS_MM]
P_CROSSING = np.array([0.1, -0.2, 0.3])
OVER_THE_PHANTOM = np.diag([1.0, -1.0, -1.0])
TRIALS = 60


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def over_wires(rng, n):
    """Probe poses (n, 4, 4) in the phantom whose image cuts the wires in the middle."""
    turns = Rotation.from_rotvec(rng.uniform(-0.15, 0.15, (n, 3))).as_matrix()
    places = np.array([0.016, 0.02, 0.028]) + rng.uniform(-1.0, 1.0, (n, 3)) * (0.004, 0.01, 0.006)
    return np.array([pose(R @ OVER_THE_PHANTOM, p) for R, p in zip(turns, places, strict=True)])


def wire_spots(T_phantom_probe, noise_px=0.0, rng=None):
    """Where the image planes cut the wires, in pixels (n, layers, 3, 2)."""
    wires = 1e-3 * np.array(WIRES_MM)
    spots = np.empty((len(T_phantom_probe), *wires.shape[:2], 2))
    for k, T in enumerate(T_phantom_probe):
        T_image_phantom = inverse(T @ T_PROBE_IMAGE)
        ends = wires @ T_image_phantom[:3, :3].T + T_image_phantom[:3, 3]
        a, b = ends[:, :, 0], ends[:, :, 1]
        cut = a - (a[..., 2] / (b - a)[..., 2])[..., None] * (b - a)
        spots[k] = cut[..., :2] / SPACING_M
    return spots if rng is None else spots + noise_px * rng.standard_normal(spots.shape)


def around_crossing(rng, n, axes=(1.0, 1.0, 1.0)):
    """Probe poses (n, 4, 4) that show the crossing at random pixels (n, 2)."""
    spots = rng.uniform((40, 40), (260, 220), (n, 2))
    R = Rotation.from_rotvec(rng.uniform(-0.5, 0.5, (n, 3)) * axes).as_matrix()
    seen = np.column_stack((spots * SPACING_M, np.zeros(n))) @ T_PROBE_IMAGE[:3, :3].T + T_PROBE_IMAGE[:3, 3]
    return np.array([pose(r, P_CROSSING - r @ p) for r, p in zip(R, seen, strict=True)]), spots


def drawn(spots, brightness=200.0):
    """An image (rows, columns) of speckle with Gaussian spots at (column, row)."""
    column, row = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    image = np.random.default_rng(1).uniform(0.0, 30.0, (SIZE[1], SIZE[0]))
    for c, r in np.reshape(spots, (-1, 2)):
        image += brightness * np.exp(-((column - c) ** 2 + (row - r) ** 2) / (2.0 * 2.5**2))
    return np.clip(image, 0, 255).astype(np.uint8)


def error_of(found):
    off = inverse(found.T_probe_image) @ T_PROBE_IMAGE
    return np.concatenate((rotation_vector(off[:3, :3]), off[:3, 3], SPACING_M - found.spacing_m))


def test_n_wires_are_exact_without_noise(rng):
    T = over_wires(rng, 6)
    found = from_n_wires(T, wire_spots(T), 1e-3 * np.array(WIRES_MM), SIZE)
    assert error_of(found) == pytest.approx(np.zeros(8), abs=1e-9) and found.residual_m < 1e-9


def test_crossed_wires_are_exact_without_noise(rng):
    found = from_crossed_wires(*around_crossing(rng, 12), SIZE, "tracker")
    assert error_of(found) == pytest.approx(np.zeros(8), abs=1e-9) and found.residual_m < 1e-9


def test_n_wires_errors_are_within_their_covariance(rng):
    squares = []
    for _ in range(TRIALS):
        T = over_wires(rng, 12)
        found = from_n_wires(T, wire_spots(T, 0.7, rng), 1e-3 * np.array(WIRES_MM), SIZE)
        squares.append(error_of(found) @ np.linalg.solve(found.covariance, error_of(found)))
    assert np.mean(squares) == pytest.approx(8.0, rel=0.25)


def test_crossed_wires_errors_are_within_their_covariance(rng):
    squares = []
    for _ in range(TRIALS):
        T, spots = around_crossing(rng, 30)
        T[:, :3, 3] += 3e-4 * rng.standard_normal((30, 3))
        found = from_crossed_wires(T, spots, SIZE, "tracker")
        squares.append(error_of(found) @ np.linalg.solve(found.covariance, error_of(found)))
    assert np.mean(squares) == pytest.approx(8.0, rel=0.25)


def test_a_probe_that_turns_about_one_axis_only_is_refused(rng):
    with pytest.raises(DataError, match="rotate about a second axis: the poses turn only about tracker y"):
        from_crossed_wires(*around_crossing(rng, 12, (0.0, 1.0, 0.0)), SIZE, "tracker")


def test_a_crossing_at_one_depth_only_is_refused(rng):
    T, spots = around_crossing(rng, 12)
    spots[:, 1] = 120.0
    with pytest.raises(DataError, match=r"the crossing shows.*at other depths"):
        from_crossed_wires(T, spots, SIZE, "tracker")


def test_wires_in_the_wrong_order_are_refused(rng):
    T = over_wires(rng, 8)
    mirrored = 1e-3 * np.array(WIRES_MM)[:, ::-1]
    with pytest.raises(DataError, match=r"mm rms from the wires.*are the wires listed"):
        without_outliers(lambda T, spots: from_n_wires(T, spots, mirrored, SIZE), T, wire_spots(T))


def fit(T, spots):
    return from_n_wires(T, spots, 1e-3 * np.array(WIRES_MM), SIZE)


def test_images_whose_spots_are_something_else_are_dropped(rng):
    T = over_wires(rng, 15)
    spots = wire_spots(T, 0.5, rng)
    spots[[3, 8]] += rng.uniform(15.0, 30.0, (2, 3, 3, 2))
    found, dropped = without_outliers(fit, T, spots)
    kept = np.delete(np.arange(15), (3, 8))
    assert dropped == 2 and found.errors_m.shape == (13,)
    assert found.T_probe_image == pytest.approx(fit(T[kept], spots[kept]).T_probe_image, abs=1e-9)


def test_too_many_of_them_are_refused(rng):
    T = over_wires(rng, 20)
    spots = wire_spots(T, 0.1, rng)
    spots[:6, :, 1] += (0.0, 10.0)
    with pytest.raises(DataError, match="6 of 20 images do not agree with the others"):
        without_outliers(fit, T, spots)


def test_spots_are_found_to_a_fraction_of_a_pixel(rng):
    spots = wire_spots(over_wires(rng, 1))[0]
    assert n_wire_spots(drawn(spots), 3) == pytest.approx(spots, abs=0.3)


def test_images_that_lack_a_wire_are_left_out(rng):
    spots = wire_spots(over_wires(rng, 1))[0]
    assert n_wire_spots(drawn(spots[:2]), 3) is None and n_wire_spots(drawn([]), 3) is None
    bent = spots.copy()
    bent[0, 1, 1] += 12.0
    assert n_wire_spots(drawn(bent), 3) is None
    assert len(bright_spots(drawn(spots), 2)) == 2


@pytest.fixture
def recorded(tmp_path, rng):
    """A tracked sequence of the N-wire phantom, and the phantom's file."""
    T = over_wires(rng, 12)
    T_tracker_reference = pose(Rotation.from_rotvec([0.1, 0.4, -1.0]).as_matrix(), np.array([0.3, 0.2, -0.1]))
    T_reference_phantom = pose(Rotation.from_rotvec([0.0, 0.0, 0.5]).as_matrix(), np.array([0.01, 0.0, 0.02]))
    in_mm = np.diag([1e3, 1e3, 1e3, 1.0])

    def mm(T):
        return in_mm @ T @ np.diag([1e-3, 1e-3, 1e-3, 1.0])

    probes = [mm(T_tracker_reference @ T_reference_phantom @ T_phantom_probe) for T_phantom_probe in T]
    tracked = [{"ProbeToTracker": probe, "ReferenceToTracker": mm(T_tracker_reference)} for probe in probes]
    frames = tuple(Frame(0.1 * k, True, transforms) for k, transforms in enumerate(tracked))
    sequence = Sequence(tmp_path / "wires.igs.mha", np.array([drawn(s) for s in wire_spots(T)]), (0.3, 0.35), frames)
    write_sequence(sequence.path, sequence)
    phantom = {"kind": "n-wire", "reference": "Reference", "T_reference_phantom_mm": mm(T_reference_phantom).tolist(), "wires_mm": WIRES_MM}
    path = tmp_path / "phantom.yaml"
    path.write_text(yaml.safe_dump(phantom))
    return sequence, path


def test_the_command_calibrates_from_a_sequence(recorded, tmp_path, capsys):
    sequence, phantom = recorded
    out = tmp_path / "probe.yaml"
    assert main(["calibrate", "image", str(sequence.path), "--phantom", str(phantom), "--out", str(out), "--serial", "A1"]) == 0
    section = read_sections(out)["image"]
    off = inverse(section.array("T_probe_image")) @ T_PROBE_IMAGE
    assert np.linalg.norm(off[:3, 3]) < 3e-4 and np.linalg.norm(rotation_vector(off[:3, :3])) < 0.01
    assert section.array("spacing_m") == pytest.approx(SPACING_M, rel=0.01) and section.array("residual_m") < 2e-4


def test_an_untracked_sequence_and_a_missing_phantom_are_one_line(recorded, tmp_path, capsys):
    sequence, phantom = recorded
    arguments = ["calibrate", "image", str(sequence.path), "--out", str(tmp_path / "probe.yaml"), "--serial", "A1"]
    assert main(arguments) == 1 and "--phantom" in capsys.readouterr().err
    write_sequence(sequence.path, replace(sequence, frames=tuple(replace(f, transforms={}) for f in sequence.frames)))
    assert main([*arguments, "--phantom", str(phantom)]) == 1
    assert "0 tracked images that show the wires" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "z-wire"}, "n-wire, crossed-wire"),
        ({"wires": []}, "unknown key 'wires'; the nearest is 'wires_mm'"),
        ({"wires_mm": [[1, 2]]}, "layers x 3 x 2 x 3 finite numbers"),
        ({"wires_mm": [[WIRES_MM[0][0], WIRES_MM[0][1], WIRES_MM[0][1]]]}, "first and last wire of layer 1 must be parallel"),
        ({"wires_mm": [[WIRES_MM[0][0], WIRES_MM[0][0], WIRES_MM[0][2]]]}, "middle wire of layer 1 must run across"),
    ],
)
def test_a_bad_phantom_is_named(recorded, change, message):
    _, path = recorded
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | change))
    with pytest.raises(DataError, match=message):
        read_phantom(path)
