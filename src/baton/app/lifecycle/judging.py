"""Monitor, once a day: matured days, months, and the alarms that both detectors raise."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from baton.app.lifecycle.landing import ALIAS
from baton.app.lifecycle.step import Step
from baton.delivery.release import Release
from baton.kernel.clock import iso
from baton.monitoring.day import Day
from baton.monitoring.detector import Evidence, calibration_evidence, novelty_evidence
from baton.monitoring.month import Month
from baton.monitoring.performance import judge_month, matured
from baton.project.definition import Monitor

if TYPE_CHECKING:
    from baton.app.lifecycle.recent import Recent

CLOSING = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Signal:
    """An alarm: what kind, in words, with the numbers behind it. `harm` tells a page from a ticket."""

    kind: str
    cause: str
    harm: bool
    evidence: dict[str, object]


def judge_days(step: Step, recent: "Recent") -> None:
    """Days whose labels had time to arrive are judged on the truth."""
    ready = step.now - step.house.definition.monitor.maturity
    for day in step.draft.all(Day, status=("served",)):
        if day.day + timedelta(days=1) <= ready:
            known = recent.labelled(day.day, day.day + timedelta(days=1), None)
            scores = np.array([row.score for row, _ in known], dtype=np.float64)
            labels = np.array([label for _, label in known], dtype=np.float64)
            judged = matured(day, scores, labels, "judged")
            step.draft.record(step.act("monitor"), judged, "judged", f"{judged.labelled} of {judged.predictions} labels arrived")


def signals(step: Step, live: Release) -> list[Signal]:
    """What the detectors say of the live version, from the days that it alone answered."""
    monitor = step.house.definition.monitor
    if live.live_at is None or step.now - live.live_at < monitor.settle:
        return []
    days = [day for day in step.draft.all(Day) if day.day >= live.live_at and day.versions == (live.version,)]
    signal = alarm(days, monitor)
    return [signal] if signal is not None else []


def alarm(days: Sequence[Day], monitor: Monitor) -> Signal | None:
    """The mean of both detectors is one too: an alarm at its level keeps one false-alarm rate for all that is watched."""
    judged = [day for day in days if day.status == "judged" and day.error is not None]
    names = sorted({name for day in days for name in day.outside})
    outside = np.array([[day.outside.get(name, np.nan) for name in names] for day in days]).reshape(len(days), len(names))
    calibration = calibration_evidence(np.array([day.error for day in judged], dtype=np.float64), monitor.calibration)
    novelty = novelty_evidence(outside, monitor.novelty) if names else None
    total = (calibration.value + novelty.value) / 2 if novelty is not None else calibration.value
    if total < monitor.false_alarm_days:
        return None
    numbers: dict[str, object] = {"evidence": round(total, 3), "level": monitor.false_alarm_days}
    if novelty is None or calibration.value >= novelty.value:
        return _miscalibrated(judged, calibration, numbers)
    return _novel(days, names, outside, novelty, numbers)


def _miscalibrated(days: Sequence[Day], evidence: Evidence, numbers: dict[str, object]) -> Signal:
    since = days[evidence.change_point]
    error = float(np.mean([day.error for day in days[evidence.change_point :] if day.error is not None]))
    words = f"scores are {abs(error):.1%} points too {'low' if error < 0 else 'high'} on average since {since.id}"
    return Signal("calibration", words, harm=True, evidence={**numbers, "since": since.id, "error": round(error, 6)})


def _novel(
    days: Sequence[Day], names: Sequence[str], outside: np.ndarray[Any, Any], evidence: Evidence, numbers: dict[str, object]
) -> Signal:
    since = days[evidence.change_point]
    worst = [names[at] for at in np.argsort(evidence.streams)[::-1][:3] if evidence.streams[at] >= max(evidence.streams) / 1000]
    shares = {name: round(float(np.nanmean(outside[evidence.change_point :, names.index(name)])), 4) for name in worst}
    words = f"inputs left the range of training since {since.id}: " + ", ".join(
        f"{name} {share:.0%} outside" for name, share in shares.items()
    )
    return Signal("novelty", words, harm=False, evidence={**numbers, "since": since.id, "outside": shares})


def judge_months(step: Step, *, last: bool) -> list[Month]:
    """Restate months with the labels that have arrived; returns those that closed, three days after their end.

    Run on Mondays, on the day a month closes, and over all months at the `last` step of a replay.
    """
    if not step.house.tables.exists("predictions") or not (last or step.now.weekday() == 0 or step.now.day == CLOSING.days + 1):
        return []
    closed = []
    known = {month.id: month for month in step.draft.all(Month)}
    first = step.now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    wanted = {_month(step.now - timedelta(days=1)), _month(first - timedelta(days=1)), *(known if last else ())}
    for month in sorted(wanted):
        before = known.get(month)
        if before is not None and before.status == "closed" and not last:
            continue
        over = last or step.now >= _end(month) + CLOSING
        made = _judge(step, month, closed=over)
        if made is not None and made != before:
            step.draft.record(
                step.act("monitor"),
                made,
                "closed" if over else "restated",
                f"{made.labelled} of {made.predictions} labels arrived",
            )
            closed += [made] if over and (before is None or before.status != "closed") else []
    return closed


def _month(moment: datetime) -> str:
    return f"{moment:%Y-%m}"


def _end(month: str) -> datetime:
    year, number = map(int, month.split("-"))
    return datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)


def _judge(step: Step, month: str, *, closed: bool) -> Month | None:
    entity, tables = step.house.definition.entity.key, step.house.tables
    start, end = datetime.fromisoformat(f"{month}-01").replace(tzinfo=UTC), _end(month)
    period = f"decided_at >= TIMESTAMPTZ '{iso(start)}' AND decided_at < TIMESTAMPTZ '{iso(end)}'"
    sources = {name: tables.files(name) for name in ("predictions", "labels") if tables.exists(name)}
    if "labels" not in sources:
        return None
    by = f'l."{entity}"' if step.house.alias is None else f'coalesce(l.{ALIAS}, l."{entity}")'
    rows = step.house.query(
        f"SELECT p.variant = 'shadow' AS frozen, l.label, p.score FROM predictions p LEFT JOIN labels l ON p.\"{entity}\" = {by} "
        f'WHERE {period} ORDER BY p.decided_at, p."{entity}"',
        sources,
        max_rows=50_000_000,
        memory_limit="1GB",
    )
    frozen, label, score = (rows[name].to_numpy(zero_copy_only=False) for name in ("frozen", "label", "score"))
    label = label.astype(np.float64)
    frozen = frozen.astype(bool)
    known = np.isfinite(label)
    if not (~frozen).any():
        return None
    ours, theirs = known & ~frozen, known & frozen
    return judge_month(
        month,
        int((~frozen).sum()),
        (label[ours], score[ours]),
        (label[theirs], score[theirs]),
        step.house.definition.problem.value,
        closed=closed,
    )
