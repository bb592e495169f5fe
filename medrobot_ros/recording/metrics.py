"""The figures of an examination, from its record alone. Forces and poses are the recorded truth where there is one.

`summary.json` holds the keys of `FIELDS`, in SI units but for angles, `null` where there is no value.
"""

import hashlib
from itertools import pairwise
from typing import Any

import numpy as np

from medrobot_ros import __version__
from medrobot_ros.config import own_file
from medrobot_ros.errors import MachineError
from medrobot_ros.recording import columns
from medrobot_ros.recording.coverage import covered_points, planned_skin
from medrobot_ros.recording.force import engaged_in, measured_force, true_force
from medrobot_ros.recording.reader import Run, Series
from medrobot_ros.resources import share
from medrobot_ros.signals import Array, ContactStatus, Event, HardwareStatus, ImageQuality, TaskStatus, active_node

FIELDS = {
    "outcome": "the task's last verdict: accepted, rejected, stopped or aborted; unfinished where the record ends before it",
    "reason": "why",
    "complete": "whether the record was closed in order",
    "arm": "which arm",
    "probe": "which probe",
    "task": "which task",
    "seed": "seed of every random draw",
    "software": "version of medrobot_ros that made the summary",
    "models": "first 12 digits of the SHA-256 of the arm's and the probe's description",
    "calibrations": "likewise of the calibration files of probe and camera, where there were any",
    "duration_s": "from the first to the last record of the task's state, the conclusion at the latest",
    "phases_s": "that time by phase",
    "coverage": "share of the planned skin points, in the patient's frame, inside the coupled aperture of an accepted image "
                "while the probe touched; 0 where nothing was planned",
    "coverage_reported": "the planner's own figure",
    "repeats": "rounds of repeated lines",
    "force_error_rmse_n": "true force minus reference along the beam, over every sample in contact state scan",
    "force_error_max_n": "greatest size of the same",
    "measured_force_error_rmse_n": "the same of the force that the controller saw",
    "measured_force_error_max_n": "greatest size of the same",
    "force_max_n": "greatest true force along the beam of the whole run",
    "contact_share": "share of samples with a true force above contact.lost_n while contact mode was scan and the probe was "
                     "between touch and retreat, the search for lost contact included",
    "lost_count": "times that contact was lost",
    "normal_error_mean_deg": "angle between the probe's z axis and the undeformed skin's inward normal, in contact state scan",
    "normal_error_max_deg": "greatest of the same",
    "images": "images recorded",
    "images_accepted_share": "share of the images made while contact mode was scan, from touch to retreat, that were accepted",
    "visibility_mean": "mean visibility of the same images",
    "contact_share_mean": "mean share of the aperture in contact of the same images",
    "loop": "the hardware loop at the end of the run: period_p50_s, period_p99_s, period_max_s, period_error_p99_s, overruns, "
            "answered, realtime; null without a wall clock",
    "clock_offset_s": "by node, the least time from a heartbeat's stamp to its arrival in the record: how far its machine's clock is "
                      "behind the recorder's, and the quickest way",
    "commands_clamped": "commands that the hardware clamped",
    "commands_refused": "commands that the hardware refused",
    "events": "number of run-time faults by source/kind",
}  # fmt: skip

UNFINISHED = "unfinished"
LOOP_KEYS = ("period_p50_s", "period_p99_s", "period_max_s", "period_error_p99_s", "overruns", "answered", "realtime")
DIGITS = 9


def summarise(run: Run) -> dict[str, Any]:
    """The summary of a run, ready for JSON."""
    true, measured = true_force(run), measured_force(run)
    summary: dict[str, Any] = _rounded({
        **_identity(run),
        **_task(run),
        "coverage": float(np.mean(covered_points(run)[1])) if planned_skin(run) is not None else 0.0,
        "force_error_rmse_n": _rms(true.error_n),
        "force_error_max_n": _max(np.abs(true.error_n)),
        "measured_force_error_rmse_n": _rms(measured.error_n),
        "measured_force_error_max_n": _max(np.abs(measured.error_n)),
        "force_max_n": _max(true.force_n),
        "contact_share": _mean(true.force_n[true.engaged] > run.config.contact.lost_n),
        "lost_count": max((s.lost_count for s in run.signals("contact/state")), default=0),
        **_normal(run),
        **_images(run),
        **_hardware(run),
        "clock_offset_s": clock_offsets_s(run),
        "events": event_counts(run),
    })  # fmt: skip
    return summary


# --- what ran and how it ended ----------------------------------------------------------------------------------------


def _identity(run: Run) -> dict[str, Any]:
    arm, probe = run.config.arm.label, run.config.probe.name
    own = own_file(run.config.arm.name)
    models = {"arm": _digest(f"config/arms/{arm}.yaml" if own is None else str(own)), "probe": _digest(f"config/probes/{probe}.yaml")}
    calibrations = {"probe": run.config.probe.calibration, "camera": run.config.camera.calibration}
    return {
        "arm": arm, "probe": probe, "task": run.config.task, "seed": run.config.seed, "software": __version__,
        "models": models, "calibrations": {name: _digest(file) for name, file in calibrations.items() if file}, "complete": run.complete,
    }  # fmt: skip


def _digest(file: str) -> str | None:
    """Of a packaged file, or of any by its whole path; None where it is gone."""
    try:
        return hashlib.sha256(share(file).read_bytes()).hexdigest()[:12]
    except (MachineError, OSError):
        return None


