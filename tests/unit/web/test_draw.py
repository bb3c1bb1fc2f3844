"""Pictures: whatever the values, well-formed, escaped, inside their frame, and nothing drawn for what was not measured."""

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from baton.project.phase import PHASES
from baton.web.draw.bars import Bar, bars, columns
from baton.web.draw.canvas import fits
from baton.web.draw.evidence import Asked, evidence
from baton.web.draw.graph import Edge, Node, graph
from baton.web.draw.heat import Row, heat, weekly
from baton.web.draw.histogram import categories, histogram
from baton.web.draw.lettering import breadth
from baton.web.draw.mark import Event, Stretch, Threshold
from baton.web.draw.reliability import Bin, reliability
from baton.web.draw.ring import Station, ring, track
from baton.web.draw.series import Line, series
from baton.web.draw.share import Part, share
from baton.web.draw.spark import spark
from baton.web.draw.timeline import Happening, Lane, lanes, timeline

SVG = "{http://www.w3.org/2000/svg}"
START = datetime(2023, 3, 1, tzinfo=UTC)
WIDTHS = st.sampled_from((360, 720, 1080))
VALUES = st.none() | st.floats(allow_nan=True, allow_infinity=True) | st.integers(-1000, 1000).map(float) | st.just(math.nan)
NAMES = st.sampled_from(("live", "a<b>&\"'c", "</text><script>", "naïve – 数", "", "x" * 200)) | st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co")), max_size=12
)
INSTANTS = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)) | st.datetimes(
    datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)
)
MAYBE = st.none() | st.just("/there?a=1&b=2")
LISTS = st.lists(VALUES, max_size=14)


def lines_of(data: st.DataObject) -> list[Line]:
    """Some lines with gaps and intervals."""
    points = st.lists(st.tuples(INSTANTS, VALUES), max_size=14)
    interval = st.lists(st.tuples(INSTANTS, VALUES, VALUES), max_size=5)
    return data.draw(st.lists(st.builds(Line, NAMES, points, st.just(""), st.booleans(), interval), max_size=4))


def draw_series(data: st.DataObject, width: int) -> Markup:
    marks = st.lists(
        st.builds(Event, INSTANTS, NAMES, st.just("good"), MAYBE)
        | st.builds(Threshold, st.floats(allow_nan=True), NAMES)
        | st.builds(Stretch, INSTANTS, st.none() | INSTANTS, NAMES, st.just("bad"), MAYBE),
        max_size=6,
    )
    pins = st.sampled_from(((None, None), (0.0, None), (0.0, 1.0)))
    return series(lines_of(data), title=data.draw(NAMES), unit="%", marks=data.draw(marks), within=data.draw(pins), width=width)


def draw_spark(data: st.DataObject, width: int) -> Markup:
    return spark(data.draw(LISTS), title=data.draw(NAMES))


def some_bars(data: st.DataObject) -> list[Bar]:
    return data.draw(st.lists(st.builds(Bar, NAMES, st.lists(VALUES, max_size=4), st.just("bad"), MAYBE, NAMES), max_size=6))


def draw_bars(data: st.DataObject, width: int) -> Markup:
    names = data.draw(st.sampled_from(((), ("a", "b", "c", "d"))))
    return bars(some_bars(data), title=data.draw(NAMES), unit="$", names=names, stacked=data.draw(st.booleans()), width=width)


def draw_columns(data: st.DataObject, width: int) -> Markup:
    names = data.draw(st.sampled_from(((), ("a", "b", "c", "d"))))
    return columns(some_bars(data), title=data.draw(NAMES), unit="ms", names=names, stacked=data.draw(st.booleans()), width=width)


def draw_share(data: st.DataObject, width: int) -> Markup:
    parts = st.lists(st.builds(Part, NAMES, VALUES, st.just(""), MAYBE, NAMES), max_size=6)
    return share(data.draw(parts), title=data.draw(NAMES), width=width)


