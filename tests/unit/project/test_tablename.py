"""Names of tables: what a source may be called, and a free name out of any text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.project.tablename import RESERVED, free_name, is_free


@pytest.mark.parametrize("name", ["flights", "a", "a1_b", "a" * 63])
def test_a_free_name_stays(name: str) -> None:
    assert is_free(name)
    assert free_name(name) == name[:40]


@pytest.mark.parametrize("name", [*RESERVED, "", "A", "1a", "_a", "a-b", "a.b", "a" * 64, "../x", "é"])
def test_names_that_no_source_may_bear(name: str) -> None:
    assert not is_free(name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Customer Data", "customer_data"),
        ("Weather-NY", "weather_ny"),
        ("labels", "table_labels"),
        ("2023", "table_2023"),
        ("", "table"),
    ],
)
def test_a_name_is_made_of_a_text(text: str, name: str) -> None:
    assert free_name(text) == name


@given(st.text(max_size=100))
def test_any_text_makes_a_free_name(text: str) -> None:
    assert is_free(free_name(text))
