"""The rooms of the console, in the order in which they are read: what waits, the lifecycle, those who run it, what it is worth."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Room:
    """One entry: where it leads, what it is called, and its icon."""

    path: str
    name: str
    icon: str


NAVIGATION: tuple[tuple[str, tuple[Room, ...]], ...] = (
    ("", (Room("/", "Loop", "loop"), Room("/inbox", "Inbox", "inbox"))),
    (
        "Lifecycle",
        (
            Room("/data", "Data", "data"),
            Room("/features", "Features", "features"),
            Room("/models", "Models", "models"),
            Room("/releases", "Releases", "releases"),
            Room("/monitoring", "Monitoring", "monitoring"),
            Room("/incidents", "Incidents", "incidents"),
        ),
    ),
    ("People and proof", (Room("/team", "Team", "team"), Room("/ledger", "Ledger", "ledger"))),
    ("Worth", (Room("/product", "Product", "product"), Room("/analysis", "Analysis", "analysis"))),
)
"""Groups with their rooms."""
