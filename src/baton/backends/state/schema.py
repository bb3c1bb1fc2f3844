"""The tables of the state store."""

import sqlalchemy as sa

metadata = sa.MetaData()

facts = sa.Table(
    "facts",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject_kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("effective_us", sa.BigInteger, nullable=False),
    sa.Column("recorded_us", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("state", sa.Text),
    sa.Column("leaf", sa.LargeBinary(32), nullable=False),
    sa.Index("facts_by_kind", "kind", "seq"),
    sa.Index("facts_by_subject_kind", "subject_kind", "seq"),
    sa.Index("facts_by_name", "subject", "seq"),
    sa.Index("facts_by_actor", "actor", "seq"),
    sa.Index("facts_by_time", "recorded_us", "seq"),
    # All that choosing among the records of an instant looks at, so that it reads no state.
    sa.Index(
        "facts_by_past",
        "subject_kind",
        "subject",
        "seq",
        "recorded_us",
        sa.text("json_extract(state, '$.status')"),
        sqlite_where=sa.text("state IS NOT NULL"),
    ),
)
records = sa.Table(
    "records",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("first_seq", sa.Integer, nullable=False),
    sa.Column("last_seq", sa.Integer, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Index("records_by_change", "last_seq"),
    sa.Index("records_by_status", "kind", "status", "first_seq"),
    sa.Index("records_by_appearance", "kind", "first_seq"),
    sa.Index("records_by_subject", "kind", sa.text("json_extract(body, '$.subject')"), "first_seq"),
)
heads = sa.Table(
    "heads",
    metadata,
    sa.Column("size", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("root", sa.LargeBinary(32), nullable=False),
    sa.Column("peaks", sa.LargeBinary, nullable=False),
)
cursors = sa.Table("cursors", metadata, sa.Column("name", sa.Text, primary_key=True), sa.Column("value", sa.Text, nullable=False))
measurements = sa.Table(
    "measurements",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("value", sa.Float, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
)
indexes = {str(index.name): index for table in metadata.tables.values() for index in table.indexes}
"""All indexes by name. They make a look quick and decide nothing: a database without some of them is read as well."""
