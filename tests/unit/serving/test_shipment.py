"""Shipments: where they may go, and how long is waited between two attempts."""

from datetime import UTC, datetime, timedelta

import pytest

from baton.kernel.errors import Conflict, InvalidInput
from baton.serving.shipment import MOST_TRIES, delivered, failed, form_of, is_hook, missed, part_key, shipment_of

AT = datetime(2026, 10, 31, tzinfo=UTC)
MADE = shipment_of("scoring-1", "out.csv", "out.csv")


def test_a_run_and_an_address_are_one_shipment_and_a_part_has_one_key() -> None:
    assert shipment_of("scoring-1", "out.csv", "").id == MADE.id != shipment_of("scoring-2", "out.csv", "").id
    assert part_key("scoring-1", 3) == "scoring-1-3"


@pytest.mark.parametrize(("address", "hook"), [("https://a", True), ("http://a", True), ("${A}", True), ("a.csv", False)])
def test_webhooks_are_known_by_how_they_begin(address: str, hook: bool) -> None:
    assert is_hook(address) is hook


@pytest.mark.parametrize("name", ["out", "out.txt", "out.csv.gz", "ftp://x/out"])
def test_other_files_are_refused_with_examples(name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be delivered") as caught:
        form_of(name)
    assert "scores.parquet" in caught.value.fix
    assert form_of("OUT.CSV") == ".csv"


def test_waits_double_up_to_a_bound_and_end() -> None:
    waits, shipment = [], MADE
    while shipment.status == "due" and shipment.attempts < MOST_TRIES:
        shipment = missed(shipment, 2, "busy", AT)
        if shipment.next_try is not None:
            waits.append(shipment.next_try - AT)
    assert waits[:3] == [timedelta(minutes=minutes) for minutes in (1, 2, 4)] and max(waits) == timedelta(hours=6)
    assert (shipment.status, shipment.attempts, shipment.sent) == ("failed", MOST_TRIES, 2)


def test_the_receiver_may_ask_for_a_longer_wait() -> None:
    assert missed(MADE, 0, "busy", AT, timedelta(hours=9)).next_try == AT + timedelta(hours=9)


def test_a_failed_one_may_be_tried_again_and_a_delivered_one_is_done() -> None:
    done = delivered(failed(MADE, 1, "gone"), 4, "HTTP 204")
    assert (done.status, done.sent, done.error, done.receipt) == ("delivered", 4, "", "HTTP 204")
    with pytest.raises(Conflict):
        missed(done, 4, "late", AT)
