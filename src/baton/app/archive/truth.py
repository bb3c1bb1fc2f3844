"""What came true, as far as it was known: the labels by entity, for every question that joins them to predictions."""

from baton.app.archive.archivist import Archivist, moment
from baton.app.archive.clause import Clause, all_of, quoted
from baton.app.lifecycle.landing import ALIAS
from baton.project.tablename import LABELS


def truth(archivist: Archivist, until: str) -> Clause:
    """`SELECT entity, label, known_at` of the labels that were known by `until` (all when empty); of none before the first came."""
    if LABELS not in archivist.names():
        return Clause("SELECT NULL AS entity, NULL::DOUBLE AS label, NULL::TIMESTAMPTZ AS known_at WHERE FALSE")
    seen, limit, key = archivist.see(LABELS), moment(until), quoted(archivist.definition.entity.key)
    entity = f"coalesce({quoted(ALIAS)}, {key})" if ALIAS in seen.kinds else key
    known = all_of([Clause("(known_at <= ? OR known_at IS NULL)", (limit,))] if limit is not None else [])
    return Clause(f"SELECT {entity} AS entity, label, known_at FROM {quoted(LABELS)} WHERE {known.text}", known.values)
