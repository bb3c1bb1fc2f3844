"""The one place that picks backends. Each is imported when it is opened, so that a look costs no more than it needs."""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baton.app.declared import contract_of, load_project, read_plan
from baton.app.workspace import Workspace, existing, held
from baton.kernel.errors import BatonError, Conflict, Corrupt

if TYPE_CHECKING:
    import ssl

    import numpy as np

    from baton.app.alone.desk import Desk
    from baton.app.archive.archive import Archive
    from baton.app.archive.ports import Analysis, Logs, Papers
    from baton.app.house import House
    from baton.app.ports import Hook, Scorer, Trainer
    from baton.backends.keys import Verifier
    from baton.backends.notify.webhook import Webhook
    from baton.data.ports import Query, SourceReader, Tables
    from baton.features.view import FeaturePlan
    from baton.ledger.ports import LedgerReader, State
    from baton.project.definition import Definition
    from baton.project.inferred import Inferred
    from baton.project.ownership import Oidc, Ownership
    from baton.project.table import TableProfile
    from baton.registry.native import Native
    from baton.registry.ports import Keys, RemovableArtifacts
    from baton.team.ports import Channel, Checks, Credentials, Passwords, Provider, References
    from baton.training.ports import Learner

PREFETCH = timedelta(days=14)
Wrap = Callable[["SourceReader", "Definition"], "SourceReader"]
Under = Callable[["Definition"], "Definition"]


def load_native(form: str, data: bytes, label: str) -> "Native":
    """A model that somebody brings, in the form its own library wrote. Only in a cell: nobody has checked the file."""
    from baton.backends.frameworks.formats import loaded

    return loaded(form, data, label)


def open_sample() -> "Callable[[Path, int], dict[str, np.ndarray[Any, Any]]]":
    """What reads the last rows of a person's table."""
    from baton.backends.engines.sample import read_sample

    return read_sample


@contextmanager
def read_state(folder: Path) -> "Iterator[tuple[Workspace, LedgerReader]]":
    """The state of an existing workspace, to look. Raises NotFound: looking never creates."""
    from baton.backends.state.sqlite import read_sqlite

    workspace = existing(folder)
    state = read_sqlite(workspace.state)
    try:
        yield workspace, state
    finally:
        state.close()


@contextmanager
def open_state(folder: Path) -> "Iterator[tuple[Workspace, State]]":
    """The state of an existing workspace, to record an act. Raises NotFound when there is none."""
    from baton.backends.state.sql import open_sqlite

    workspace = existing(folder)
    state = open_sqlite(workspace.state)
    try:
        yield workspace, state
    finally:
        state.close()


@contextmanager
def open_desk(project: Path, folder: Path, *, create: bool = False, patience: float = 30.0) -> "Iterator[Desk]":
    """What hand-offs need that no loop moves; `create` begins a workspace on the wall clock where there is none.

    `patience` is how many seconds an act waits while another process commits: a person at a page waits less than a job.
    """
    from baton.app.alone.desk import Desk
    from baton.app.workspace import create as begin
    from baton.backends.state.sql import open_sqlite

    workspace = begin(folder, "wall") if create else existing(folder)
    _refuse_lost_state(workspace)
    state = open_sqlite(workspace.state, create=create, patience=patience)
    try:
        yield Desk(project, workspace, state, open_references(project))
    finally:
        state.close()


def open_references(project: Path) -> "References":
    """What looks at artefacts that Baton did not make; MLflow's own settings come from the environment."""
    from baton.backends.references import Everywhere

    return Everywhere(project, os.environ)


def open_checks(project: Path) -> "Checks":
    """What runs the commands that a result must pass."""
    from baton.backends.checks.command import Commands

    return Commands(project)


def open_tables(workspace: Workspace) -> "Tables":
    """The workspace's tables."""
    from baton.backends.tables.delta import DeltaTables

    return DeltaTables(workspace.tables)


def open_query() -> "Query":
    """The engine that answers SQL, read only."""
    from baton.backends.engines.sql import query

    return query


def open_sources(folder: Path) -> "SourceReader":
    """The reader of a project's sources."""
    from baton.backends.sources.files import FileSources

    return FileSources(folder)


def open_artifacts(workspace: Workspace, *, create: bool = False) -> "RemovableArtifacts":
    """The workspace's artefacts."""
    from baton.backends.artifacts.files import FileArtifacts

    return FileArtifacts(workspace.artifacts, create=create)


def open_workspace_keys(workspace: Workspace) -> "Keys":
    """The workspace's signing keys."""
    from baton.backends.keys import open_keys

    return open_keys(workspace.keys, create=not workspace.routing.exists())


def open_key_folder(folder: Path) -> "Keys":
    """A key pair in a folder, made at first need."""
    from baton.backends.keys import open_keys

    return open_keys(folder)


