"""A recorded examination fed to every stage by itself, and what each answered when it was recorded.

    python test/replay.py            # records anew: after a change that is meant to alter what a stage answers
    python test/replay.py imaging    # only that stage's answers to the record there is

The bag in `data/replay` holds what the stages were told in a small examination at 100 Hz; images are left out (no stage hears them) and the
clouds are thinned. A stage answers to the record, not to itself, so a change in one shows in that one alone.
"""

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from medrobot_ros.arms import load_arm
from medrobot_ros.cell import Cell, make_stage, run_examination, simulated_stages
from medrobot_ros.config import CellConfig, from_dict
from medrobot_ros.interfaces import TOPICS, recorded_topics
from medrobot_ros.recording.reader import Run
from medrobot_ros.recording.writer import RecorderStage, new_run
from medrobot_ros.signals import Surface

FOLDER = Path(__file__).parent / "data" / "replay"
ANSWERS = "answers.npz"
SETTINGS = {"hardware": {"rate_hz": 100.0}, "scan": {"size_m": [0.04, 0.02]}, "imaging": {"rate_hz": 5.0, "volume_hz": 0.0}}
FOUND_NS, THINNED = 5_000_000_000, (2, 6)  # one point of a cloud in so many: while the patient is looked for, and then
EVERY = 5  # of the answers on a topic, one in so many is kept
LONG = 64  # an array longer than this is kept as its sum and its spread
STAGES = ("hardware", "kinematics", "contact", "imaging", "surface", "planner", "safety")
MUST_HAVE = ("contact/wrench", "probe/twist_command", "scan/reference", "image/quality")
# How far an answer may lie from the stored one, in the topic's unit: above what another processor's rounding makes of it, far below
# what matters. Of an image's 300,000 pixels one in a hundred may be a grey level brighter, since they are rounded.
TOLERANCE, OF_TOPIC = 1e-6, {"image": 3000.0, "image/quality": 0.02}


class NotARecord(Exception):
    """A record in which what is to be replayed never happened."""


@dataclass
class Record:
    """What was said, in order: (time [ns], topic, signal)."""

    config: CellConfig
    said: list[tuple[int, str, Any]]

    def check(self) -> None:
        """Raises: NotARecord without contact or scanning."""
        topics = {name for _, name, _ in self.said}
        if missing := [name for name in MUST_HAVE if name not in topics]:
            raise NotARecord(f"nothing was ever said on {', '.join(missing)}")
        modes = {s.state for _, name, s in self.said if name == "contact/state"}
        if "scan" not in modes:
            raise NotARecord(f"contact was never in state 'scan', only in {', '.join(sorted(modes))}")


def read(folder: Path) -> Record:
    """The record in a folder."""
    run = Run(folder)
    said = []
    for k, t in enumerate(recorded_topics()):
        for n, (time_ns, signal) in enumerate(zip(run.raw(t.name)[0].tolist(), run.signals(t.name), strict=True)):
            said.append((time_ns, k, n, t.name, signal))
    said.sort(key=lambda s: s[:3])
    return Record(run.config, [(time_ns, name, signal) for time_ns, _, _, name, signal in said])


def replay(record: Record, name: str) -> Iterator[tuple[str, Any]]:
    """(topic, signal) of all that a stage answers to the record."""
    stage = make_stage(name, record.config, STAGES)
    hears = {t.name for t in TOPICS if name in t.readers}
    truths = _Truths() if hears & {"twin/probe_pose"} else None
    period_ns, every = round(1e9 / record.config.hardware.rate_hz), max(1, round(record.config.hardware.rate_hz / stage.rate_hz))
    k, may_start, started, said = 0, False, name != "planner", iter(record.said)
    ahead = next(said, None)
    while ahead is not None:
        k += 1
        stage.now_ns = k * period_ns
        while ahead is not None and ahead[0] <= k * period_ns:
            _, heard, signal = ahead
            ahead = next(said, None)
            if heard not in hears:
                continue
            signal = truths.add(heard, signal) if truths is not None and heard.startswith("twin/") else signal
            if signal is not None:
                yield from stage.receive(heard, signal)
            may_start |= heard == "safety/state" and signal.state == "ok"
        if k % every == 0:
            yield from stage.tick(k * period_ns)
        if may_start and not started:
            started = stage.call("task/start")[0]


class _Truths:
    def __init__(self) -> None:
        from medrobot_ros.messages import TruthMerge

        self._merge = TruthMerge(("twin/probe_pose", "twin/patient"))

    def add(self, name: str, part: Any) -> Any:
        return self._merge.add(name, part)


