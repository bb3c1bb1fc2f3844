"""The time machine: the instants that one slider offers, in steps that fit how long the record is."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from baton.kernel.clock import floor_to

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_STEPS: Final = ((timedelta(days=2), MINUTE), (timedelta(days=45), HOUR))
"""Up to how long a record is shown in which steps; a longer one in days."""


@dataclass(frozen=True, slots=True)
class Machine:
    """`first` is the instant of place 0 (UTC), `place` the one that is shown, `places` the last one: the present."""

    first: datetime
    last: datetime
    step: timedelta
    place: int
    places: int

    @property
    def daily(self) -> bool:
        """Whether each place is a day."""
        return self.step == DAY

    def field(self, at: datetime) -> str:
        """An instant as the browser's field for it is filled in."""
        return f"{at:%Y-%m-%d}" if self.daily else f"{at:%Y-%m-%dT%H:%M}"


def machine(first: datetime, last: datetime, at: datetime) -> Machine:
    """The slider from the first fact to the present, of which one instant is shown."""
    step = next((step for most, step in _STEPS if last - first <= most), DAY)
    begin = floor_to(first, step)
    places = -((begin - last) // step)
    return Machine(begin, last, step, places if at >= last else max(0, (at - begin) // step), places)