def draw_heat(data: st.DataObject, width: int) -> Markup:
    days = [date(2022, 11, 20) + timedelta(days=day) for day in range(data.draw(st.integers(0, 150)))]
    rows = data.draw(st.lists(st.builds(Row, NAMES, st.lists(VALUES, max_size=150), MAYBE, NAMES), max_size=3))
    address = data.draw(st.sampled_from((None, lambda row, first, last: f"/x?{first}&{last}")))
    return heat(rows, days, title=data.draw(NAMES), link=address, width=width)


def draw_histogram(data: st.DataObject, width: int) -> Markup:
    edges = data.draw(
        st.lists(st.floats(allow_nan=False), max_size=9, unique=True).map(sorted) | st.lists(VALUES.filter(bool), max_size=5)
    )
    return histogram([edge or 0.0 for edge in edges], data.draw(LISTS), data.draw(LISTS), title=data.draw(NAMES), width=width)


def draw_categories(data: st.DataObject, width: int) -> Markup:
    return categories(
        data.draw(st.lists(NAMES, max_size=20)), data.draw(LISTS), data.draw(LISTS), title=data.draw(NAMES), width=width
    )


def draw_reliability(data: st.DataObject, width: int) -> Markup:
    bins = st.lists(st.builds(Bin, VALUES, VALUES, st.integers(-1, 10**9), VALUES, VALUES), max_size=12)
    return reliability(data.draw(bins), title=data.draw(NAMES), width=min(width, 420))


def draw_evidence(data: st.DataObject, width: int) -> Markup:
    asked = st.builds(Asked, NAMES, st.lists(st.tuples(st.integers(0, 10**7), VALUES), max_size=12), st.floats())
    return evidence(data.draw(st.lists(asked, max_size=3)), title=data.draw(NAMES), words=data.draw(NAMES), width=width)


def some_stations(data: st.DataObject) -> list[Station]:
    tones = st.sampled_from(("good", "warn", "bad", "info", "idle"))
    named = data.draw(st.lists(st.sampled_from(PHASES) | NAMES, max_size=13))
    return [
        Station(name, data.draw(tones), data.draw(NAMES), data.draw(NAMES), data.draw(MAYBE), data.draw(NAMES)) for name in named
    ]


def draw_ring(data: st.DataObject, width: int) -> Markup:
    running = data.draw(st.none() | st.sampled_from(PHASES))
    return ring(
        some_stations(data),
        title=data.draw(NAMES),
        headline=data.draw(NAMES),
        words=data.draw(NAMES),
        running=running,
        width=width,
    )


def draw_track(data: st.DataObject, width: int) -> Markup:
    return track(some_stations(data), title=data.draw(NAMES), headline=data.draw(NAMES), running="train", width=width)


def draw_graph(data: st.DataObject, width: int) -> Markup:
    ids = data.draw(st.lists(st.sampled_from("abcdefgh"), max_size=8))
    layers = st.none() | st.integers(0, 4)
    nodes = [Node(one, data.draw(NAMES), data.draw(NAMES), "good", data.draw(MAYBE), data.draw(layers)) for one in ids]
    ends = st.sampled_from("abcdefghz")
    edges = data.draw(st.lists(st.builds(Edge, ends, ends, NAMES, VALUES, st.sampled_from(("", "bad"))), max_size=14))
    return graph(nodes, edges, title=data.draw(NAMES), width=width)


def draw_timeline(data: st.DataObject, width: int) -> Markup:
    happened = st.lists(st.builds(Happening, INSTANTS, NAMES, NAMES, st.just("bad"), MAYBE), max_size=6)
    return timeline(data.draw(happened), title=data.draw(NAMES), width=width)


def draw_lanes(data: st.DataObject, width: int) -> Markup:
    stretches = st.lists(st.builds(Stretch, INSTANTS, st.none() | INSTANTS, NAMES, st.just("s1"), MAYBE), max_size=5)
    rows = data.draw(st.lists(st.builds(Lane, NAMES, stretches, MAYBE), max_size=3))
    ends = st.none() | INSTANTS
    return lanes(rows, title=data.draw(NAMES), first=data.draw(ends), last=data.draw(ends), width=width)


