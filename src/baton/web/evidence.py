"""Evidence of trials and comparisons as pages show it: each reading with its picture, its colour, and amounts that can be read."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from markupsafe import Markup

from baton.delivery.reading import Question, Reading
from baton.delivery.terms import QUALITY
from baton.delivery.weighing import Weighing
from baton.web import wording
from baton.web.draw.canvas import fits
from baton.web.draw.evidence import Asked, beyond, evidence

TONES: Final[Mapping[str, str]] = {"harm": "bad", "no worse": "good", "open": "idle", "void": "warn"}
"""How a reading's decision is coloured."""
MANY: Final = 1e6
"""From here on evidence is told by its power of ten."""
_RAISED: Final = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_FINITE: Final = 1e15


@dataclass(frozen=True, slots=True)
class Terms:
    """What the two questions of a reading are called: of a trial whether it harms, of a comparison whether an arm is worse or better."""

    harm: str
    proof: str
    decided: Mapping[str, str]


TRIAL: Final = Terms("harm", "no worse", {})
COMPARED: Final = Terms("worse", "better", {"harm": "worse", "no worse": "better"})
SPLIT: Final = Terms("mismatch", "", {"void": "mismatch"})


@dataclass(frozen=True, slots=True)
class Read:
    """One reading: what it is called, its terms, the decision in words and colour, and its picture."""

    reading: Reading
    title: str
    terms: Terms
    decided: str
    tone: str
    picture: Markup

    @property
    def rated(self) -> bool:
        """Whether its sides have events to be counted; a split of the traffic has none."""
        return self.terms is not SPLIT

    @property
    def sided(self) -> bool:
        """Whether its sides are told apart by numbers: scores of the same rows, compared by their Brier score, are not."""
        return self.reading.name != QUALITY

    @property
    def ratio(self) -> bool:
        """Whether sizes are ratios of rates, as between units, and not differences, as on rows that both versions scored."""
        return self.reading.arms[-1:] != () and self.reading.arms[-1].name == "control"

    @property
    def harm(self) -> str:
        """Where the question of harm stands."""
        return stands(self.reading.harm)

    @property
    def proof(self) -> str:
        """Where the question of no harm stands; empty when it is not asked."""
        return stands(self.reading.proof) if self.reading.proof is not None else ""

    def size(self, value: float) -> str:
        """A ratio (×1.16) or a difference (+0.0036)."""
        return f"×{value:.2f}" if self.ratio else f"{value:+.4f}"


def readings(weighing: Weighing | None, terms: Terms = TRIAL) -> list[Read]:
    """Every reading of a weighing, in its order; none while nothing was weighed."""
    return [_read(each, SPLIT if each.name == "split" else terms) for each in weighing.readings] if weighing is not None else []


def _read(reading: Reading, terms: Terms) -> Read:
    title = "Split of the traffic" if terms is SPLIT else reading.name[:1].upper() + reading.name[1:]
    decided = terms.decided.get(reading.decided, reading.decided)
    return Read(reading, title, terms, decided, TONES.get(reading.decided, "idle"), fits(partial(_drawn, reading, terms)))


def _drawn(reading: Reading, terms: Terms, width: int) -> Markup:
    asked = [Asked(terms.harm, _course(reading.harm, reading.exposures), reading.harm.threshold, "bad")]
    if reading.proof is not None:
        asked.append(Asked(terms.proof, _course(reading.proof, reading.exposures), reading.proof.threshold, "good"))
    return evidence(asked, title=f"Evidence on {reading.name}", words=reading.sentence, width=width, height=220)


def _course(question: Question, exposures: int) -> list[tuple[int, float]]:
    """The evidence after each look; before the first unit it is 1."""
    known = question.trajectory or ((exposures, question.evidence),)
    return [(0, 1.0), *((at, min(value, _FINITE)) for at, value in known)]


def short_of(question: Question) -> str:
    """The evidence on a question at a look; in words where its number says no more than that."""
    return beyond(question.evidence, question.threshold) or amount(question.evidence)


def stands(question: Question) -> str:
    """The evidence on a question, what it needs, and the most there was so far where that is more."""
    needed = amount(question.threshold)
    if far := beyond(question.evidence, question.threshold):
        return far
    now = f"{amount(question.evidence)} of {needed}"
    if question.peak <= question.evidence:
        return now
    most = beyond(question.peak, question.threshold) or amount(question.peak)
    return f"{now} ({'reached earlier: ' if question.answered else 'at most '}{most}{'' if question.answered else ' so far'})"


def amount(value: float) -> str:
    """An amount of evidence, which may be beyond all words: 8.75, 1,124, 2·10⁵³."""
    if value < MANY:
        return wording.number(value) if value >= 100 else f"{value:.3g}"
    power = int(f"{value:.0e}".split("e")[1])
    return f"{value / 10**power:.2g}·10{str(power).translate(_RAISED)}"
