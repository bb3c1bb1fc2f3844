"""What analysts ask of the prediction log: how a part of it did, beside the time before and over time, and the rows behind it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import msgspec

from baton.app.archive.archivist import Archivist, Period, Seen, moment
from baton.app.archive.clause import Clause, quoted
from baton.app.archive.column import shape
from baton.app.archive.document import FONT, MEDIA, PAPERS, Report
from baton.app.archive.file import written
from baton.app.archive.plain import number, plain, records
from baton.app.archive.quality import measured
from baton.app.archive.truth import truth
from baton.app.bootstrap import open_papers
from baton.app.lifecycle.collecting import FROZEN, OWN, PREDICTIONS
from baton.kernel.clock import iso
from baton.kernel.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array: TypeAlias = np.ndarray[Any, Any]

TOP = 10
"""Values of a column that are told apart; the others are counted together."""
MOST_PARTS = 1100
MOST_SHOWN = 200
MOST_TAKEN = 1_000_000
"""Rows of one file."""
MISSING = "(missing)"
"""How a missing value is asked for."""
_FEW, _TENTHS = 20, 10
_UNCUT: dict[str, Any] = {"segments": [], "others": None, "other_values": 0}
_WHERE_FROM = ("label", "label_known_at")


class _Rows(NamedTuple):
    """Predictions in one order: instant (µs), score, label (NaN: not arrived), version, and what they are cut by."""

    at: Array
    scores: Array
    labels: Array
    versions: Array
    values: pa.ChunkedArray


def analysed(  # noqa: PLR0913  each is one of the page's fields
    archivist: Archivist,
    *,
    since: str,
    end: str,
    until: str = "",
    version: int = 0,
    column: str = "",
    value: str = "",
    by: str = "",
    part: str = "week",
    compared: bool = True,
) -> dict[str, Any]:
    """The predictions decided in `since` ≤ t < `end`, of a version (0: all) and of a column's value, with the labels known by `until`.

    `now`, `before` (the time of equal length before it; None unless `compared`), each of `course` (by `start`: days, weeks or months,
    UTC, the last 1,100), `months` (by `month`) and `segments` (by `value` of the column `by`; the ten with most predictions, `others`
    together or None; a column of many numbers in tenths): `predictions`, `labelled`, `score` (mean of all), and over the labelled ones
    `mean_score`, `observed`, `brier`, `auc`, `money`. Also `versions` (version, predictions), `above` and `below` (the threshold).

    A value is a text, a number, "low..high" for low ≤ x < high (either may be left out), or "(missing)". Raises NotFound for a column or
    a value that is nowhere in the log, InvalidInput for a value that is no number where the column holds numbers.
    """
    import numpy as np

    seen = _log(archivist)
    start, stop = moment(since, "since"), moment(end, "end")
    if start is None or stop is None or start >= stop:
        raise InvalidInput("the time is empty", where="since, end", fix="let it end after it begins")
    earlier = iso(start - (stop - start)) if compared else since
    wanted = _wanted(seen, version, column, value)
    found = _read(archivist, seen, Period(earlier, end, until), wanted, by)
    if column and not len(found.at):
        _refuse_nowhere(archivist, seen, column, value)
    inside = found.at >= start.timestamp() * 1e6
    now, worth = _kept(found, inside), archivist.definition.problem.value
    above = int(np.count_nonzero(now.scores >= worth.threshold))
    return {
        "now": _told(archivist, now),
        "before": _told(archivist, _kept(found, ~inside)) if compared else None,
        "course": [{"start": name, **told} for name, told in _course(archivist, now, part)],
        "months": [{"month": name[:7], **told} for name, told in _course(archivist, now, "month")],
        "versions": [
            {"version": int(each), "predictions": int((now.versions == each).sum())} for each in np.unique(now.versions)
        ],
        **(_segments(archivist, now, seen.kinds[_named(seen, by)]) if by and len(now.at) else _UNCUT),
        "above": above,
        "below": len(now.at) - above,
        "threshold": worth.threshold,
    }


def logged(  # noqa: PLR0913  each is one of the page's fields
    archivist: Archivist,
    *,
    since: str,
    end: str,
    until: str = "",
    version: int = 0,
    column: str = "",
    value: str = "",
    columns: list[str] | None = None,
    order: tuple[str, str] = ("decided_at", "down"),
    limit: int = 50,
    after: int = 0,
) -> dict[str, Any]:
    """The rows that `analysed` counts, each with its label: at most 200, `after` that many, and `total`.

    `columns` (name, type) and `rows` are those asked for (all without any), `all` every name there is. `order` is a column, "up" or "down".
    """
    seen = _log(archivist)
    select, rows, names = _joined(archivist, seen, Period(since, end, until), _wanted(seen, version, column, value))
    shown = [_known(names, name) for name in columns] if columns else list(names)
    listed = ", ".join(quoted(name) for name in shown)
    bounds = f"ORDER BY {_order(names, order)} LIMIT {max(1, min(limit, MOST_SHOWN))} OFFSET {max(0, after)}"
    found = archivist.analysis.ask(f"SELECT {listed} FROM (SELECT {select} {rows.text}) {bounds}", rows.values)
    mine = seen.rows(Period(since, end, until), _wanted(seen, version, column, value))
    total = archivist.ask("count(*) AS total", mine)["total"][0].as_py()
    if column and not total:
        _refuse_nowhere(archivist, seen, column, value)
    return {
        "columns": [{"name": name, "type": names[name]} for name in shown],
        "rows": records(found),
        "total": total,
        "after": max(0, after),
        "all": list(names),
    }


def download_logged(  # noqa: PLR0913  each is one of the page's fields
    archivist: Archivist,
    path: Path,
    *,
    since: str,
    end: str,
    until: str = "",
    version: int = 0,
    column: str = "",
    value: str = "",
    columns: list[str] | None = None,
    form: str = "csv",
) -> dict[str, str]:
    """All rows that `logged` would count, oldest first, as `csv` or `parquet`: at most a million, else InvalidInput; never cut silently."""
    seen = _log(archivist)
    wanted = _wanted(seen, version, column, value)
    total = archivist.ask("count(*) AS total", seen.rows(Period(since, end, until), wanted))["total"][0].as_py()
    if total > MOST_TAKEN:
        raise InvalidInput(
            f"{total:,} rows match, and a file holds {MOST_TAKEN:,}", why="it would have to be cut", fix="choose a shorter time"
        )
    select, rows, names = _joined(archivist, seen, Period(since, end, until), wanted)
    listed = ", ".join(quoted(_known(names, name)) for name in columns or names)
    text = f"SELECT {listed} FROM (SELECT {select} {rows.text}) ORDER BY decided_at, prediction_id"
    return written(archivist.analysis.stream(text, rows.values), path, form, "predictions")


def dashboard(
    archivist: Archivist,  # noqa: ARG001  as every export has it
    path: Path,
    *,
    data: dict[str, Any],
    style: str = "",
    form: str = "pdf",
) -> dict[str, str]:
    """The dashboard as it is shown, on sheets of A4 (`pdf`) or in one picture (`png`): `data` is of the kind `report`, its figures and
    pictures are set. Raises InvalidInput when it is not, MissingExtra without the setter."""
    from baton.app.archive.svg import standing_alone

    if form not in MEDIA:
        raise InvalidInput(f"'{form}' is no form of a document", where="form", fix=f"one of {', '.join(MEDIA)}")
    try:
        told = msgspec.to_builtins(msgspec.convert(data, Report))
    except msgspec.ValidationError as error:
        raise InvalidInput("this is no dashboard", where="data", why=str(error)) from None
    told["pictures"] = [{**each, "svg": standing_alone(each["svg"], style, FONT)} for each in told["pictures"]]
    path.write_bytes(open_papers().document(PAPERS / "analysis.typ", {**told, "form": form}, form))
    return {"media": MEDIA[form], "name": f"analysis.{form}"}


def _log(archivist: Archivist) -> Seen:
    return archivist.predictions()


def _named(seen: Seen, name: str) -> str:
    """A column of the log; a feature called as one of Baton's own columns bears another name there."""
    known = f"feature_{name}" if name in OWN - {"variant", "release"} and f"feature_{name}" in seen.kinds else name
    seen.column(known)
    return known


