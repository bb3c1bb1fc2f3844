"""A data contract: what a source promises about its rows, read from the Open Data Contract Standard 3.1.

The subset that Baton executes, of the first object under `schema`: `properties` with name, logicalType (string, integer,
number, boolean, date, timestamp), required, unique, primaryKey, primaryKeyPosition, logicalTypeOptions (minimum, maximum,
exclusiveMinimum, exclusiveMaximum, multipleOf, minLength, maxLength, pattern) and `enum` in them; `quality` of type library
(rowCount, nullValues, missingValues, invalidValues, duplicateValues) with one mustBe…; `slaProperties` freshness and latency.
`invalidValues` with validValues or pattern and mustBe 0 rejects the rows. Words for people (description, tags, team, servers,
price, support, roles …) are accepted and not executed. Rules that Baton cannot execute are mistakes, never ignored. The
customProperty `rejectedTolerance` (0 to 1) says which share of rejected rows still keeps the contract; 0.01 without it.
A property's `classification: personal` (or restricted) has its values hashed in the prediction log; its customProperty `log`
(keep, hash, drop) says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from baton.data.check import Bounds, Limit, Measure, Rule
from baton.kernel.clock import parse_instant
from baton.kernel.digest import digest
from baton.kernel.errors import InvalidProject, Mistake
from baton.kernel.suggest import did_you_mean

DEFAULT_TOLERANCE = 0.01
KEEP = "keep"
LOGGED = (KEEP, "hash", "drop")
"""How values of a column may stand in the prediction log."""
PERSONAL = ("personal", "restricted")
"""Classifications of a property whose values are hashed when they are logged, unless it says otherwise."""
KINDS = {"string": "string", "integer": "int", "number": "float", "boolean": "bool", "date": "date", "timestamp": "timestamp"}
"""A contract's logicalType → the kind that a column of it has."""

_TOP = (
    "version", "kind", "apiVersion", "id", "name", "tenant", "tags", "status", "servers", "dataProduct", "description",
    "domain", "schema", "support", "price", "team", "roles", "slaDefaultElement", "slaProperties", "authoritativeDefinitions",
    "customProperties", "contractCreatedTs",
)  # fmt: skip
_OBJECT = (
    "id", "name", "physicalType", "physicalName", "description", "businessName", "authoritativeDefinitions", "tags",
    "customProperties", "logicalType", "dataGranularityDescription", "properties", "quality", "relationships",
)  # fmt: skip
_PROPERTY = (
    "id", "name", "physicalType", "physicalName", "description", "businessName", "authoritativeDefinitions", "tags",
    "customProperties", "logicalType", "logicalTypeOptions", "required", "unique", "primaryKey", "primaryKeyPosition",
    "partitioned", "partitionKeyPosition", "classification", "encryptedName", "transformSourceObjects", "transformLogic",
    "transformDescription", "examples", "criticalDataElement", "relationships", "quality",
)  # fmt: skip
_QUALITY = (
    "id", "name", "description", "type", "metric", "rule", "arguments", "unit", "dimension", "severity", "businessImpact",
    "method", "tags", "customProperties", "authoritativeDefinitions", "schedule", "scheduler", "query", "engine",
    "implementation", "mustBe", "mustNotBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan",
    "mustBeLessOrEqualTo", "mustBeBetween", "mustNotBeBetween",
)  # fmt: skip
_SLA = (
    "id", "property", "value", "valueExt", "unit", "element", "driver", "description", "scheduler", "schedule",
)  # fmt: skip
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_OPTIONS = {
    "string": ("minLength", "maxLength", "pattern", "enum", "format"),
    "int": (*_NUMBERS, "multipleOf", "enum", "format"),
    "float": (*_NUMBERS, "multipleOf", "enum", "format"),
    "date": (*_NUMBERS, "format"),
    "timestamp": (*_NUMBERS, "format", "timezone", "defaultTimezone"),
    "bool": (),
}
_BOUNDS = {
    "mustBe": "equal", "mustNotBe": "unequal", "mustBeGreaterThan": "above", "mustBeGreaterOrEqualTo": "at_least",
    "mustBeLessThan": "below", "mustBeLessOrEqualTo": "at_most",
}  # fmt: skip
_METRICS = ("rowCount", "nullValues", "missingValues", "invalidValues", "duplicateValues")
_ARGUMENTS = ("validValues", "missingValues", "pattern", "properties")
_UNITS = {
    "s": 1,
    "second": 1,
    "m": 60,
    "minute": 60,
    "h": 3600,
    "hour": 3600,
    "d": 86400,
    "day": 86400,
    "w": 604800,
    "week": 604800,
}
_VALUES: dict[str, tuple[type, ...]] = {"string": (str,), "int": (int,), "float": (int, float)}
_NOT_RE2 = re.compile(r"\(\?(?:=|!|<=|<!|>|P=|\()|\\[1-9Z]")


