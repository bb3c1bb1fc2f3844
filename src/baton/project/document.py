"""A YAML file as plain values and the line of each of them.

Only what a declaration needs is read: mappings, lists, texts, numbers, true/false and null. Dates stay text. Tags, anchors
and aliases are refused, so a file can neither build objects nor grow while it is read. Nesting is bounded.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeAlias

from baton.kernel.errors import InvalidProject, Mistake

MAX_BYTES = 1 << 20
"""The largest file read, in bytes."""

MAX_DEPTH = 20
"""The deepest nesting read."""

MAX_VALUES = 20_000
"""The most values read: a parser's time grows with them, not with bytes alone."""

Where: TypeAlias = tuple[str | int, ...]
"""The address of a value: keys and list positions (from 0) from the top of the file down."""

_INT = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_WORDS: dict[str, None | bool] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Lines:
    """Where each value of a file stands: `file` as the user calls it, lines from 1."""

    file: str
    found: Mapping[Where, int]

    def at(self, where: Where) -> int:
        """The line of a value, else of the nearest thing around it; 1 for the file itself."""
        for length in range(len(where), 0, -1):
            if where[:length] in self.found:
                return self.found[where[:length]]
        return 1

    def mistake(self, where: Where, what: str, fix: str = "") -> Mistake:
        """A mistake at a value."""
        return Mistake(self.file, self.at(where), what, fix)


@dataclass(frozen=True, slots=True)
class Document:
    """A file read: its top value, the line of everything in it, and the mistakes that did not stop the reading."""

    value: Any
    lines: Lines
    mistakes: tuple[Mistake, ...] = ()


def read_document(data: bytes, file: str) -> Document:
    """Read YAML bytes. Raises InvalidProject, with file and line, for what cannot be read at all."""
    reading = _Reading(file)
    if len(data) > MAX_BYTES:
        reading.stop(1, f"{file} has {len(data):,} bytes; at most {MAX_BYTES:,} are read", "keep data out of it: name files")
    value = reading.document(_text(data, reading))
    return Document(value, Lines(file, reading.found), tuple(reading.mistakes))


def shown(value: object) -> str:
    """A value as it can be printed in a mistake: short, on one line, and encodable."""
    text = value if isinstance(value, str) else _spelled(value)
    text = "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _spelled(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    return "a mapping" if isinstance(value, Mapping) else "a list" if isinstance(value, list | tuple) else str(value)


def _text(data: bytes, reading: "_Reading") -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        reading.stop(line, f"byte 0x{data[error.start]:02x} is not UTF-8 text", "save the file as UTF-8")


