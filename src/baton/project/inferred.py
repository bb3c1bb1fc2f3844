"""The files of an inferred project, written for a person to read and change."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from baton.project.document import shown

_WORDS = ("null", "true", "false", "yes", "no", "on", "off", "y", "n")


@dataclass(frozen=True, slots=True)
class Choice:
    """A column of the table, and why it is not learnt from; an empty reason when it is."""

    column: str
    reason: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A column as the project keeps it.

    `source` is its name in the person's table, empty for the row number. `store` is how it is written: `as-is`, `number`
    (what spells none becomes missing), `flag` (1 and 0), `instant` (UTC; a date is its midnight), `text`, or `row`.
    `logical` is its type in the contract.
    """

    name: str
    source: str
    store: str
    logical: str
    required: bool = False
    unique: bool = False
    not_negative: bool = False


@dataclass(frozen=True, slots=True)
class Inferred:
    """A project to be written: its files' texts by path, and how the table is stored."""

    project: str
    source: str
    columns: tuple[Stored, ...]
    key: str
    key_reason: str
    label: str
    positive: str | float
    time: str | None
    texts: Mapping[str, str] = field(default_factory=dict)

    @property
    def data(self) -> str:
        """Where the project keeps the table, from its folder on."""
        return f"data/{self.source}.parquet"

    @property
    def renamed(self) -> tuple[Stored, ...]:
        """The columns that the project calls by another name than the table, since theirs cannot be one."""
        return tuple(column for column in self.columns if column.source and column.name != column.source)


def definition_text(plan: Inferred, owner: str, lengths: tuple[str, str]) -> str:
    """The project's baton.yaml. `lengths` are hold-out and validation, as durations or shares."""
    known_at = f"    known_at: {_yaml(plan.time)}\n" if plan.time else ""
    what = "the latest stretch of time" if lengths[0][-1].isalpha() else "a share of the rows"
    return f"""\
project: {plan.project}

problem:
  question: {_text(f"Which rows of {plan.source} will have {plan.label} = {plan.positive}?")}
  success:
    - {{metric: auc, at_least: 0.7}}
  # what a decision is worth: true_positive, false_positive, true_negative, false_negative, from which score on it is taken
  value: {{currency: USD, threshold: 0.5, true_positive: 1, false_positive: -1}}

people: # give each role to whom it belongs
  - {{name: {_yaml(owner)}, roles: [product-manager, data-engineer, data-scientist, ml-engineer, mlops-engineer, sre]}}

sources:
  {plan.source}:
    path: {plan.data}
    key: [{_yaml(plan.key)}] # {plan.key_reason}
{known_at}    contract: contracts/{plan.source}.yaml
{_renamings(plan.renamed)}
entity: {{source: {plan.source}, key: {_yaml(plan.key)}}}
label: {{source: {plan.source}, column: {_yaml(plan.label)}, equals: {_value(plan.positive)}}}

recipe: # the hold-out is {what}, never trained on
  trials: 4
  holdout: {lengths[0]}
  validation: {lengths[1]}

gates:
  minimum:
    - {{metric: auc, at_least: 0.6}} # raise it when you know what is good
"""


def contract_text(plan: Inferred) -> str:
    """The contract of the table, Open Data Contract Standard 3.1: what holds for the rows seen, kept loose on purpose."""
    properties = "\n".join(_property(column) for column in plan.columns)
    return f"""\
apiVersion: v3.1.0
kind: DataContract
id: {plan.source}
name: {plan.source}
version: 1.0.0
status: draft
schema:
  - name: {plan.source}
    logicalType: object
    physicalType: table
    properties: # inferred from the rows seen: add what you know (minimum, maximum, enum, pattern)
{properties}
    quality:
      - {{type: library, metric: rowCount, mustBeGreaterThan: 0}}
"""


def features_text(choices: tuple[Choice, ...], names: Mapping[str, str]) -> str:
    """The project's features.py: the columns learnt from, and as comments those left out, each with its reason."""
    used = "\n".join(f"        {json.dumps(names[choice.column])}," for choice in choices if not choice.reason)
    # names and reasons quote the table: `shown` keeps them on their line
    left = "\n".join(f"# left out: {shown(choice.column)} - {_line(choice.reason)}" for choice in choices if choice.reason)
    return f'''\
"""What the model sees. Take a column out when it is not known at the time of the decision."""

from baton.features import entity

entity(
    columns=[
{used}
    ]
)
''' + (f"\n{left}\n" if left else "")


def _line(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


def _renamings(columns: tuple[Stored, ...]) -> str:
    told = (f"    # {column.name}: '{shown(column.source)}' in the original\n" for column in columns)
    return "".join(told)


def _property(column: Stored) -> str:
    parts = [f"name: {_yaml(column.name)}", f"logicalType: {column.logical}"]
    parts += ["required: true"] if column.required else []
    parts += ["unique: true", "primaryKey: true", "primaryKeyPosition: 1"] if column.unique else []
    parts += ["logicalTypeOptions: {minimum: 0}"] if column.not_negative else []
    return f"      - {{{', '.join(parts)}}}"


def _yaml(name: str) -> str:
    """A safe name as YAML, in quotes where it would be read as something else."""
    return json.dumps(name) if name.lower() in _WORDS else name


def _value(value: str | float) -> str:
    return _text(value) if isinstance(value, str) else f"{value:g}" if float(value).is_integer() else repr(value)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=not text.isprintable())
