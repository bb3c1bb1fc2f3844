"""A matrix that somebody proposes: what the checks say of it, who would answer for what, and the change of the project's file.

Nothing is written here. Whoever agrees applies the change to the file, where it is reviewed like any other.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import unified_diff
from pathlib import Path
from typing import get_args

from baton.app.views.linting import model_of
from baton.kernel.errors import InvalidInput, InvalidProject, Mistake
from baton.project.checks.people import ownership_check
from baton.project.declared import Letter
from baton.project.document import Lines, read_document
from baton.project.loader import FILE, TEAM_FILE
from baton.project.ownership import Ownership
from baton.project.roles import role_named
from baton.team.coverage import answers
from baton.team.finding import Finding, judged
from baton.team.lint import lint
from baton.team.raci import DEFAULT, Matrix, effective, in_order
from baton.team.team import Team

SECTION = "raci"
LETTERS: tuple[str, ...] = ("", *sorted(get_args(Letter), key=("I", "C", "A", "R", "RA").index))
"""What a cell may hold, the empty one first."""


@dataclass(frozen=True, slots=True)
class Shift:
    """One phase whose accountable would be another: who answers now, and who would. Empty for nobody."""

    phase: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Amendment:
    """A proposed matrix. `changed` are the phases whose row is another; `mistakes` keep the file from being read at all.

    `found` are findings of the team lint that are new, `mended` those that would be gone; `diff` is a unified diff of `file`,
    empty when nothing changes or the file would not be readable.
    """

    matrix: Matrix
    changed: tuple[str, ...]
    mistakes: tuple[Mistake, ...]
    found: tuple[Finding, ...]
    mended: tuple[Finding, ...]
    shifts: tuple[Shift, ...]
    file: str
    diff: str


def amendment(folder: Path, owned: Ownership, team: Team, rows: Matrix, at: datetime) -> Amendment:
    """What becomes of a project when the rows of some phases are these. Raises InvalidInput for a phase or letter that is none."""
    _refuse_unknown(rows)
    present = effective(owned.raci)
    asked = {phase: {role: letters for role, letters in row.items() if letters} for phase, row in rows.items()}
    changed = {phase: row for phase, row in asked.items() if row != {r: each for r, each in present[phase].items() if each}}
    declared = {phase: row for phase, row in {**owned.raci, **changed}.items() if phase not in changed or row != _default(phase)}
    proposed = owned.model_copy(update={"raci": declared})
    file = FILE if (folder / FILE).exists() else TEAM_FILE
    text = (folder / file).read_bytes().decode()
    lines = read_document(text.encode(), file).lines
    mistakes = ownership_check(proposed, lines, effective(declared))
    before, after = _lint(owned, at), () if mistakes else _lint(proposed, at)
    return Amendment(
        matrix=effective(declared),
        changed=tuple(changed),
        mistakes=mistakes,
        found=tuple(each for each in after if each not in before),
        mended=() if mistakes else tuple(each for each in before if each not in after),
        shifts=tuple(_shifts(team, declared, at)),
        file=file,
        diff="" if mistakes or not changed else _diff(file, text, amended(text, lines, changed, declared)),
    )


def packed(rows: Matrix) -> str:
    """Rows as one word of an address: `deploy:sre=A,ml-engineer=R;…`."""
    return ";".join(
        f"{phase}:" + ",".join(f"{role}={letters}" for role, letters in row.items() if letters) for phase, row in rows.items()
    )


def unpacked(text: str) -> Matrix:
    """The rows that such a word tells. Raises InvalidInput for what is none."""
    try:
        rows = (part.split(":") for part in text.split(";") if part)
        return {phase: dict(cell.split("=") for cell in row.split(",") if cell) for phase, row in rows}
    except ValueError as error:
        raise InvalidInput("these are no rows of a matrix", where="rows", fix="ask again from the page of the team") from error


def _refuse_unknown(rows: Matrix) -> None:
    for phase, row in rows.items():
        wrong = next((letters for letters in row.values() if letters not in LETTERS), None)
        if phase not in DEFAULT or wrong is not None:
            raise InvalidInput(
                f"'{phase if wrong is None else wrong}' is no {'phase' if wrong is None else 'letter'}",
                where="the matrix",
                fix=f"phases are {', '.join(DEFAULT)}; letters {', '.join(filter(None, LETTERS))}",
            )


def _default(phase: str) -> Mapping[str, str]:
    return {role: letters for role, letters in DEFAULT[phase].items() if letters}


def _lint(owned: Ownership, at: datetime) -> tuple[Finding, ...]:
    return judged(lint(model_of(owned)), owned.waivers, at).findings


def _shifts(team: Team, declared: Matrix, at: datetime) -> Iterator[Shift]:
    """The accountable now and by the proposal, of the team as it is on record."""
    other = replace(team, matrix=in_order(effective(declared)))
    for phase in team.matrix:
        before, after = answers(team, phase, at), answers(other, phase, at)
        names = tuple(f"{each.person.id} ({each.via})" if each is not None else "" for each in (before, after))
        if names[0] != names[1]:
            yield Shift(phase, *names)


def amended(text: str, lines: Lines, changed: Matrix, declared: Matrix) -> str:
    """The file with some rows of its matrix written anew; everything else stays as it is, letter by letter.

    Raises InvalidProject when the result would not read as it is meant.
    """
    ending = "\r\n" if "\r\n" in text else "\n"
    kept = text.splitlines(keepends=True)
    if (SECTION,) not in lines.found:
        written = _inserted(kept, lines, changed, ending)
    elif _is_block(kept, lines):
        written = _rewritten(kept, lines, changed, declared, ending)
    else:
        start = lines.found[SECTION,] - 1
        end = _end(kept, start)
        written = [*kept[:start], *_section(declared, ending), *kept[end:]]
    result = "".join(written)
    told = read_document(result.encode(), lines.file).value.get(SECTION) or {}
    if {phase: _named(row) for phase, row in told.items()} != {phase: dict(row) for phase, row in declared.items()}:
        what = "the change cannot be written into this file"
        raise InvalidProject((Mistake(lines.file, lines.at((SECTION,)), what, f"write the rows under '{SECTION}' by hand"),))
    return result


def _named(row: Mapping[str, str]) -> dict[str, str]:
    """A row as it is declared, with its titles read as roles."""
    return {role_named(role) or role: letters for role, letters in row.items()}


def _is_block(kept: Sequence[str], lines: Lines) -> bool:
    """Whether each row of the section begins on a line of its own."""
    start = lines.found[SECTION,]
    places = [place for where, place in lines.found.items() if len(where) == 2 and where[0] == SECTION]
    return (
        bool(places) and min(places) > start and len(set(places)) == len(places) and "{" not in kept[start - 1].partition("#")[0]
    )


def _end(kept: Sequence[str], start: int) -> int:
    """The line after the last one that belongs to a section: blank lines and comments before the next one are not of it."""
    end = next((place for place in range(start + 1, len(kept)) if kept[place][:1] not in (" ", "#", "\n", "\r", "\t")), len(kept))
    while end > start + 1 and (not kept[end - 1].strip() or kept[end - 1].startswith("#")):
        end -= 1
    return end


def _row(phase: str, row: Mapping[str, str], ending: str) -> str:
    return f"  {phase}: {{{', '.join(f'{role}: {letters}' for role, letters in in_order({phase: row})[phase].items())}}}{ending}"


def _section(rows: Matrix, ending: str) -> list[str]:
    return [f"{SECTION}:{ending}", *(_row(phase, row, ending) for phase, row in in_order(rows).items())] if rows else []


def _inserted(kept: Sequence[str], lines: Lines, changed: Matrix, ending: str) -> list[str]:
    """A section of its own, after the people and their groups."""
    named = [where for where in (("teams",), ("people",)) if where in lines.found]
    place = _end(kept, lines.found[named[0]] - 1) if named else len(kept)
    before = list(kept[:place])
    if before and not before[-1].endswith(("\n", "\r")):
        before[-1] += ending
    return [*before, ending, *_section(changed, ending), *kept[place:]]


def _rewritten(kept: Sequence[str], lines: Lines, changed: Matrix, declared: Matrix, ending: str) -> list[str]:
    """The section with its changed rows in place of the old ones; one that is the default's again is taken out."""
    start = lines.found[SECTION,] - 1
    end = _end(kept, start)
    begins = sorted((place - 1, str(where[1])) for where, place in lines.found.items() if len(where) == 2 and where[0] == SECTION)
    if not declared:
        return [*kept[:start], *kept[end:]]
    written = list(kept[: begins[0][0]])
    for number, (place, phase) in enumerate(begins):
        after = begins[number + 1][0] if number + 1 < len(begins) else end
        if phase not in changed:
            written += kept[place:after]
        else:
            written += [_row(phase, declared[phase], ending)] if phase in declared else []
            written += kept[_said(kept, place, after) : after]
    if not written[-1].endswith(("\n", "\r")):
        written[-1] += ending
    known = {phase for _, phase in begins}
    written += [_row(phase, row, ending) for phase, row in in_order(declared).items() if phase not in known]
    return [*written, *kept[end:]]


def _said(kept: Sequence[str], place: int, after: int) -> int:
    """Where the comments begin that end the lines of a row: they belong to whatever comes next."""
    while after > place + 1 and (not kept[after - 1].strip() or kept[after - 1].lstrip().startswith("#")):
        after -= 1
    return after


def _diff(file: str, before: str, after: str) -> str:
    """A unified diff as `git apply` reads it."""
    told = unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{file}", f"b/{file}")
    return "".join(each if each.endswith("\n") else f"{each}\n\\ No newline at end of file\n" for each in told)
