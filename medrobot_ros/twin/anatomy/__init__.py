"""What lies below the twin's skin: materials, label volumes, and parametric patients that differ by seed."""

from medrobot_ros.twin.anatomy.brought import Inside, check_labels, inside_of
from medrobot_ros.twin.anatomy.grid import HIGH_M, LOW_M, VOXEL_M
from medrobot_ros.twin.anatomy.materials import MATERIALS, Material, Tissue
from medrobot_ros.twin.anatomy.patient import Anatomy, Target

__all__ = ["HIGH_M", "LOW_M", "MATERIALS", "VOXEL_M", "Anatomy", "Inside", "Material", "Target", "Tissue", "check_labels", "inside_of"]
