"""What the model sees of a flight at the hour of decision. Every value was known by then."""

from baton.features import entity, latest, on_request, window
from baton.features.calendar import day_of_week, hour_of_day

HOME = "America/New_York"
USUAL = (-60, 240)

entity(columns=["carrier", "origin", "dest", "distance"])

latest(
    "weather", key="origin", ttl="3h", columns=["temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib"]
)
latest("planes", key="tailnum", columns=["year", "seats"])

window("landings", key="origin", over=["1h", "3h", "24h"], of={"arr_delay": ["mean"]}, clip=USUAL)
window("landings", key="origin", over=["3h"], of={"late": ["count", "mean"]})
window("landings", key="carrier", over=["3h", "24h"], of={"arr_delay": ["mean"]}, clip=USUAL)
window("landings", key="carrier", over=["7d"], of={"late": ["mean"]})
window("landings", key="dest", over=["6h"], of={"arr_delay": ["mean"]}, clip=USUAL)
window("landings", key=["carrier", "origin"], over=["6h"], of={"arr_delay": ["mean"]}, clip=USUAL)
window("landings", key="tailnum", over=["24h"], of={"arr_delay": ["last", "age"]})


@on_request(inputs=["scheduled_at"])
def local_hour(scheduled_at):
    """Hour of the day of the scheduled departure, New York time."""
    return hour_of_day(scheduled_at, HOME)


@on_request(inputs=["scheduled_at"])
def weekday(scheduled_at):
    """Day of the week of the scheduled departure, Monday 0."""
    return day_of_week(scheduled_at, HOME)
