"""What errors advise can be typed: a team alone, whose people make the mistakes that people make."""

import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from baton.cli.main import door
from baton.kernel.errors import BatonError

TEAM = """
project: fraud
people:
  - {name: priya, roles: [product-manager], deputy: sam}
  - {name: sam, roles: [data-scientist], deputy: mo}
  - {name: mo, roles: [ml-engineer, data-engineer], deputy: sam}
  - {name: ola, roles: [mlops-engineer, sre], deputy: mo}
handoffs:
  candidate: {accept: person, within: 2d}
"""


@pytest.fixture
def fraud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a blank in its name, a team, and an offer that waits on mo; commands are typed beside it."""
    folder = tmp_path / "my fraud"
    folder.mkdir()
    (folder / "team.yaml").write_text(TEAM)
    (folder / "model.bin").write_bytes(b"a model")
    monkeypatch.chdir(tmp_path)
    offer = ["handoff", "offer", "--edge", "candidate", "--subject", "model 1", "--artefact", "file:model.bin", "--as", "sam"]
    run("--project", str(folder), *offer)
    return folder


def run(*arguments: str) -> str:
    """What a command prints; raises what it raises."""
    told = CliRunner().invoke(door, arguments, standalone_mode=False)
    if isinstance(told.exception, BatonError):
        raise told.exception
    assert told.exception is None, told.output
    return told.output


def wrong(folder: Path, *arguments: str) -> BatonError:
    with pytest.raises(BatonError) as caught:
        run("--project", str(folder), *arguments)
    return caught.value


def type_advice(error: BatonError) -> str:
    """Type the command that ends an error's advice, as it stands."""
    words = shlex.split(error.fix[error.fix.index(" --project ") :])
    return run(*words)


def test_somebody_else_answers_after_the_delegation_that_the_refusal_advises(fraud: Path) -> None:
    refused = wrong(fraud, "accept", "model 1", "--as", "ola")
    assert "waits on mo, not on ola" in refused.what and "team delegate mo ola --until 2d" in refused.fix
    assert "mo delegates every phase to ola" in type_advice(refused)
    assert "accepted by ola" in run("--project", str(fraud), "accept", "model 1", "--as", "ola")


def test_the_inbox_takes_a_hand_off_by_its_subject(fraud: Path) -> None:
    told = run("--project", str(fraud), "inbox")
    assert "artefacts: file:model.bin\n" in told and "--as mo" in told
    assert "declined by mo" in run("--project", str(fraud), "decline", "model 1", "--as", "mo", "--reason", "no evidence")


def test_whoever_left_is_brought_back_as_advised(fraud: Path) -> None:
    run("--project", str(fraud), "team", "leave", "ola")
    refused = wrong(fraud, "team", "back", "ola")
    assert refused.what == "ola has left, and speaks for nobody"
    assert "ola is back" in type_advice(refused)
    assert wrong(fraud, "team", "back", "ola").what == "ola is not away"


def test_a_slip_in_a_name_is_told_and_a_time_from_now_will_do(fraud: Path) -> None:
    slip = wrong(fraud, "team", "away", "olla", "--until", "2d")
    assert (slip.code, slip.why) == ("not-found", "did you mean 'ola'?")
    assert "." not in run("--project", str(fraud), "team", "away", "ola", "--until", "2d").split(" UTC")[0], "no microseconds"


def test_a_halt_where_nothing_can_be_halted_leaves_nothing_behind(fraud: Path) -> None:
    before = run("--project", str(fraud), "ledger", "show")
    assert wrong(fraud, "halt", "--as", "ola", "--reason", "wrong prices").code == "not-found"
    assert run("--project", str(fraud), "ledger", "show") == before and "()" not in before


def test_with_identities_the_inbox_names_nobody_to_act_as(fraud: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(fraud.parent / "home"))
    assert wrong(fraud, "login", "priya").what == "nobody has an identity here yet"
    first = next(
        line.strip() for line in run("--project", str(fraud), "team", "invite", "priya").splitlines() if "token-" in line
    )
    login = ["--project", str(fraud), "login", "priya", "--password-stdin"]
    assert CliRunner().invoke(door, login, input=f"{first}\na long password\n").exit_code == 0
    assert "accept handoff-" in (told := run("--project", str(fraud), "inbox", "--all")) and "--as" not in told


def test_a_skill_that_no_role_asks_for_is_told() -> None:
    told = run("team", "guide", "--skill", "Pyton", "--skill", "SQL", "--skill", "probability")
    assert (
        "no role asks for the skill 'Pyton'; did you mean 'Python'?" in told
        and "'SQL'" not in told
        and "'probability'" not in told
    )