def open_public_key(path: Path) -> "Verifier":
    """The public key in a PEM file."""
    from baton.backends.keys import read_verifier

    return read_verifier(path)


def open_channels(workspace: Workspace, owned: "Ownership") -> "Callable[[str], Channel]":
    """What opens the channel of a contact: mail, a signed webhook, or through Apprise. `${NAME}` in a contact is a variable.

    The opened function raises Unset, MissingExtra or Refused for a contact that cannot be served.
    """
    from baton.backends.notify.apprise_channel import AppriseChannel
    from baton.backends.notify.mail import Mail

    trust = _trust()

    def channel(contact: str) -> "Channel":
        address = _filled(contact)
        if address.startswith("mailto:") and not address.startswith("mailto://"):
            server, sender = (owned.notify.smtp, owned.notify.sender) if owned.notify is not None else ("", "")
            return Mail(address, server, sender, os.environ.get("BATON_SMTP_PASSWORD", ""), trust=trust)
        if address.startswith(("https://", "http://")):
            return _webhook(workspace, address)
        return AppriseChannel(address)

    return channel


def open_hook(workspace: Workspace, address: str) -> "Hook":
    """The signed webhook at an address; `${NAME}` in it is a variable. Raises Unset or Refused when it cannot be sent to."""
    return _webhook(workspace, _filled(address))


def _webhook(workspace: Workspace, address: str) -> "Webhook":
    from baton.backends.keys import open_secret
    from baton.backends.notify.webhook import Webhook

    secret = os.environ.get("BATON_WEBHOOK_SECRET", "")
    return Webhook(address, secret or open_secret(workspace.keys / "webhook.secret"), trust=_trust())