PICTURES: tuple[Callable[[st.DataObject, int], Markup], ...] = (
    draw_series,
    draw_spark,
    draw_bars,
    draw_columns,
    draw_share,
    draw_heat,
    draw_histogram,
    draw_categories,
    draw_reliability,
    draw_evidence,
    draw_ring,
    draw_track,
    draw_graph,
    draw_timeline,
    draw_lanes,
)


def parsed(picture: Markup) -> ET.Element:
    return ET.fromstring(str(picture))


def marks_of(root: ET.Element) -> Iterator[tuple[str, str, float]]:
    """Every place that a mark names, by attribute; what is inside a moved mark is not followed."""
    for element in root.iter():
        for key in ("x", "x1", "x2", "cx", "y", "y1", "y2", "cy"):
            if key in element.attrib:
                yield element.tag, key[0] if key[0] != "c" else key[1], float(element.attrib[key])


def inside(root: ET.Element) -> bool:
    _, _, wide, tall = (float(part) for part in root.attrib["viewBox"].split())
    return all(-1 <= spot <= (wide if axis == "x" else tall) + 1 for _, axis, spot in marks_of(root))


@pytest.mark.parametrize("draw", PICTURES, ids=lambda draw: draw.__name__)
@given(data=st.data(), width=WIDTHS)
@settings(max_examples=25, deadline=None)
def test_whatever_the_values_a_picture_is_whole(
    draw: Callable[[st.DataObject, int], Markup], data: st.DataObject, width: int
) -> None:
    root = parsed(draw(data, width))
    assert root.tag == f"{SVG}svg"
    assert [child.tag for child in root[:2]] == [f"{SVG}title", f"{SVG}desc"]
    assert root[1].text
    said = {"data-tip", "aria-label", "href", "class", "role", "viewBox"}
    for element in root.iter():
        assert "style" not in element.attrib
        assert element.tag != f"{SVG}script"
        for key, value in element.attrib.items():
            assert key in said or not re.search(r"nan|inf|[0-9]e[+-]?[0-9]", value, re.IGNORECASE), (key, value)
    for element in root.iter(f"{SVG}rect"):
        assert float(element.attrib["width"]) >= 0
        assert float(element.attrib["height"]) >= 0
    assert inside(root)
    assert all(link.get("aria-label") or link.findtext(f"{SVG}title") for link in root.iter(f"{SVG}a"))
    assert root.attrib["role"] == ("group" if root.find(f".//{SVG}a") is not None else "img")


def test_a_gap_is_a_gap() -> None:
    points = [(START + timedelta(days=day), value) for day, value in enumerate((0.7, 0.71, None, math.nan, 0.74, 0.75))]
    root = parsed(series([Line("AUC", points)], title="Quality"))
    (line,) = (path for path in root.iter(f"{SVG}path") if path.get("class") == "line")
    assert line.attrib["d"].count("M") == 2
    assert line.attrib["d"].count("L") == 2


@pytest.mark.parametrize("width", [720, 360])
def test_a_lone_value_is_a_dot_on_a_day_and_not_at_an_hour(width: int) -> None:
    root = parsed(series([Line("AUC", [(datetime(2023, 3, 16, 12, tzinfo=UTC), 0.7)])], title="Quality", width=width))
    dots = [dot for dot in root.iter(f"{SVG}circle") if dot.get("class") == "fill"]
    left, right = (min(x for *_, x in rules) for rules in _ends_of_rules(root))
    assert dots and all(left + 30 < float(dot.attrib["cx"]) < right - 30 and float(dot.attrib["r"]) >= 3 for dot in dots)
    labels = [text.text or "" for text in root.iter(f"{SVG}text") if text.get("class") == "tick"]
    assert "16 Mar" in labels and not any(":" in label for label in labels)


def _ends_of_rules(root: ET.Element) -> Iterator[list[tuple[str, float]]]:
    across = [
        rule for rule in root.iter(f"{SVG}line") if rule.attrib["y1"] == rule.attrib["y2"] and "rule" in rule.attrib["class"]
    ]
    for end in ("x1", "x2"):
        yield [(end, float(rule.attrib[end])) for rule in across]


