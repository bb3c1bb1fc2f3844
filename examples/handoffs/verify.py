"""The team's own check of a model: every weekday has a rate between 0 and 1, and none is off by more than two points."""

import json
import sys
from pathlib import Path

from train import ORDERS

rates = json.loads(Path("model.json").read_text())["rates"]
wrong = [
    day for day, (orders, returned) in ORDERS.items() if not 0 <= rates[day] <= 1 or abs(rates[day] - returned / orders) > 0.02
]
sys.stdout.write(f"{len(ORDERS) - len(wrong)} of {len(ORDERS)} weekdays fit\n")
sys.exit(1 if wrong else 0)
