"""Titles differ from company to company; roles do not."""

import pytest

from baton.project.roles import ROLES, role_named


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("sre", "sre"),
        ("ML Engineer", "ml-engineer"),
        (" Product Owner ", "product-manager"),
        ("site-reliability-engineer", "sre"),
        ("boss", None),
        ("", None),
    ],
)
def test_titles_that_mean_a_role(text: str, role: str | None) -> None:
    assert role_named(text) == role


def test_no_title_means_two_roles() -> None:
    titles = [title for role, also in ROLES.items() for title in (role, *also)]
    assert len(set(titles)) == len(titles)
    assert all(role_named(title) == role for role, also in ROLES.items() for title in (role, *also))
