"""Who acts: a person, a service account, or the keeper of a workspace; and how they showed who they are."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody at a door: `kind` is `person`, `service` or `keeper`: whoever holds the files of a workspace
    that has no identities yet, and could name anybody with `--as`.

    `how` is `password`, `token` or `oidc`; or `named`: said by `--as`, or by nobody at all, in a workspace that has no
    identities. `actions` limits a token or a service account to those actions; empty means all that the matrix grants to a
    person, and nothing at all for a service. `token` is the id of the token shown, if any.
    """

    name: str
    kind: str = "person"
    how: str = "named"
    actions: tuple[str, ...] = ()
    token: str = ""
