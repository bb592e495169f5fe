"""A URDF that cannot be used names its file and the element at fault."""

import re
from pathlib import Path

import pytest

from medrobot_ros.arms import load_arm
from medrobot_ros.arms.urdf import read_chain
from medrobot_ros.errors import ConfigError

DATA = Path(__file__).parents[1] / "data"
LIMIT = '<limit lower="-1" upper="1" velocity="1" effort="10"/>'
INERTIAL = '<inertial><mass value="1"/><inertia ixx="1" ixy="0" ixz="0" iyy="1" iyz="0" izz="1"/></inertial>'
GOOD = f"""<robot name="r">
  <link name="base"/><link name="arm">{INERTIAL}</link><link name="tip"/>
  <joint name="j1" type="revolute"><parent link="base"/><child link="arm"/><axis xyz="0 0 2"/>{LIMIT}</joint>
  <joint name="j2" type="fixed"><parent link="arm"/><child link="tip"/><origin xyz="0 0 1"/></joint>
</robot>"""


def test_the_good_one_is_read() -> None:
    (segment,) = read_chain(GOOD, "tip").segments
    assert segment.axis.tolist() == [0.0, 0.0, 1.0]
    assert (segment.lower_rad, segment.upper_rad, segment.mass_kg) == (-1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (LIMIT, "", "joint 'j1' must be revolute or continuous, with a <limit> and an <axis>"),
        ('upper="1"', "", "joint 'j1': <limit> needs upper as a number, not ''"),
        ('velocity="1"', 'velocity="fast"', "joint 'j1': <limit> needs velocity as a number, not 'fast'"),
        ('velocity="1"', 'velocity="0"', "joint 'j1': its <limit> must have lower < upper, and a positive velocity"),
        ('upper="1"', 'upper="-2"', "joint 'j1': its <limit> must have lower < upper"),
        ('type="revolute"', 'type="prismatic"', "joint 'j1' must be revolute or continuous"),
        ('"0 0 2"', '"0 0 0"', "joint 'j1': its <axis> needs three numbers that are not all zero"),
        ('<link name="tip"/>', "", "joint 'j2': its child link 'tip' is missing"),
        ('<link name="base"/>', "", "joint 'j1': its parent link 'base' is missing"),
        ('<child link="tip"/>', "", "joint 'j2' has no child link"),
        ('<link name="tip"/>', '<link name="tip"/><link name="tip"/>', "link 'tip' is there 2 times"),
        ('<parent link="base"/>', '<parent link="tip"/>', "link '(tip|arm)' is part of a loop"),
        ('<child link="tip"/>', '<child link="arm"/>', "link 'arm' closes a loop: joint 'j2' is not the only one above it"),
        ('mass value="1"', 'mass value="0"', "link 'arm': its mass must be positive"),
        ('iyy="1"', 'iyy="0"', "link 'arm': its inertia is zero or not positive definite"),
        ('iyy="1"', "", "link 'arm': <inertia> needs iyy as a number"),
        (INERTIAL, "", "joint 'j1' carries no mass: link arm, tip has no <inertial>"),
        ('type="revolute"', 'type="fixed"', "no joint moves between 'base' and 'tip'"),
        ("</robot>", "", "not XML"),
    ],
)
def test_a_fault_is_named(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError, match=f"^{re.escape('my/arm.xacro')}: {message}"):
        read_chain(GOOD.replace(old, new), "tip", "my/arm.xacro")


def test_a_missing_tip_is_named() -> None:
    with pytest.raises(ConfigError, match="there is no joint above link 'probe'"):
        read_chain(GOOD, "probe")


def test_an_arm_of_ones_own_is_told_which_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "mine.urdf").write_text((DATA / "ur_like.urdf").read_text().replace("<limit ", "<no_limit ", 1))
    (tmp_path / "mine.yaml").write_text("urdf: mine.urdf\nflange: tool0\n")
    with pytest.raises(ConfigError, match=r"mine\.urdf: joint '\w+' must be revolute or continuous, with a <limit>"):
        load_arm(str(tmp_path / "mine.yaml"), "linear")
