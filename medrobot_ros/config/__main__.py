"""`python -m medrobot_ros.config SECTION` prints a section's defaults as a file."""

import sys

from medrobot_ros.config import section_as_yaml

print(section_as_yaml(sys.argv[1]), end="")
