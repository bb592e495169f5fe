import re
from pathlib import Path

from medrobot_ros.recording.metrics import as_markdown

ROOT = Path(__file__).parents[2]


def test_the_page_of_the_summary_is_its_table():
    assert (ROOT / "docs" / "summary.md").read_text() == as_markdown()


def test_links_lead_somewhere():
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_tests_named_in_the_hazard_table_exist():
    names = {p.stem for p in (ROOT / "test").rglob("test_*.py")}
    table = (ROOT / "docs" / "safety.md").read_text()
    assert set(re.findall(r"`(test_\w+)`", table)) <= names


def test_the_security_policy_is_the_interface_tables():
    from medrobot_ros.security import policy

    assert (ROOT / "security" / "policy.xml").read_text() == policy()
