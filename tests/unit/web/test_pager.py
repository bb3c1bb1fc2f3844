"""Pagers: every entry stands on exactly one page, and each page leads to those beside it."""

import pytest

from baton.web.pager import Pager, by_place, by_record


def address(place: int | str | None) -> str:
    return f"/list?after={place}" if place else "/list"


@pytest.mark.parametrize("total", [0, 1, 24, 25, 26, 50, 51])
def test_following_the_pages_meets_every_entry_once(total: int) -> None:
    place, seen = 0, list[int]()
    for _ in range(5):
        pager = by_place(address, place, 25, total)
        seen += range(place, min(place + 25, total))
        assert (pager.back is None) == (place == 0)
        if pager.following is None:
            break
        place = int(pager.following.rpartition("=")[2])
    assert seen == list(range(total))


def test_a_page_says_which_part_of_how_many_it_is() -> None:
    assert by_place(address, 25, 25, 1234) == Pager("26 – 50 of 1,234", "/list?after=50", "/list")
    assert by_place(address, 50, 25, 60, " of the newest 60").told == "51 – 60 of 60 of the newest 60"
    assert by_place(address, 500, 25, 60).told == "", "a place beyond the end tells nothing, and leads back"


def test_a_list_that_grows_at_its_head_leads_to_earlier_ones_and_to_the_head() -> None:
    assert by_record(address, "25 of 60", "version-7", "") == Pager(
        "25 of 60", "/list?after=version-7", None, ("Earlier", "Newest")
    )
    assert by_record(address, "", None, 9).back == "/list"
