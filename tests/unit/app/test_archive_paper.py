"""Papers: pictures that stand alone, and documents in which data is never a command."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from baton.app.archive.document import FONT, PAPERS, Report, document, picture
from baton.app.archive.svg import standing_alone
from baton.kernel.errors import InvalidInput, MissingExtra

STATIC = Path(__file__).parents[3] / "src" / "baton" / "web" / "static"
SHEETS = "".join((STATIC / name).read_text() for name in ("tokens.css", "draw.css"))
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" class="pic pic-series" viewBox="0 0 720 220"><title>Months</title>'
    '<g class="s2"><path class="line dashed" d="M0 0L9 9" /><circle class="soft" r="2" /></g>'
    '<a href="/months" onclick="go()"><rect class="good fill" width="3" height="4" style="fill: red" /></a>'
    '<text class="tick" x="1" y="2">0.5</text><script>alert(1)</script><image href="/etc/passwd" /></svg>'
)
NOBODY: Any = None
"""A document asks no table."""
HOSTILE = '#panic("x") $a$ *b* `c` <d> @e \\ #import "/house.typ": * // ] } \u202e <script>'


def element(made: str, name: str) -> str:
    found = re.search(rf"<{name} [^>]*>", made)
    assert found is not None
    return found[0]


def test_what_the_sheets_say_is_written_on_every_element() -> None:
    made = standing_alone(SVG, SHEETS, FONT)
    assert not re.search(r"var\(|color-mix|class=|style=|href|onclick|script|passwd|<a |<title", made)
    assert 'stroke="#c2571a"' in element(made, "path") and 'stroke-dasharray="5 4"' in element(made, "path")
    assert 'fill="#157347"' in element(made, "rect") and 'fill="#63676e"' in element(made, "text")
    assert 'width="720"' in element(made, "svg") and f'font-family="{FONT}"' in element(made, "svg")
    assert re.search(r'fill="#f[0-9a-f]{5}"', element(made, "circle"))  # a sixth of the tone over white


def test_what_is_said_later_or_nearer_wins() -> None:
    sheet = (
        ":root { --a: #111111; } :root[data-theme='dark'] { --a: #222222; } .p .x { fill: var(--a); } .x { fill: #333333; }"
        " .x:hover { fill: #444444; } @media print { .x { fill: #555555; } } .q { --a: #666666 } .p .x, .none { stroke: var(--b, #777777); }"
    )
    made = standing_alone(
        '<svg class="p"><g><circle class="x" r="1" /></g><g class="q"><rect class="x" /></g></svg>', sheet, FONT
    )
    assert 'fill="#111111"' in element(made, "circle") and 'stroke="#777777"' in element(made, "circle")
    assert 'fill="#666666"' in element(made, "rect")


@pytest.mark.parametrize(
    "svg",
    ["", "<p>x</p>", "<svg>", '<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>', "<svg>" + "<g/>" * 600_000 + "</svg>"],
    ids=["nothing", "page", "open", "entities", "long"],
)
def test_what_is_no_picture_is_refused(svg: str) -> None:
    with pytest.raises(InvalidInput):
        standing_alone(svg, "", FONT)


def report(**more: Any) -> dict[str, Any]:
    return {"title": "Year", "project": "fraud", "at": "2026-06-01T00:00:00Z", **more}


@pytest.mark.parametrize(
    ("kind", "data", "form", "words"),
    [
        ("letter", report(), "pdf", "no kind"),
        ("report", report(), "docx", "no form"),
        ("report", {"title": "x"}, "pdf", "missing required field"),
        ("report", report(colour="red"), "pdf", "unknown field"),
        ("report", report(timeline=[{"at": "1", "what": "x"}] * 201), "pdf", "length <= 200"),
        ("page", {"pictures": []}, "pdf", "length >= 1"),
    ],
)
def test_data_that_is_not_of_the_kind_is_refused(tmp_path: Path, kind: str, data: dict[str, Any], form: str, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        document(NOBODY, tmp_path / "out", kind=kind, data=data, form=form)
    assert words in str(caught.value)


def test_without_the_setter_the_command_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(MissingExtra) as caught:
        document(NOBODY, tmp_path / "out", kind="report", data=report())
    assert caught.value.fix == "pip install 'baton-ml[report]'"


def full(text: str) -> dict[str, Any]:
    """A report with the same text wherever one fits."""
    return report(
        title=text,
        project=text,
        question=text,
        period=text,
        summary=text,
        criteria=[
            {"name": text, "wanted": text, "found": text, "standing": standing, "note": text}
            for standing in ("kept", "slipped", "missed", "")
        ],
        figures=[{"title": text, "value": text, "unit": text, "note": text, "tone": tone} for tone in ("good", "bad", "")] * 2,
        pictures=[{"svg": SVG, "title": text, "caption": text}],
        value={"columns": [text, text], "rows": [[text, text], [text], []], "numbers": [1], "note": text},
        incidents=[{"at": text, "what": text, "who": text, "status": text, "tone": "bad"}],
        timeline=[{"at": text, "what": text}] * 40,
        generated=text,
        by=text,
        head={"size": 12, "root": text},
    )


def test_data_is_text_and_never_a_command(tmp_path: Path) -> None:
    typst = pytest.importorskip("typst")
    out = tmp_path / "out"
    out.touch()
    assert document(NOBODY, out, kind="report", data=full(HOSTILE), style=SHEETS) == {
        "media": "application/pdf",
        "name": "report.pdf",
    }
    first = out.read_bytes()
    assert first.startswith(b"%PDF-")
    document(NOBODY, out, kind="report", data=full(HOSTILE), style=SHEETS)
    assert out.read_bytes() == first
    told = msgspec.to_builtins(msgspec.convert(full(HOSTILE), Report))
    told["pictures"][0]["svg"] = standing_alone(SVG, SHEETS, FONT)
    headings = json.loads(
        typst.query(
            PAPERS / "report.typ", "heading", root=PAPERS, ignore_system_fonts=True, sys_inputs={"data": json.dumps(told)}
        )
    )
    assert HOSTILE in [heading["body"].get("text") for heading in headings]


def test_a_report_of_little_and_a_picture_by_itself(tmp_path: Path) -> None:
    pytest.importorskip("typst")
    out = tmp_path / "out"
    document(NOBODY, out, kind="report", data=report(), form="png")
    assert out.read_bytes().startswith(b"\x89PNG")
    for form, begins in (("png", b"\x89PNG"), ("pdf", b"%PDF-")):
        told = picture(NOBODY, out, svg=SVG, style=SHEETS, title=HOSTILE, caption=HOSTILE, source=HOSTILE, form=form)
        assert told["name"] == f"picture.{form}" and out.read_bytes().startswith(begins)
