"""Levers: what people may do to traffic, what each would do, in words, and who may pull it."""

from baton.app.lifecycle.overriding import reviewer
from baton.app.views import traffic as flow
from baton.delivery.release import TRIAL
from baton.kernel.errors import BatonError
from baton.team.approval import Matter, approvers, requested
from baton.team.permission import permitted
from baton.web import wording
from baton.web.page import Look

DAYS = ("1", "2", "7", "14")
"""For how many days a lever may hold."""


def levers(look: Look) -> list[dict[str, object]]:
    """What people may do to traffic: what it would do, in words, and who may."""
    halted = flow.traffic(look.records, None).halt
    made = [_returning(look), _resuming(look, halted.what) if halted is not None else _halting(look), _freezing(look)]
    gate = _gating(look)
    return [*made, *([gate] if gate is not None else [])]


def _act(look: Look, path: str, action: str, label: str, words: str, **more: object) -> dict[str, object]:
    verdict = look.may(action)
    return {
        "path": path, "label": label, "words": words, "verdict": verdict, "fields": {}, "days": (), "subjects": (), "tone": "danger",
        "who": permitted(look.team, action, look.at), "possible": True, **more,
    }  # fmt: skip


def _returning(look: Look) -> dict[str, object]:
    found = flow.return_of(look.records)
    if found is None:
        words = "There is no version to go back to: no release is on trial, and no earlier one has served all traffic."
        return _act(look, "/releases/roll-back", "release.roll-back", "Roll back", words, possible=False)
    ended, back = found.ended, found.back
    what = (
        f"version {ended.version} ends its trial at once" if ended.status in TRIAL else f"version {ended.version} answers no more"
    )
    words = f"{what}, and version {back.version} {'keeps answering' if back.status == 'live' else 'answers for all again'}. {_reviewed(look, 'deploy')}"
    return _act(
        look, "/releases/roll-back", "release.roll-back", "Roll back", words[0].upper() + words[1:], fields={"shown": ended.id}
    )


def _halting(look: Look) -> dict[str, object]:
    words = f"The kill switch: no version answers from now on, and the server says 503 until somebody resumes. {_reviewed(look, 'incident')}"
    return _act(look, "/releases/halt", "release.halt", "Halt everything", words, days=("", *DAYS))


def _resuming(look: Look, what: str) -> dict[str, object]:
    words = f"The halt ends, and the live version answers again. It was: {what}"
    return _act(look, "/releases/resume", "release.resume", "Resume", words, tone="primary")


def _freezing(look: Look) -> dict[str, object]:
    words = (
        f"No promotion and no new turn until it ends by itself; what answers now goes on answering. {_four_eyes(look, 'deploy')}"
    )
    return _act(look, "/releases/freeze", "override.ask", "Freeze", words, days=DAYS, tone="")


def _gating(look: Look) -> dict[str, object] | None:
    turns = flow.turned_away(look.records)
    if not turns:
        return None
    words = f"A candidate that the gate turned away goes on as if it had passed. {_four_eyes(look, 'evaluate')}"
    subjects = [(each.id, f"{each.id}: {each.outcome or each.reason}"[:110]) for each in turns]
    return _act(look, "/releases/gate", "override.ask", "Override the gate", words, days=DAYS, subjects=subjects, tone="")


def _reviewed(look: Look, phase: str) -> str:
    """Who looks at what one person did alone."""
    try:
        name = reviewer(look.team, look.person or look.team.responsible(phase, look.at).id, phase, look.at)
    except BatonError:
        name = ""
    return f"One person may; {name} gets a task to review it." if name else "One person may; nobody else is there to review it."


def _four_eyes(look: Look, phase: str) -> str:
    """Who has to say yes to an override of a phase's rule."""
    asked = requested(Matter("override", "", "", phase, ""), look.person, look.at, look.owned.approvals.need)
    names = [name for name in approvers(look.team, asked, look.at) if name != look.person][:4]
    return f"It holds once {wording.plural(asked.need, 'person has', 'people have')} approved; the request goes to the inbox of {' or '.join(names) or 'nobody'}."
