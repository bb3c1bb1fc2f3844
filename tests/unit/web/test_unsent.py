"""What is carried of a form that came too late."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.web.unsent import LARGEST, Unsent, own_path


@given(
    st.dictionaries(
        st.sampled_from(["reason", "stance", "a&b=c", "é\n"]), st.lists(st.text(max_size=20), min_size=1, max_size=3).map(tuple)
    )
)
def test_what_was_typed_comes_back_as_it_was(form: dict[str, tuple[str, ...]]) -> None:
    told = Unsent.of("/inbox/x/accept?tab=1", form)
    if told.whole:
        assert told.fields == tuple((name, value) for name, values in form.items() for value in values)
        assert Unsent.carried({"unsent_to": (told.to,), "unsent": (told.packed,)}) == told


def test_secrets_are_not_carried_and_not_taken() -> None:
    secret = dict.fromkeys(("csrf", "password", "again", "token", "first", "once", "code", "unsent", "unsent_to"), ("x",))
    assert Unsent.of("/x", {**secret, "reason": ("y",)}).fields == (("reason", "y"),)
    carried = Unsent.carried({"unsent_to": ("/x",), "unsent": ("password=x&csrf=y&reason=z",)})
    assert carried is not None and carried.fields == (("reason", "z"),)


def test_what_is_too_long_is_left_behind() -> None:
    assert Unsent.of("/x", {"a": ("x" * (LARGEST - 2),)}).whole
    assert Unsent.of("/x", {"a": ("x" * LARGEST,)}) == Unsent("/x", (), whole=False)
    assert Unsent.carried({"unsent_to": ("/x",), "unsent": ("a=" + "x" * LARGEST,)}) is None


@pytest.mark.parametrize("to", ["", "x", "//x", "/\\x", "https://x", "/a\nb", "/a b", "/é", "/" + "x" * 2000])
def test_it_goes_nowhere_but_here(to: str) -> None:
    assert own_path(to) == "/" and Unsent.carried({"unsent_to": (to,), "unsent": ("a=b",)}) is None


def test_what_is_not_packed_by_us_is_nothing() -> None:
    for packed in ("nonsense", "a=%ff", "&&"):
        assert Unsent.carried({"unsent_to": ("/x",), "unsent": (packed,)}) is None
