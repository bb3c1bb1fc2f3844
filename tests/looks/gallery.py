"""Every picture of the console with plausible values, in light and in dark: `python -m looks.gallery > out.html` from the folder tests.

For looking at, not for passing: what a picture must keep is in tests/unit/web.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from markupsafe import Markup, escape

from baton.web.draw import bars, evidence, graph, heat, histogram, mark, reliability, ring, series, share, spark, timeline
from baton.web.draw.canvas import fits

STATIC = Path(__file__).parents[2] / "src" / "baton" / "web" / "static"
START = datetime(2023, 1, 1, tzinfo=UTC)
PEOPLE = ("Mara Voss", "Jonas Lindqvist", "Amara Okafor", "Tomás Rivera")
PHASES = (
    "define",
    "ingest",
    "validate",
    "features",
    "train",
    "evaluate",
    "register",
    "package",
    "deploy",
    "monitor",
    "incident",
    "retrain",
)


def wave(day: float, seed: int = 1) -> float:
    """Something that looks measured, the same each time."""
    return math.sin(day / 17 + seed) * 0.5 + math.sin(day / 5.3 * seed) * 0.25 + math.sin(day * 1.7 + seed * 3) * 0.25


def auc(width: int) -> Markup:
    """A year of quality with releases, an incident and the limit."""
    live = [
        (START + timedelta(days=day), None if 120 < day < 131 else 0.75 + 0.012 * wave(day) - (0.03 if 180 < day < 220 else 0))
        for day in range(59, 365)
    ]
    shadow = [(START + timedelta(days=day), 0.752 + 0.010 * wave(day, 2)) for day in range(190, 365)]
    interval = [(at, None if value is None else value - 0.012, None if value is None else value + 0.012) for at, value in live]
    marks: list[mark.Event | mark.Threshold | mark.Stretch] = [
        mark.Threshold(0.7, "at least"),
        mark.Stretch(START + timedelta(days=180), START + timedelta(days=221), "incident 4", "bad", "/incidents/4"),
        mark.Event(START + timedelta(days=90), "version 2 live", "good", "/releases/2"),
        mark.Event(START + timedelta(days=222), "version 3 live", "good", "/releases/3"),
        mark.Event(START + timedelta(days=236), "rolled back", "warn", "/releases/3"),
        mark.Event(START + timedelta(days=320), "version 4 live", "good", "/releases/4"),
    ]
    lines = [series.Line("live", live, "s1", interval=interval), series.Line("challenger", shadow, "s2")]
    return series.series(lines, title="Quality after labels, AUC", marks=marks, width=width)


def latency(width: int) -> Markup:
    """Three lines that end close to each other."""
    at = [START + timedelta(minutes=10 * step) for step in range(144)]
    lines = [
        series.Line(name, [(when, base + 2 * wave(step, seed)) for step, when in enumerate(at)])
        for seed, (name, base) in enumerate((("p50", 4.1), ("p95", 9.4), ("p99", 10.4)), 1)
    ]
    return series.series(lines, title="Latency", unit="ms", within=(0, None), width=width)


def volume(width: int) -> Markup:
    """Months, stacked."""
    names = ("scored", "late", "refused")
    rows = [
        bars.Bar(
            f"{START.replace(month=month):%b}",
            (18000 + 3000 * wave(month), 2200 + 900 * wave(month, 2), 300 + 200 * wave(month, 3)),
            href=f"/m/{month}",
        )
        for month in range(1, 13)
    ]
    return bars.columns(rows, title="Requests by month", names=names, stacked=True, width=width)


def effects(width: int) -> Markup:
    """Lying bars with highlights, a gap and a negative."""
    rows = [
        bars.Bar("dep_delay_hist_origin", (0.183,), "accent", "/features/1"),
        bars.Bar("carrier", (0.121,), "", "/features/2"),
        bars.Bar("wind_gust_at_origin_last_hour", (0.064,), "", "/features/3", "drifted"),
        bars.Bar("visib", (None,)),
        bars.Bar("month", (-0.022,), "bad"),
    ]
    return bars.bars(rows, title="What each feature is worth", width=width)


def cost(width: int) -> Markup:
    """Groups."""
    rows = [bars.Bar(name, values) for name, values in (("JFK", (12400, 10100)), ("LGA", (9800, 9950)), ("EWR", (15210, 12020)))]
    return bars.bars(rows, title="Cost of wrong answers", unit="$", names=("version 3", "version 4"), width=width)


def grouped(width: int) -> Markup:
    """Groups, standing."""
    rows = [bars.Bar(name, values) for name, values in (("JFK", (0.71, 0.75)), ("LGA", (0.74, None)), ("EWR", (0.69, 0.73)))]
    return bars.columns(rows, title="AUC by airport", unit="%", names=("version 3", "version 4"), width=width)


def split(width: int) -> Markup:
    """Traffic."""
    parts = (
        share.Part("live", 0.85, "s1", "/models/3", "version 3"),
        share.Part("canary", 0.12, "s2", "/models/4", "version 4"),
        share.Part("shadow", 0.02, "s3", None, "version 5"),
        share.Part("held out", 0.01, "idle"),
    )
    return share.share(parts, title="Traffic", unit="%", width=width)


def drift(width: int) -> Markup:
    """A year of features by days."""
    names = [
        "dep_hour",
        "carrier",
        "origin",
        "dest",
        "distance",
        "wind_speed",
        "wind_gust_at_origin_last_hour",
        "visib",
        "precip",
        "temp",
        "dewp",
        "humid",
        "pressure",
        "month",
        "weekday",
        "tailnum_age",
    ]
    days = [date(2023, 1, 1) + timedelta(days=day) for day in range(365)]
    rows = [
        heat.Row(
            name,
            [
                None
                if 100 < day < 108 and seed % 5 == 0
                else abs(wave(day, seed)) * (0.1 + 0.02 * seed) + (0.25 if seed == 6 and 180 < day < 221 else 0)
                for day in range(365)
            ],
            f"/features/{name}",
        )
        for seed, name in enumerate(names, 1)
    ]
    return heat.heat(
        rows,
        days,
        title="Drift of features, PSI",
        steps=(0.05, 0.1, 0.15, 0.2, 0.25, 0.35),
        link=lambda row, first, last: f"/features/{row.name}?from={first}&to={last}",
        width=width,
    )


def month(width: int) -> Markup:
    """A month by days."""
    days = [date(2023, 6, 12) + timedelta(days=day) for day in range(40)]
    rows = [
        heat.Row(name, [abs(wave(day, seed)) for day in range(40)], "/x")
        for seed, name in enumerate(("carrier", "origin", "visib"), 1)
    ]
    return heat.heat(rows, days, title="Null share", unit="%", width=width)


def moved(width: int) -> Markup:
    """A distribution that went to the right."""
    edges = [-math.inf, *(float(step * 5) for step in range(13)), math.inf]
    was = [math.exp(-(((at - 5) / 3) ** 2)) * 900 for at in range(14)]
    now = [math.exp(-(((at - 7) / 3) ** 2)) * 400 for at in range(14)]
    return histogram.histogram(edges, was, now, title="wind_speed", unit="mph", names=("training", "this week"), width=width)


def airlines(width: int) -> Markup:
    """Categories."""
    labels = ["UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E", "WN", "VX", "FL", "AS", "F9", "YV", "HA"]
    was = [58, 54, 54, 48, 32, 26, 20, 18, 12, 5, 3, 1, 1, 1, 0.3]
    now = [62, 40, 20, 52, 31, 25, 19, 18, 14, 6, 2, 1, 0, 0, 0.1]
    return histogram.categories(labels, was, now, title="carrier", names=("training", "this week"), width=width)


def calibrated(width: int) -> Markup:
    """Ten bins."""
    bins = [
        reliability.Bin(
            0.05 + 0.1 * at,
            min(1, (0.05 + 0.1 * at) ** 1.15 + 0.02 * wave(at, 3)),
            int(9000 * math.exp(-at / 2.2)) + 60,
            0.05 + 0.1 * at - 0.02 - 0.008 * at,
            0.05 + 0.1 * at + 0.01 + 0.006 * at,
        )
        for at in range(10)
    ]
    return reliability.reliability(bins, title="Calibration of version 3", width=min(width, 420))


def canary(width: int) -> Markup:
    """A canary that is no worse."""
    no_worse = [(at * 100, 10 ** (at / 40 * 1.5 + 0.25 * wave(at, 2))) for at in range(1, 41)]
    harm = [(at * 100, 10 ** (-at / 40 * 1.1 + 0.3 * wave(at, 3))) for at in range(1, 41)]
    asked = (evidence.Asked("no worse", no_worse, 20.0, "good"), evidence.Asked("harm", harm, 100.0, "bad"))
    return evidence.evidence(asked, title="Canary of version 4", words="No worse than version 3: it may go live.", width=width)


def loop(width: int) -> Markup:
    """The home page's picture."""
    tones = ["good", "good", "good", "good", "good", "info", "idle", "idle", "good", "warn", "bad", "idle"]
    states = ["declared", "fresh", "passed", "served", "trained", "waits for review", "", "", "live", "late labels", "1 open", ""]
    stations = [
        ring.Station(
            phase, tones[at], PEOPLE[at % 4], ("since 3 Jun", "2 h", "4 days", "18 days")[at % 4], f"/loop/{phase}", states[at]
        )
        for at, phase in enumerate(PHASES)
    ]
    return ring.ring(
        stations,
        title="The loop",
        headline="6 turns closed",
        words="Version 3 is live since 14 August. The seventh turn is with Amara Okafor for evaluation.",
        running="evaluate",
        width=width,
    )