@dataclass(frozen=True, slots=True)
class Column:
    """A promised column: its kind is int, float, string, bool, timestamp (with a zone), date, or other (not checked).

    `line` is where the contract's file promises it, 0 where no file does, and `log` how values of it may be logged: keep,
    hash or drop. Neither is part of the promise.
    """

    name: str
    kind: str
    line: int = field(default=0, compare=False, repr=False)
    log: str = field(default=KEEP, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Contract:
    """Columns and their kinds, row rules in the order they are applied, measures over a batch, and how fresh rows are."""

    name: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()
    measures: tuple[Measure, ...] = ()
    freshness: timedelta | None = None
    tolerance: float = DEFAULT_TOLERANCE

    @property
    def log_rules(self) -> dict[str, str]:
        """The columns whose values are not logged as they are: hash or drop."""
        return {column.name: column.log for column in self.columns if column.log != KEEP}

    @property
    def unique(self) -> tuple[Rule, ...]:
        """The rules that compare rows with earlier rows."""
        return tuple(rule for rule in self.rules if rule.kind == "unique")

    @property
    def unique_columns(self) -> tuple[str, ...]:
        """The columns that must be remembered of kept rows to tell duplicates; none when no rule says unique."""
        return tuple(dict.fromkeys(name for rule in self.unique for name in rule.columns))

    def digest(self) -> str:
        """Hex SHA-256 of what the contract demands: equal demands, equal digest."""
        return digest(repr((self.columns, self.rules, self.measures, self.freshness, self.tolerance)))


def default_contract(name: str, schema: Mapping[str, str], key: tuple[str, ...]) -> Contract:
    """What is promised where nothing is written: the columns found keep their kinds and the key is never missing."""
    rules = tuple(Rule(f"{column}:required", "required", (column,)) for column in key)
    return Contract(name, tuple(Column(column, kind) for column, kind in schema.items()), rules)


def parse_contract(text: str, file: str) -> Contract:
    """Read a contract. Raises InvalidProject with every mistake, each with `file` and line."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        tree = YAML(typ="rt").load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise InvalidProject((Mistake(file, line, f"no valid YAML: {getattr(error, 'problem', None) or error}"),)) from None
    if not isinstance(tree, dict):
        raise InvalidProject((Mistake(file, 1, "a contract is a mapping", "begin with 'apiVersion: v3.1.0'"),))
    reading = _Reading(file)
    contract = reading.contract(tree)
    if reading.mistakes:
        raise InvalidProject(tuple(reading.mistakes))
    return contract


@dataclass
class _Reading:
    """One pass over the tree that gathers values and mistakes side by side."""

    file: str
    mistakes: list[Mistake] = field(default_factory=list)
    columns: list[Column] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    measures: list[Measure] = field(default_factory=list)
    keys: list[tuple[int, str]] = field(default_factory=list)

    def contract(self, tree: Any) -> Contract:
        self.known(tree, _TOP, "a contract")
        version = str(tree.get("apiVersion", ""))
        if not version.startswith("v3."):
            self.wrong(tree, "apiVersion", f"apiVersion is '{version}'", "Baton reads the Open Data Contract Standard: v3.1.0")
        objects = self.items(tree, "schema")
        if len(objects) != 1:
            self.wrong(tree, "schema", f"schema lists {len(objects)} objects", "describe the one table of the source")
        name = str(objects[0].get("name", tree.get("name", ""))) if objects else str(tree.get("name", ""))
        if objects:
            self.object(objects[0])
        rules = sorted(self.rules, key=lambda rule: rule.kind == "unique")
        return Contract(name, tuple(self.columns), tuple(rules), tuple(self.measures), self.freshness(tree), self.tolerance(tree))

    def object(self, tree: Any) -> None:
        self.known(tree, _OBJECT, "a schema object")
        for entry in self.items(tree, "properties"):
            self.property(entry)
        if not self.columns:
            self.wrong(tree, "properties", "no properties", "list the columns: '- name: …' and 'logicalType: …'")
        if self.keys:
            self.rules.append(Rule("primaryKey", "unique", tuple(name for _, name in sorted(self.keys, key=lambda key: key[0]))))
        for quality in self.items(tree, "quality"):
            self.quality(quality, None)

    def property(self, tree: Any) -> None:
        self.known(tree, _PROPERTY, "a property")
        name, logical = str(tree.get("name", "")), str(tree.get("logicalType", ""))
        if not name or name in {column.name for column in self.columns}:
            self.wrong(tree, "name", f"property '{name}' is listed twice" if name else "a property without name", "name it")
        if logical not in KINDS:
            fix = f"Baton checks {', '.join(KINDS)}; {did_you_mean(logical, KINDS)}"
            self.wrong(tree, "logicalType", f"logicalType '{logical}' of '{name}'", fix)
            return
        self.columns.append(Column(name, KINDS[logical], self.line(tree, "logicalType"), self.logged(tree, name)))
        is_key = self.flag(tree, "primaryKey")
        if is_key:
            self.keys.append((self.position(tree), name))
        if self.flag(tree, "required") or is_key:
            self.rules.append(Rule(f"{name}:required", "required", (name,)))
        self.options(tree, name, KINDS[logical])
        if self.flag(tree, "unique"):
            self.rules.append(Rule(f"{name}:unique", "unique", (name,)))
        for quality in self.items(tree, "quality"):
            self.quality(quality, name)

    def logged(self, tree: Any, name: str) -> str:
        for custom in self.items(tree, "customProperties"):
            if custom.get("property") == "log":
                if custom.get("value") in LOGGED:
                    return str(custom["value"])
                self.wrong(custom, "value", f"log of '{name}' is {custom.get('value')!r}", f"one of {', '.join(LOGGED)}")
        return "hash" if str(tree.get("classification", "")).lower() in PERSONAL else KEEP

    def options(self, tree: Any, name: str, kind: str) -> None:
        options = tree.get("logicalTypeOptions") or {}
        if not isinstance(options, dict):
            self.wrong(tree, "logicalTypeOptions", "logicalTypeOptions is no mapping", "write 'minimum: 0' and so on below it")
            return
        self.known(options, _OPTIONS[kind], f"logicalTypeOptions of a {kind}")
        for option in (key for key in options if key in _OPTIONS[kind] and key not in ("format", "timezone", "defaultTimezone")):
            try:
                limit = _limit(option, options[option], kind)
            except (ValueError, TypeError, re.error) as error:
                self.wrong(options, option, f"{option} of '{name}' is {options[option]!r}: {error}", f"it must fit a {kind}")
                continue
            self.rules.append(Rule(f"{name}:{option}", "oneOf" if option == "enum" else option, (name,), limit))

    def quality(self, tree: Any, column: str | None) -> None:
        self.known(tree, _QUALITY, "a quality rule")
        metric = tree.get("metric", tree.get("rule"))
        kind = tree.get("type", "library" if metric else "text")
        if kind == "text":
            return
        if kind != "library" or metric not in _METRICS:
            what = f"a quality rule of type '{kind}'" if kind != "library" else f"metric '{metric}'"
            fix = f"Baton executes type library with {', '.join(_METRICS)}. Say it so, or make it 'type: text'"
            self.wrong(tree, "metric" if kind == "library" else "type", f"{what} cannot be executed", fix)
            return
        bounds, arguments = self.bounds(tree, metric), tree.get("arguments") or {}
        self.known(arguments, _ARGUMENTS, "arguments of a quality rule")
        columns = (column,) if column else tuple(map(str, arguments.get("properties", ())))
        missing = [name for name in columns if name not in {known.name for known in self.columns}]
        if missing or (metric != "rowCount" and not columns):
            fix = "put the rule under a property, or name properties of this object in its arguments"
            self.wrong(tree, "metric", f"{metric} of {', '.join(missing) or 'no property'}", fix)
        elif bounds is not None:
            self.measure(tree, metric, bounds, columns, arguments)

    def measure(self, tree: Any, metric: Any, bounds: Bounds, columns: tuple[str, ...], arguments: Any) -> None:
        name = str(tree.get("id") or tree.get("name") or ":".join([*columns, metric]))
        pattern = arguments.get("pattern")
        kind = next((known.kind for known in self.columns if known.name == columns[0]), "") if columns else ""
        try:
            valid = _values(arguments["validValues"], kind) if "validValues" in arguments else ()
        except ValueError as error:
            self.wrong(arguments, "validValues", f"validValues of a {kind}: {error}", "list values of the property's own type")
            return
        if (metric == "invalidValues" and not valid and pattern is None) or (pattern is not None and kind != "string"):
            fix = "add one of them below 'arguments:', pattern for a string only"
            self.wrong(tree, "metric", f"{metric} without validValues or a pattern that fits", fix)
        elif pattern is not None and (fault := _pattern_fault(str(pattern))):
            self.wrong(
                arguments, "pattern", f"pattern '{pattern}': {fault}", "use what RE2 knows: no look-around, no back-reference"
            )
        elif metric == "invalidValues" and bounds == Bounds(equal=0):
            self.rules += [Rule(name, "oneOf", columns, valid)] if valid else []
            self.rules += [Rule(name, "pattern", columns, str(pattern))] if pattern is not None else []
        else:
            values = valid or tuple(arguments.get("missingValues", ()))
            self.measures.append(Measure(name, metric, bounds, columns, tree.get("unit") == "percent", values, pattern))

    def bounds(self, tree: Any, metric: str) -> Bounds | None:
        found = [key for key in tree if key.startswith(("mustBe", "mustNotBe"))]
        if not found:
            self.wrong(
                tree, "metric", f"{metric} is compared with nothing", "add one of mustBe, mustBeGreaterThan, mustBeLessThan …"
            )
            return None
        try:
            between = tree.get("mustBeBetween")
            outside = tree.get("mustNotBeBetween")
            values: dict[str, Any] = {_BOUNDS[key]: float(tree[key]) for key in found if key in _BOUNDS}
            if between is not None:
                values["at_least"], values["at_most"] = map(float, between)
            if outside is not None:
                values["outside"] = (float(outside[0]), float(outside[1]))
        except (TypeError, ValueError, IndexError):
            self.wrong(tree, found[0], f"{found[0]} is {tree[found[0]]!r}", "a number, or [low, high] for …Between")
            return None
        return Bounds(**values)

    def freshness(self, tree: Any) -> timedelta | None:
        spans = []
        for sla in self.items(tree, "slaProperties"):
            self.known(sla, _SLA, "an slaProperty")
            if str(sla.get("property", "")).lower() not in ("freshness", "latency"):
                continue
            unit = str(sla.get("unit", "d")).lower()
            size = _UNITS.get(unit) or _UNITS.get(unit.removesuffix("s"))
            value = sla.get("value")
            if size is None or isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
                self.wrong(
                    sla, "value", f"{sla.get('property')} of {value!r} {unit}", "a number above 0 and a unit: s, m, h, d or w"
                )
                continue
            spans.append(timedelta(seconds=round(value * size)))
        return min(spans, default=None)

    def tolerance(self, tree: Any) -> float:
        for custom in self.items(tree, "customProperties"):
            if custom.get("property") == "rejectedTolerance":
                value = custom.get("value")
                if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
                    return float(value)
                self.wrong(custom, "value", f"rejectedTolerance is {value!r}", "a share of rows from 0 to 1, e.g. 0.01")
        return DEFAULT_TOLERANCE

    def flag(self, tree: Any, key: str) -> bool:
        value = tree.get(key, False)
        if not isinstance(value, bool):
            self.wrong(tree, key, f"{key} is {value!r}", "true or false")
        return value is True

    def position(self, tree: Any) -> int:
        value = tree.get("primaryKeyPosition", len(self.keys) + 1)
        return value if isinstance(value, int) and value > 0 else len(self.keys) + 1

    def items(self, tree: Any, key: str) -> list[Any]:
        value = tree.get(key) or []
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            return list(value)
        self.wrong(tree, key, f"{key} is no list of mappings", f"write '{key}:' and below it '- …'")
        return []

    def known(self, tree: Any, names: Any, what: str) -> None:
        for key in (key for key in tree if key not in names):
            self.wrong(tree, key, f"'{key}' is not known in {what}", did_you_mean(str(key), names))

    def wrong(self, tree: Any, key: Any, what: str, fix: str) -> None:
        self.mistakes.append(Mistake(self.file, self.line(tree, key), what, fix))

    def line(self, tree: Any, key: Any) -> int:
        line = tree.lc.key(key)[0] if key in tree else getattr(getattr(tree, "lc", None), "line", 0)
        return int(line) + 1


def _limit(option: str, value: Any, kind: str) -> Limit:
    if option == "enum":
        return _values(value, kind)
    if option == "pattern":
        if fault := _pattern_fault(str(value)):
            raise ValueError(fault)
        return str(value)
    if kind == "timestamp":
        return parse_instant(value.isoformat() if isinstance(value, date) else str(value))
    if kind == "date":
        return value if type(value) is date else date.fromisoformat(str(value))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("a number is needed")
    if (option in ("minLength", "maxLength", "multipleOf") and value < 0) or (option == "multipleOf" and value == 0):
        raise ValueError("a number above 0 is needed")
    # ruamel's scalars carry their spelling; the contract keeps plain numbers
    return int(value) if isinstance(value, int) else float(value)


def _values(value: Any, kind: str) -> tuple[str | int | float, ...]:
    fitting = _VALUES.get(kind, ())
    if not isinstance(value, list) or not value or not all(isinstance(v, fitting) and not isinstance(v, bool) for v in value):
        raise ValueError(f"a list of values of kind {kind} is needed")
    return tuple(str(v) if isinstance(v, str) else int(v) if isinstance(v, int) else float(v) for v in value)


def _pattern_fault(pattern: str) -> str | None:
    if _NOT_RE2.search(pattern):
        return "look-around and back-references cannot be checked in linear time"
    try:
        re.compile(pattern)
    except re.error as error:
        return str(error)
    return None
