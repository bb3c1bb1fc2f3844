"""Contacts: what a notice can go to is taken, anything else is a mistake with its line."""

from pathlib import Path

import pytest

from baton.kernel.errors import InvalidProject
from baton.project.loader import LoadedTeam, load_team
from baton.team.raci import effective

ROLES = "data-engineer, data-scientist, ml-engineer, mlops-engineer, product-manager"


def loaded(folder: Path, contact: str, rest: str = "") -> LoadedTeam:
    text = f"project: alone\npeople:\n  - name: eve\n    roles: [{ROLES}]\n    contact: '{contact}'\n{rest}"
    (folder / "team.yaml").write_text(text, encoding="utf-8")
    return load_team(folder, lambda owned: effective(owned.raci))


@pytest.mark.parametrize(
    "contact",
    [
        "",
        "mailto:eve@shop.example",
        "https://hooks.shop.example/baton?x=1",
        "http://127.0.0.1:9000/hook",
        "http://localhost/",
        "http://[::1]:80",
        "slack://${SLACK_TOKEN}/#ops",
        "mailtos://user:word@shop.example",
    ],
)
def test_addresses_that_notices_go_to(tmp_path: Path, contact: str) -> None:
    assert loaded(tmp_path, contact).owned.people[0].contact == contact


@pytest.mark.parametrize(
    "contact",
    [
        "eve@shop.example",
        "mailto:eve",
        "mailto:a@x.example,b@x.example",
        "http://hooks.shop.example",
        "http://127.0.0.1.evil.example/",
        "https://",
        "x",
    ],
)
def test_what_is_no_address_is_told_with_its_line(tmp_path: Path, contact: str) -> None:
    with pytest.raises(InvalidProject) as caught:
        loaded(tmp_path, contact)
    (mistake,) = caught.value.mistakes
    assert mistake.line == 5 and "contact of eve" in mistake.what and "mailto:" in mistake.fix


@pytest.mark.parametrize(
    ("smtp", "sender", "good"),
    [
        ("smtp://mail.shop.example:587", "baton@shop.example", True),
        ("smtps://me@mail.shop.example", "baton@shop.example", True),
        ("mail.shop.example", "baton@shop.example", False),
        ("smtp://me:word@mail.shop.example", "baton@shop.example", False),
        ("smtp://mail.shop.example", "baton", False),
    ],
)
def test_the_mail_server_is_named_without_a_password(tmp_path: Path, smtp: str, sender: str, good: bool) -> None:
    rest = f"notify: {{smtp: '{smtp}', sender: '{sender}'}}\n"
    if good:
        assert loaded(tmp_path, "mailto:eve@shop.example", rest).owned.notify is not None
        return
    with pytest.raises(InvalidProject):
        loaded(tmp_path, "mailto:eve@shop.example", rest)