def lineage(width: int) -> Markup:
    """From sources to the model."""
    nodes = [graph.Node(name, name, "source", "s3", f"/data/{name}") for name in ("flights", "weather", "planes")]
    nodes += [
        graph.Node(name, name, f"{count} features", "s1", f"/features/{name}")
        for name, count in (("punctuality", 12), ("wind_and_visibility", 9), ("aircraft", 4))
    ]
    nodes += [
        graph.Node("set", "training set 7", "1.2M rows", "s2"),
        graph.Node("m3", "model 3", "LightGBM", "accent", "/models/3"),
        graph.Node("labels", "arrivals", "labels", "s3"),
    ]
    pairs = [
        ("flights", "punctuality"),
        ("weather", "wind_and_visibility"),
        ("planes", "aircraft"),
        ("flights", "aircraft"),
        ("punctuality", "set"),
        ("wind_and_visibility", "set"),
        ("aircraft", "set"),
        ("labels", "set"),
        ("set", "m3"),
        ("flights", "m3"),
    ]
    return graph.graph(nodes, [graph.Edge(*pair) for pair in pairs], title="Lineage of model 3", width=width)


def hands(width: int) -> Markup:
    """Who hands to whom, how often."""
    nodes = [
        graph.Node(name, name, role, "", f"/team/{at}")
        for at, (name, role) in enumerate(
            zip((*PEOPLE, "Ines Park"), ("data engineer", "data scientist", "ML engineer", "validator", "on call"), strict=True)
        )
    ]
    trips = [(0, 1, 12), (1, 3, 9), (3, 1, 4), (1, 2, 8), (2, 4, 14), (4, 1, 6), (3, 2, 7)]
    return graph.graph(
        nodes, [graph.Edge(nodes[a].id, nodes[b].id, f"{count}", count) for a, b, count in trips], title="Hand-offs", width=width
    )


