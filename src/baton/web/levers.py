"""Levers: what people may do to traffic, what each would do, in words, and who may pull it."""

from collections.abc import Sequence

from baton.app.lifecycle.approving import authors_of
from baton.app.lifecycle.overriding import reviewer
from baton.app.views import release as view
from baton.app.views import traffic as flow
from baton.delivery.release import TRIAL
from baton.kernel.errors import BatonError
from baton.registry.version import ModelVersion
from baton.team.approval import Matter, approvers, needed, requested
from baton.team.permission import permitted
from baton.web.page import Look

DAYS = ("1", "2", "7", "14")
"""For how many days a lever may hold."""


def levers(look: Look) -> list[dict[str, object]]:
    """What people may do to traffic: what it would do, in words, and who may."""
    if look.definition is None and not look.workspace.routing.exists():
        return []  # a folder that has only a team serves nothing
    halted = flow.traffic(look.records, None).halt
    made = [
        *_promoting(look),
        _returning(look),
        _resuming(look, halted.what) if halted is not None else _halting(look),
        _freezing(look),
    ]
    gate = _gating(look)
    return [*made, *([gate] if gate is not None else [])]


def _act(look: Look, path: str, action: str, label: str, words: str, **more: object) -> dict[str, object]:
    verdict = look.may(action)
    return {
        "path": path, "label": label, "words": words, "verdict": verdict, "fields": {}, "days": (), "subjects": (), "tone": "danger",
        "who": _who(permitted(look.team, action, look.at)), "after": "", "possible": True, "offered": verdict.allowed and not nameless(look),
        **more,
    }  # fmt: skip


def nameless(look: Look) -> bool:
    """Whether whoever looks has to say as whom of several people before they can act: the record names who did it."""
    return not look.person and len(look.team.active) > 1


def _who(names: Sequence[str]) -> str:
    """Who may, by name; of many the first four."""
    return f"{_any(_few(names)) or 'Nobody'} may."


def _few(names: Sequence[str]) -> list[str]:
    return [*names[:4], *([f"{len(names) - 4} more"] if len(names) > 4 else [])]


def _any(names: Sequence[str]) -> str:
    """Several names, of which one does it."""
    return " or ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def _returning(look: Look) -> dict[str, object]:
    found = flow.returning(look.records)
    if found is None:
        words = "There is no version to go back to: no release is on trial, and no earlier one has served all traffic."
        return _act(look, "/releases/roll-back", "release.roll-back", "Roll back", words, possible=False)
    ended, back = found.ended, found.back
    what = (
        f"version {ended.version} ends its trial at once" if ended.status in TRIAL else f"version {ended.version} answers no more"
    )
    words = f"{what}, and version {back.version} {'keeps answering' if back.status == 'live' else 'answers for all again'}."
    return _act(
        look, "/releases/roll-back", "release.roll-back", "Roll back", words[0].upper() + words[1:],
        fields={"shown": ended.id}, after=_reviewed(look, "release.roll-back", "deploy"),
    )  # fmt: skip


def _promoting(look: Look) -> list[dict[str, object]]:
    trial = view.on_trial(look.records)
    if trial is None:
        return []
    asked = flow.asked_by_hand(look.records, trial)
    words = f"Version {trial.version} answers for all before everything asked of it is proved. Harm proved before then ends its trial all the same."
    if asked is not None:
        words = f"{asked.asked_by} asked for it: {asked.reason}. It waits in the inbox of those who may approve it."
    version = look.records.get(ModelVersion, f"version-{trial.version}")
    after = _four_eyes(look, "deploy", authors_of(version) if version is not None else ())
    return [
        _act(
            look, "/releases/promote", "override.ask", "Promote", words, days=DAYS, tone="", after=after, fields={"shown": trial.id},
            possible=asked is None,
        )
    ]  # fmt: skip


def _halting(look: Look) -> dict[str, object]:
    words = "The kill switch: no version answers from now on, and the server says 503 until somebody resumes."
    after = _reviewed(look, "release.halt", "incident")
    return _act(look, "/releases/halt", "release.halt", "Halt everything", words, days=("", *DAYS), after=after)


def _resuming(look: Look, what: str) -> dict[str, object]:
    words = f"The halt ends, and the live version answers again. It was: {what}"
    after = "One person is enough; nobody has to review it."
    return _act(look, "/releases/resume", "release.resume", "Resume", words, tone="primary", after=after)


def _freezing(look: Look) -> dict[str, object]:
    words = "No promotion and no new turn until it ends by itself; what answers now goes on answering."
    after = _four_eyes(look, "deploy")
    return _act(look, "/releases/freeze", "override.ask", "Freeze", words, days=DAYS, tone="", after=after)


def _gating(look: Look) -> dict[str, object] | None:
    turns = flow.turned_away(look.records)
    if not turns:
        return None
    words, after = "A candidate that the gate turned away goes on as if it had passed.", _four_eyes(look, "evaluate")
    subjects = [(each.id, f"{each.id}: {each.outcome or each.reason}"[:110]) for each in turns]
    return _act(
        look, "/releases/gate", "override.ask", "Override the gate", words, days=DAYS, subjects=subjects, tone="", after=after
    )


def _reviewed(look: Look, action: str, phase: str) -> str:
    """Who looks at what one person did alone: whoever looks, if they may do it, else anybody who may."""
    names = permitted(look.team, action, look.at)
    found = [_reviewer(look, by, phase) for by in ((look.person,) if look.person in names else names)]
    others = list(dict.fromkeys(name for name in found if name))[:4]
    return f"One person is enough; {f'{_any(others)} reviews it afterwards' if others else 'nobody else is there to review it'}."


def _reviewer(look: Look, by: str, phase: str) -> str:
    try:
        return reviewer(look.team, by, phase, look.at)
    except BatonError:
        return ""


def _four_eyes(look: Look, phase: str, authors: tuple[str, ...] = ()) -> str:
    """Who has to say yes to an override of a phase's rule: none of the authors. Whoever asks and may approve has said yes."""
    people = look.team.active
    by = look.person or (people[0].id if len(people) == 1 else "")
    asked = requested(Matter("override", "", "", phase, "", authors), by, look.at, look.owned.approvals.need)
    may, wanted = approvers(look.team, asked, look.at), needed(look.team, asked, look.at)
    others = [name for name in may if name != by]
    if by in may and wanted == 1:
        return "It holds at once: " + ("one person is enough." if asked.need == 1 else "nobody else may approve it.")
    if by in may:
        return f"Asking counts as your approval; it holds once {_more(wanted - 1, others)} approved, too."
    return f"It holds once {_more(wanted, others)} approved{'' if by else ', of whom whoever asks is one'}."


def _more(count: int, names: Sequence[str]) -> str:
    """So many of several people, by name."""
    few, has = _few(names), "has" if count == 1 else "have"
    if count >= len(names):
        return f"{' and '.join(few) or 'somebody'} {has}"
    return f"{_any(few) if count == 1 else f'{count} of {_any(few)}'} {has}"
