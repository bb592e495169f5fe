"""Signals as rows of one DiagnosticStatus, whose values are the signal's fields; `None` is an absent key."""

import json
from collections.abc import Callable
from dataclasses import MISSING, fields
from math import isfinite
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from medrobot_ros.interfaces import Topic
from medrobot_ros.messages.checks import stamp_of
from medrobot_ros.messages.kit import Kit
from medrobot_ros.signals import (
    Array,
    ContactMode,
    ContactStatus,
    Event,
    HardwareStatus,
    ImageGeometry,
    ImageQuality,
    MotionStatus,
    SafetyStatus,
    TaskStatus,
)

_Level = Callable[[Any], int]
_OK, _WARN, _ERROR = 0, 1, 2


class StatusRow:
    """A signal whose fields are the values of one DiagnosticStatus."""

    def __init__(self, kind: type, level: _Level = lambda s: _OK) -> None:
        self._kind, self._level, self._hints = kind, level, get_type_hints(kind)
        self._names = [f.name for f in fields(kind) if f.name != "stamp_ns"]
        self._optional = {f.name for f in fields(kind) if f.default is not MISSING or f.default_factory is not MISSING}

    def texts(self, row: Topic, s: Any) -> tuple[int, str, str, list[tuple[str, str]]]:
        """The status' level, its name and message, and its keys with their values."""
        values = [(n, _text(v)) for n in self._names if (v := getattr(s, n)) is not None]
        return self._level(s), getattr(s, "source", row.name), _summary(s), values

    def encode(self, kit: Kit, row: Topic, s: Any) -> Any:
        """Signal to message."""
        level, name, message, texts = self.texts(row, s)
        values = [kit("diagnostic_msgs/KeyValue", key=key, value=value) for key, value in texts]
        status = kit("diagnostic_msgs/DiagnosticStatus", level=kit.level(level), name=name, message=message, hardware_id="", values=values)
        return kit("diagnostic_msgs/DiagnosticArray", header=kit.header(s.stamp_ns), status=[status])

    def decode(self, kit: Kit, row: Topic, m: Any) -> Any:
        """Message to signal."""
        if len(m.status) != 1:
            raise ValueError(f"{len(m.status)} statuses instead of 1")
        found = {v.key: v.value for v in m.status[0].values if v.key in self._hints and v.key != "stamp_ns"}
        if missing := [n for n in self._names if n not in found and n not in self._optional]:
            raise ValueError(f"no value for {', '.join(missing)}")
        return self._kind(stamp_ns=stamp_of(m.header), **{n: _parsed(n, self._hints[n], text) for n, text in found.items()})


def _summary(s: Any) -> str:
    """The one line that a diagnostics viewer shows."""
    words = (getattr(s, n, "") for n in ("kind", "mode", "state", "phase", "result", "outcome", "detail", "reason"))
    return " ".join(w for w in words if w)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and isfinite(value):
        return float.__repr__(value)  # what `json` makes of it, at a tenth of the cost
    return json.dumps(value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value)


def _parsed(name: str, hint: Any, text: str) -> Any:
    """A value of the field's type from its text."""
    if get_origin(hint) in (Union, UnionType):
        hint = next(h for h in get_args(hint) if h is not type(None))
    if hint is str:
        return text
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        raise ValueError(f"{name} = '{text[:40]}' is not a value") from None
    if hint == Array:
        return _matrix(name, value)
    kind = get_origin(hint) or hint
    if kind is tuple:
        return _tuple(name, get_args(hint), value)
    return _scalar(name, kind, value)


def _scalar(name: str, kind: Any, value: Any) -> Any:
    good = isinstance(value, (int, float) if kind is float else kind) and (kind is bool or not isinstance(value, bool))
    if not good or (kind is float and not isfinite(value)):
        raise ValueError(f"{name} = {str(value)[:40]} is not a finite {kind.__name__}")
    return float(value) if kind is float else value


def _tuple(name: str, kinds: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    any_length = kinds[-1] is Ellipsis
    if not isinstance(value, list) or (not any_length and len(value) != len(kinds)):
        raise ValueError(f"{name} is not a list of the right length")
    return tuple(_scalar(name, kinds[0], v) for v in value)


def _matrix(name: str, value: Any) -> Array:
    try:
        out = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is not a matrix") from None
    if out.shape != (4, 4) or not np.isfinite(out).all():
        raise ValueError(f"{name} is not a finite 4 x 4 matrix")
    return out


def _contact_level(s: ContactStatus) -> int:
    return _WARN if s.state in ("lost", "over_force") else _OK


def _motion_level(s: MotionStatus) -> int:
    return _WARN if s.result in ("refused", "stopped") else _OK


def _safety_level(s: SafetyStatus) -> int:
    return {"stopped": _ERROR, "retreat": _WARN}.get(s.state, _OK)


def _task_level(s: TaskStatus) -> int:
    return {"stopped": _ERROR, "rejected": _WARN, "aborted": _WARN}.get(s.outcome, _OK)


def _quality_level(s: ImageQuality) -> int:
    return _OK if s.accepted else _WARN


_EVENT = StatusRow(Event, lambda s: _WARN)

STATUS_ROWS: dict[str, StatusRow] = {
    "contact/mode": StatusRow(ContactMode),
    "contact/state": StatusRow(ContactStatus, _contact_level),
    "motion/state": StatusRow(MotionStatus, _motion_level),
    "hardware/state": StatusRow(HardwareStatus),
    "safety/state": StatusRow(SafetyStatus, _safety_level),
    "image/geometry": StatusRow(ImageGeometry),
    "image/quality": StatusRow(ImageQuality, _quality_level),
    "task/state": StatusRow(TaskStatus, _task_level),
    "events": _EVENT,
    "/diagnostics": _EVENT,
}
