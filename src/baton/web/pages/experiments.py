"""What experiments on record say: A/B comparisons with their evidence, bandits with what their arms earned."""

from functools import partial

from fastapi import Response
from markupsafe import Markup

from baton.app.views import comparison as view
from baton.web.draw.canvas import fits
from baton.web.draw.share import Part, share
from baton.web.evidence import COMPARED, amount, readings
from baton.web.page import Look, Page


def experiments(look: Look) -> Response:
    """What comparisons and bandits say."""
    found, total = view.experiments(look.records, look.ledger, look.moment)
    told = [
        {
            "each": each,
            "readings": readings(each.look, COMPARED),
            "shares": fits(partial(_arms, each)) if each.status == "running" else None,
        }
        for each in found
    ]
    return look.show("analysis/experiments.html", told=told, total=total, amount=amount)


def _arms(each: view.Experiment, width: int) -> Markup:
    told = [Part(arm.variant, arm.share, "", None, f"version {arm.version}") for arm in each.arms if arm.status == "arm"]
    rest = max(0.0, 1 - sum(arm.share for arm in each.arms if arm.status == "arm"))
    return share([Part("live", rest, "good"), *told], title="Shares of the traffic", unit="%", width=width)


PAGES = (Page("GET", "/analysis/experiments", "read", experiments),)