def _filled(contact: str) -> str:
    from baton.team.ports import Unset

    filled = re.sub(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", lambda found: os.environ.get(found[1], found[0]), contact)
    if missing := re.search(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}", filled):
        raise Unset(f"the variable {missing[0]} is not set", fix=f"export {missing[0][2:-1]}=…")
    return filled


def _trust() -> "ssl.SSLContext":
    """Whose certificates are trusted: this system's authorities, and those of BATON_CA_FILE. Raises Unset when that is none."""
    import ssl

    from baton.team.ports import Unset

    context, own = ssl.create_default_context(), os.environ.get("BATON_CA_FILE")
    try:
        if own:
            context.load_verify_locations(own)
    except OSError as error:
        raise Unset(
            "the file of certificate authorities cannot be used",
            where=f"BATON_CA_FILE={own}",
            why=str(error.strerror or error),
            fix="point it to a PEM file with the authority's certificate",
        ) from error
    return context


def open_credentials(folder: Path) -> "Credentials":
    """The credentials of the workspace in a folder, whether it exists or not; looking makes nothing."""
    from baton.backends.credentials.files import FileCredentials

    return FileCredentials(folder / "credentials.json")


def open_passwords() -> "tuple[Passwords, Callable[[], str]]":
    """What hashes passwords, and what draws a secret."""
    from baton.backends.credentials.passwords import Argon2Passwords, drawn

    return Argon2Passwords(), drawn


def open_provider(declared: "Oidc", folder: Path) -> "Provider":
    """The identity provider of a project; its public keys are kept in the workspace's folder."""
    from baton.backends.credentials.oidc import OidcProvider

    return OidcProvider(declared, folder / "provider-keys.json", _trust())


def open_trainer(project: Path, workspace: Workspace) -> "Trainer":
    """The process that trains; it starts at first need."""
    from baton.backends.executors.child import Child

    return Child("baton.app.training", (str(project), str(workspace.folder)))


def open_scorer(project: Path, workspace: Workspace) -> "Scorer":
    """The process that scores batches; it starts at first need."""
    from baton.backends.executors.child import Child

    return Child("baton.app.scoring.job", (str(project), str(workspace.folder)))


def open_archive(project: Path, workspace: Workspace) -> "Archive":
    """What answers questions about tables from a process beside this one; it starts at first need."""
    from baton.app.archive.archive import Archive

    return Archive(project, workspace)


def open_analysis() -> "Analysis":
    """What computes our own questions over tables."""
    from baton.backends.engines.analysis import DuckAnalysis

    return DuckAnalysis()


def open_logs(workspace: Workspace) -> "Logs":
    """The history of the workspace's tables."""
    from baton.backends.tables.history import DeltaLogs

    return DeltaLogs(workspace.tables)


def open_papers() -> "Papers":
    """What sets documents."""
    from baton.backends.papers.typst_papers import TypstPapers

    return TypstPapers()


def open_profiler() -> "tuple[Callable[[Path, str], TableProfile], Callable[[Path, Inferred, Path], None]]":
    """What reads a person's table, and what stores it as a project wants it."""
    from baton.backends.engines.profile import profile, store

    return profile, store


def open_columns() -> "Callable[[Path, Sequence[str], Sequence[str]], dict[str, np.ndarray[Any, Any]]]":
    """What reads columns of a person's table: names of texts, then of numbers."""
    from baton.backends.engines.columns import read_columns

    return read_columns


def find_learner(name: str) -> "Learner":
    """A model family by name."""
    from baton.backends.frameworks import learner

    return learner(name)


@contextmanager
def open_house(folder: Path, workspace: Workspace, wrap: Wrap | None = None, under: Under | None = None) -> "Iterator[House]":
    """Open everything for ticking, held against a second process; closes what it opened.

    `wrap` may put a reader in front of the sources, `under` other rules over the definition.
    """
    from baton.app.house import House
    from baton.app.lifecycle.arrivals import Arrivals
    from baton.backends.engines.duckdb_contract import DuckContracts
    from baton.backends.executors.durable import DurableJobs
    from baton.backends.online.lmdb_store import LmdbStore
    from baton.backends.state.sql import open_sqlite
    from baton.data.ingest import Intake

    tables = open_tables(workspace)
    went_on = partial(_went_on, workspace, tables)
    loaded = load_project(folder, went_on)
    loaded = loaded if under is None else replace(loaded, definition=under(loaded.definition))
    definition, plan = loaded.definition, read_plan(folder, loaded.definition)
    reader = open_sources(folder)
    if wrap is not None:
        reader = wrap(reader, definition)
    with ExitStack() as stack:
        stack.enter_context(held(workspace))
        _refuse_lost_state(workspace)
        intakes = {
            name: Intake(
                name,
                source,
                reader,
                DuckContracts(),
                contract_of(name, source, folder, reader, tables if went_on(name) else None),
                tables,
                PREFETCH,
            )
            for name, source in definition.sources.items()
        }
        state = open_sqlite(workspace.state, create=True)
        stack.callback(state.close)
        _same_plan(state, plan)
        # A replay can be replayed: syncing each of its thousands of small commits would only cost time.
        online = LmdbStore(workspace.online, create=True, durable=workspace.clock == "wall")
        stack.callback(online.close)
        trainer = open_trainer(folder, workspace)
        stack.callback(trainer.close)
        jobs = DurableJobs(workspace.engine, {"train": partial(_train, trainer)})
        stack.callback(jobs.close)
        scorer = open_scorer(folder, workspace)
        stack.callback(scorer.close)
        yield House(
            folder=folder,
            loaded=loaded,
            plan=plan,
            workspace=workspace,
            state=state,
            tables=tables,
            query=open_query(),
            artifacts=open_artifacts(workspace, create=True),
            keys=open_workspace_keys(workspace),
            reader=reader,
            intakes=intakes,
            arrivals=Arrivals(definition, plan, intakes, online, tables, patient=workspace.clock == "wall"),
            online=online,
            jobs=jobs,
            trainer=trainer,
            scorer=scorer,
            alias=_alias(workspace) if definition.entity.key in intakes[definition.entity.source].log_rules else None,
        )


def _alias(workspace: Workspace) -> "Callable[[str], str]":
    from baton.backends.keys import LOG_KEY, open_secret
    from baton.serving.personal import alias

    return partial(alias, open_secret(workspace.keys / LOG_KEY).encode())


def _went_on(workspace: Workspace, tables: "Tables", name: str) -> bool:
    """Whether the loop can go on without a source for a while: on the wall clock, once anything came from it."""
    from baton.project.tablename import is_free

    return workspace.clock == "wall" and is_free(name) and tables.exists(name)


def _refuse_lost_state(workspace: Workspace) -> None:
    """An empty state beside full tables would count every row twice: never make one where one was expected."""
    if workspace.witness.exists() and not workspace.state.exists():
        raise Corrupt(
            "the workspace has lost its state",
            where=str(workspace.state),
            why="its ledger was written before and is not there now",
            fix="restore it from a copy, or start over (a replay: --fresh; else another --workspace DIR)",
        )


def _same_plan(state: "State", plan: "FeaturePlan") -> None:
    """Refuse feature definitions other than those that the online values and the training sets of this workspace come from."""
    known = state.cursor("plan")
    if known is None:
        state.commit([], cursors={"plan": plan.digest})
    elif known != plan.digest:
        raise Conflict(
            "the feature file has changed since this workspace began",
            where="features.py",
            why="values online and logged come from the earlier definitions; mixing both would skew the model",
            fix="put the file back, or start a workspace of its own: --workspace DIR (a replay: --fresh)",
        )


def _train(trainer: "Trainer", request: Mapping[str, Any]) -> dict[str, Any]:
    """A training that is refused is an answer too, so that a resumed loop sees the same one."""
    try:
        return trainer.ask(request)
    except BatonError as error:
        if error.retryable:
            raise
        return {"refused": {"what": error.what, "where": error.where, "why": error.why, "fix": error.fix}}
