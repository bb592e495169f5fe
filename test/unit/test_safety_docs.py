"""The table of hazards in docs/safety.md names tests that exist, and every reason for which the arm is stopped."""

import re
from pathlib import Path

import pytest

from medrobot_ros.safety import guard
from medrobot_ros.safety.reasons import Reason

ROOT = Path(__file__).parents[2]
TABLE = re.findall(r"^\|(?!-| hazard).*\|$", (ROOT / "docs" / "safety.md").read_text(), re.MULTILINE)
GUARDS = re.findall(r'"([a-z]+(?:_[a-z]+)+)"', Path(guard.__file__).read_text())


@pytest.mark.parametrize("row", TABLE)
def test_the_tests_that_a_hazard_names_exist(row):
    named = re.findall(r"`(test_\w+)::(test_\w+)`", row.split("|")[-2])
    assert named, row
    for file, test in named:
        (path,) = (ROOT / "test").rglob(f"{file}.py")
        assert f"def {test}(" in path.read_text(), f"{file}::{test}"


@pytest.mark.parametrize("reason", [*(r.name for r in Reason), *GUARDS])
def test_every_reason_is_in_the_table(reason):
    assert any(f"`{reason}`" in row for row in TABLE)
