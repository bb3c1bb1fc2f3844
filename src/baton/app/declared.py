"""What the files of a project declare: rules, owners, people of a replay, features, contracts."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from baton.kernel.errors import InvalidProject, Mistake

if TYPE_CHECKING:
    from baton.data.contract import Contract
    from baton.data.ports import SourceReader, Tables
    from baton.features.view import FeaturePlan
    from baton.project.behaviour import Policy
    from baton.project.definition import Definition, Source
    from baton.project.loader import Loaded, LoadedTeam

LAST = datetime.max.replace(tzinfo=UTC)


def load_project(folder: Path, absent: Callable[[str], bool] = lambda _: False) -> "Loaded":
    """Read and check the project's file, owners included; `absent` tells of which sources the data may be missing.

    Raises InvalidProject with every mistake.
    """
    from baton.project.loader import load
    from baton.team.raci import effective

    return load(folder, lambda definition: effective(definition.raci), absent=absent)


def load_rules(folder: Path) -> "Loaded":
    """The project as an act needs it, which reads no data: a halt must not wait for a lost file to come back."""
    return load_project(folder, lambda _: True)


def load_owned(folder: Path) -> "LoadedTeam":
    """Read and check who owns what, from baton.yaml or a team.yaml. Raises InvalidProject with every mistake."""
    from baton.project.loader import load_team
    from baton.team.raci import effective

    return load_team(folder, lambda owned: effective(owned.raci))


def load_people_policy(path: Path, folder: Path) -> "Policy":
    """Read and check a people policy for the project in `folder`. Raises InvalidProject with every mistake."""
    from baton.project.loader import load_policy

    return load_policy(path, load_owned(folder).owned)


def read_plan(folder: Path, definition: "Definition") -> "FeaturePlan":
    """Run the project's feature file. Raises InvalidProject when it is missing or wrong."""
    from baton.features.view import plan_from_source

    if not (folder / definition.features).is_file():
        raise InvalidProject(
            (
                Mistake(
                    "baton.yaml",
                    1,
                    f"the feature file '{definition.features}' is not there",
                    "write it, or name another one: features: FILE.py",
                ),
            )
        )
    return plan_from_source((folder / definition.features).read_text(), str(definition.features))


def contract_of(name: str, source: "Source", folder: Path, reader: "SourceReader", tables: "Tables | None" = None) -> "Contract":
    """The declared contract of a source, or the default one for what it holds: in `tables`, if given and it landed there."""
    from baton.data.contract import default_contract, parse_contract
    from baton.data.snapshot import kinds
    from baton.data.source import selection

    if source.contract is not None:
        return parse_contract((folder / source.contract).read_text(), str(source.contract))
    if tables is None:
        return default_contract(name, reader.schema(source), source.key)
    landed = tables.scan(name, after=LAST, on=source.known_at) if source.known_at else tables.scan(name)
    return default_contract(name, kinds(landed.select(selection(source, landed.column_names)).schema), source.key)
