"""What a request may carry, and how much of it. No field is a path, and none is a command."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _shown(text: str) -> str:
    if not all(sign.isprintable() or sign in "\n\t" for sign in text):
        raise ValueError("it holds characters that cannot be shown")
    return text


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("it is more than one line, or holds characters that cannot be shown")
    return text


Text = Annotated[str, Field(max_length=2000), AfterValidator(_shown)]
Line = Annotated[str, Field(max_length=200), AfterValidator(_one_line)]
Named = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,62}$")]
Number = Annotated[int, Field(ge=-(2**53), le=2**53)]
Value = Annotated[bool, Field(strict=True)] | Number | Annotated[float, Field(allow_inf_nan=False)] | Text
Digest = Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64}|git:[0-9a-f]{40}|git:[0-9a-f]{64})$")]


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


class DeclineBody(Body):
    """A refusal: the giver must know what to mend."""

    reason: Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_shown)]


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
