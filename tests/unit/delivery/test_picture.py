"""The picture: well-formed, told in words too, free of what a page could run, and readable on any ground."""

import math
from xml.etree import ElementTree as ET

import pytest

from baton.delivery.picture import evidence_picture
from baton.delivery.reading import Arm, Question, Reading

SVG = "{http://www.w3.org/2000/svg}"


def reading(*looks: tuple[int, float], words: str = "Is it worse?") -> Reading:
    harm = Question(words, looks[-1][1] if looks else 1.0, 20.0, looks)
    return Reading("errors", harm, None, (Arm("canary", 10, 1), Arm("control", 90, 2)), None, "open", "Open & <undecided>.")


@pytest.mark.parametrize(
    "looks", [(), ((0, 1.0),), ((10, 1.0), (20, 4.0), (30, 25.0)), ((10, 0.0), (20, 1e300), (30, math.ulp(0.0)))]
)
def test_every_test_can_be_drawn(looks: tuple[tuple[int, float], ...]) -> None:
    drawn = ET.fromstring(evidence_picture(reading(*looks)))
    assert drawn.findtext(f"{SVG}title") == "Is it worse?"
    assert "Open & <undecided>." in (drawn.findtext(f"{SVG}desc") or "")
    line = drawn.find(f"{SVG}polyline")
    assert line is not None
    places = [tuple(map(float, pair.split(","))) for pair in line.attrib["points"].split()]
    assert len(places) == max(1, len(looks))
    assert all(0 <= x <= 640 and 0 <= y <= 240 for x, y in places)


def test_evidence_above_the_threshold_is_drawn_above_it() -> None:
    drawn = ET.fromstring(evidence_picture(reading((10, 1.0), (20, 25.0))))
    threshold = next(float(each.attrib["y1"]) for each in drawn.iter(f"{SVG}line") if "stroke-dasharray" in each.attrib)
    line = drawn.find(f"{SVG}polyline")
    assert line is not None
    heights = [float(pair.split(",")[1]) for pair in line.attrib["points"].split()]
    assert heights[0] > threshold > heights[1]


def test_colours_come_from_the_page_and_words_stay_words() -> None:
    text = evidence_picture(reading((1, 1.0), words="<script>alert(1)</script>"))
    assert "<script" not in text and "#" not in text.replace("&#", "") and "currentColor" in text and "var(--accent" in text
    assert "color-scheme:light dark" in text  # without a page there is only the reader's scheme
