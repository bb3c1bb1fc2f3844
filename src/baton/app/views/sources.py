"""Where the sources stand: how fresh they are, how much landed day by day, what was rejected, and what each contract demands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise, zip_longest
from pathlib import Path
from statistics import median

from baton.app.views.incidents import OPEN
from baton.data.check import Measure, Rule
from baton.data.contract import Contract, default_contract, parse_contract
from baton.data.standing import UNREADABLE, SourceState
from baton.incidents.incident import Incident
from baton.kernel.errors import InvalidProject, Mistake
from baton.ledger.ports import LedgerReader, StateReader
from baton.project.definition import Definition, Source
from baton.project.tablename import TABLES

COURSE = 90
"""Landings that a spark shows."""
LATE = 2.0
"""How many usual distances a landing may be away before it is late."""
MOST = 200
LONGEST = 256 * 1024
"""The most bytes of a contract's file that are shown."""
WAITING = "waiting"
"""The status of a source that is declared and of which nothing has landed."""


@dataclass(frozen=True, slots=True)
class Landing:
    """One landing: rows that came and were rejected, the verdict, and the table's version. `left` rows left the source."""

    at: datetime
    landed: int
    rejected: int
    left: int | None
    status: str
    reasons: tuple[str, ...]
    version: int
    digest: str
    seq: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A source: its rows so far, its last landing, how often it lands (`every`, median), when it is due, and whether it is late.

    `course` holds the rows of its latest landings, oldest first. `contract` is the file's name, "" where nothing is written.
    `once` says that its rows carry no instant: it lands a single time. `incident` is the open one about it.
    """

    name: str
    status: str
    rows: int
    rejected: int
    landed_at: datetime | None
    every: timedelta | None
    due: datetime | None
    late: bool
    course: tuple[float, ...]
    reasons: tuple[str, ...]
    path: str
    contract: str
    declared: bool
    once: bool
    incident: str = ""
    version: int | None = None
    digest: str = ""

    @property
    def share(self) -> float | None:
        """The share of rows that were rejected; None while nothing came."""
        return self.rejected / (self.rows + self.rejected) if self.rows + self.rejected else None


def sources(
    ledger: LedgerReader, records: StateReader, definition: Definition | None, at: datetime, until: datetime | None = None
) -> tuple[list[Standing], int]:
    """Every source that is declared or has landed, those in trouble first, and how many there are in all; at most 200."""
    states = {each.id: each for each in records.all(SourceState, limit=MOST)}
    declared = dict(definition.sources) if definition is not None else {}
    names = list(dict.fromkeys((*declared, *states)))
    incidents = _incidents(records)
    found = [_standing(ledger, name, states.get(name), declared.get(name), incidents, at, until) for name in names[:MOST]]
    return sorted(found, key=lambda each: (each.status == "kept", not each.late)), len(names)


def source(
    ledger: LedgerReader,
    records: StateReader,
    definition: Definition | None,
    name: str,
    at: datetime,
    until: datetime | None = None,
) -> Standing | None:
    """One source, None when it is neither declared nor has ever landed."""
    state = records.get(SourceState, name)
    declared = definition.sources.get(name) if definition is not None else None
    if state is None and declared is None:
        return None
    return _standing(ledger, name, state, declared, _incidents(records), at, until)


def _incidents(records: StateReader) -> Mapping[str, str]:
    found = records.latest(Incident, status=OPEN, limit=MOST)
    return {each.subject.removeprefix("source "): each.id for each in found if each.subject.startswith("source ")}


def _standing(
    ledger: LedgerReader,
    name: str,
    state: SourceState | None,
    declared: Source | None,
    incidents: Mapping[str, str],
    at: datetime,
    until: datetime | None,
) -> Standing:
    known, _ = landings(ledger, name, until, limit=COURSE)
    once = declared is not None and declared.known_at is None
    every = None if once else _usual([each.at for each in known if each.status != UNREADABLE])
    landed = state.landed_at if state is not None else None
    due = landed + every if landed is not None and every is not None else None
    return Standing(
        name=name,
        status=state.status if state is not None else WAITING,
        rows=state.rows if state is not None else 0,
        rejected=state.rejected if state is not None else 0,
        landed_at=landed,
        every=every,
        due=due,
        late=landed is not None and every is not None and at - landed > LATE * every,
        course=tuple(float(each.landed) for each in reversed(known)),
        reasons=state.reasons if state is not None else (),
        path=str(declared.path) if declared is not None else "",
        contract=str(declared.contract) if declared is not None and declared.contract is not None else "",
        declared=declared is not None,
        once=once,
        incident=incidents.get(name, ""),
        version=state.version if state is not None else None,
        digest=state.digest if state is not None else "",
    )


def _usual(moments: Sequence[datetime]) -> timedelta | None:
    """The median distance of landings, newest first; None where there are too few to tell."""
    gaps = [(later - earlier).total_seconds() for later, earlier in pairwise(moments[:32]) if later > earlier]
    return timedelta(seconds=median(gaps)) if len(gaps) > 1 else None


def landings(
    ledger: LedgerReader, name: str, until: datetime | None = None, limit: int = 50, before: int | None = None
) -> tuple[list[Landing], bool]:
    """Landings of a source, newest first, those before a place in the log; and whether there are earlier ones."""
    facts = ledger.recent(kind="source.", subject=name, before=before, until=until, limit=limit + 1)
    found = []
    for fact, earlier in zip_longest(facts, facts[1:]):
        state = fact.state or {}
        rows, rejected = int(state.get("rows", 0)), int(state.get("rejected", 0))
        then = earlier.state or {} if earlier is not None else {}
        left = fact.payload.get("left")
        found.append(
            Landing(
                at=fact.effective_at,
                landed=rows - int(then.get("rows", 0)),
                rejected=rejected - int(then.get("rejected", 0)),
                left=left if isinstance(left, int) else None,
                status=str(state.get("status", "")),
                reasons=tuple(map(str, state.get("reasons", ()))),
                version=int(state.get("version", 0)),
                digest=str(state.get("digest", "")),
                seq=fact.seq,
            )
        )
    return found[:limit], len(found) > limit


@dataclass(frozen=True, slots=True)
class Demand:
    """One demand of a contract, in words. `strict` ones reject the row; the others speak of a whole batch."""

    name: str
    column: str
    says: str
    strict: bool


@dataclass(frozen=True, slots=True)
class Promise:
    """What is promised of a source: the file's name and text, its columns and demands, or the mistakes in it.

    `freshness` is how old the newest row may be, `tolerance` the share of rejected rows that still keeps the contract.
    """

    file: str
    text: str
    demands: tuple[Demand, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    freshness: timedelta | None = None
    tolerance: float = 0.0
    mistakes: tuple[Mistake, ...] = ()
    logged: Mapping[str, str] = field(default_factory=dict)


def promise(folder: Path, name: str, declared: Source) -> Promise:
    """What a source's contract demands, as its file says now; without a file, that the key is there."""
    if declared.contract is None:
        return _promised("", "", default_contract(name, {}, declared.key))
    file = str(declared.contract)
    text = _text(folder / declared.contract)
    if text is None:
        return Promise(
            file, "", mistakes=(Mistake(file, 1, "the contract's file is not there, or too long to show", "restore it"),)
        )
    try:
        return _promised(file, text, parse_contract(text, file))
    except InvalidProject as error:
        return Promise(file, text, mistakes=error.mistakes)


