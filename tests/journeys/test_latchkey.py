"""The latchkey in its file: who of many is let in by one link, until when what holds, and whose file is believed."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from baton.app.latchkey import LINK, MOST, STAY, Latchkey
from baton.kernel.errors import Corrupt, Refused, Unavailable

AT, SECOND = datetime(2023, 1, 1, tzinfo=UTC), timedelta(seconds=1)


def test_of_many_who_open_one_link_at_once_one_is_let_in(tmp_path: Path) -> None:
    code = Latchkey(tmp_path).draw(AT)

    def come(_: int) -> str:
        try:
            return Latchkey(tmp_path).turn(code, AT)[0]
        except Refused:
            return ""

    with ThreadPoolExecutor(8) as pool:
        (text,) = filter(None, pool.map(come, range(16)))
    assert Latchkey(tmp_path).stay(text, AT) is not None


def test_what_is_over_opens_nothing(tmp_path: Path) -> None:
    key = Latchkey(tmp_path)
    late, code = key.draw(AT), key.draw(AT)
    text, until = key.turn(code, AT + LINK - SECOND)
    with pytest.raises(Refused, match="does not hold"):
        key.turn(late, AT + LINK)
    assert until == AT + LINK - SECOND + STAY
    assert key.stay(text, until - SECOND) is not None and key.stay(text, until) is None
    for other in ("", text, code, "x"):
        with pytest.raises(Refused):
            key.turn(other, AT)
    key.end(text, AT)
    assert key.stay(text, AT) is None


def test_as_whom_a_browser_acts_is_its_own_matter(tmp_path: Path) -> None:
    key = Latchkey(tmp_path)
    one, other = (key.turn(key.draw(AT), AT)[0] for _ in range(2))
    key.name(one, "ann", AT)
    key.name("nobody's", "ben", AT)
    told = [key.stay(text, AT) for text in (one, other)]
    assert [each.as_name for each in told if each is not None] == ["ann", ""]


def test_nothing_is_kept_for_ever_and_nothing_secret_at_all(tmp_path: Path) -> None:
    key = Latchkey(tmp_path)
    codes = [key.draw(AT) for _ in range(MOST + 1)]
    with pytest.raises(Refused):
        key.turn(codes[0], AT)
    text, _ = key.turn(codes[-1], AT)
    kept = (tmp_path / "latchkey.json").read_text()
    assert text not in kept and not any(code in kept for code in codes) and min(map(len, codes)) >= 43


def test_a_file_that_others_could_have_written_is_not_believed(tmp_path: Path) -> None:
    key = Latchkey(tmp_path)
    code, path = key.draw(AT), tmp_path / "latchkey.json"
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o620)
    with pytest.raises(Unavailable, match="its owner's alone"):
        key.turn(code, AT)
    path.chmod(0o600)
    path.write_text("{torn")
    with pytest.raises(Corrupt, match="cannot be read"):
        key.turn(code, AT)
