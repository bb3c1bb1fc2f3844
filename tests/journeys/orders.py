"""A project inferred from somebody's own table: orders, of which some are returned, the dear ones more often."""

import random
from datetime import datetime, timedelta
from pathlib import Path

from baton.app.new import from_table
from baton.kernel.clock import iso


def orders(folder: Path, start: datetime, apart: timedelta, *, timed: bool = True) -> Path:
    """3000 orders, so long apart, `timed` by when each became known."""
    chance = random.Random(1)
    lines = ["order_id,ordered_at,amount,returned"]
    for number in range(3000):
        amount = chance.uniform(1, 100)
        lines.append(f"o{number},{iso(start + number * apart)},{amount:.2f},{int(chance.random() * 100 < amount)}")
    (folder / "orders.csv").write_text("\n".join(lines) + "\n")
    moment = "ordered_at" if timed else None
    from_table("orders", folder / "orders", folder / "orders.csv", "returned", moment, "order_id")
    return folder / "orders"
