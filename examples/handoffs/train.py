"""The team's own training, whatever it is: here the rate of returned orders per weekday. Writes model.json; prints its error."""

import json
import sys
from pathlib import Path

ORDERS = {
    "Mon": (210, 12),
    "Tue": (190, 9),
    "Wed": (205, 14),
    "Thu": (220, 13),
    "Fri": (260, 22),
    "Sat": (310, 31),
    "Sun": (150, 11),
}


def main(version: str, smoothing: float) -> None:
    """Train a version with so many made-up orders per day that pull its rate towards the mean."""
    mean = sum(returned for _, returned in ORDERS.values()) / sum(orders for orders, _ in ORDERS.values())
    rates = {day: (returned + smoothing * mean) / (orders + smoothing) for day, (orders, returned) in ORDERS.items()}
    Path("model.json").write_text(json.dumps({"version": version, "rates": rates}, indent=1) + "\n")
    error = max(abs(rates[day] - returned / orders) for day, (orders, returned) in ORDERS.items())
    sys.stdout.write(f"{error:.4f}\n")


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 20.0)
