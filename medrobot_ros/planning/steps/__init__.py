"""The steps of an examination; `task.py` says in which order they come."""

from medrobot_ros.planning.steps.checks import Check, SeeSpheres
from medrobot_ros.planning.steps.finding import Find, Plan
from medrobot_ros.planning.steps.motions import Above, Home, Lift, Return, Tilt
from medrobot_ros.planning.steps.passes import Approach, LiftOff, Next, PassDone, Prepare, Scan
from medrobot_ros.planning.steps.step import Step
from medrobot_ros.planning.steps.weighing import FirstTare, Weigh

__all__ = [
    "Above", "Approach", "Check", "Find", "FirstTare", "Home", "Lift", "LiftOff", "Next", "PassDone", "Plan", "Prepare", "Return", "Scan",
    "SeeSpheres", "Step", "Tilt", "Weigh",
]  # fmt: skip
