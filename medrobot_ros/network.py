"""What a cell's processes run under: how they find and hear each other, and who else may."""

import os
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from medrobot_ros.errors import ConfigError
from medrobot_ros.resources import share

_RANGE, _ON_THIS_MACHINE = "ROS_AUTOMATIC_DISCOVERY_RANGE", ("LOCALHOST", "OFF")
_FURTHER = ("ROS_STATIC_PEERS", "ROS_DISCOVERY_SERVER")  # of the middleware's own, that reach beyond its range
_DOMAINS = ((0, 101), (215, 232))  # whose ports are none of Linux's ephemeral ones (ROS 2 documentation, "The ROS_DOMAIN_ID")
_ENVIRONMENT = {_RANGE: "LOCALHOST", "FASTDDS_BUILTIN_TRANSPORTS": "UDPv4", "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
_READS = {2: "FASTRTPS_DEFAULT_PROFILES_FILE", 3: "FASTDDS_DEFAULT_PROFILES_FILE"}  # which Fast DDS; their files differ in a name
_FAST_DDS_OF = {7: 2, 9: 3}  # by the version of rclpy: Jazzy's and Kilted's. Of another ROS nothing is taken for granted
_LOOPBACK, _WIDELY = "loopback", "network"


def environment() -> dict[str, str]:
    """Variables that every process of a cell runs under; the user's own choices stand.

    Processes talk over UDP: into shared memory of Fast DDS nobody writes for 0.35 s, the control path included, when somebody comes to
    listen or has died there. With the range LOCALHOST ROS gives it shared memory whatever is said, so that a profile keeps it to the
    loopback interface instead. A ROS that is not known to heed it stays with LOCALHOST as it is.
    """
    chosen = _chosen()
    found = {name: chosen.get(name, value) for name, value in _ENVIRONMENT.items()}
    own = {name: chosen[name] for name in _READS.values() if name in chosen}
    fastdds = chosen.get("RMW_IMPLEMENTATION", "rmw_fastrtps").startswith("rmw_fastrtps")
    alone = fastdds and found[_RANGE] == "LOCALHOST" and not own and not set(_FURTHER) & set(chosen)
    if alone and (loopback := _profile(_LOOPBACK)):
        return {**found, _RANGE: "SYSTEM_DEFAULT", **loopback}
    return found | (own or _profile(_WIDELY))


def _profile(name: str) -> dict[str, str]:
    """The variable that this ROS's Fast DDS reads, with the file that it understands; none where that is not known."""
    major = _FAST_DDS_OF.get(_rclpy())
    return {} if major is None else {_READS[major]: str(share(f"config/fastdds{major}/{name}.xml"))}


def _holds(variables: Mapping[str, str], name: str) -> bool:
    profile = _profile(name)
    return bool(profile) and profile.items() <= variables.items()


@cache
def _rclpy() -> int:
    try:
        return int(version("rclpy").partition(".")[0])
    except PackageNotFoundError:  # no ROS 2 here, to read any of it
        return 0


def _chosen() -> dict[str, str]:
    """What is set, but for what `environment` has answered to whoever started this process, which is nobody's choice."""
    chosen = dict(os.environ)
    for name in (_LOOPBACK, _WIDELY):
        if _holds(chosen, name):
            if name == _LOOPBACK and chosen.get(_RANGE) == "SYSTEM_DEFAULT":
                del chosen[_RANGE]
            chosen = {k: v for k, v in chosen.items() if k not in _profile(name)}
    return chosen


def network_warnings() -> tuple[str, ...]:
    """What is to be said loudly before a cell starts. Raises: ConfigError for a domain that ROS cannot use."""
    domain = os.environ.get("ROS_DOMAIN_ID") or "0"
    if not domain.isdecimal() or not any(low <= int(domain) <= high for low, high in _DOMAINS):
        valid = " or ".join(f"{low} to {high}" for low, high in _DOMAINS)
        raise ConfigError(f"ROS_DOMAIN_ID = {domain}: must be {valid}")
    variables = environment()
    reach = variables[_RANGE]
    if reach in _ON_THIS_MACHINE or _holds(variables, _LOOPBACK):
        return ()
    return (f"WARNING: {_RANGE}={reach}: others on the network can command this arm",)