def _events(text: str, reading: "_Reading") -> Iterator[Any]:
    """The parser's events; whatever goes wrong below becomes one mistake."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        yield from YAML(typ="rt", pure=True).parse(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reading.stop(mark.line + 1 if mark else 1, *_in_words(error, text))
    except YAMLError as error:
        at = getattr(error, "position", 0)
        reading.stop(text.count("\n", 0, at) + 1, "a control character is not allowed here", "delete the invisible character")
    # the parser is not ours, and hostile bytes must not get past this door as a stray exception
    except (ValueError, TypeError, LookupError, AttributeError, AssertionError, RecursionError, NotImplementedError) as error:
        reading.stop(
            1, f"not YAML that can be read: {shown(str(error))}", "write it plainly: 'key: value' lines and '- item' lists"
        )


def _in_words(error: Any, text: str) -> tuple[str, str]:
    problem = str(error.problem or error.context or "it cannot be read")
    mark = error.problem_mark
    line = text.splitlines()[mark.line] if mark and mark.line < len(text.splitlines()) else ""
    if "'\\t'" in problem or "\t" in line[: len(line) - len(line.lstrip())]:
        return "a tab stands where YAML wants spaces", "indent with spaces, two per level"
    if "mapping values are not allowed" in problem:
        return "a ':' stands where no key can be", "indent keys of one level alike, and put texts that hold ': ' into quotes"
    if "quoted scalar" in str(error.context):
        return "a quote is opened and not closed", "add the closing quote"
    if "flow" in str(error.context):
        return f"a '[' or '{{' is not closed in time: {problem}", "close it, and put commas between the items"
    if "cannot start any token" in problem:
        return f"{problem.replace(' that cannot start any token', '')}, which cannot begin a value", "put the value into quotes"
    return f"not valid YAML: {shown(problem)}", "write 'key: value', each level two spaces further in"


@dataclass
class _Frame:
    """A list or mapping being filled."""

    value: Any
    where: Where
    key: str | None = None
    skip: bool = False
    begun: dict[str, int] = field(default_factory=dict)


@dataclass
class _Reading:
    """One pass over the events that gathers values, lines and mistakes; a stack of its own, so depth costs no recursion."""

    file: str
    found: dict[Where, int] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    stack: list[_Frame] = field(default_factory=list)
    top: Any = None
    documents: int = 0
    values: int = 0

    def document(self, text: str) -> Any:
        for event in _events(text, self):
            name = type(event).__name__
            if name == "DocumentStartEvent":
                self.start(event)
            elif name in ("MappingStartEvent", "SequenceStartEvent", "ScalarEvent", "AliasEvent"):
                self.node(event, name)
            elif name in ("MappingEndEvent", "SequenceEndEvent"):
                self.stack.pop()
        return self.top

    def start(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            self.stop(event.start_mark.line + 1, "a second document begins here", "keep one document: delete '---'")

    def node(self, event: Any, name: str) -> None:
        line = event.start_mark.line + 1
        self.values += 1
        if self.values > MAX_VALUES:
            self.stop(line, f"more than {MAX_VALUES:,} values", "keep data out of it: name files")
        self.refuse(event, name, line)
        frame = self.stack[-1] if self.stack else None
        if frame and isinstance(frame.value, dict) and frame.key is None:
            self.key(event, name, frame, line)
            return
        value: Any = _scalar(event) if name == "ScalarEvent" else {} if name == "MappingStartEvent" else []
        where = self.place(frame, value, line)
        if name != "ScalarEvent":
            if len(self.stack) >= MAX_DEPTH:
                self.stop(line, f"nested deeper than {MAX_DEPTH} levels", "a project needs about five")
            self.stack.append(_Frame(value, where))

    def refuse(self, event: Any, name: str, line: int) -> None:
        if name == "AliasEvent" or event.anchor is not None:
            sign = "*" if name == "AliasEvent" else "&"
            self.stop(
                line, f"'{sign}{shown(event.anchor)}': anchors and aliases are not read", "write the value out where it is used"
            )
        if event.tag is not None and event.tag != "!":
            self.stop(line, f"the tag '{shown(str(event.tag))}' is not allowed", "delete the tag: plain values are enough")

    def key(self, event: Any, name: str, frame: _Frame, line: int) -> None:
        if name != "ScalarEvent":
            self.stop(line, "a list or mapping stands where a key should be", "write 'key: value'")
        key = str(event.value)
        frame.key, frame.skip = key, key in frame.begun
        if frame.skip:
            what = f"'{shown(key)}' is written twice; the first is on line {frame.begun[key]}"
            self.mistakes.append(Mistake(self.file, line, what, "keep one of them"))
        else:
            frame.begun[key] = line
            self.found.setdefault((*frame.where, key), line)

    def place(self, frame: _Frame | None, value: Any, line: int) -> Where:
        if frame is None:
            self.top = value
            return ()
        if isinstance(frame.value, list):
            where: Where = (*frame.where, len(frame.value))
            self.found.setdefault(where, line)
            frame.value.append(value)
            return where
        key = str(frame.key)
        frame.key = None
        if not frame.skip:
            frame.value[key] = value
        return (*frame.where, key)

    def stop(self, line: int, what: str, fix: str) -> NoReturn:
        """Give up reading, together with what was found before."""
        raise InvalidProject((*self.mistakes, Mistake(self.file, line, what, fix)))


def _scalar(event: Any) -> str | int | float | bool | None:
    text = str(event.value)
    if event.style in ("'", '"', "|", ">") or event.tag == "!":
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
