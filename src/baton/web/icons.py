"""Icons: strokes on a grid of 20, in the colour of the text beside them. They say nothing that words do not say."""

from typing import Final

from markupsafe import Markup

PATHS: Final = {
    "baton": "M4 15.5 15.5 4M6.5 17.5 17 7M3.2 14.4a2 2 0 0 0 2.9 2.9L17 6.2a2 2 0 0 0-2.9-2.9z",
    "loop": "M16.5 8A7 7 0 0 0 4 6.3M3.5 3v3.5H7M3.5 12A7 7 0 0 0 16 13.7M16.5 17v-3.5H13",
    "inbox": "M3 11l2.2-6.3A1 1 0 0 1 6.1 4h7.8a1 1 0 0 1 .9.7L17 11v4a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1zM3 11h4a3 3 0 0 0 6 0h4",
    "data": "M4 5.5C4 4.1 6.7 3 10 3s6 1.1 6 2.5S13.3 8 10 8 4 6.9 4 5.5zM4 5.5v9C4 15.9 6.7 17 10 17s6-1.1 6-2.5v-9M4 10c0 1.4 2.7 2.5 6 2.5s6-1.1 6-2.5",
    "features": "M4 6h7M15 6h1M4 14h1M9 14h7M13 4v4M7 12v4",
    "models": "M10 3l6 3.200v7.600L10 17l-6-3.200V6.200zM4.2 6.3 10 9.500l5.8-3.200M10 9.500V17",
    "releases": "M6 5.200a1.7 1.7 0 1 0 0-.1M6 7v6M6 14.900a1.7 1.7 0 1 0 0-.1M14 5.200a1.7 1.7 0 1 0 0-.1M14 7c0 4-4 3.5-8 5.5",
    "monitoring": "M3 11h3l2-6 3.5 10L14 9l1 2h2",
    "incidents": "M10 3.5 17.5 16h-15zM10 8v4M10 13.900v.2",
    "team": "M7.5 9a2.7 2.7 0 1 0 0-.1M2.5 16c.3-2.8 2.3-4.5 5-4.500s4.7 1.7 5 4.500M13 6.400a2.4 2.4 0 1 1 .8 4.700M14.5 12c1.8.4 2.9 1.8 3 4",
    "ledger": "M5 3h9a1 1 0 0 1 1 1v13H6a1.5 1.5 0 0 1-1.5-1.500V3.500M4.5 15.500A1.5 1.5 0 0 1 6 14h9M8 6.500h4M8 9.500h4",
    "product": "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 13a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM10 10l6-6",
    "analysis": "M4 16V9M8.5 16V4M13 16v-5M17 16H3",
    "clock": "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 6v4l2.7 1.8",
    "play": "M6.5 4.500v11l9-5.500z",
    "moon": "M16 11.500A6.5 6.5 0 0 1 8.5 4 6.5 6.5 0 1 0 16 11.500z",
    "out": "M8 4H5a1 1 0 0 0-1 1v10a1 1 0 0 0 1 1h3M12 13.500l3.5-3.500L12 6.500M15 10H8",
}
"""The path of each icon."""


def icon(name: str) -> Markup:
    """An icon as an element of its own, hidden from those who cannot see it."""
    return Markup(
        '<svg viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" '
        'stroke-linejoin="round" aria-hidden="true"><path d="{}"/></svg>'
    ).format(PATHS[name])