def _wanted(seen: Seen, version: int, column: str, value: str) -> list[tuple[str, str, Any]]:
    """What the rows must meet."""
    wanted: list[tuple[str, str, Any]] = [("variant", "!=", FROZEN)]
    wanted += [("model_version", "=", version)] if version else []
    return [*wanted, *(_valued(seen, column, value) if column else ())]


def _valued(seen: Seen, column: str, value: str) -> list[tuple[str, str, Any]]:
    name = _named(seen, column)
    if value == MISSING:
        return [(name, "empty", None)]
    if shape(seen.kinds[name]) != "number":
        return [(name, "=", value)]
    low, dots, high = value.partition("..")
    sides = (
        [(name, sign, side) for sign, side in ((">=", low.strip()), ("<", high.strip())) if side]
        if dots
        else [(name, "=", value)]
    )
    for _, _, side in sides:
        _refuse_no_number(column, side)
    if dots and not sides:
        raise InvalidInput("a range has a bound", where=column, fix="write e.g. 10..20, or 200..")
    return sides


def _refuse_no_number(column: str, text: str) -> None:
    try:
        finite = abs(float(text)) < 1e300
    except ValueError:
        finite = False
    if not finite:
        raise InvalidInput(
            f"'{text[:60]}' is no number",
            where=column,
            why=f"{column} holds numbers",
            fix="write a number, a range as 10..20, or (missing)",
        )


