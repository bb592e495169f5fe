"""Forward kinematics, Jacobian, inverse kinematics and the differential tick beside other libraries, in one run, as ratios.

    python bench/kinematics.py [arm ...]

A ratio is the other's median time over ours, so more than 1 is in our favour; calls take turns, so that the machine's load meets all alike.
"""

import importlib
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from medrobot_ros.arms import expand_urdf, ik_search, load_arm
from medrobot_ros.arms.differential_ik import DifferentialIk
from medrobot_ros.arms.model import ArmModel
from medrobot_ros.signals import Array

PROBE, PERIOD_S = "linear", 0.002
POSES, BATCH = 1000, 10_000
Call = Callable[[int], Any]


def medians_us(calls: dict[str, Call], count: int) -> dict[str, float]:
    """Median times of calls that are made in turns for k = 0 .. count."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for k in range(count):
        for name, call in calls.items():
            began = time.perf_counter()
            call(k)
            times[name].append(time.perf_counter() - began)
    return {name: round(1e6 * float(np.median(t[count // 10 :])), 2) for name, t in times.items()}


def with_ratios(medians: dict[str, float]) -> dict[str, Any]:
    """Ours, and how many times as long each other takes."""
    ours = medians["ours"]
    return {"ours_us": ours, **{name: round(t / ours, 2) for name, t in medians.items() if name != "ours"}}


def toolbox(model: ArmModel) -> Any:
    """roboticstoolbox's chain, read from the URDF by itself."""
    import roboticstoolbox

    file = Path(tempfile.mkdtemp()) / "arm.urdf"
    file.write_text(expand_urdf(model.name, PROBE))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return roboticstoolbox.Robot.URDF(str(file)).ets(end="probe")


def pinocchio(model: ArmModel) -> Any:
    """Functions (forward kinematics, Jacobian) of pinocchio's model, or None where it is not installed."""
    try:
        pin = importlib.import_module("pinocchio")
    except ImportError:
        return None
    theirs = pin.buildModelFromXML(expand_urdf(model.name, PROBE))
    data, tip = theirs.createData(), theirs.getFrameId("probe")

    def forward(q: Array) -> Any:
        pin.forwardKinematics(theirs, data, q)
        return pin.updateFramePlacement(theirs, data, tip).homogeneous

    def jacobian(q: Array) -> Any:
        return pin.computeFrameJacobian(theirs, data, q, tip, pin.LOCAL)

    return forward, jacobian, pin.neutral(theirs).size


def mink_tick(model: ArmModel) -> Callable[[Array, Array], Any] | None:
    """One tick of mink's differential IK with position and velocity limits (it has none for acceleration and jerk), or None."""
    try:
        mink, mujoco = importlib.import_module("mink"), importlib.import_module("mujoco")
    except ImportError:
        return None
    import xml.etree.ElementTree as ET

    robot = ET.fromstring(expand_urdf(model.name, PROBE))
    ET.SubElement(ET.SubElement(robot, "mujoco"), "compiler", fusestatic="false", balanceinertia="true")
    theirs = mujoco.MjModel.from_xml_string(ET.tostring(robot, encoding="unicode"))
    task = mink.FrameTask("probe", "body", position_cost=1.0, orientation_cost=0.1)
    speeds = dict(zip(model.joint_names, model.qd_max.tolist(), strict=True))
    limits = [mink.ConfigurationLimit(theirs), mink.VelocityLimit(theirs, speeds)]
    configuration = mink.Configuration(theirs)

    def tick(q: Array, T_goal: Array) -> Any:
        configuration.update(q)
        task.set_target(mink.SE3.from_matrix(T_goal))
        return mink.solve_ik(configuration, [task], PERIOD_S, "daqp", damping=1e-3, limits=limits)

    return tick


