"""A test's evidence as a picture: how much there is after how many exposures, and the threshold at which it decides.

SVG out of plain text, drawn where the page is made. Colours come from the page (`--accent`, `--danger`) or from its text colour, in a
file of its own from the reader's scheme, so that it reads in light and in dark; title and description tell the same to whoever does not see it.
"""

from __future__ import annotations

import math
from html import escape

from baton.delivery.reading import Question, Reading

WIDTH, HEIGHT = 640, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 32, 16, 40
_FLOOR, _CEILING = -2.0, 6.0


def evidence_picture(reading: Reading, question: Question | None = None) -> str:
    """One question of a reading (harm, when none is named) as an SVG element of its own."""
    asked = question or reading.harm
    points = asked.trajectory or ((reading.exposures, asked.evidence),)
    logs = [(exposures, _log10(evidence)) for exposures, evidence in points]
    last = max(exposures for exposures, _ in logs) or 1
    low = max(_FLOOR, math.floor(min(0.0, *(log for _, log in logs))))
    high = min(_CEILING, math.ceil(max(_log10(asked.threshold) + 0.2, *(log for _, log in logs))))
    frame = _Frame(last, low, max(high, low + 1))
    drawn = [
        *(_gridline(frame, power) for power in range(int(low), int(high) + 1)),
        *(_tick(frame, part * last // 4) for part in range(5)),
        _threshold(frame, asked.threshold),
        _line(frame, logs),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" width="100%" '
        f'style="max-width:{WIDTH}px;color-scheme:light dark" font-family="inherit" font-size="11" fill="currentColor">'
        f"<title>{escape(asked.words)}</title><desc>{escape(_told(reading, asked))}</desc>{''.join(drawn)}</svg>"
    )


class _Frame:
    """From exposures and log10 evidence to places in the picture."""

    def __init__(self, last: int, low: float, high: float) -> None:
        self.last, self.low, self.high = last, low, high

    def x(self, exposures: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * exposures / self.last

    def y(self, log: float) -> float:
        inside = min(max(log, self.low), self.high)
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * (inside - self.low) / (self.high - self.low)


def _log10(evidence: float) -> float:
    return math.log10(evidence) if evidence > 0 else _FLOOR


def _gridline(frame: _Frame, power: int) -> str:
    y, label = frame.y(power), f"{10.0**power:,.0f}" if power >= 0 else f"{10.0**power:g}"
    return (
        f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{WIDTH - _RIGHT}" y2="{y:.1f}" stroke="currentColor" stroke-opacity="0.15"/>'
        f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill-opacity="0.7">{label}</text>'
    )


def _tick(frame: _Frame, exposures: int) -> str:
    return f'<text x="{frame.x(exposures):.1f}" y="{HEIGHT - _BOTTOM + 16}" text-anchor="middle" fill-opacity="0.7">{exposures:,}</text>'


def _threshold(frame: _Frame, threshold: float) -> str:
    y = frame.y(_log10(threshold))
    return (
        f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{WIDTH - _RIGHT}" y2="{y:.1f}" stroke="var(--danger, currentColor)" stroke-width="1.5" '
        f'stroke-dasharray="6 4"/><text x="{WIDTH - _RIGHT}" y="{y - 5:.1f}" text-anchor="end">decides at {threshold:,.0f}</text>'
    )


def _line(frame: _Frame, logs: list[tuple[int, float]]) -> str:
    places = " ".join(f"{frame.x(exposures):.1f},{frame.y(log):.1f}" for exposures, log in logs)
    exposures, log = logs[-1]
    return (
        f'<polyline points="{places}" fill="none" stroke="var(--accent, currentColor)" stroke-width="2" stroke-linejoin="round"/>'
        f'<circle cx="{frame.x(exposures):.1f}" cy="{frame.y(log):.1f}" r="3" fill="var(--accent, currentColor)"/>'
        f'<text x="{_LEFT}" y="{HEIGHT - 6}" fill-opacity="0.7">evidence (times the stake) over units exposed</text>'
    )


def _told(reading: Reading, asked: Question) -> str:
    reached = "reached" if asked.answered else "did not reach"
    return (
        f"{reading.name}: after {reading.exposures:,} units the evidence is {asked.evidence:,.3g}, at most {asked.peak:,.3g}; it "
        f"{reached} its threshold of {asked.threshold:,.0f}. {reading.sentence}"
    )
