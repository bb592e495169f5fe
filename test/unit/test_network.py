"""A cell stays on its machine unless told otherwise, and what the user chose stands."""

import xml.etree.ElementTree as ET

import pytest

from medrobot_ros import network
from medrobot_ros.network import environment, network_warnings
from medrobot_ros.resources import share

RANGE, PROFILES, PROFILES_3 = "ROS_AUTOMATIC_DISCOVERY_RANGE", "FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"
FURTHER = ("FASTDDS_BUILTIN_TRANSPORTS", "ROS_STATIC_PEERS", "ROS_DISCOVERY_SERVER", "RMW_IMPLEMENTATION")
NAMES = ("loopback", "network")


@pytest.fixture
def variables(monkeypatch):
    """Sets those of the network that a user has chosen, and nothing else."""
    for name in (RANGE, PROFILES, PROFILES_3, *FURTHER):
        monkeypatch.delenv(name, raising=False)
    return lambda **chosen: [monkeypatch.setenv(name, value) for name, value in chosen.items()]


@pytest.fixture
def rclpy_is(monkeypatch):
    """Gives this machine an rclpy of a version, or none."""

    def give(version):
        def told(package):
            if version is None:
                raise network.PackageNotFoundError(package)
            return version

        monkeypatch.setattr(network, "version", told)
        network._rclpy.cache_clear()

    yield give
    network._rclpy.cache_clear()


@pytest.fixture(params=[("7.1.5", PROFILES, 2), ("9.1.2", PROFILES_3, 3)], ids=["Jazzy", "Kilted"])
def profile(request, rclpy_is):
    """The variable and the file that a name stands for under a ROS."""
    version, variable, fast_dds = request.param
    rclpy_is(version)
    return lambda name: {variable: str(share(f"config/fastdds{fast_dds}/{name}.xml"))}


def profiles_of(variables):
    return {v: variables[v] for v in (PROFILES, PROFILES_3) if v in variables}


@pytest.mark.parametrize("version", ["3.3.1", "11.0.0", None])
@pytest.mark.parametrize("chosen", [{}, {RANGE: "LOCALHOST"}, {RANGE: "LOCALHOST", "RMW_IMPLEMENTATION": "rmw_fastrtps_cpp"}])
def test_of_a_ros_that_is_not_known_no_wider_range_is_asked(variables, rclpy_is, version, chosen):
    rclpy_is(version)
    variables(**chosen)
    assert environment()[RANGE] == "LOCALHOST" and not profiles_of(environment()) and not network_warnings()
    variables(**{RANGE: "SUBNET"})
    assert environment()[RANGE] == "SUBNET" and network_warnings()


@pytest.mark.parametrize("chosen", [{}, {RANGE: "LOCALHOST"}])
def test_a_cell_stays_on_the_loopback_interface_and_off_shared_memory(variables, profile, chosen):
    variables(**chosen)
    found = environment()
    assert found[RANGE] == "SYSTEM_DEFAULT" and profiles_of(found) == profile("loopback")
    assert network_warnings() == ()
    variables(**found)
    assert environment() == found, "a process of a process"
    assert network_warnings() == ()
    variables(**{RANGE: "SUBNET"})
    assert profiles_of(environment()) == profile("network") and network_warnings(), "a user chose otherwise, further down"


@pytest.mark.parametrize(
    "chosen",
    [
        {RANGE: "SUBNET"}, {RANGE: "LOCALHOST", "ROS_STATIC_PEERS": "10.0.0.2"}, {"ROS_DISCOVERY_SERVER": "10.0.0.1:11811"},
        {"RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"}, {RANGE: "OFF"},
    ],
)  # fmt: skip
def test_what_the_user_chose_of_the_network_stands(variables, profile, chosen):
    variables(**chosen)
    found = environment()
    assert found[RANGE] == chosen.get(RANGE, "LOCALHOST")
    assert profiles_of(found) == profile("network")
    assert bool(network_warnings()) is (found[RANGE] == "SUBNET")
    variables(**found)
    assert environment() == found, "a process of a process"


@pytest.mark.parametrize("variable", [PROFILES, PROFILES_3])
def test_a_users_own_profile_stands_alone(variables, profile, variable):
    variables(**{variable: "/own.xml"})
    found = environment()
    assert profiles_of(found) == {variable: "/own.xml"}
    assert found[RANGE] == "LOCALHOST"


def test_a_profile_of_the_cell_that_is_not_its_answer_does_not_hide_how_far_it_reaches(variables, profile):
    variables(**profile("loopback"), **{RANGE: "SUBNET"})
    assert profiles_of(environment()) == profile("network")
    assert network_warnings()


def contents(folder, name):
    """The elements of a profile file, each with its text, as the newer Fast DDS spells them."""
    root = ET.parse(share(f"config/{folder}/{name}.xml")).getroot()
    return [(e.tag.replace("heartbeatPeriod", "heartbeat_period"), (e.text or "").strip()) for e in root.iter()]


@pytest.mark.parametrize("name", NAMES)
def test_each_fast_dds_is_told_the_same(name):
    assert contents("fastdds2", name) == contents("fastdds3", name)
    spelled = [share(f"config/{folder}/{name}.xml").read_text() for folder in ("fastdds2", "fastdds3")]
    assert "heartbeat_period" not in spelled[0] and "heartbeatPeriod" not in spelled[1], "either would refuse the whole file"


def test_a_cell_announces_itself_and_repeats_what_was_lost_alike_on_the_loopback_and_beyond():
    one, other = (ET.parse(share(f"config/fastdds2/{name}.xml")).getroot() for name in NAMES)
    for element, size in (("initialAnnouncements", 5), ("times", 4)):
        said = [[(e.tag, (e.text or "").strip()) for e in r.find(f".//{{*}}{element}").iter()] for r in (one, other)]
        assert len(said[0]) == size and said[0] == said[1]
    assert one.find(".//{*}receiveBufferSize").text == other.find(".//{*}listenSocketBufferSize").text
