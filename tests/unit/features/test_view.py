"""The feature file: what it declares in order, and mistakes with the line they stand on."""

from datetime import timedelta

import numpy as np
import pytest

from baton.features import entity
from baton.features.online import compute_requests
from baton.features.view import (
    FRESHEST,
    FeaturePlan,
    LatestView,
    View,
    WindowView,
    latest,
    on_request,
    plan_from_source,
    window,
)
from baton.kernel.errors import InvalidProject

TEXT = """\
from baton.features import entity, latest, on_request, window

entity(columns=["carrier", "distance"])
latest("weather", key="origin", columns=["temp", "wind"], ttl="3h")
window("landings", key=["origin", "carrier"], over=["1d", "1h"], of={"delay": ["count", "mean"], "taxi": ["max"]})


@on_request(inputs=["distance", "decided_at", "seats"])
def per_seat(distance, decided_at, seats):
    return distance / seats
"""


def test_a_plan_lists_features_in_the_order_in_which_the_model_sees_them() -> None:
    plan = plan_from_source(TEXT)
    assert plan.names == (
        "carrier",
        "distance",
        "weather_temp",
        "weather_wind",
        "origin_carrier_delay_count_1h",
        "origin_carrier_delay_mean_1h",
        "origin_carrier_delay_count_1d",
        "origin_carrier_delay_mean_1d",
        "origin_carrier_taxi_max_1h",
        "origin_carrier_taxi_max_1d",
        "per_seat",
    )
    assert plan.entity_needs() == ("carrier", "distance", "origin", "seats")
    assert plan.digest == plan_from_source(TEXT).digest != plan_from_source(TEXT + "\n").digest


def test_values_of_the_views() -> None:
    weather, delay, taxi = plan_from_source(TEXT).views
    assert isinstance(weather, LatestView) and weather.ttl == timedelta(hours=3)
    assert isinstance(delay, WindowView) and delay.spans == (timedelta(hours=1), timedelta(days=1)) and delay.clip is None
    assert latest("w", key="k", columns=["c"]).ttl == FRESHEST
    assert len({view.name for view in (weather, delay, taxi)}) == 3


def test_a_single_name_may_stand_for_a_list() -> None:
    plan = plan_from_source(
        'from baton.features import *\nentity(columns="carrier")\nlatest("w", key="k", columns="temp")\n'
        '@on_request(inputs="temp")\ndef warm(temp): return temp'
    )
    assert plan.names == ("carrier", "w_temp", "warm")
    assert plan.requests[0].inputs == ("temp",)


def test_views_that_hold_other_values_have_other_addresses() -> None:
    views: list[View] = [
        *window("s", key="k", over=["1h"], of={"x": ["mean"]}),
        *window("s", key="k", over=["2h"], of={"x": ["mean"]}),
        *window("s", key="k", over=["1h", "2h"], of={"x": ["mean"], "y": ["mean"]}),
        *window("s", key="k", over=["1h"], of={"x": ["mean", "sum"]}),
        *window("s", key="k", over=["1h"], of={"x": ["mean"]}, clip=(0, 1)),
        *window("s", key=["k", "l"], over=["1h"], of={"x": ["mean"]}),
        *window("t", key="k", over=["1h"], of={"x": ["mean"]}),
        latest("s", key="k", columns=["x"]),
        latest("s", key="k", columns=["y"]),
        latest("s", key=["k", "l"], columns=["x"]),
    ]
    assert len({view.name for view in views}) == len(views)


def test_declaring_outside_a_feature_file_collects_nothing() -> None:
    entity(columns=["x"])
    assert plan_from_source(TEXT).names[:2] == ("carrier", "distance")
    assert on_request(inputs=["a"])(len) is len


MISTAKES = {
    "entity(columns=[": (1, "SyntaxError"),
    "from baton.features import *\n\nentity(colums=['a'])\n": (3, "unexpected keyword"),
    "from baton.features import *\nlatest('w', key='k', columns=['c'], ttl='3')\n": (2, "'3' is not a duration"),
    "from baton.features import *\nlatest('w', key='k', columns=['c'], ttl='')\nx = 1 / 0\n": (3, "ZeroDivisionError"),
    "from baton.features import *\n\n\nwindow('w', key='k', over=['1h', '1y'], of={'x': ['mean']})\n": (
        4,
        "'1y' is not a duration",
    ),
    "from baton.features import *\nwindow('w', key='k', over=['1h'],\n  of={'x': ['median']})\n": (
        2,
        "unknown aggregate 'median'",
    ),
    "from baton.features import *\nwindow('w', key='k', over=['1h'], of={'x': ['coutn']})\n": (2, "did you mean 'count'"),
    "from baton.features import *\ndef f():\n    return undefined\nf()\n": (3, "NameError"),
    "import nothing_of_that_name\n": (1, "nothing_of_that_name"),
    "": (1, "no feature is declared"),
    "from baton.features import *\n": (1, "no feature is declared"),
    "from baton.features import *\nentity(columns=['x'])\n@on_request(inputs=['x'])\ndef x(x): return x\n": (
        1,
        "two features share a name: x",
    ),
    "from baton.features import *\nwindow('w', key='k', over=['1h', '1h'], of={'x': ['mean']})\n": (1, "k_x_mean_1h"),
    "from baton.features import *\nlatest('w', key='k', columns=['c'])\nlatest('w', key='l', columns=['c'])\n": (1, "w_c"),
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_told_with_its_line(text: str) -> None:
    line, said = MISTAKES[text]
    with pytest.raises(InvalidProject) as caught:
        plan_from_source(text, "my/features.py")
    (mistake,) = caught.value.mistakes
    assert (mistake.file, mistake.line) == ("my/features.py", line)
    assert said in mistake.what and mistake.fix


def test_a_file_that_fails_leaves_nothing_for_the_next() -> None:
    with pytest.raises(InvalidProject):
        plan_from_source("from baton.features import *\nentity(columns=['a'])\nraise ValueError('x')")
    assert plan_from_source("from baton.features import *\nentity(columns=['b'])").names == ("b",)


def test_request_functions_run_in_order_and_see_each_other() -> None:
    plan = plan_from_source(
        "from baton.features import *\n@on_request(inputs=['x'])\ndef y(x): return x + 1\n@on_request(inputs=['y', 'decided_at'])\ndef z(y, at): return y * 2\n"
    )
    assert plan.entity_needs() == ("x",)
    columns = {"x": np.array([1.0, np.nan]), "decided_at": np.array([0, 0], dtype="datetime64[us]")}
    compute_requests(plan, columns)
    assert columns["y"][0] == 2 and columns["z"][0] == 4 and np.isnan(columns["z"][1])


def test_a_request_function_of_the_wrong_length_is_named() -> None:
    plan = plan_from_source("from baton.features import *\n@on_request(inputs=['x'])\ndef short(x): return x[:1]\n")
    with pytest.raises(ValueError, match="short returned 1 values for 2 rows"):
        compute_requests(plan, {"x": np.zeros(2), "decided_at": np.zeros(2, dtype="datetime64[us]")})


def test_plans_of_one_text_are_equal_whatever_their_functions() -> None:
    plan = plan_from_source(TEXT)
    assert plan == plan_from_source(TEXT)
    assert FeaturePlan(("a",), (), ()).names == ("a",)
