"""What a request may carry, and how much of it. No field is a path, and none is a command."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from baton.project.phase import Phase
from baton.web.page import YEARS


def _shown(text: str) -> str:
    if not all(sign.isprintable() or sign in "\n\t" for sign in text):
        raise ValueError("it holds characters that cannot be shown")
    return text


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("it is more than one line, or holds characters that cannot be shown")
    return text


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("it says nothing")
    return text.strip()


def _written(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("write an instant as text, e.g. 2027-01-04T00:00:00Z")  # noqa: TRY004  what pydantic tells as a misfit
    return value


def _plausible(moment: datetime) -> datetime:
    told = moment.astimezone(UTC)
    if told.year not in YEARS:
        raise ValueError(f"the years are {YEARS[0]} to {YEARS[-1]}")
    return told


Text = Annotated[str, Field(max_length=2000), AfterValidator(_shown)]
Line = Annotated[str, Field(max_length=200), AfterValidator(_one_line)]
Named = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,62}$")]
Number = Annotated[int, Field(ge=-(2**53), le=2**53)]
Value = Annotated[bool, Field(strict=True)] | Number | Annotated[float, Field(allow_inf_nan=False)] | Text
Digest = Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64}|git:[0-9a-f]{40}|git:[0-9a-f]{64})$")]


Reason = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_shown), AfterValidator(_said)]
Instant = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(_plausible)]


class Body(BaseModel):
    """A body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Artefact(Body):
    """What is handed over: `oci:NAME@sha256:…`, `git:` and a whole commit, `url:https://…#sha256=…`, `mlflow:models:/NAME/VERSION`
    or `file:NAME`; the last two with their digest. A digest is taken as stated: nothing is fetched or opened."""

    reference: Annotated[str, Field(min_length=5, max_length=1000), AfterValidator(_one_line)]
    digest: Digest | None = None


class Attested(Body):
    """The result of a check that the caller ran."""

    name: Named
    passed: Annotated[bool, Field(strict=True)]
    detail: Text = ""


class OfferBody(Body):
    """An offer along an edge; `to` and `payload` for one that the team's file does not name. The same offer again is the same hand-off."""

    subject: Annotated[Line, Field(min_length=1)]
    edge: Named = "bundle"
    to: Line = ""
    payload: Line = ""
    artefacts: Annotated[list[Artefact], Field(max_length=50)] = []
    checks: Annotated[list[Attested], Field(max_length=50)] = []
    evidence: Annotated[dict[Named, Value], Field(max_length=50)] = {}
    again: bool = False


class AcceptBody(Body):
    """An acceptance; `held` are digests of what the taker has in hand, by the references of the hand-off's `pin`."""

    reason: Text = ""
    held: Annotated[dict[Annotated[str, Field(max_length=1100), AfterValidator(_one_line)], Digest], Field(max_length=50)] = {}


class ReasonBody(Body):
    """Why; it goes on the record, and others read it."""

    reason: Reason


class WordsBody(Body):
    """A word for the record, if any."""

    reason: Text = ""


class FinishBody(ReasonBody):
    """What was done about a task, or why it is given up."""

    give_up: Annotated[bool, Field(strict=True)] = False


class RollBackBody(ReasonBody):
    """Why, and the `release` that is to end, so that it is no other one; empty for whichever it is."""

    release: Line = ""


class HaltBody(ReasonBody):
    """Why, and until when; without an end until somebody resumes."""

    until: Instant | None = None


class OverrideBody(ReasonBody):
    """Which rule does not hold, about what (a turn for gate, a proposal for brake, a release for promote), why, and until when."""

    kind: Literal["gate", "brake", "promote", "freeze"]
    subject: Line = ""
    until: Instant


class AwayBody(WordsBody):
    """From when (now, when it is left out) until when somebody is away."""

    since: Instant | None = None
    until: Instant


class DelegateBody(AwayBody):
    """To whom, and which duties: those of `phases` (all when empty), about `subject` (any when empty)."""

    to: Annotated[Line, Field(min_length=1)]
    phases: Annotated[list[Phase], Field(max_length=20)] = []
    subject: Line = ""


class CommentBody(Body):
    """What a consulted person says; an objection needs words."""

    stance: Literal["agree", "object", "abstain"]
    words: Text = ""


class HandoffAnswer(BaseModel):
    """A hand-off as it is on the record, and who holds its subject."""

    model_config = ConfigDict(extra="allow")
    id: str
    status: Literal["offered", "accepted", "declined", "lapsed", "superseded"]
    edge: str
    subject: str
    payload: str
    giver: str
    waiting_on: str
    holder: str
    deadline: str
    round: int
    pin: dict[str, str]
    evidence: dict[str, Any]


class Page(BaseModel):
    """Hand-offs in the order of their offers; `next` is the cursor of the following page, null at the end."""

    handoffs: list[HandoffAnswer]
    next: str | None


class InboxAnswer(BaseModel):
    """What waits on whoever asks, or on anybody when a service asks, most urgent first."""

    whose: str
    items: list[dict[str, Any]]


class ReleasePage(BaseModel):
    """Releases in the order in which they began; `next` is the cursor of the following page, null at the end."""

    releases: list[dict[str, Any]]
    next: str | None


class Told(BaseModel):
    """What was done, in words."""

    told: str


class ConsultationAnswer(BaseModel):
    """A consultation as it is on the record."""

    model_config = ConfigDict(extra="allow")
    id: str
    status: Literal["open", "settled"]
    outcome: str


class PersonAnswer(BaseModel):
    """One person of the team."""

    name: str
    status: str
    roles: list[str]
    deputy: str
    reachable: bool


class AccountableAnswer(BaseModel):
    """Who answers for a phase now, and how that came to them."""

    person: str
    via: str


class TeamAnswer(BaseModel):
    """The matrix, the people, and who is accountable for each phase at the instant `at`; null where nobody can be."""

    at: str
    matrix: dict[str, dict[str, str]]
    people: list[PersonAnswer]
    accountable: dict[str, AccountableAnswer | None]


class HealthAnswer(BaseModel):
    """Whether the record can be read."""

    status: Literal["ok"]
