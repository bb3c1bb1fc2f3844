"""What a project declares of its server reaches the server's command line, and nothing does that is the default."""

import pytest
from pydantic import ValidationError

from baton.app.lifecycle.server import serving_options
from baton.project.declared import size_text
from baton.project.definition import Definition, Serving

LEAST = {
    "project": "p",
    "problem": {"question": "?"},
    "people": [{"name": "me", "roles": ["sre"]}],
    "sources": {"s": {"path": "s", "key": ["id"]}},
    "entity": {"source": "s", "key": "id"},
    "label": {"source": "s", "column": "y"},
}


def options(**log: object) -> list[str]:
    return serving_options(Definition.model_validate({**LEAST, "serving": {"log": log}}))


def test_the_default_is_told_by_saying_nothing() -> None:
    assert options() == serving_options(Definition.model_validate(LEAST)) == []


def test_what_is_declared_is_told() -> None:
    assert options(sync="group", most="2GiB", when_full="drop") == [
        "--log-sync", "group", "--log-most", str(2 << 30), "--log-when-full", "drop",
    ]  # fmt: skip


@pytest.mark.parametrize("wrong", [{"sync": "sometimes"}, {"most": "2GB"}, {"most": 0}, {"most": "-1MiB"}, {"when_full": "wait"}])
def test_what_does_not_fit_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        options(**wrong)


def test_a_size_is_written_as_it_was_read() -> None:
    for text in ("1B", "1023KiB", "512MiB", "2GiB", "1TiB"):
        most = Serving.model_validate({"log": {"most": text}}).log.most
        assert most is not None
        assert size_text(most) == text
