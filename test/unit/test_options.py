import pytest

from medrobot_ros.config import CellConfig, keys
from medrobot_ros.errors import ConfigError, MedrobotError
from medrobot_ros.options import OPTIONS, cell_config, check_namespace


def test_short_options_come_last_and_an_empty_one_is_not_given(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("arm: {name: gen3}\ncontact: {force_n: 4}\nseed: 3\n")
    config = cell_config({"arm": "", "seed": 9, "probe": None}, file, ["contact.force_n=6"])
    assert (config.arm.name, config.contact.force_n, config.seed) == ("gen3", 6.0, 9)
    assert cell_config({"arm": "fr3"}, file).arm.name == "fr3"


def test_every_option_stands_for_a_setting():
    assert set(OPTIONS.values()) <= {k.name for k in keys(CellConfig())}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"arm": "fr4"}, "valid: fer, fr3, gen3"),
        ({"task": "mri"}, "valid: ultrasound"),
        ({"probe": "round"}, "valid: curvilinear, linear"),
        ({"hardware": "none"}, "valid: mock"),
        ({"body": "/nonexistent.stl"}, "/nonexistent.stl"),
        ({"seed": -1}, "0 to"),
        ({"arms": "fr3"}, "did you mean 'arm'"),
    ],
)
def test_a_bad_option_is_one_line_that_helps(options, says):
    with pytest.raises(MedrobotError) as caught:
        cell_config(options)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "namespace"), [("cell", "cell"), ("/ward_2/cell_a/", "ward_2/cell_a")])
def test_a_namespace_loses_its_outer_slashes(name, namespace):
    assert check_namespace(name) == namespace


@pytest.mark.parametrize("name", ["", "/", "9x", "a b", "a//b", "zelle-1", "größe"])
def test_a_namespace_that_ros_would_refuse_is_refused_first(name):
    with pytest.raises(ConfigError, match="namespace"):
        check_namespace(name)


@pytest.mark.parametrize("file", ["", "/nonexistent.igs.mha"])
def test_a_playback_without_its_file_does_not_start(file):
    with pytest.raises(MedrobotError, match=r"imaging\.file|nonexistent"):
        cell_config({}, pairs=["imaging.source=playback", f"imaging.file={file}"])
