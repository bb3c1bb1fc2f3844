"""The model card: what a version is for, what it was made of, how good it is, where it is not, and who answers for it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from baton.app.views.models import Made, worst
from baton.kernel.clock import duration_text, parse_instant
from baton.kernel.errors import BatonError
from baton.project.definition import Definition
from baton.project.phase import PHASES
from baton.registry.version import ModelVersion
from baton.team.team import Team

MOST = 20
"""The most features or slices that a section lists."""


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a card: names with their values, a table, and sentences."""

    heading: str
    facts: tuple[tuple[str, str], ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """A model card: what to call it, one sentence, and its sections in the order in which they are read."""

    title: str
    lead: str
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a card is about: the version, its training, the project as declared now, the people, and the instant it is told at."""

    version: ModelVersion
    made: Made | None
    definition: Definition | None
    team: Team
    at: datetime


def card_of(subject: Subject) -> Card:
    """The card of a version; sections about what is not on record are left out, and say so under limits."""
    definition, version = subject.definition, subject.version
    name = definition.project if definition is not None else "model"
    lead = definition.problem.question if definition is not None else f"{version.learner} trained {_day(version.trained_at)}"
    parts = (_use, _data, _features, _learner, _metrics, _slices, _calibration, _limits, _owners)
    sections = tuple(section for part in parts for section in part(subject))
    return Card(f"{name}, version {version.version}", lead, sections)


def _use(subject: Subject) -> Iterator[Section]:
    definition = subject.definition
    if definition is None:
        return
    entity, problem, label = definition.entity, definition.problem, definition.label
    true = f"above {label.above:g}" if label.above is not None else f"equal to {label.equals}"
    facts = [
        ("question", problem.question),
        ("scores", f"one {entity.key} of '{entity.source}' at a time: a probability that the answer is yes"),
        ("label", f"{label.column} of '{label.source}' is {true}"),
        ("acts from", f"a score of {problem.value.threshold:g} on"),
    ]
    if (asked := definition.decision) is not None:
        facts.append(
            (
                "asked",
                f"every {duration_text(asked.every)}, {duration_text(asked.lead[0])} to {duration_text(asked.lead[1])} before '{asked.at}'",
            )
        )
    if problem.stakeholders:
        facts.append(("for", ", ".join(problem.stakeholders)))
    yield Section("Intended use", tuple(facts), words=("As the project declares it now.",))


def _data(subject: Subject) -> Iterator[Section]:
    version, made = subject.version, subject.made
    facts = [("trained", _day(version.trained_at)), ("data until", _day(version.trained_until))]
    if made is not None:
        facts += [(f"rows, {name}", f"{count:,}") for name, count in made.rows.items()]
        if "tables" in made.manifest:
            facts.append(("tables", ", ".join(map(str, made.manifest["tables"]))))
        if "training_set" in made.manifest:
            facts.append(("training set", str(made.manifest["training_set"])))
    yield Section(
        "Data",
        tuple(facts),
        words=(_holdout(version, made),) if made else (),
    )


def _holdout(version: ModelVersion, made: Made) -> str:
    """What the hold-out is: the latest rows, or of a table without time, all of whose rows count as of the cutoff, a share."""
    untouched = "nothing was trained or chosen on it."
    if "cutoff" not in made.manifest:
        return f"The hold-out was kept apart: {untouched}"
    if version.trained_until < parse_instant(str(made.manifest["cutoff"])):
        return f"The hold-out is the latest stretch of labels; {untouched}"
    share = made.rows.get("holdout", 0) / max(1, sum(made.rows.values()))
    return f"The hold-out is {share:.0%} of the rows, the last in the order of their keys: nothing tells when a row became known; {untouched}"


def _features(subject: Subject) -> Iterator[Section]:
    version, made = subject.version, subject.made
    kinds = {str(each.get("name")): _kind(each) for each in (made.signature.get("features", ()) if made else ())}
    names = sorted(dict.fromkeys((*version.importance, *kinds)), key=lambda name: -version.importance.get(name, 0.0))
    rows = tuple((name, kinds.get(name, "–"), f"{version.importance.get(name, 0.0):.1%}") for name in names[:MOST])
    if rows:
        more = (f"The {MOST} most important of {len(names)}.",) if len(names) > MOST else ()
        yield Section("Features", columns=("feature", "takes", "share of gain"), rows=rows, words=more)


def _kind(feature: Mapping[str, Any]) -> str:
    values = feature.get("categories", ())
    return f"one of {len(values)} values" if feature.get("kind") == "category" else "a number"


def _learner(subject: Subject) -> Iterator[Section]:
    made = subject.made
    if made is None:
        yield Section("Learner", (("learner", subject.version.learner),))
        return
    facts = [("learner", made.chosen.learner), ("chosen among", f"{len(made.trials)} trials by log loss on the validation part")]
    facts += [(name, f"{value}") for name, value in sorted(made.chosen.params.items())]
    yield Section("Learner and parameters", tuple(facts))


def _metrics(subject: Subject) -> Iterator[Section]:
    version, made = subject.version, subject.made
    rows = tuple((name, "–" if value is None else f"{value:.4f}") for name, value in version.metrics.items())
    words = []
    if made is not None and (against := made.comparison) is not None:
        words.append(
            f"Against the champion of its day it is {against.answer}: Brier {against.difference:+.4f}, 80 % interval {against.low:+.4f} to "
            f"{against.high:+.4f}, over {against.rows:,} rows of {against.days} days."
        )
    if version.parity is not None:
        words.append(f"The shipped form scores like the trained one: largest difference {version.parity:.1e}.")
    yield Section("Metrics on the hold-out", columns=("metric", "value"), rows=rows, words=tuple(words))


def _slices(subject: Subject) -> Iterator[Section]:
    made = subject.made
    if made is None or not made.slices:
        return
    marked = worst(made.slices, made.quality.get("brier"))
    ranked = sorted(made.slices, key=lambda each: -(each.brier or 0.0))
    rows = tuple(
        (
            f"{each.feature} {each.value}{' (worst)' if (each.feature, each.value) in marked else ''}",
            f"{each.rows:,}",
            _told(each.auc),
            _told(each.brier),
        )
        for each in ranked[:MOST]
    )
    more = f"The {MOST} worst of {len(ranked)} slices." if len(ranked) > MOST else "Highest Brier score, which is worst, first."
    yield Section("Slices", columns=("slice", "rows", "AUC", "Brier"), rows=rows, words=(more,))


def _calibration(subject: Subject) -> Iterator[Section]:
    made = subject.made
    if made is not None and made.scores.get("mean") is not None:
        words = "How scores met the truth is told in service: see the evaluation of this version."
        yield Section("Calibration", (("mean score on the hold-out", f"{float(made.scores['mean']):.4f}"),), words=(words,))


def _limits(subject: Subject) -> Iterator[Section]:
    made, definition = subject.made, subject.definition
    words = ["Values that training never saw score as missing; a category that is not known is one of them."]
    if made is None:
        words.append("What its training answered cannot be read any more, so slices and trials are not told.")
    else:
        days = f" of {made.comparison.days} days" if made.comparison is not None else ""
        words.append(f"Its quality is known from {made.rows.get('holdout', 0):,} rows{days}; other seasons may differ.")
    if definition is not None:
        floor = definition.gates.slice_floor
        words.append(f"Slices of fewer than {floor:,} rows were not judged.")
        words.append(
            f"It is watched for a calibration error above {definition.monitor.calibration:.1%} and {definition.monitor.novelty:.0%} of rows out of range."
        )
    yield Section("Limits", words=tuple(words))


def _owners(subject: Subject) -> Iterator[Section]:
    then: Mapping[str, str] = subject.version.lineage.get("people", {})
    rows = tuple((phase, then.get(phase, "–"), _accountable(subject.team, phase, subject.at)) for phase in PHASES)
    yield Section("Who answers for it", columns=("phase", "when it was made", "now"), rows=rows)


def _accountable(team: Team, phase: str, at: datetime) -> str:
    try:
        return team.accountable(phase, at).person.id
    except BatonError:
        return "nobody"


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"


def _told(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def markdown(card: Card) -> str:
    """The card as Markdown, whatever stands in its values."""
    lines = [f"# {_plain(card.title)}", "", _plain(card.lead)]
    for section in card.sections:
        lines += ["", f"## {_plain(section.heading)}"]
        lines += ["", *(f"- **{_plain(name)}**: {_plain(value)}" for name, value in section.facts)] if section.facts else []
        lines += ["", *_table(section.columns, section.rows)] if section.rows else []
        lines += ["", *(_plain(words) for words in section.words)] if section.words else []
    return "\n".join(lines) + "\n"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(map(_plain, columns))} |"
    yield f"|{'|'.join('---' for _ in columns)}|"
    for row in rows:
        yield f"| {' | '.join(map(_plain, row))} |"


def _plain(text: str) -> str:
    """A text that Markdown takes as text, on one line."""
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>|#" else sign for sign in " ".join(text.split()))
