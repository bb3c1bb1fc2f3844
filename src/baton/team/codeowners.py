"""CODEOWNERS: the file rules in the words of a code host, so that a review is asked of whoever owns the file.

GitHub: the last line that fits a file decides. GitLab: a section per phase; a file that fits lines of several sections
would need all their owners, so each section excludes what a later rule gives to another phase.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

from baton.kernel.errors import InvalidInput
from baton.project.phase import PHASES
from baton.team.files import DECLARED, PIECES, Claim, Rule, fits, fits_itself, literal

if TYPE_CHECKING:
    from baton.project.ownership import Ownership

MARK = "# Written by 'baton team files'"
"""How the file begins: one that begins otherwise is somebody's own."""
Addresses: TypeAlias = Mapping[str, tuple[str, ...]]
"""Each role as a code host names it: handles, groups, e-mail addresses."""

_HANDLE = re.compile(r"@?([A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_.-]+)*)")
_MAIL = re.compile(r"mailto:(?!/)([^@\s?,]+@[^@\s?,/]+)(?:\?.*)?")


def addresses(owned: Ownership, dialect: str) -> Addresses:
    """How everybody who wears a role is named: groups with a handle, else people by their handle or e-mail address.

    Raises InvalidInput for a handle that no code host would read.
    """
    found: dict[str, list[str]] = {}
    grouped = set[tuple[str, str]]()
    for name, team in owned.teams.items():
        handle = _told(team.handles.items(), dialect)
        for role in team.roles if handle else ():
            found.setdefault(role, []).append(_handle(handle, name, dialect))
            grouped |= {(member, role) for member in team.members}
    for person in owned.people:
        worn = [*person.roles, *(role for team in owned.teams.values() if person.name in team.members for role in team.roles)]
        handle = _told(person.handles.items(), dialect)
        mails = (_MAIL.fullmatch(contact) for contact in (person.contact, *person.contacts))
        address = _handle(handle, person.name, dialect) if handle else next((mail[1] for mail in mails if mail is not None), "")
        for role in dict.fromkeys(worn):
            if address and (person.name, role) not in grouped:
                found.setdefault(role, []).append(address)
    return {role: tuple(dict.fromkeys(told)) for role, told in found.items()}


def _told(handles: Iterable[tuple[str, str]], dialect: str) -> str:
    return next((text for host, text in handles if host == dialect), "")


def _handle(text: str, whose: str, dialect: str) -> str:
    found = _HANDLE.fullmatch(text.strip())
    if found is None:
        raise InvalidInput(
            f"'{text}' is no {dialect} handle",
            where=f"handles of {whose}",
            why="a handle has letters, digits, '-', '_', '.', and '/' before a team's name",
            fix=f'write e.g. handles: {{{dialect}: "@{whose}"}}',
        )
    return f"@{found[1]}"


def codeowners(found: Iterable[Claim], order: Iterable[Rule], named: Addresses, dialect: str, prefix: str = "") -> str:
    """The text of a CODEOWNERS file. `prefix` is the project's folder in its repository, empty when it is the root.

    A rule whose role has no address is written without an owner: for the host, nobody owns those files.
    """
    files = tuple(found)
    rules = [rule for rule in order if rule.why == DECLARED or any(fits(rule.pattern, file.path) for file in files)]
    body = _sections(rules, files, named, prefix) if dialect == "gitlab" else _lines(rules, named, prefix)
    head = [
        f"{MARK} --dialect {dialect}: change the project's file, then write it again.",
        "# The last line that fits a file decides.",
    ]
    return "\n".join([*head, *body, ""])


def _lines(rules: Iterable[Rule], named: Addresses, prefix: str) -> Iterator[str]:
    before = ""
    for rule in rules:
        title = f"# {rule.phase}: {rule.owner}" + ("" if named.get(rule.owner) else ", without any address")
        yield from ("", title) if title != before else ()
        before = title
        yield " ".join((_spelled(rule.pattern, "github", prefix), *named.get(rule.owner, ())))


def _sections(rules: list[Rule], files: tuple[Claim, ...], named: Addresses, prefix: str) -> Iterator[str]:
    for phase in PHASES:
        own = [rule for rule in rules if rule.phase == phase]
        if own:
            yield from ("", f"[{phase.capitalize()}]")
        for rule in own:
            for pattern in _both(rule.pattern, files):
                yield " ".join((_spelled(pattern, "gitlab", prefix), *named.get(rule.owner, ())))
        for pattern in dict.fromkeys(_excluded(own, files)):
            yield from (f"!{_spelled(each, 'gitlab', prefix)}" for each in _both(pattern, files))


def _excluded(own: list[Rule], files: tuple[Claim, ...]) -> Iterator[str]:
    """What a section fits and another phase owns: by the other's pattern where that takes nothing of the section's own."""
    mine, narrow = frozenset(own), dict[str, bool]()
    kept = [file.path for file in files if file.rule in mine]
    for file in files:
        if file.rule is None or file.rule in mine or not any(fits(rule.pattern, file.path) for rule in own):
            continue
        pattern = file.rule.pattern
        if pattern not in narrow:
            narrow[pattern] = not any(fits(pattern, path) for path in kept)
        yield pattern if narrow[pattern] else f"/{literal(file.path)}"


def _both(pattern: str, files: tuple[Claim, ...]) -> tuple[str, ...]:
    """GitLab reads a plain name as a file: where it is a folder, the folder is named too."""
    plain = not pattern.endswith(("/", "/*", "/**"))
    beneath = plain and any(fits(pattern, file.path) and not fits_itself(pattern, file.path) for file in files)
    return (pattern, f"{pattern}/") if beneath else (pattern,)


def _spelled(pattern: str, dialect: str, prefix: str) -> str:
    """A pattern with its signs escaped. Brackets and odd spaces have no spelling on GitHub: `?` fits them."""
    bound = "/" in pattern.rstrip("/")
    text = "".join(_sign(found[0], found[1], dialect) for found in PIECES.finditer(pattern.lstrip("/")))
    text += "/*" if dialect == "gitlab" and text.endswith("/**") else ""
    folder = "".join(f"{_sign(sign, sign, dialect)}" for sign in prefix.strip("/"))
    if bound or folder:
        return "/" + "/".join(part for part in (folder, "" if bound else "**", text) if part)
    return text if text[:1] not in ("\\", "!", "#") else f"**/{text}"


def _sign(text: str, escaped: str | None, dialect: str) -> str:
    sign = escaped or text
    if escaped is None and (text.startswith("*") or text == "?"):
        return text
    if (sign in "[]" and dialect == "github") or (sign.isspace() and sign != " ") or not sign.isprintable():
        return "?"
    return f"\\{sign}" if sign in "\\*?[]# " else sign
