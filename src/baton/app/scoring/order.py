"""What somebody, or a schedule, wants scored: settled into an order before anything is read."""

from dataclasses import dataclass
from datetime import datetime

from baton.app.lifecycle.overriding import halted
from baton.delivery.release import Release
from baton.kernel.clock import iso
from baton.kernel.errors import InvalidInput, NotFound, Refused
from baton.kernel.suggest import did_you_mean
from baton.ledger.draft import Draft
from baton.project.definition import Definition
from baton.project.tablename import RESERVED, RULE, SCORES, TABLE_NAME
from baton.registry.version import ModelVersion
from baton.serving.scoring import CHUNK


@dataclass(frozen=True, slots=True)
class Order:
    """Rows of a source, or of a query, by one version, as known at an instant, into a table. Plain enough to travel as JSON."""

    source: str
    query: str
    version: int
    bundle: str
    as_of: datetime
    table: str = SCORES
    chunk: int = CHUNK
    schedule: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """An order as a person types it: what is left out is settled by where the workspace stands."""

    source: str | None = None
    query: str | None = None
    version: int | None = None
    as_of: datetime | None = None
    table: str = SCORES
    chunk: int = CHUNK


def order_of(wish: Wish, definition: Definition, draft: Draft, stands: datetime | None) -> Order:
    """The order that a wish comes to. Raises InvalidInput, NotFound or Refused for one that cannot be served."""
    if wish.source and wish.query:
        raise InvalidInput(
            "rows come from a source or from a query, not from both", where="--from, --sql", fix="give one of them"
        )
    source = "" if wish.query else require_source(wish.source or definition.entity.source, definition)
    version = version_of(draft, wish.version)
    return Order(
        source=source,
        query=(wish.query or "").strip(),
        version=version.version,
        bundle=version.bundle,
        as_of=_known_by(wish, stands),
        table=require_table(wish.table, definition),
        chunk=wish.chunk,
    )


def require_source(name: str, definition: Definition) -> str:
    """The name of a declared source. Raises NotFound, with the nearest one, for any other."""
    if name not in definition.sources:
        raise NotFound(
            f"there is no source '{name}'",
            where="--from",
            why=did_you_mean(name, definition.sources),
            fix="name a source of baton.yaml, or ask for other rows with --sql",
        )
    return name


def require_table(name: str, definition: Definition) -> str:
    """The name of a table that scores may be put into. Raises InvalidInput for one that is somebody else's."""
    if TABLE_NAME.fullmatch(name) is None:
        raise InvalidInput(f"'{name}' is no name of a table", where="--table", why=f"it has {RULE}")
    if name in definition.sources or (name in RESERVED and name != SCORES):
        raise InvalidInput(
            f"scores cannot go into table '{name}'",
            where="--table",
            why="it holds something else",
            fix=f"e.g. --table {name}_scores",
        )
    return name


def version_of(draft: Draft, number: int | None) -> ModelVersion:
    """The version of that number, else the live one. Raises Refused when there is none that can score, NotFound for a wrong number."""
    stopped = halted(draft)
    if stopped is not None:
        raise Refused("nothing is scored while everything is halted", why=stopped.reason, fix="baton resume")
    live = next(iter(draft.all(Release, status=("live",))), None)
    if number is None and live is None:
        raise Refused(
            "no version is live", why="batch scoring takes the live one", fix="name another: --version N; baton status lists them"
        )
    wanted = number if number is not None else live.version if live is not None else 0
    version = draft.get(ModelVersion, f"version-{wanted}")
    if version is None:
        known = ", ".join(str(each.version) for each in draft.all(ModelVersion)) or "none"
        raise NotFound(f"there is no version {wanted}", where="--version", why=f"known: {known}", fix="baton status lists them")
    if not version.bundle:
        raise Refused(f"version {wanted} has no bundle", why=f"it is {version.status}", fix="wait until it is packaged")
    return version


def _known_by(wish: Wish, stands: datetime | None) -> datetime:
    """Up to when rows may be known: the last daily step, for later ones are in no table yet."""
    if stands is None:
        raise Refused("nothing has landed yet", why="no daily step was recorded", fix="run the loop: baton up, or baton replay")
    if wish.as_of is None:
        return stands
    if wish.query:
        raise InvalidInput(
            "a query is asked of the tables as they are",
            where="--as-of",
            fix="leave it out, and bound the known time in the query",
        )
    if wish.as_of > stands:
        raise InvalidInput(
            f"what was known by {iso(wish.as_of)} has not landed yet",
            where="--as-of",
            why=f"the last daily step was {iso(stands)}",
            fix=f"ask for {iso(stands)} or earlier",
        )
    return wish.as_of
