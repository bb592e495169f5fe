"""When to ask for gel: the probe presses as it should, and still next to nothing of it couples."""

from medrobot_ros.config import CellConfig
from medrobot_ros.signals import ContactStatus, ImageQuality

PRESSED = 0.8  # share of the force reference from which the probe counts as pressed


class GelWatch:
    """Hears the verdicts on images in order; `why` tells what to ask the operator for, '' for nothing."""

    def __init__(self, config: CellConfig) -> None:
        self._share, self._patience_s = config.scan.gel_share, config.scan.gel_s
        self._pressed_n = PRESSED * config.contact.force_n
        self.clear()

    def clear(self) -> None:
        """Begins anew, as after a pause."""
        self._dry_since_ns: int | None = None
        self.why = ""

    def hear(self, quality: ImageQuality, contact: ContactStatus | None) -> None:
        """Takes the verdict on one image with what contact was doing then."""
        pressed = contact is not None and contact.state == "scan" and (contact.force_n or 0.0) >= self._pressed_n
        if not pressed or quality.contact_share >= self._share:
            self.clear()
            return
        if self._dry_since_ns is None:
            self._dry_since_ns = quality.stamp_ns
        dry_s = 1e-9 * (quality.stamp_ns - self._dry_since_ns)
        if dry_s >= self._patience_s:
            coupled = f"{quality.contact_share:.0%} of the aperture coupled for {dry_s:.1f} s despite the force"
            self.why = f"{coupled}: apply gel, then task/resume"
