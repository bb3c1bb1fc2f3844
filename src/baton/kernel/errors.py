"""The one error tree.

    BatonError
    ├── InvalidProject    the project's files contradict themselves or the world        final
    ├── InvalidInput      a value from outside does not fit                             final
    ├── NotFound          nothing by that name                                          final
    ├── Conflict          somebody else was first, or the subject has moved on          final
    ├── Refused           a rule, gate or right says no                                 final
    ├── BrokenSource      a source vanished, was truncated or changed its columns       retryable
    ├── Corrupt           stored bytes are not what was stored                          final
    ├── Incompatible      made by a newer Baton                                         final
    ├── Unavailable       a resource is busy, full or not answering                     retryable
    │   ├── Overloaded    more is asked for than can be done                            retryable
    │   └── Expired       its deadline passed before it was begun                       retryable
    └── MissingExtra      an optional part is not installed                             final

Each says what happened, where, why, and what to type next. Edges translate `code` into exit codes and HTTP status.
"""

from dataclasses import dataclass
from typing import ClassVar


class BatonError(Exception):
    """Something Baton refuses or could not do, in the user's words."""

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False

    def __init__(self, what: str, *, where: str = "", why: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.why, self.fix = what, where, why, fix

    def __str__(self) -> str:
        lines = [self.what]
        lines += [f"  {name}: {text}" for name, text in (("where", self.where), ("why", self.why), ("fix", self.fix)) if text]
        return "\n".join(lines)


def without_values(error: Exception) -> str:
    """An error for a log. What foreign code says may hold a value of somebody's data: only its kind is told."""
    if not isinstance(error, BatonError):
        return type(error).__name__
    if error.code != BatonError.code or error.__cause__ is None:
        return str(error)
    return str(BatonError(error.what, where=error.where, why=type(error.__cause__).__name__, fix=error.fix))


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in a project: `file:line`, what is wrong, and what to write instead. Lines count from 1."""

    file: str
    line: int
    what: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}" + (f"\n    fix: {self.fix}" if self.fix else "")


class InvalidProject(BatonError):
    """The project's files are wrong; carries every mistake found, not only the first."""

    code = "invalid-project"

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        count = len(mistakes)
        super().__init__(f"{count} mistake{'s' if count != 1 else ''} in the project", fix="mend them and run 'baton check'")
        self.mistakes = tuple(sorted(mistakes, key=lambda m: (m.file, m.line, m.what)))

    def __str__(self) -> str:
        return "\n".join([*(str(mistake) for mistake in self.mistakes), super().__str__()])


class InvalidInput(BatonError):
    """A value from outside does not fit what was declared."""

    code = "invalid-input"


class NotFound(BatonError):
    """Nothing is known by that name."""

    code = "not-found"


class Conflict(BatonError):
    """Somebody else was first, or the subject is not in a state that allows the step."""

    code = "conflict"


class Refused(BatonError):
    """A rule, a gate or a right says no."""

    code = "refused"


class BrokenSource(BatonError):
    """A source cannot be read as declared."""

    code = "broken-source"
    retryable = True


class Corrupt(BatonError):
    """Stored bytes differ from what was stored."""

    code = "corrupt"


class Incompatible(BatonError):
    """The workspace or bundle was made by a newer Baton."""

    code = "incompatible"


class Unavailable(BatonError):
    """A resource is busy, full or not answering; trying again later may help."""

    code = "unavailable"
    retryable = True


class Overloaded(Unavailable):
    """More is asked for than can be done in time; refused at once, so that the rest can be served."""

    code = "overloaded"


class Expired(Unavailable):
    """A deadline passed before the work was begun."""

    code = "expired"


class MissingExtra(BatonError):
    """An optional part is not installed."""

    code = "missing-extra"