def _refuse_nowhere(archivist: Archivist, seen: Seen, column: str, value: str) -> None:
    """Nothing matches: say so differently when the value is nowhere in the log, with those that are."""
    everywhere = seen.rows(Period(), _valued(seen, column, value))
    if archivist.ask("1", everywhere, "LIMIT 1").num_rows:
        return
    name = quoted(_named(seen, column))
    rows = Clause(f"FROM {quoted(seen.name)} WHERE {name} IS NOT NULL")
    known = archivist.ask(
        f"{name}::VARCHAR AS value, count(*) AS count", rows, f"GROUP BY ALL ORDER BY count DESC, value LIMIT {TOP}"
    )
    there = [str(each)[:30] for each in known["value"].to_pylist()]
    raise NotFound(
        f"no prediction has {column} '{value[:60]}'",
        where="the value",
        fix=f"the most frequent ones are {', '.join(there)}" if there else "leave it out",
    )


def _read(archivist: Archivist, seen: Seen, period: Period, wanted: list[tuple[str, str, Any]], by: str) -> _Rows:
    import numpy as np

    key, mine = quoted(archivist.definition.entity.key), seen.rows(period, wanted)
    cut = quoted(_named(seen, by)) if by else "NULL::VARCHAR"
    known = truth(archivist, period.until)
    table = archivist.analysis.ask(
        f"SELECT epoch_us(p.decided_at) AS at, p.score, l.label::DOUBLE AS label, p.model_version AS version, p.value FROM (SELECT {key} "
        f"AS entity, decided_at, score, model_version, {cut} AS value {mine.text}) p LEFT JOIN ({known.text}) l ON p.entity = l.entity "
        "ORDER BY p.decided_at, p.entity",
        (*mine.values, *known.values),
    )
    at, scores, labels, versions = (
        np.asarray(table[name].to_numpy(), dtype=np.float64) for name in ("at", "score", "label", "version")
    )
    return _Rows(at, scores, labels, versions, table["value"])


def _joined(
    archivist: Archivist, seen: Seen, period: Period, wanted: list[tuple[str, str, Any]]
) -> tuple[str, Clause, dict[str, str]]:
    """What is selected, from where, and the names and types of it."""
    key, mine = quoted(archivist.definition.entity.key), seen.rows(period, wanted)
    came = truth(archivist, period.until)
    label, known = (name if name not in seen.kinds else f"arrived_{name}" for name in _WHERE_FROM)
    names = {**seen.kinds, label: "DOUBLE", known: "TIMESTAMP WITH TIME ZONE"}
    rows = Clause(f"FROM (SELECT * {mine.text}) p LEFT JOIN ({came.text}) l ON p.{key} = l.entity", (*mine.values, *came.values))
    return f"p.*, l.label AS {quoted(label)}, l.known_at AS {quoted(known)}", rows, names


def _known(names: dict[str, str], name: str) -> str:
    return Seen(PREDICTIONS, names, None).column(name) and name


def _order(names: dict[str, str], order: tuple[str, str]) -> str:
    name, way = order
    ways = {"up": "ASC NULLS LAST", "down": "DESC NULLS LAST"}
    if way not in ways:
        raise InvalidInput(f"'{way[:40]}' is no order", where=name, fix="write up or down")
    return f"{quoted(_known(names, name))} {ways[way]}, prediction_id"


