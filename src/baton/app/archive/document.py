"""Documents to hand on: a report on paper, a picture by itself. What they hold is text; nothing in it is a command."""

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from baton.app.archive.archivist import Archivist
from baton.app.archive.svg import standing_alone
from baton.app.bootstrap import open_papers
from baton.kernel.errors import InvalidInput
from baton.kernel.suggest import did_you_mean

PAPERS = Path(__file__).with_name("papers")
FONT = "Libertinus Serif"
"""It comes with the setter, so that a document looks the same on every machine."""
MEDIA = {"pdf": "application/pdf", "png": "image/png"}
Short = Annotated[str, msgspec.Meta(max_length=300)]
Text = Annotated[str, msgspec.Meta(max_length=5000)]
Tone = Literal["good", "warn", "bad", "info", "idle", ""]


class Picture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A picture of the console (SVG as the page shows it) with its title and what it says in words."""

    svg: str
    title: Short = ""
    caption: Text = ""


class Page(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`page`: one picture on a sheet of its own size. `at` is the instant it shows (RFC 3339), `source` the line below it."""

    pictures: Annotated[list[Picture], msgspec.Meta(min_length=1, max_length=1)]
    at: Short = ""
    source: Short = ""


class Criterion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A success criterion beside reality, and how it stands: kept by every month, `slipped` when an earlier one broke it, missed by the
    last one; empty where nothing is known yet."""

    name: Short
    wanted: Short
    found: Short = "–"
    standing: Literal["kept", "slipped", "missed", ""] = ""
    note: Short = ""


class Figure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key figure, as text that was rounded already."""

    title: Short
    value: Short
    unit: Short = ""
    note: Short = ""
    tone: Tone = ""


class Sheet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table: `numbers` are the places of columns to align right, `note` stands below."""

    columns: Annotated[list[Short], msgspec.Meta(min_length=1, max_length=12)]
    rows: Annotated[list[list[Short]], msgspec.Meta(max_length=500)]
    numbers: list[int] = []
    note: Text = ""


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that happened: when (as it is to be read), what, who, and how it stands."""

    at: Short
    what: Text
    who: Short = ""
    status: Short = ""
    tone: Tone = ""


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ledger's head that the document speaks of: facts until there, and their root."""

    size: int
    root: Short


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`report`: how a project does, on A4. Parts without content are left out. `at` is the instant it speaks of (RFC 3339)."""

    title: Short
    project: Short
    at: Short
    question: Text = ""
    period: Short = ""
    summary: Text = ""
    criteria: Annotated[list[Criterion], msgspec.Meta(max_length=30)] = []
    figures: Annotated[list[Figure], msgspec.Meta(max_length=12)] = []
    pictures: Annotated[list[Picture], msgspec.Meta(max_length=12)] = []
    value: Sheet | None = None
    incidents: Annotated[list[Event], msgspec.Meta(max_length=200)] = []
    timeline: Annotated[list[Event], msgspec.Meta(max_length=200)] = []
    generated: Short = ""
    by: Short = ""
    head: Head | None = None


KINDS: dict[str, type[Report | Page]] = {"report": Report, "page": Page}
"""What a document of each kind holds; its template is papers/<kind>.typ."""


def document(
    archivist: Archivist,  # noqa: ARG001  as every export has it
    path: Path,
    *,
    kind: str,
    data: dict[str, Any],
    style: str = "",
    form: str = "pdf",
) -> dict[str, str]:
    """A document of a kind as `pdf`, or its first page as `png` of twice a screen's sharpness.

    `data` is what the kind holds (`KINDS`), `style` the style sheets that its pictures are shown with. Raises NotFound for an unknown
    kind, InvalidInput when the data is not of the kind or a picture cannot be read, MissingExtra without the setter.
    """
    if kind not in KINDS:
        raise InvalidInput(f"'{kind}' is no kind of document", where="kind", fix=did_you_mean(kind, KINDS))
    if form not in MEDIA:
        raise InvalidInput(f"'{form}' is no form of a document", where="form", fix=f"one of {', '.join(MEDIA)}")
    try:
        content = msgspec.convert(data, KINDS[kind])
    except msgspec.ValidationError as error:
        raise InvalidInput(f"this is no {kind}", where="data", why=str(error)) from None
    told = msgspec.to_builtins(content)
    told["pictures"] = [{**each, "svg": standing_alone(each["svg"], style, FONT)} for each in told["pictures"]]
    path.write_bytes(open_papers().document(PAPERS / f"{kind}.typ", told, form))
    return {"media": MEDIA[form], "name": f"{kind}.{form}"}


def picture(  # noqa: PLR0913  each is told of one picture
    archivist: Archivist,
    path: Path,
    *,
    svg: str,
    style: str = "",
    title: str = "",
    caption: str = "",
    source: str = "",
    at: str = "",
    form: str = "png",
) -> dict[str, str]:
    """One picture of the console by itself, as `png` or `pdf`, with its title, what it says in words and a line on its source."""
    data = {"pictures": [{"svg": svg, "title": title, "caption": caption}], "source": source, "at": at}
    return {**document(archivist, path, kind="page", data=data, style=style, form=form), "name": f"picture.{form}"}


EXPORTS = {"document": document, "picture": picture}
