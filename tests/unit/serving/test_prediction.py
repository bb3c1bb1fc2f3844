"""Prediction ids: the fast way gives what derived_id gives."""

from hypothesis import given
from hypothesis import strategies as st

from baton.kernel.ids import derived_id
from baton.serving.prediction import prediction_ids

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(TEXT, st.lists(TEXT, max_size=5), TEXT, TEXT)
def test_equal_to_derived_id(project: str, entities: list[str], decided_at: str, variant: str) -> None:
    assert prediction_ids(project, entities, decided_at, variant) == [
        derived_id("pr", project, entity, decided_at, variant) for entity in entities
    ]