def test_a_line_that_ended_early_has_its_dot_where_it_ended() -> None:
    days = [START + timedelta(days=day) for day in range(10)]
    lines = [Line("until then", [(day, 0.4) for day in days[:5]]), Line("on", [(day, 0.5) for day in days])]
    early, late = [
        float(dot.attrib["cx"]) for dot in parsed(series(lines, title="t")).iter(f"{SVG}circle") if dot.get("class") == "fill"
    ]
    assert early < late - 200


def test_counts_have_no_halves() -> None:
    pictures = (
        columns([Bar("May", (1,)), Bar("June", (0,))], title="t"),
        series([Line("", [(START, 2.0), (START + timedelta(days=3), 1.0)])], title="t", within=(0, None)),
    )
    for picture in pictures:
        ticks = {text.text for text in parsed(picture).iter(f"{SVG}text") if text.get("class") == "tick"}
        assert {"0", "1"} <= ticks and not any("." in (tick or "") for tick in ticks)


def test_features_of_a_family_are_told_apart() -> None:
    names = [f"carrier_origin_arrival_delay_mean_{hours}h" for hours in (1, 6, 24)]
    root = parsed(bars([Bar(name, (0.1,)) for name in names], title="Importance", unit="%", width=360))
    labels = {text.text or "" for text in root.iter(f"{SVG}text") if text.get("class") == "label"}
    assert len(labels) == 3 and all(label.startswith("carrier") and label.endswith("h") for label in labels)


def test_the_number_at_the_end_of_each_of_several_bars_stays_inside() -> None:
    root = parsed(bars([Bar("live", (1, 729_348.25))], title="t", names=("version", "count"), width=360))
    (end,) = (text for text in root.iter(f"{SVG}text") if text.text == "729,348")
    assert float(end.attrib["x"]) + breadth("729,348", 11) <= 360


def test_the_description_tells_the_gist() -> None:
    points = [(datetime(2023, month, 1, tzinfo=UTC), value) for month, value in ((3, 0.75), (7, 0.73), (12, 0.76))]
    told = parsed(series([Line("AUC", points)], title="Quality")).findtext(f"{SVG}desc")
    assert told == "AUC from 0.75 on 1 Mar 2023 to 0.76 on 1 Dec 2023, lowest 0.73 on 1 Jul 2023, highest 0.76 on 1 Dec 2023."


@pytest.mark.parametrize(
    "empty",
    [
        series([], title="t"),
        series([Line("a", [(START, None)])], title="t"),
        bars([], title="t"),
        columns([Bar("a", (None,))], title="t"),
        share([], title="t"),
        heat([Row("a", [None])], [START.date()], title="t"),
        histogram([0, 1], [], [], title="t"),
        categories([], [], [], title="t"),
        reliability([], title="t"),
        evidence([], title="t"),
        ring([], title="t"),
        graph([], [], title="t"),
        timeline([], title="t"),
        lanes([], title="t"),
        spark([], title="t"),
    ],
)
def test_no_data_is_said(empty: Markup) -> None:
    assert parsed(empty).findtext(f"{SVG}desc") == "Nothing yet."


def test_a_year_of_features_stays_light_and_every_cell_leads_somewhere() -> None:
    days = [date(2023, 1, 1) + timedelta(days=day) for day in range(366)]
    rows = [Row(f"feature_number_{at}", [(day * at) % 97 / 97 for day in range(366)], f"/features/{at}") for at in range(25)]
    drawn = heat(rows, days, title="Drift", link=lambda row, first, last: f"{row.href}?from={first}&to={last}")
    assert len(drawn) < 400_000
    cells = [link for link in parsed(drawn).iter(f"{SVG}a") if link.get("class") == "cell"]
    assert len(cells) == 25 * len(weekly(rows, days).days)


def test_a_cell_keeps_its_name_when_its_tip_is_taken_away() -> None:
    root = parsed(heat([Row("amount", [0.4], "/there")], [START.date()], title="Drift", link=lambda *_: "/cell"))
    (cell,) = (link for link in root.iter(f"{SVG}a") if link.get("class") == "cell")
    assert cell.get("aria-label") == cell.get("data-tip") == "amount, 1 Mar 2023: 0.4"


