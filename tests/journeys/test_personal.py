"""Personal columns of a real project: from its contract into the bundle's lineage, and the truth still finds its predictions."""

from datetime import timedelta
from pathlib import Path

from journeys.orders import orders
from journeys.test_days import asked, serve, step_of

from baton.app.lifecycle import landing
from baton.app.lifecycle.judging import judge_months
from baton.app.lifecycle.recent import Recent
from baton.app.lifecycle.turning import personal_columns
from baton.kernel.clock import parse_instant
from baton.project.loader import load

START, SERVED = parse_instant("2026-10-04"), parse_instant("2026-11-05T09:00:00Z")
CONTRACT = """apiVersion: v3.1.0
schema:
  - name: orders
    properties:
      - {{name: order_id, logicalType: string{key}}}
      - {{name: ordered_at, logicalType: timestamp}}
      - {{name: amount, logicalType: number, classification: personal}}
      - {{name: returned, logicalType: integer}}
"""


def project(tmp_path: Path, key: str) -> Path:
    made = orders(tmp_path, START, timedelta(minutes=15))
    (made / "orders.contract.yaml").write_text(CONTRACT.format(key=key))
    name = next(iter(load(made).definition.sources))
    lines = (made / "baton.yaml").read_text().splitlines()
    told = [line for line in lines if "contract:" not in line]
    at = next(number for number, line in enumerate(told) if line.strip().startswith("path:") and name)
    indent = told[at][: len(told[at]) - len(told[at].lstrip())]
    told.insert(at + 1, f"{indent}contract: orders.contract.yaml")
    (made / "baton.yaml").write_text("\n".join(told) + "\n")
    return made


def test_the_contract_reaches_the_lineage(tmp_path: Path) -> None:
    with step_of(project(tmp_path, ""), parse_instant("2026-11-06")) as step:
        assert personal_columns(step) == {"log_hash": "amount"}
        assert step.house.alias is None


def test_the_truth_of_personal_entities_finds_their_predictions(tmp_path: Path) -> None:
    made = project(tmp_path, ", classification: personal")
    with step_of(made, parse_instant("2026-11-06")) as step:
        assert personal_columns(step) == {"log_hash": "amount", "log_entity": "hash"}
        assert step.house.alias is not None
        names = [step.house.alias(name) for name in ("o1", "o2", "o3", "no such order")]
        step.house.arrivals.warm(None, None)
        landing.land(step)
        serve(step, asked(SERVED, *names))
        known = Recent(step.house.tables, step.house.definition).labelled(SERVED, SERVED + timedelta(days=1), None)
        assert sorted(row.entity for row, _ in known) == sorted(names[:3])
        (month,) = judge_months(step, last=True)
        assert (month.predictions, month.labelled) == (4, 3)