def forward_and_jacobian(model: ArmModel, Q: Array) -> dict[str, Any]:
    """Single calls, and a batch of 10,000 poses in milliseconds."""
    ets, pin = toolbox(model), pinocchio(model)
    forward: dict[str, Call] = {"ours": lambda k: model.T_base_probe(Q[k]), "roboticstoolbox": lambda k: ets.eval(Q[k])}
    jacobian: dict[str, Call] = {"ours": lambda k: model.jacobian_probe(Q[k]), "roboticstoolbox": lambda k: ets.jacobe(Q[k])}
    if pin is not None and pin[2] == model.n:
        forward["pinocchio"], jacobian["pinocchio"] = lambda k: pin[0](Q[k]), lambda k: pin[1](Q[k])
    many = np.random.default_rng(1).uniform(model.q_lower, model.q_upper, (BATCH, model.n))
    batch = medians_us({"ours": lambda k: model.T_base_probe_many(many)}, 20)["ours"]
    return {
        "forward": with_ratios(medians_us(forward, len(Q))),
        "jacobian": with_ratios(medians_us(jacobian, len(Q))),
        "forward_10000_ms": round(1e-3 * batch, 2),
    }


def inverse(model: ArmModel, Q: Array) -> dict[str, Any]:
    """Random reachable poses from home, to the same tolerance and within limits, beside roboticstoolbox's own ik_LM."""
    ets, goals = toolbox(model), model.T_base_probe_many(Q)
    ours, theirs = [], []
    tolerance = 0.5 * ik_search.TOLERANCE**2  # theirs is of half the squared error
    calls: dict[str, Call] = {
        "ours": lambda k: ours.append(ik_search.find(model, goals[k], model.q_home).q is not None),
        "roboticstoolbox": lambda k: theirs.append(ets.ik_LM(goals[k], q0=model.q_home.copy(), tol=tolerance).success),
    }
    timed = with_ratios(medians_us(calls, len(Q)))
    return {**timed, "success": round(float(np.mean(ours)), 4), "roboticstoolbox_success": round(float(np.mean(theirs)), 4)}


def tick(model: ArmModel) -> dict[str, Any]:
    """The whole differential tick: along a smooth twist that the bounds allow, and for a twist that jumps at every tick."""
    smooth = np.sin(2.0 * np.pi * 0.25 * PERIOD_S * np.arange(POSES))[:, None]
    direction = np.random.default_rng(0).standard_normal((POSES, 6))
    return {"smooth": _tick(model, 0.02 * smooth * direction[0]), "jumping": _tick(model, 0.02 * direction)}


def _tick(model: ArmModel, V: Array) -> dict[str, Any]:
    solver, mink = DifferentialIk(model, PERIOD_S), mink_tick(model)
    state = {"q": model.q_home.copy(), "qd": np.zeros(model.n), "qdd": np.zeros(model.n)}

    def ours(k: int) -> None:
        qd, _ = solver.step(state["q"], state["qd"], state["qdd"], V[k])
        state["q"], state["qd"], state["qdd"] = state["q"] + qd * PERIOD_S, qd, (qd - state["qd"]) / PERIOD_S

    calls: dict[str, Call] = {"ours": ours}
    if mink is not None:
        calls["mink"] = lambda k: mink(state["q"], model.T_base_probe(model.q_home))
    return with_ratios(medians_us(calls, POSES))


def kinematics(names: tuple[str, ...] = ("fr3", "gen3", "iiwa7")) -> dict[str, Any]:
    """Every figure for each arm."""
    out = {}
    for name in names:
        model = load_arm(name, PROBE)
        Q = np.random.default_rng(0).uniform(model.q_lower, model.q_upper, (POSES, model.n))
        out[name] = {**forward_and_jacobian(model, Q), "inverse": inverse(model, Q), "tick": tick(model)}
    return out


if __name__ == "__main__":
    print(json.dumps(kinematics(tuple(sys.argv[1:]) or ("fr3", "gen3", "iiwa7")), indent=2))