def story(width: int) -> Markup:
    """An incident."""
    at = datetime(2023, 7, 1, 6, 5, tzinfo=UTC)
    told = [
        (0, "monitor", "Drift of wind_gust_at_origin_last_hour reached 0.41, the limit is 0.25", "warn"),
        (1, "monitor", "Quality fell to 0.712 over 14 days of labels; incident 4 opened", "bad"),
        (9, "Ines Park", "Acknowledged", "info"),
        (
            31,
            "Ines Park",
            "Cause: a unit changed at the weather source, knots instead of miles per hour; the contract did not name the unit",
            "info",
        ),
        (220, "Mara Voss", "Contract of weather amended and accepted", "good"),
        (221, "Jonas Lindqvist", "Retraining decided", "accent"),
        (960, "loop", "Resolved: version 3 is live", "good"),
    ]
    return timeline.timeline(
        [
            timeline.Happening(at + timedelta(hours=hours), who, words, tone, f"/facts/{hours}")
            for hours, who, words, tone in told
        ],
        title="Incident 4",
        width=width,
    )


def turns(width: int) -> Markup:
    """Turns, releases, overrides."""
    day = START
    rows = [
        timeline.Lane(
            "turns",
            [
                mark.Stretch(
                    day + timedelta(days=begin),
                    day + timedelta(days=end) if end else None,
                    f"turn {at}",
                    "accent",
                    f"/turns/{at}",
                )
                for at, (begin, end) in enumerate(((20, 90), (150, 222), (215, 240), (290, 320), (345, None)), 1)
            ],
        ),
        timeline.Lane(
            "releases",
            [
                mark.Stretch(
                    day + timedelta(days=begin),
                    day + timedelta(days=end) if end else None,
                    f"version {at}",
                    "good",
                    f"/models/{at}",
                )
                for at, (begin, end) in enumerate(((12, 90), (90, 222), (222, 320), (320, None)), 1)
            ],
        ),
        timeline.Lane(
            "overrides", [mark.Stretch(day + timedelta(days=181), day + timedelta(days=188), "threshold raised", "warn")]
        ),
        timeline.Lane(
            "incidents",
            [
                mark.Stretch(day + timedelta(days=begin), day + timedelta(days=end), f"incident {at}", "bad")
                for at, (begin, end) in enumerate(((40, 42), (60, 61), (180, 221)), 1)
            ],
        ),
    ]
    return timeline.lanes(rows, title="The year", first=day, last=day + timedelta(days=365), width=width)


