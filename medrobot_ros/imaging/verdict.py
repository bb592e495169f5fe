"""From figures to a verdict: an image is accepted unless one of the rules speaks against it, and each says why."""

from dataclasses import dataclass, replace
from typing import Any

from medrobot_ros.config import QualitySection
from medrobot_ros.signals import ImageQuality


@dataclass(frozen=True)
class Rule:
    """A figure of `ImageQuality`, the setting of `quality` that bounds it, from below or (`at_most`) from above, and how it reads."""

    figure: str
    setting: str
    text: str
    at_most: bool = False

    def objection(self, quality: ImageQuality, thresholds: QualitySection) -> str:
        """Why the image is not good enough, '' where it is or the figure has no value."""
        value: Any = getattr(quality, self.figure)
        bound: float = getattr(thresholds, self.setting)
        if value is None or (value <= bound if self.at_most else value >= bound):
            return ""
        return self.text.format(value, bound)


RULES = (
    Rule("contact_share", "min_contact_share", "{:.0%} of the aperture in contact, {:.0%} needed"),
    Rule("visibility", "min_visibility", "visibility {:.2f}, {:.2f} needed"),
    Rule("target_visibility", "min_target_visibility", "{:.0%} of the target depths seen, {:.0%} needed"),
    Rule("shadow_share", "max_shadow_share", "{:.0%} of the target depths in shadow, {:.0%} allowed", at_most=True),
    Rule("confidence", "min_confidence", "confidence {:.2f}, {:.2f} needed"),
    Rule("penetration_m", "min_penetration_m", "signal ends at {:.3f} m, {:.3f} m needed"),
    Rule("blur", "max_blur", "blur {:.2f}, {:.2f} allowed", at_most=True),
)


def judged(quality: ImageQuality, thresholds: QualitySection) -> ImageQuality:
    """The same figures with the verdict and its reasons."""
    reasons = tuple(filter(None, (rule.objection(quality, thresholds) for rule in RULES)))
    return replace(quality, accepted=not reasons, reasons=reasons)
