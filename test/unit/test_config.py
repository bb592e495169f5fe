import dataclasses

import pytest

from medrobot_ros.config import CellConfig, as_dict, from_dict, keys, load_yaml, parse_set, resolve, section_as_yaml
from medrobot_ros.errors import ConfigError
from medrobot_ros.resources import share


def _set(*pairs):
    return resolve([("--set", parse_set(pairs))])


def test_defaults_survive_the_round_trip():
    assert from_dict(as_dict(CellConfig())) == CellConfig()


def test_values_are_read_in_the_fields_own_type():
    config = _set("contact.force_n=6", "scan.size_m=0.1,0.06", "imaging.frequency_hz=2e6", "scan.confirmed=true", "seed=7")
    assert config.contact.force_n == 6.0 and isinstance(config.contact.force_n, float)
    assert config.scan.size_m == (0.1, 0.06)
    assert (config.imaging.frequency_hz, config.scan.confirmed, config.seed) == (2e6, True, 7)


@pytest.mark.parametrize(
    ("pair", "says"),
    [
        ("contact.forc_n=6", "nearest is 'contact.force_n'"),
        ("contact.force_n=60", "1 to 12 N"),
        ("contact.force_n=.nan", "must be a number N"),
        ("contact.force_n=five", "must be a number N"),
        ("scan.size_m=0.1", "2 numbers in m"),
        ("scan.max_repeats=1.5", "whole number"),
        ("scan.confirmed=1", "true or false"),
        ("contact=3", "must hold keys and values"),
        ("twin.tissue.stiffness_n_per_m=100", "200 to 2000 N/m"),
        ("contact.force_n", "key=value"),
        ("arm.name=3", "must be text"),
    ],
)
def test_bad_values_get_one_line(pair, says):
    with pytest.raises(ConfigError) as e:
        _set(pair)
    assert says in str(e.value) and "\n" not in str(e.value)


def test_later_layers_win(tmp_path):
    file = tmp_path / "cell.yaml"
    file.write_text("contact: {force_n: 3}\nseed: 4\n")
    config = resolve([(str(file), load_yaml(file)), ("--set", parse_set(["contact.force_n=7"]))])
    assert (config.contact.force_n, config.seed) == (7.0, 4)


@pytest.mark.parametrize("text", ["- 1\n- 2\n", "a: [1\n", "\0"])
def test_a_file_that_is_no_mapping_is_one_line(tmp_path, text):
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as e:
        load_yaml(file)
    assert str(file) in str(e.value) and "\n" not in str(e.value)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match="cannot read"):
        load_yaml(tmp_path / "none.yaml")


def test_every_key_has_a_meaning_and_numbers_have_ranges():
    for key in keys(CellConfig()):
        assert key.meaning, key.name
        if isinstance(key.value, float):
            assert key.low <= key.value <= key.high < float("inf"), key.name


def test_sections_check_themselves():
    with pytest.raises(ConfigError):
        dataclasses.replace(CellConfig().contact, force_n=0.0)
    with pytest.raises(ConfigError, match=r"lost_n must lie below"):
        _set("contact.lost_n=0.9")


def test_the_file_of_thresholds_is_its_section():
    file = share("config/quality.yaml")
    assert file.read_text() == section_as_yaml("quality")
    assert resolve([(str(file), load_yaml(file))]) == CellConfig()