def sparks(width: int) -> Markup:
    """Cards."""
    values = [0.75 + 0.02 * wave(day) for day in range(40)]
    return Markup("").join(
        [
            spark.spark(values, title="AUC"),
            spark.spark([*values[:10], None, None, *values[12:]], title="AUC", tone="bad"),
            spark.spark([3, 3, 3], title="constant"),
            spark.spark([], title="empty"),
        ]
    )


def blank(width: int) -> Markup:
    """No data."""
    return series.series([], title="Quality after labels", width=width)


PICTURES: tuple[Callable[[int], Markup], ...] = (
    loop, auc, latency, canary, drift, month, moved, airlines, calibrated, effects, cost, volume, grouped, split, lineage, hands, story, turns, sparks, blank,
)  # fmt: skip

PAGE_STYLE = """
body { margin: 0; display: flex; flex-wrap: wrap; font: 14px/1.45 ui-sans-serif, system-ui, "Inter", "Helvetica Neue", Arial, sans-serif; }
body > section { flex: 1 1 340px; min-width: 0; padding: 12px; background: var(--ground, #f7f8fa); color: var(--ink, #1a1d24); }
figure { margin: 0 0 16px; padding: 16px; background: var(--raised, #fff); border: 1px solid var(--line, #e4e7ec); border-radius: 10px; overflow-x: auto; }
figcaption { font-weight: 600; margin-bottom: 10px; }
"""


def page(themes: tuple[str, ...] = ("light", "dark")) -> Iterator[str]:
    """The whole page, piece by piece."""
    sheets = "".join(path.read_text(encoding="utf-8") for name in ("tokens.css", "draw.css") if (path := STATIC / name).exists())
    sheets = sheets.replace(':root[data-theme="dark"]', '[data-theme="dark"]')
    yield f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Pictures</title><style>{sheets}{PAGE_STYLE}</style><body>'
    for theme in themes:
        yield f'<section class="{theme}" data-theme="{theme}">'
        for draw in PICTURES:
            name = getattr(draw, "__name__", "")
            yield f'<figure id="{theme}-{name}"><figcaption>{escape(name)}</figcaption>{fits(draw)}</figure>'
        yield "</section>"


if __name__ == "__main__":
    sys.stdout.writelines(page())