def _kept(rows: _Rows, mask: Array) -> _Rows:
    import pyarrow as pa

    return _Rows(rows.at[mask], rows.scores[mask], rows.labels[mask], rows.versions[mask], rows.values.filter(pa.array(mask)))


def _told(archivist: Archivist, rows: _Rows) -> dict[str, Any]:
    judged = measured(archivist, rows.scores, rows.labels)
    return {**judged, "score": number(rows.scores.mean()) if len(rows.scores) else None}


def _part(archivist: Archivist, rows: _Rows, places: Any) -> dict[str, Any]:
    scores = rows.scores[places]
    return {**measured(archivist, scores, rows.labels[places]), "score": number(scores.mean()) if len(scores) else None}


def _course(archivist: Archivist, rows: _Rows, part: str) -> list[tuple[str, dict[str, Any]]]:
    """By the first day of each day, week (from Monday on) or month; the rows are in order of time."""
    import numpy as np

    if part not in ("day", "week", "month"):
        raise InvalidInput(f"'{part[:40]}' is no part of time", where="part", fix="one of day, week, month")
    days = np.floor_divide(rows.at, 86_400e6).astype(np.int64)
    dates = days.astype("datetime64[D]")
    starts = (
        dates.astype("datetime64[M]").astype("datetime64[D]")
        if part == "month"
        else dates - (days + 3) % 7
        if part == "week"
        else dates
    )
    names, begins = np.unique(starts, return_index=True)
    ends = [*begins[1:].tolist(), len(starts)][: len(begins)]
    found = [(str(name), slice(int(begin), end)) for name, begin, end in zip(names, begins, ends, strict=True)][-MOST_PARTS:]
    return [(name, _part(archivist, rows, places)) for name, places in found]


def _segments(archivist: Archivist, rows: _Rows, kind: str) -> dict[str, Any]:
    import numpy as np

    groups = _groups(rows.values, kind)
    ranked = sorted(groups, key=lambda group: -len(group[1])) if shape(kind) != "number" or len(groups) > _TENTHS + 1 else groups
    shown, rest = (
        ranked[: TOP + 1] if len(ranked) == TOP + 1 else ranked[:TOP],
        ranked[TOP + 1 :] if len(ranked) == TOP + 1 else ranked[TOP:],
    )
    others = np.concatenate([places for _, places in rest]) if rest else None
    return {
        "segments": [{"value": name, **_part(archivist, rows, places)} for name, places in shown],
        "others": _part(archivist, rows, others) if others is not None else None,
        "other_values": len(rest),
    }


def _groups(values: pa.ChunkedArray, kind: str) -> list[tuple[str, Array]]:
    """Places by value, as the value is asked for; numbers with many values by tenth."""
    import numpy as np
    import pyarrow as pa

    if shape(kind) == "number":
        column = np.asarray(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)
        present = column[np.isfinite(column)]
        if len(np.unique(present)) > _FEW:
            return _tenths(column, present)
    codes = values.combine_chunks().dictionary_encode(null_encoding="encode")
    codes = codes.combine_chunks() if isinstance(codes, pa.ChunkedArray) else codes
    places, names = codes.indices.to_numpy(zero_copy_only=False), codes.dictionary.to_pylist()
    return [(_name(name), np.flatnonzero(places == at)) for at, name in enumerate(names)]


def _name(value: Any) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return MISSING
    return f"{value:g}" if isinstance(value, float) else str(plain(value))


def _tenths(column: Array, present: Array) -> list[tuple[str, Array]]:
    import numpy as np

    marks = np.unique(np.array([float(f"{mark:.4g}") for mark in np.quantile(present, np.linspace(0, 1, _TENTHS + 1))[1:-1]]))
    parts = np.searchsorted(marks, column, side="right")
    parts[~np.isfinite(column)] = -1
    bounds = ["", *(f"{mark:g}" for mark in marks), ""]
    return [
        (MISSING if part < 0 else f"{bounds[part]}..{bounds[part + 1]}", np.flatnonzero(parts == part))
        for part in np.unique(parts).tolist()
    ]


QUESTIONS = {"analysed": analysed, "logged": logged}
EXPORTS = {"download_logged": download_logged, "dashboard": dashboard}
