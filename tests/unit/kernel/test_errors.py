"""Errors say what, where, why and what to type; suggestions come near or list what there is."""

import pytest

from baton.kernel import errors
from baton.kernel.errors import BatonError, InvalidProject, Mistake, Refused
from baton.kernel.suggest import did_you_mean, nearest


def test_the_tree_has_one_code_each_and_marks_what_may_be_retried() -> None:
    kinds = BatonError.__subclasses__()
    codes = [kind.code for kind in kinds]
    assert len(set(codes)) == len(codes) == 10 and BatonError.code not in codes
    assert {kind.__name__ for kind in kinds if kind.retryable} == {"BrokenSource", "Unavailable"}
    assert all(kind.__name__ in (errors.__doc__ or "") for kind in kinds)


def test_an_error_is_told_line_by_line() -> None:
    error = Refused("no", where="here", fix="baton status")
    assert str(error) == "no\n  where: here\n  fix: baton status"
    assert str(Refused("no")) == "no"


def test_mistakes_are_told_in_order_of_file_and_line() -> None:
    later, first, other = Mistake("b.py", 1, "x"), Mistake("a.py", 2, "y", "do z"), Mistake("a.py", 10, "w")
    error = InvalidProject((later, other, first))
    assert error.mistakes == (first, other, later)
    assert str(error).splitlines() == [
        "a.py:2: y",
        "    fix: do z",
        "a.py:10: w",
        "b.py:1: x",
        "3 mistakes in the project",
        "  fix: mend them and run 'baton check'",
    ]
    assert "1 mistake in" in str(InvalidProject((later,)))


def test_a_near_name_is_suggested_else_all() -> None:
    assert nearest("flihgts", ["weather", "flights"]) == "flights"
    assert nearest("xyz", ["weather", "flights"]) is None
    assert did_you_mean("flihgts", ["weather", "flights"]) == "did you mean 'flights'?"
    assert did_you_mean("xyz", ["weather", "flights"]) == "known: flights, weather"
    assert did_you_mean("xyz", []) == "known: none"


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("bem", ["ann", "ben"], "ben"),
        ("AGE", ["age", "wage"], "age"),
        ("MonthlyFee", ["Monthly_Fee", "Yearly_Fee"], "Monthly_Fee"),
        ("temp", ["origin", "temperature"], "temperature"),
        ("temp", ["temperature_high", "temperature_low"], None),
        ("te", ["temperature"], None),
        ("landing_time", ["landed_at", "published_at"], None),
        ("income", ["outcome", "origin"], None),
        ("dep_delay", ["arr_delay", "distance"], None),
        ("origin", ["region"], None),
    ],
)
def test_a_far_name_is_not_suggested(word: str, known: list[str], meant: str | None) -> None:
    assert nearest(word, known) == meant


def test_a_long_list_of_names_is_cut_and_says_so() -> None:
    names = [f"column_{number:02d}" for number in range(25)]
    assert did_you_mean("x", names[:20]).endswith("column_18, column_19")
    assert did_you_mean("x", names).endswith("column_18, column_19 and 5 more")
