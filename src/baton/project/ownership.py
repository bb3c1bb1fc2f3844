"""Who owns what, as declared: people, teams, the matrix's rows, hand-offs, files. Enough alone in a `team.yaml`.

A project's `baton.yaml` holds these sections beside its own; a pipeline that is not Baton's holds nothing else.
"""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from baton.project.declared import Declared, Duration, Instant, LetterName, Name, PhaseName
from baton.project.roles import role_named


def _role(text: str) -> str:
    """A role by its name or any title that means it; an unknown one stays as it is, to be reported with its line."""
    return role_named(text) or text


RoleName = Annotated[str, AfterValidator(_role)]


class Member(Declared):
    """A person: the roles worn (titles are understood), where to reach them, who stands in, what they know.

    `contact` and `contacts` are channel addresses, e.g. `mailto:ann@shop.example`; `handles` the names on code hosts
    (`github: "@ann"`).
    """

    name: Name
    roles: tuple[RoleName, ...] = ()
    contact: str = ""
    contacts: tuple[str, ...] = ()
    deputy: str | None = None
    skills: tuple[str, ...] = ()
    handles: dict[Literal["github", "gitlab"], str] = {}


class TeamRule(Declared):
    """A group of people who wear roles together, e.g. `platform: {members: [ola, kim], roles: [sre]}`."""

    members: tuple[Name, ...] = Field(min_length=1)
    roles: tuple[RoleName, ...] = ()
    handles: dict[Literal["github", "gitlab"], str] = {}


class ConsultRule(Declared):
    """Ask the consulted of the receiving phase first: `quorum` comments within a time, else `default` holds."""

    quorum: int = Field(default=1, ge=1, le=50)
    within: Duration = timedelta(days=1)
    default: Literal["proceed", "stop"] = "proceed"


class HandoffRule(Declared):
    """How one hand-off edge is accepted: by policy when its checks pass, or by a person; and within what time."""

    accept: Literal["policy", "person"] = "policy"
    within: Duration = timedelta(days=2)
    consult: ConsultRule | None = None


class EdgeRule(Declared):
    """A hand-off of the team's own: from the work of one phase to the owner of another, with one agreed payload."""

    giver: PhaseName
    receiver: PhaseName
    payload: str = Field(min_length=1)


class FileRule(Declared):
    """Whose work a path is: the phase, and a role when it is another than the phase's owner."""

    path: str = Field(min_length=1, max_length=500)
    phase: PhaseName
    owner: RoleName | None = None


class Waiver(Declared):
    """A finding of the team lint that is known and accepted, by whom it may be read, and until when."""

    kind: str
    subject: str
    why: str = Field(min_length=1)
    until: Instant | None = None


class Approvals(Declared):
    """Four eyes: how many people approve a promotion, an override or a deletion, and how long a policy's approval lasts.

    With `rollout: file` whoever may change this file approves the rollout policy by writing it; with `people` they approve
    it, or each promotion, by name.
    """

    need: int = Field(default=2, ge=1, le=10)
    valid: Duration = timedelta(days=365)
    rollout: Literal["people", "file"] = "people"


class Oidc(Declared):
    """The identity provider whose ID tokens are taken, and the claim that holds a person's contact address or handle."""

    issuer: str
    client_id: str
    audience: str | None = None
    claim: Name = "email"


class Notify(Declared):
    """The mail server for `mailto:` contacts and the address that mail comes from.

    `smtp://[user@]host:port` (encrypted when the server offers it, always with a user) or `smtps://…`; the password is
    read from the environment variable `BATON_SMTP_PASSWORD`.
    """

    smtp: Annotated[str, Field(pattern=r"^smtps?://([^@/\s:]+@)?[^@/\s:]+(:\d{1,5})?$")]
    sender: Annotated[str, Field(pattern=r"^[^@\s<>,;]+@[^@\s<>,;]+$")]


class Ownership(Declared):
    """The sections about people that every project has."""

    people: tuple[Member, ...] = Field(min_length=1)
    teams: dict[Name, TeamRule] = {}
    raci: dict[PhaseName, dict[RoleName, LetterName]] = {}
    handoffs: dict[str, HandoffRule] = {}
    edges: dict[Name, EdgeRule] = {}
    files: tuple[FileRule, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    approvals: Approvals = Approvals()
    oidc: Oidc | None = None
    notify: Notify | None = None


class TeamFile(Ownership):
    """A `team.yaml`: ownership over somebody else's pipeline, with no other room of Baton in use."""

    project: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
