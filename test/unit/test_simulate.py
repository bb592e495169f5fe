"""`medrobot simulate`: a whole examination in one process."""

import json

import pytest

from medrobot_ros.cli import main

SHORT = ["--set", "scan.size_m=0.04,0.03", "--set", "scan.speed_m_per_s=0.03", "--yes"]


def simulate(out, *options):
    """Exit status, summary and folder of one simulated examination."""
    status = main(["simulate", "--out", str(out), *SHORT, *options])
    (folder,) = out.iterdir()
    return status, json.loads((folder / "summary.json").read_text()), folder


@pytest.fixture(scope="module")
def accepted(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("runs"), "--arm", "fr3", "--seed", "5")


def test_an_examination_is_accepted_and_leaves_everything_behind(accepted):
    status, summary, folder = accepted
    assert status == 0 and summary["outcome"] == "accepted"
    assert summary["coverage"] >= 0.95 and summary["coverage"] == summary["coverage_reported"]
    assert summary["force_error_rmse_n"] <= 0.3 and summary["force_max_n"] < 15.0
    assert summary["contact_share"] >= 0.99 and summary["normal_error_mean_deg"] <= 4.0
    assert all(v is None for v in summary["loop"].values())
    for name in ("bag/metadata.yaml", "config.yaml", "volume.mha", "report.html"):
        assert (folder / name).stat().st_size > 0, name


def test_the_same_seed_gives_the_same_summary_to_the_bit(accepted, tmp_path):
    again = simulate(tmp_path, "--arm", "fr3", "--seed", "5")
    assert (again[2] / "summary.json").read_bytes() == (accepted[2] / "summary.json").read_bytes()


def test_another_makers_arm_and_a_stiffer_patient(tmp_path):
    status, summary, _ = simulate(tmp_path, "--arm", "gen3", "--set", "twin.tissue.stiffness_n_per_m=2000")
    assert status == 0 and summary["force_error_rmse_n"] <= 0.3


def test_a_report_is_rebuilt_from_the_bag(accepted):
    folder = accepted[2]
    before = (folder / "summary.json").read_bytes()
    (folder / "summary.json").unlink()
    (folder / "report.html").unlink()
    assert main(["report", str(folder)]) == 0
    assert (folder / "summary.json").read_bytes() == before and (folder / "report.html").exists()


def test_too_little_time_in_contact_is_rejected(tmp_path):
    status, summary, _ = simulate(tmp_path, "--set", "scan.size_m=0.12,0.08", "--set", "scan.max_contact_s=6")
    assert status == 2 and summary["outcome"] == "rejected" and "coverage" in summary["reason"]


@pytest.mark.parametrize("folder", ["/nonexistent", "/etc"])
def test_a_folder_that_is_no_run_is_one_line(folder, capsys):
    assert main(["report", folder]) == 1
    assert capsys.readouterr().err.count("\n") == 1
