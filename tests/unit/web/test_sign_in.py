"""Where signing in leads: the addresses that a browser takes along, and the ways that need no session."""

from urllib.parse import quote

import pytest

from baton.web.asgi import read_form
from baton.web.headers import POLICY
from baton.web.pages import sign_in
from baton.web.rendering import rendered
from baton.web.unsent import Unsent

SHOWN = {"named": True, "issuer": "", "way": "/x", "proof": "p", "name": "", "next": "/", "what": "", "why": "", "fix": ""}


@pytest.mark.parametrize("where", ["/", "/models?x=1&y=é".replace("é", quote("é")), "/" + "x" * 250])
def test_an_address_comes_back_from_the_provider_as_it_was(where: str) -> None:
    packed = sign_in._packed(where)
    assert sign_in._unpacked(packed) == where and not set(packed) & set('=";, \\')


@pytest.mark.parametrize("text", ["", "é", "%", "Ly9ldmls", "aHR0cHM6Ly94", "L1x4", "x" * 5000])
def test_what_a_browser_made_of_it_leads_nowhere_else(text: str) -> None:
    """The second to the fourth are no text, `//evil` and `https://x`."""
    assert sign_in._unpacked(text) == "/"


def test_an_address_that_is_too_long_is_given_up() -> None:
    assert sign_in._packed("/" + "x" * 400) == ""


def test_what_was_typed_is_escaped_wherever_it_stands() -> None:
    evil = '"><script>x</script>'
    unsent = Unsent("/inbox/x", ((evil, f"\n{evil}</textarea>{evil}"),))
    pages = [
        rendered("sign-in.html", **{**SHOWN, "name": evil, "what": evil, "why": evil, "next": evil, "unsent": unsent}),
        rendered("sign-in/unsent.html", unsent=unsent, csrf="c"),
    ]
    for page in pages:
        assert "<script>x" not in page and "style=" not in page and "onclick" not in page
    assert "\n\n&#34;&gt;" in pages[1], "the first line break of a text belongs to the tag"


def test_a_password_s_field_is_never_filled() -> None:
    page = rendered("sign-in.html", **{**SHOWN, "unsent": None})
    assert page.count('type="password"') == 5 and 'type="password" value' not in page and page.count('method="post"') == 3


def test_a_form_is_read_as_it_was_typed() -> None:
    assert read_form(b"a=1&a=2&b=&c=%C3%A9%0D%0Ax") == {"a": ("1", "2"), "b": ("",), "c": ("é\nx",)}
    assert "unsafe" not in POLICY and "form-action 'self'" in POLICY
