"""The review of an incident as Markdown: what the ledger knows is filled in, what only people know is asked for."""

from collections.abc import Sequence
from datetime import datetime

from baton.app.views.incidents import SEVERITIES, SIGNALS, Done, Reach, lasted, since_day
from baton.app.views.timeline import Told
from baton.incidents.incident import Incident


def review(incident: Incident, told: Sequence[Told], touched: Reach, way: Done, words: Sequence[str], at: datetime) -> str:
    """The review as Markdown: what the ledger knows is filled in, what only people know is asked for. No blame, by its form."""
    lines = [
        f"# Review: {_line(incident.cause)}",
        "",
        "| | |",
        "|---|---|",
        f"| Incident | {_line(incident.id)} |",
        f"| Status | {incident.status} |",
        f"| Severity | {incident.severity} ({SEVERITIES.get(incident.severity, 'other')}) |",
        f"| About | {_line(incident.subject)} |",
        f"| Owner | {_line(incident.owner or 'nobody')} |",
        f"| Opened | {incident.opened_at:%Y-%m-%d %H:%M} UTC |",
        f"| Resolved | {f'{incident.resolved_at:%Y-%m-%d %H:%M} UTC' if incident.resolved_at else 'not yet'} |",
        f"| Lasted | {lasted(incident, at).days} days |",
        "",
        "## Summary",
        "",
        *map(_line, words),
        "",
        _mended(incident, way),
        "",
        "## Impact",
        "",
        f"- Predictions since {_line(since_day(incident))}: {touched.predictions:,} on {touched.days} days.",
        f"- Features: {', '.join(map(_line, touched.features)) or 'none named'}.",
        f"- Stakeholders: {', '.join(map(_line, touched.stakeholders)) or 'none declared'}.",
        f"- Other incidents at the time: {', '.join(_line(each.id) for each in touched.others) or 'none'}.",
        "- What people noticed: …",
        "",
        "## Timeline",
        "",
        "| When (UTC) | What | Who | Why | Fact |",
        "|---|---|---|---|---|",
        *(
            f"| {each.at:%Y-%m-%d %H:%M} | {_line(each.what)} | {_line(each.who)} ({_line(each.role)}) | {_line(each.reason)} | {each.seq} |"
            for each in told
        ),
        "",
        "## Cause",
        "",
        f"The signal: {SIGNALS.get(incident.signal, _line(incident.signal))}.",
        "",
        "Behind it: …",
        "",
        "## What went well",
        "",
        "- …",
        "",
        "## What went badly",
        "",
        "- …",
        "",
        "## Where we were lucky",
        "",
        "- …",
        "",
        "## Actions",
        "",
        "| Action | Owner | Until |",
        "|---|---|---|",
        "| … | … | … |",
        "",
    ]
    return "\n".join(lines)


def _mended(incident: Incident, way: Done) -> str:
    if incident.status != "resolved":
        return "It is not resolved yet."
    by = f"version {way.release.version} ({way.release.id})" if way.release is not None else incident.mended_by or "not recorded"
    return f"Mended by {_line(by)}."


def _line(text: str) -> str:
    """A text of the record in one line of a Markdown table: nothing in it is markup."""
    flat = " ".join(text.split())
    return "".join("\\" + sign if sign in "\\`*_[]<>|#" else sign for sign in flat)
