"""Names, files and URDFs of arms and probes."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import yaml

from medrobot_ros.arms import arm_names, expand_cell, expand_urdf, load_arm, probe_names
from medrobot_ros.arms.description import read_description
from medrobot_ros.errors import ConfigError, UnknownName
from medrobot_ros.resources import share

PLUGINS = {
    "fr3": "franka_hardware/FrankaHardwareInterface",
    "gen3": "kortex_driver/KortexMultiInterfaceHardware",
    "med7": "lbr_ros2_control::SystemInterface",
}


def test_the_seven_arms_are_there() -> None:
    assert {"fr3", "fer", "gen3", "iiwa7", "iiwa14", "med7", "med14"} <= set(arm_names())


@pytest.mark.parametrize("call", [lambda: load_arm("fr4", "linear"), lambda: expand_urdf("fr4", "linear")])
def test_an_unknown_arm_names_the_valid_ones(call: object) -> None:
    with pytest.raises(UnknownName, match=r"fr4.*valid: fer, fr3, gen3, iiwa14, iiwa7, med14, med7"):
        call()  # type: ignore[operator]


def test_an_unknown_probe_names_the_valid_ones() -> None:
    with pytest.raises(UnknownName, match=r"did you mean 'linear'.*curvilinear, linear"):
        load_arm("fr3", "linaer")


def test_an_unknown_hardware_names_the_valid_ones() -> None:
    with pytest.raises(UnknownName, match="mock, real"):
        expand_urdf("fr3", "linear", "fake")


@pytest.mark.parametrize("arm", PLUGINS)
def test_hardware_chooses_the_plugin(arm: str) -> None:
    plugins = {h: ET.fromstring(expand_urdf(arm, "linear", h)).findtext(".//plugin") for h in ("mock", "real")}
    assert plugins == {"mock": "mock_components/GenericSystem", "real": PLUGINS[arm]}


def test_the_cell_places_arm_table_and_patient() -> None:
    robot = ET.fromstring(expand_cell("med7", "linear", "mock", (0.55, 0.01, 0.06), 0.2, -0.16, prefix="a_"))
    joints = {j.get("name"): j for j in robot.findall("joint")}
    place = {name: joints[f"a_{name}_joint"].find("origin").attrib for name in ("table", "patient")}  # type: ignore[union-attr]
    assert place["patient"] == {"xyz": "0.55 0.01 0.06", "rpy": "0 0 0.2"}
    assert place["table"] == {"xyz": "0.55 0.01 -0.16", "rpy": "0 0 0.2"}
    assert joints["a_base_joint"].find("child").get("link") == "a_lbr_link_0"  # type: ignore[union-attr]
    links = [link.get("name", "") for link in robot.findall("link")]
    assert all(name.startswith("a_") for name in links)


@pytest.mark.parametrize("probe", probe_names())
def test_the_probe_of_the_model_is_the_probe_of_its_file(probe: str) -> None:
    parameters = yaml.safe_load(share(f"config/probes/{probe}.yaml").read_text())
    model = load_arm("gen3", probe)
    assert model.probe_mass_kg == parameters["mass_kg"]
    assert model.p_ft_com == pytest.approx(parameters["com_ft_m"], abs=1e-12)
    assert model.T_ft_probe[:3, 3] == pytest.approx(parameters["T_ft_probe_xyz_m"], abs=1e-12)
    assert model.T_flange_ft[:3, 3] == pytest.approx(parameters["T_flange_ft_xyz_m"], abs=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"home_rad": "up"}, "home_rad must be a list of numbers"),
        ({"jerk_rad_per_s3": [-1.0]}, "jerk_rad_per_s3 must be positive"),
        ({"near_stops": {"upper_rad": [1.0]}}, "near_stops must hold upper_rad, lower_rad, offset_rad_per_s, slope_rad_per_s2"),
        ({"xacro": "nowhere.xacro"}, "there is no"),
        ({"speed": 1}, "'speed' is unknown; the nearest is"),
    ],
)
def test_a_bad_description_is_named(tmp_path: Path, change: dict[str, object], message: str) -> None:
    source = share("config/arms/fr3.yaml")
    values = yaml.safe_load(source.read_text())
    values["xacro"] = str((source.parent / values["xacro"]).resolve())
    path = tmp_path / "arm.yaml"
    path.write_text(yaml.safe_dump(values | change))
    with pytest.raises(ConfigError, match=message):
        read_description(path)


def test_limits_are_the_stricter_of_kinovas_files() -> None:
    model = load_arm("gen3", "linear")
    assert model.q_upper[[1, 3, 5]] == pytest.approx([2.24, 2.57, 2.09])
    assert model.qd_max == pytest.approx([0.8727] * 7)
    assert model.wraps.tolist() == [True, False, True, False, True, False, True]
