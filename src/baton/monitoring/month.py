"""A month of service in the numbers that people ask for: quality, value, and the same for the frozen first model."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Month:
    """One month by decision time (UTC). Quality is over predictions whose label has arrived; `value` in the problem's currency."""

    KIND: ClassVar[str] = "month"
    id: str
    status: str
    month: str
    predictions: int
    labelled: int
    auc: float | None
    brier: float | None
    late_rate: float | None
    value: float | None
    frozen_auc: float | None
    frozen_brier: float | None
    frozen_value: float | None = None

    @property
    def matured(self) -> float:
        """Share of predictions whose label has arrived."""
        return self.labelled / self.predictions if self.predictions else 0.0