def test_weeks_hold_every_day_once_and_their_highest_value() -> None:
    days = [date(2023, 1, 4) + timedelta(days=day) for day in range(20)]
    weeks = weekly([Row("a", [float(day) for day in range(20)]), Row("b", [None] * 20)], days)
    assert [day.isoformat() for day in weeks.days] == ["2023-01-04", "2023-01-09", "2023-01-16", "2023-01-23"]
    assert weeks.until[-1] == days[-1]
    assert list(weeks.rows[0].values) == [4.0, 11.0, 18.0, 19.0]
    assert list(weeks.rows[1].values) == [None] * 4


def test_the_ring_names_every_phase_and_says_who_has_the_baton() -> None:
    stations = [Station(phase, "good", "Mara Voss", "2 h", f"/loop/{phase}") for phase in PHASES]
    for width in (720, 360):
        root = parsed(ring(stations, title="The loop", headline="loop closed, 6 turns", running="train", width=width))
        assert [link.get("href") for link in root.iter(f"{SVG}a")].count("/loop/train") == 1
        assert {link.get("href") for link in root.iter(f"{SVG}a")} == {f"/loop/{phase}" for phase in PHASES}
        assert "The baton is at train, with Mara Voss." in (root.findtext(f"{SVG}desc") or "")
        assert sum(path.get("class") == "baton" for path in root.iter(f"{SVG}path")) == 1


def test_lines_that_end_together_are_named_apart() -> None:
    lines = [Line(f"line {at}", [(START, 0.0), (START + timedelta(days=9), 5.0)]) for at in range(4)]
    root = parsed(series(lines, title="t"))
    names = [
        float(text.attrib["y"]) for text in root.iter(f"{SVG}text") if any((span.text or "").startswith("line") for span in text)
    ]
    assert len(names) == 4
    assert min(abs(one - other) for at, one in enumerate(names) for other in names[:at]) >= 15


@pytest.mark.parametrize("width", [720, 360])
@pytest.mark.parametrize("first", [0, 100, 290])
def test_versions_that_follow_closely_are_all_named(width: int, first: int) -> None:
    line = Line("AUC", [(START + timedelta(days=day), 0.7) for day in range(300)])
    marks = [Event(START + timedelta(days=first + 2 * at), f"v{at} live") for at in range(5)]
    root = parsed(series([line], title="t", marks=marks, width=width))
    assert {f"v{at} live" for at in range(5)} <= {text.text for text in root.iter(f"{SVG}text")}


def test_a_name_is_kept_whole_in_a_narrow_picture() -> None:
    names = ["live", "first model, left alone", "without retraining"]
    root = parsed(series([Line(name, [(START, 0.7), (START + timedelta(days=9), 0.8)]) for name in names], title="t", width=360))
    assert set(names) <= {span.text for span in root.iter(f"{SVG}tspan")}


def test_a_limit_is_named_where_no_line_runs() -> None:
    line = Line(
        "a", [(START, 1.0), (START + timedelta(days=5), 1.0), (START + timedelta(days=6), 9.0), (START + timedelta(days=9), 9.0)]
    )
    root = parsed(series([line], title="t", marks=[Threshold(1.1, "agreed"), Threshold(8.9, "hoped")], width=720))
    spot = {text.text: float(text.attrib["x"]) for text in root.iter(f"{SVG}text") if text.text}
    assert spot["agreed 1.1"] < 720 / 2, "above the line there is room"
    assert parsed(series([line], title="t", marks=[Threshold(9.0, "")], width=720)) is not None


def test_both_widths_are_drawn_for_the_page_to_choose() -> None:
    drawn = fits(lambda width: spark([1.0, 2.0], title="t", width=width), 720, 360)
    assert [ET.fromstring(str(drawn))[at][0].get("viewBox") for at in (0, 1)] == ["0 0 720 28", "0 0 360 28"]
