"""Who may publish, hear and serve what: an SROS2 policy, written from the interface table.

`python -m medrobot_ros.security > security/policy.xml`; a test compares them, and another holds the live graph to it.
"""

import xml.etree.ElementTree as ET

from medrobot_ros.interfaces import NAMESPACE, NODES, SERVICES, TOGETHER, TOPICS, USER, VIEW_HEARS, VIEW_MARKERS, recorded_topics

OPERATOR, BRINGUP, VIEW = "operator", "bringup", "view"  # what `medrobot` asks with, what the launch file does, what draws beside rviz
BESIDE = (OPERATOR, BRINGUP, VIEW)
_PARAMETERS = (
    "describe_parameters", "get_parameter_types", "get_parameters", "get_type_description", "list_parameters", "set_parameters",
    "set_parameters_atomically",
)  # fmt: skip
_LIFECYCLE = ("change_state", "get_state", "get_available_states", "get_available_transitions", "get_transition_graph")
_EVERYBODY_PUBLISHES = ("/rosout", "/parameter_events")
INSTEAD = {"recorder": {"image/compressed"}}  # what a node may hear in place of something else, if its settings say so
WATCHED_BY_OPERATOR = ("task/state", "safety/state", "contact/state", "image/quality")


def published(node: str) -> set[str]:
    """Topics that a node publishes, absolute or relative to the cell's namespace."""
    if node == OPERATOR:
        return {*_EVERYBODY_PUBLISHES, *(t.name for t in TOPICS if USER in t.writers and t.name == "safety/stop")}
    if node in BESIDE:
        return {*_EVERYBODY_PUBLISHES, *((VIEW_MARKERS,) if node == VIEW else ())}
    return {*(t.name for t in TOPICS if node in t.writers), *_EVERYBODY_PUBLISHES, f"{node}/transition_event"}


def subscribed(node: str) -> set[str]:
    """Topics that a node hears."""
    if node == OPERATOR:
        return set(WATCHED_BY_OPERATOR)
    if node in BESIDE:
        return set(VIEW_HEARS) if node == VIEW else set()
    if node == "recorder":
        return {t.name for t in recorded_topics()} | INSTEAD[node]
    return {t.name for t in TOPICS if node in t.readers}


def served(node: str) -> set[str]:
    """Services that a node answers."""
    own = {f"{node}/{s}" for s in _PARAMETERS}
    return own if node in BESIDE else own | {f"{node}/{s}" for s in _LIFECYCLE} | {s.name for s in SERVICES if s.server == node}


def requested(node: str) -> set[str]:
    """Services that a node asks for. Only the operator's enclave may move the robot, and only it and bringup's change a node's state."""
    states = {f"{n}/{s}" for n in NODES for s in ("change_state", "get_state")}
    return {OPERATOR: {s.name for s in SERVICES} | states, BRINGUP: states}.get(node, set())


def policy(namespace: str = NAMESPACE) -> str:
    """The policy as XML: an enclave a node, and one for those that share a process."""
    root = ET.Element("policy", version="0.2.0")
    enclaves = ET.SubElement(root, "enclaves")
    for name, nodes in ({n: (n,) for n in (*NODES, *BESIDE)} | TOGETHER).items():
        enclave = ET.SubElement(enclaves, "enclave", path=f"/{namespace}/{name}")
        profiles = ET.SubElement(enclave, "profiles")
        for node in nodes:
            _profile(profiles, namespace, node)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _profile(profiles: ET.Element, namespace: str, node: str) -> None:
    profile = ET.SubElement(profiles, "profile", ns=f"/{namespace}", node=node)
    for tag, kind, names in (
        ("service", "reply", served(node)),
        ("service", "request", requested(node)),
        ("topic", "publish", published(node)),
        ("topic", "subscribe", subscribed(node)),
    ):
        if names:
            group = ET.SubElement(profile, f"{tag}s", {kind: "ALLOW"})
            for name in sorted(names):
                ET.SubElement(group, tag).text = name


if __name__ == "__main__":
    print(policy(), end="")