def _text(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace") if path.stat().st_size <= LONGEST else None
    except OSError:
        return None


def _promised(file: str, text: str, contract: Contract) -> Promise:
    demands = [Demand(rule.name, ", ".join(rule.columns), _rule(rule), strict=True) for rule in contract.rules]
    demands += [Demand(what.name, ", ".join(what.columns), _measure(what), strict=False) for what in contract.measures]
    columns = {column.name: column.kind for column in contract.columns}
    return Promise(file, text, tuple(demands), columns, contract.freshness, contract.tolerance, (), contract.log_rules)


_SAYS = {
    "required": "is never missing", "minimum": "is at least", "maximum": "is at most", "exclusiveMinimum": "is above",
    "exclusiveMaximum": "is below", "multipleOf": "is a multiple of", "minLength": "has at least … characters:",
    "maxLength": "has at most … characters:", "pattern": "is of the pattern", "oneOf": "is one of",
}  # fmt: skip
_MEASURES = {
    "rowCount": "rows of a landing", "nullValues": "nulls", "missingValues": "missing values", "invalidValues": "invalid values",
    "duplicateValues": "duplicates",
}  # fmt: skip


def _rule(rule: Rule) -> str:
    if rule.kind == "unique":
        return "is unique" if len(rule.columns) == 1 else "are unique together"
    limit = ", ".join(map(str, rule.limit)) if isinstance(rule.limit, tuple) else "" if rule.limit is None else str(rule.limit)
    says = _SAYS[rule.kind]
    return says.replace("…", limit).rstrip(":") if "…" in says else f"{says} {limit}".strip()


def _measure(what: Measure) -> str:
    bounds = what.bounds
    parts = [
        f"{words} {value:g}"
        for words, value in (
            ("exactly", bounds.equal), ("not", bounds.unequal), ("above", bounds.above), ("at least", bounds.at_least),
            ("below", bounds.below), ("at most", bounds.at_most),
        )
        if value is not None
    ]  # fmt: skip
    if bounds.outside is not None:
        parts.append(f"not within {bounds.outside[0]:g} … {bounds.outside[1]:g}")
    return f"{_MEASURES[what.metric]}: {' and '.join(parts)}{' %' if what.percent else ''}"


def broken_by(reasons: Sequence[str], measure: str) -> str:
    """Why a measure was out of bounds at a landing, out of the landing's reasons; "" when it was within."""
    return next((reason for reason in reasons if reason.startswith(f"{measure} is ")), "")


def is_table(name: str) -> bool:
    """Whether a name is one of the tables that Baton writes itself."""
    return name in TABLES
