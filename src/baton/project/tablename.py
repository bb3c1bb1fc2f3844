"""What a table may be called. A source lands in a table of its own name, and some names are Baton's own."""

import re

TABLE_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
RULE = "lower-case letters, digits and '_', a letter first, at most 63"
"""What a table's name is made of, in words."""

QUARANTINE = "quarantine"
"""The table that holds the rejected rows of all sources."""

LABELS = "labels"
"""The table of truths that became known."""

PREDICTIONS = ("predictions", "challenger_predictions")
"""The tables of scores: those that answered, and those that were on trial."""

SCORES = "scores"
"""The table of published batch scores, where no other is named."""

TABLES = (QUARANTINE, LABELS, *PREDICTIONS, SCORES)
"""Tables that Baton writes itself."""

RESERVED = (*TABLES, "lineage")
"""Names that no source may bear: Baton's own tables, and what stands beside the sources in the console."""


def is_free(name: str) -> bool:
    """Whether a source may be called so."""
    return TABLE_NAME.fullmatch(name) is not None and name not in RESERVED


def free_name(text: str) -> str:
    """A name for a source made out of any text."""
    name = re.sub(r"[^a-z0-9_]", "_", text.lower())[:40].strip("_")
    return name if is_free(name) else f"table_{name}".rstrip("_")