def _task(run: Run) -> dict[str, Any]:
    states: list[TaskStatus] = run.signals("task/state")
    if not states:
        return {"outcome": UNFINISHED, "reason": "the task's state was not recorded", "duration_s": None, "phases_s": {},
                "repeats": 0, "coverage_reported": None}  # fmt: skip
    end = _conclusion(states)
    last = states[end]
    return {
        "outcome": last.outcome or UNFINISHED,
        "reason": last.reason or ("" if last.outcome else f"the record ends in phase '{last.phase}'"),
        "duration_s": 1e-9 * (last.stamp_ns - states[0].stamp_ns),
        "phases_s": phase_durations(states[: end + 1]),
        "repeats": last.repeats,
        "coverage_reported": last.coverage,
    }


def _conclusion(states: list[TaskStatus]) -> int:
    """Index of the first state with the last verdict; of the last state where it has none. A task may go on after a stop."""
    end = len(states) - 1
    while end > 0 and states[end].outcome and states[end - 1].outcome == states[end].outcome:
        end -= 1
    return end


def phase_durations(states: list[TaskStatus]) -> dict[str, float]:
    """Seconds spent in each named phase, between the first and the last state."""
    out: dict[str, float] = {}
    for a, b in pairwise(states):
        if a.phase:
            out[a.phase] = out.get(a.phase, 0.0) + 1e-9 * (b.stamp_ns - a.stamp_ns)
    return out


# --- orientation ------------------------------------------------------------------------------------------------------


def normal_error(run: Run) -> Series:
    """Angle [rad] (N,) between the probe's z axis and the inward normal, while scanning."""
    probe, skin, states = run.poses("twin/probe_pose"), run.poses("twin/skin_pose"), run.signals("contact/state")
    stamps, i, j = np.intersect1d(probe.stamps_ns, skin.stamps_ns, return_indices=True)
    cosine = np.einsum("ni,ni->n", probe.values[i, :3, 2], skin.values[j, :3, 2])
    scanning = np.array([False] + [s.state == "scan" for s in states])[run.signals_before("contact/state", stamps) + 1]
    return Series(stamps[scanning], np.arccos(np.clip(cosine[scanning], -1.0, 1.0)))


def _normal(run: Run) -> dict[str, Any]:
    error_deg = np.degrees(normal_error(run).values)
    return {"normal_error_mean_deg": _mean(error_deg), "normal_error_max_deg": _max(error_deg)}


# --- images -----------------------------------------------------------------------------------------------------------


def _images(run: Run) -> dict[str, Any]:
    stamps_ns = np.array(list(run.qualities), dtype=np.int64)
    states: list[ContactStatus] = run.signals("contact/state")
    engaged = engaged_in(states)[run.signals_before("contact/state", stamps_ns) + 1]
    qualities: list[ImageQuality] = [q for q, made in zip(run.qualities.values(), engaged, strict=True) if made]
    return {
        "images": len(run.raw("image")[0]),
        "images_accepted_share": _mean([q.accepted for q in qualities]),
        "visibility_mean": _mean([q.visibility for q in qualities]),
        "contact_share_mean": _mean([q.contact_share for q in qualities]),
    }


# --- hardware and events ----------------------------------------------------------------------------------------------


def _hardware(run: Run) -> dict[str, Any]:
    states: list[HardwareStatus] = run.signals("hardware/state")
    last = states[-1] if states else HardwareStatus(0)
    loop = {k: getattr(last, k) for k in LOOP_KEYS}
    return {"loop": loop, "commands_clamped": last.clamped, "commands_refused": last.refused}


def clock_offsets_s(run: Run) -> dict[str, float]:
    """The youngest heartbeat [s] of each node as it reached the record."""
    arrived_ns, messages = run.raw("heartbeat")
    out: dict[str, float] = {}
    if messages:
        ages_s = 1e-9 * (arrived_ns - columns.stamps_ns(messages))
        for source, age_s in zip(columns.sources(messages), ages_s.tolist(), strict=True):
            node = active_node(source)[0]
            out[node] = min(age_s, out.get(node, age_s))
    return out


def event_counts(run: Run) -> dict[str, int]:
    """Faults by `source/kind`. An event carries its kind's running count."""
    out: dict[str, int] = {}
    messages: dict[str, int] = {}
    events: list[Event] = run.signals("events")
    for event in events:
        key = f"{event.source}/{event.kind}"
        messages[key] = messages.get(key, 0) + 1
        count = event.values.get("count", 1)
        out[key] = max(out.get(key, 0), int(count), messages[key])
    return out


# --- arithmetic -------------------------------------------------------------------------------------------------------


def _mean(values: Any) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _max(values: Array) -> float | None:
    return float(np.max(values)) if len(values) else None


def _rms(values: Array) -> float | None:
    return float(np.sqrt(np.mean(values**2))) if len(values) else None


def _rounded(value: Any) -> Any:
    """Floats to nine significant digits: more would be noise, and differ between processors."""
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def as_markdown() -> str:
    """The table of fields as `docs/summary.md` shows it."""
    head = (
        "# summary.json\n\nBy `python -m medrobot_ros.recording.metrics > docs/summary.md`; a test compares them. Made from the bag alone; "
        "SI units but for\nangles in names that say so; `null` where there is no value.\n\n| field | meaning |\n|---|---|\n"
    )
    return head + "".join(f"| `{name}` | {meaning} |\n" for name, meaning in FIELDS.items())


if __name__ == "__main__":
    print(as_markdown(), end="")
