"""References: what can move is refused, what is read is written back the same, and a stated digest is never looked at."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.kernel.errors import InvalidInput
from baton.team.reference import DIGEST, Reference, parse, stated

HEX, COMMIT = "ab" * 32, "cd" * 20
SHA = f"sha256:{HEX}"


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("file:model.onnx", Reference("file", "model.onnx")),
        ("file:out/model 7.onnx", Reference("file", "out/model 7.onnx")),
        ("git:HEAD", Reference("git", "HEAD")),
        ("git:v1.2~3@../model", Reference("git", "v1.2~3", place="../model")),
        ("mlflow:models:/shop/7", Reference("mlflow", "models:/shop/7")),
        (f"oci:ghcr.io:443/shop/model@{SHA}", Reference("oci", "ghcr.io:443/shop/model", SHA)),
        (f"url:https://shop.example/m?v=7#sha256={HEX}", Reference("url", "https://shop.example/m?v=7", SHA)),
        ("attested:file:model.onnx", Reference("attested", "file:model.onnx")),
    ],
)
def test_a_reference_is_read_and_written_the_same(text: str, reference: Reference) -> None:
    assert parse(text) == reference
    assert str(parse(text)) == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("model.onnx", "file:model.onnx"),
        ("fil:model.onnx", "did you mean 'file'"),
        ("file:", "artefact"),
        ("", "begins with one of"),
        ("git:--upload-pack=x", "names no commit"),
        ("git:HEAD@", "names no commit"),
        ("git:HEAD@{1}", "no folder of this machine"),
        ("git:HEAD@https://host/repo", "clone it"),
        ("mlflow:models:/shop@champion", "an alias"),
        ("mlflow:models:/shop/Production", "a version does not"),
        ("oci:shop/model:7", "imagetools inspect shop/model:7"),
        ("oci:shop/model", "a tag can be moved"),
        (f"oci:shop/model@sha256:{HEX[:-1]}", "a tag can be moved"),
        ("url:https://shop.example/m", "add its digest"),
        (f"url:http://shop.example/m#sha256={HEX}", "only https"),
        (f"url:file:///etc/passwd#sha256={HEX}", "only https"),
        (f"url:https://ann:secret@shop.example/m#sha256={HEX}", "a password would stay"),
        (f"url:https://[::1/m#sha256={HEX}", "write url:"),
        ("attested:attested:file:x", "says so twice"),
        ("file:a\nb", "cannot be shown"),
        ("file:\ud800", "cannot be shown"),
        ("file:" + "x" * 1000, "longer than"),
    ],
)
def test_what_can_move_or_lies_is_refused_with_what_to_write(text: str, told: str) -> None:
    with pytest.raises(InvalidInput) as error:
        parse(text)
    assert told in str(error.value)
    assert error.value.fix
    assert "secret" not in str(error.value)
    str(error.value).encode()


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for kind in ("", "file:", "git:", "oci:", "url:https://", "mlflow:models:/", "attested:git:"):
        try:
            found = parse(kind + text)
        except InvalidInput:
            continue
        assert parse(str(found)) == found


@pytest.mark.parametrize(
    ("text", "digest", "name", "pin"),
    [
        ("file:model.onnx", SHA, "attested:file:model.onnx", SHA),
        (f"git:{COMMIT}", "", f"attested:git:{COMMIT}", f"git:{COMMIT}"),
        (f"oci:shop@{SHA}", "", f"oci:shop@{SHA}", SHA),
        (f"oci:shop@{SHA}", SHA, f"oci:shop@{SHA}", SHA),
        ("mlflow:models:/shop/7", SHA, "attested:mlflow:models:/shop/7", SHA),
        (f"url:https://shop.example/m#sha256={HEX}", "", f"attested:url:https://shop.example/m#sha256={HEX}", SHA),
    ],
)
def test_a_stated_digest(text: str, digest: str, name: str, pin: str) -> None:
    found = stated(text, digest)
    assert (str(found.reference), found.digest) == (name, pin)
    assert found.reference.fixed and DIGEST.fullmatch(found.digest)
    assert parse(name) == found.reference


@pytest.mark.parametrize(
    ("text", "digest", "told"),
    [
        ("file:model.onnx", "", "digest is missing"),
        ("file:model.onnx", "md5:abc", "no digest"),
        ("file:model.onnx", SHA.upper(), "no digest"),
        ("file:../../etc/passwd", SHA, "no folder"),
        ("file:..", SHA, "no folder"),
        ("file:a\\b", SHA, "no folder"),
        ("git:HEAD", f"git:{COMMIT}", "whole commit"),
        (f"git:{COMMIT}@/srv", "", "no repository"),
        (f"oci:shop@{SHA}", "sha256:" + "0" * 64, "beside it"),
        ("oci:shop:7", SHA, "a tag"),
        ("attested:file:x", SHA, "stated already"),
    ],
)
def test_a_statement_that_says_nothing_or_two_things_is_refused(text: str, digest: str, told: str) -> None:
    with pytest.raises(InvalidInput) as error:
        stated(text, digest)
    assert told in str(error.value)