def answers(record: Record, name: str) -> dict[str, np.ndarray]:
    """A stage's answers by topic: one row of numbers for one in `EVERY` of them, and how many there were."""
    rows: dict[str, list[list[float]]] = {}
    for heard, signal in replay(record, name):
        rows.setdefault(heard, []).append(numbers(signal))
    out = {}
    for heard, all_rows in rows.items():
        width = max(map(len, all_rows))
        kept = all_rows if len(all_rows) < 20 else all_rows[::EVERY]
        out[f"{name}|{heard}"] = np.array([r + [np.nan] * (width - len(r)) for r in kept])
        out[f"{name}|{heard}|count"] = np.array(len(all_rows))
    return out


def numbers(signal: Any) -> list[float]:
    """All that a signal says, as numbers; words as the sum of their letters, without the figures in them."""
    if is_dataclass(signal):
        return [x for f in fields(signal) for x in numbers(getattr(signal, f.name))]
    if isinstance(signal, str):
        return [float(sum(ord(c) for c in signal if c.isalpha()))]
    if signal is None:
        return [np.nan]
    if isinstance(signal, dict):
        return numbers(json.dumps(signal, sort_keys=True, default=float))
    if isinstance(signal, (tuple, list)) and any(isinstance(x, str) for x in signal):
        return numbers(" ".join(signal))
    values = np.asarray(signal, dtype=float).ravel()
    if values.size <= LONG:
        return values.tolist()
    known = values[~np.isnan(values)]
    return [float(values.size), float(known.size), float(known.sum()), float(known.std()) if known.size else 0.0]


def differences(stored: dict[str, np.ndarray], now: dict[str, np.ndarray]) -> list[str]:
    """Every topic on which a stage answers otherwise than stored, and by how much."""
    out = [f"{key}: never answered any more" for key in stored if key not in now] + [f"{key}: new" for key in now if key not in stored]
    for key in sorted(stored.keys() & now.keys()):
        was, now_is = stored[key], now[key]
        if was.shape != now_is.shape or not np.array_equal(np.isnan(was), np.isnan(now_is)):
            out.append(f"{key}: {now_is.shape} numbers instead of {was.shape}, or other ones of them unknown")
            continue
        worst, heard = float(np.nanmax(np.abs(was - now_is), initial=0.0)), key.split("|")[1]
        if worst > OF_TOPIC.get(heard, TOLERANCE):
            out.append(f"{key}: differs by {worst:.3g}, {OF_TOPIC.get(heard, TOLERANCE):g} allowed")
    return out


def record_anew() -> None:
    """Runs the examination and stores its record and the answers to it."""
    config = from_dict({**SETTINGS}, "the settings of the replay")
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.parent.mkdir(exist_ok=True)
    run = new_run(FOLDER.parent, "replay", config)
    recorder = RecorderStage(run, config, load_arm(config.arm.name, config.probe.name).joint_names)
    needed = {t.name for t in recorded_topics() if t.readers} | {"scan/path"}

    def listen(name: str, signal: Any) -> Any:
        if isinstance(signal, Surface):
            kept = slice(None, None, THINNED[signal.stamp_ns > FOUND_NS])
            signal = replace(signal, points=signal.points[kept], normals=signal.normals[kept])
        return recorder.receive(name, signal) if name in needed else ()

    cell = Cell(simulated_stages(config), listen)
    for _ in run_examination(cell, 120.0):
        pass
    recorder.close()
    run.rename(FOLDER)
    read(FOLDER).check()
    store(STAGES, {})


def store(names: Sequence[str], others: dict[str, np.ndarray]) -> None:
    """Answers of some stages as they are now, beside those of others."""
    record, found = read(FOLDER), {k: v for k, v in others.items() if k.split("|")[0] not in names}
    for name in names:
        found |= answers(record, name)
    np.savez_compressed(FOLDER / ANSWERS, **{k.replace("/", ":"): v for k, v in found.items()})


def stored() -> dict[str, np.ndarray]:
    """The answers when the record was made."""
    with np.load(FOLDER / ANSWERS) as file:
        return {k.replace(":", "/"): file[k] for k in file.files}


if __name__ == "__main__":
    if sys.argv[1:]:
        store(sys.argv[1:], stored())
    else:
        record_anew()
    size = sum(f.stat().st_size for f in FOLDER.rglob("*") if f.is_file())
    print(f"{FOLDER}: {size / 1e6:.1f} MB", file=sys.stderr)
