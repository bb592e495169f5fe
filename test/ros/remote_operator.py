"""An operator beside the hardware whose cell has nodes on another machine: a process of its own, since DDS knows one network a process."""

import subprocess
import sys

from operating import Operating


def clock_ms(operating, node):
    """What the supervisor says of the clock of a node's machine."""
    return operating.diagnostics("safety").get(f"clock of {node} behind [ms]")


def main(elsewhere):
    """Begins an examination and pulls the cable, upon which the missing nodes stop the arm."""
    with Operating() as operating:
        operating.wait_ready()
        operating.wait(lambda: all(clock_ms(operating, node) for node in elsewhere), "told the clocks")
        assert all(abs(float(clock_ms(operating, node))) < 50.0 for node in elsewhere), "one clock here"
        operating.begin()
        subprocess.run(["ip", "link", "set", "cable", "down"], check=True)
        operating.wait_stopped_by(elsewhere)
        operating.wait(operating.at_rest, "at rest")


if __name__ == "__main__":
    main(sys.argv[1].split(","))
