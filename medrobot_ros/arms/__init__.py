"""Arms: models from their URDF, inverse and differential kinematics, free motion, and the stage that drives them."""

from medrobot_ros.arms.registry import arm_names, expand_cell, expand_urdf, load_arm, probe_names

__all__ = ["arm_names", "expand_cell", "expand_urdf", "load_arm", "probe_names"]
