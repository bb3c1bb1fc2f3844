"""Documents by Typst, in this process, from templates of ours. It reaches the templates' own folder and no network.

Data comes as one JSON text that the template reads as data, so that nothing in it is ever markup.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from baton.kernel.clock import parse_instant
from baton.kernel.errors import InvalidInput, MissingExtra

FORMS = ("pdf", "png")
_SHARP = 192.0
"""Pixels per inch of a PNG: twice what a screen shows, so that it can be put on a slide."""


class TypstPapers:
    """The `Papers` port. The same data gives the same bytes: the instant in a PDF's properties is the document's own."""

    def document(self, template: Path, data: Mapping[str, Any], form: str) -> bytes:
        """The document as `pdf`, or its first page as `png`. `data` may name its instant: `at`, RFC 3339.

        Raises InvalidInput when it cannot be set, MissingExtra where Typst is not installed.
        """
        try:
            import typst
        except ImportError as error:
            raise MissingExtra(
                "setting documents needs a part that is not installed", fix="pip install 'baton-ml[report]'"
            ) from error
        if form not in FORMS:
            raise InvalidInput(f"'{form}' is no form of a document", where="form", fix=f"one of {', '.join(FORMS)}")
        at = data.get("at")
        compiler = typst.Compiler(
            root=template.parent, ignore_system_fonts=True, sys_inputs={"data": json.dumps(data)}, package_path=template.parent
        )
        try:
            made = compiler.compile(
                template,
                format="pdf" if form == "pdf" else "png",
                ppi=_SHARP,
                timestamp=parse_instant(str(at)).replace(microsecond=0) if at else None,
            )
        except RuntimeError as error:
            raise InvalidInput(
                "the document cannot be set", where=template.name, why=str(error).strip().splitlines()[0]
            ) from error
        pages = made if isinstance(made, list) else [made]
        return bytes(pages[0] or b"")
