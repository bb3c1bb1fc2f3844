"""Unsent: a form whose session was over when it came. It is carried through signing in and shown again; nobody but a click sends it."""

from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import parse_qsl, urlencode

from baton.web.asgi import Form

LARGEST: Final = 64 * 1024
NEVER: Final = ("csrf", "password", "again", "token", "first", "once", "code", "unsent", "unsent_to")
"""Fields that are neither carried nor shown again: what is secret, and what is the door's own."""
LONGEST: Final = 2000


@dataclass(frozen=True, slots=True)
class Unsent:
    """Where a form was going, and what was typed; `whole` is false for one too large to carry."""

    to: str
    fields: tuple[tuple[str, str], ...] = ()
    whole: bool = True

    @classmethod
    def of(cls, path: str, form: Form) -> Self:
        """What can be carried of a form that came too late."""
        fields = tuple((name, value) for name, values in form.items() for value in values if name not in NEVER)
        made = cls(own_path(path), fields)
        return made if len(made.packed) <= LARGEST else cls(made.to, (), whole=False)

    @classmethod
    def carried(cls, form: Form) -> Self | None:
        """The form that a page of the door carries; None when it carries none, or one that is not as we pack it."""
        to, packed = (form.get(name, ("",))[-1] for name in ("unsent_to", "unsent"))
        if not to or own_path(to) != to or len(packed) > LARGEST:
            return None
        try:
            found = parse_qsl(packed, keep_blank_values=True, strict_parsing=bool(packed), errors="strict", max_num_fields=500)
        except ValueError:
            return None
        return cls(to, tuple((name, value) for name, value in found if name not in NEVER))

    @property
    def packed(self) -> str:
        """The fields as one text."""
        return urlencode(self.fields)


def own_path(text: str) -> str:
    """An address of this console as given, `/` for anything that could lead elsewhere."""
    strange = not text.startswith("/") or text.startswith("//") or len(text) > LONGEST
    return "/" if strange or "\\" in text or not text.isascii() or not text.isprintable() or " " in text else text
