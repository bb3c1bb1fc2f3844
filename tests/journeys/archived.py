"""A small workspace with tables of every kind, without a loop: what the archive is asked about."""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from baton.app.new import from_table
from baton.app.workspace import create
from baton.backends.tables.delta import DeltaTables

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
STAMP = pa.timestamp("us", "UTC")
COUNTRIES = ("de", "fr", "it")


def payments(days: int = 62) -> list[dict[str, object]]:
    """One payment an hour; dear ones tend to be fraud, and the truth comes two days later, but for every tenth."""
    draw, made = random.Random(3), []
    for number in range(24 * days):
        at = BEGIN + number * timedelta(hours=1)
        amount = round(draw.gauss(100, 30), 2)
        score = min(0.99, max(0.01, (amount - 40) / 130))
        made.append(
            {
                "payment": f"p{number}",
                "at": at,
                "amount": amount,
                "country": draw.choice(COUNTRIES),
                "score": score,
                "fraud": int(draw.random() < score),
                "told": number % 10 != 0,
            }
        )
    return made


def project(folder: Path) -> Path:
    """A project whose tables hold two months: its source, predictions of a model and of the frozen first one, labels, rejected rows."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = payments()
    source = folder / "payments.csv"
    lines = [f"{row['payment']},{row['at'].isoformat()},{row['amount']},{row['country']},{row['fraud']}" for row in rows]  # type: ignore[attr-defined]
    source.write_text("\n".join(["payment,at,amount,country,fraud", *lines]))
    made = folder / "fraud"
    from_table("fraud", made, source, "fraud", "at", "payment")
    tables = DeltaTables(create(made / ".baton", "replay").tables)
    for day in range(0, 62, 31):
        some = rows[24 * day : 24 * (day + 31)]
        tables.append("predictions", predictions(some), step=day)
        tables.append("labels", labels(some), step=day)
        tables.append(
            "payments", pa.table({name: [row[name] for row in some] for name in ("payment", "amount", "country")}), step=day
        )
    tables.append("quarantine", rejected(), step=1)
    return made


def predictions(rows: list[dict[str, object]]) -> pa.Table:
    """What two variants said of the rows; some amounts are missing."""
    twice = [(row, variant) for row in rows for variant in ("live", "shadow")]
    return pa.table(
        {
            "prediction_id": [f"{row['payment']}-{variant}" for row, variant in twice],
            "payment": [row["payment"] for row, _ in twice],
            "decided_at": pa.array([row["at"] for row, _ in twice], STAMP),
            "model_version": pa.array([1 if variant == "shadow" else 2 for _, variant in twice], pa.int32()),
            "variant": [variant for _, variant in twice],
            "score": [row["score"] if variant == "live" else 0.3 for row, variant in twice],
            "amount": pa.array([float("nan") if row["payment"] == "p7" else row["amount"] for row, _ in twice], pa.float64()),
            "country": [None if row["payment"] == "p9" else row["country"] for row, _ in twice],
        }
    )


def labels(rows: list[dict[str, object]]) -> pa.Table:
    """The truths that arrived."""
    told = [row for row in rows if row["told"]]
    known = [row["at"] + timedelta(days=2) for row in told]  # type: ignore[operator]
    return pa.table(
        {
            "payment": [row["payment"] for row in told],
            "label": pa.array([row["fraud"] for row in told], pa.int8()),
            "known_at": pa.array(known, STAMP),
        }
    )


def rejected() -> pa.Table:
    """Three rejected rows of two sources."""
    return pa.table(
        {
            "source": ["payments", "payments", "planes"],
            "key": ["x1", "x2", "y1"],
            "known_at": pa.array([BEGIN, BEGIN + timedelta(days=40), None], STAMP),
            "rule": ["amount minimum", "amount minimum", "required"],
            "reason": ["amount is -1, at least 0", "amount is -2, at least 0", "seats is missing"],
            "row": [json.dumps({"amount": -1}), json.dumps({"amount": -2}), json.dumps({"seats": None})],
        }
    )
