"""The stories of a crowd: hand-offs, versions with their releases, incidents and overrides, as facts in order."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from baton.delivery.reading import Arm, Interval, Question, Reading
from baton.delivery.release import Release
from baton.delivery.weighing import Weighing
from baton.incidents.incident import Incident
from baton.incidents.proposal import Proposal
from baton.ledger.fact import Act, Change
from baton.registry.version import ModelVersion
from baton.team.approval import Approval, Signature
from baton.team.consultation import Comment, Consultation
from baton.team.edge import EDGES, Edge
from baton.team.handoff import Check, Handoff
from baton.team.notice import Cause, Notice
from baton.team.override import KINDS as OVERRIDDEN
from baton.team.override import Override
from baton.team.task import Task
from baton.team.team import Team

HANDOFFS, VERSIONS, INCIDENTS, OVERRIDES = 10_000, 500, 1_000, 200
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WORDS = (
    "the checks passed and the numbers fit last month's",
    "taken",
    "looks right; the hold-out is recent enough",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)> and \"quotes\" & 'more'",
    "{{ 7 * 7 }} {% raw %} ${x} </textarea></svg>",
    "Köln, Łódź, 東京, القاهرة, नई दिल्ली, 🛫 – a reason in many scripts",
    "asked twice by phone, then by mail; the numbers of the second week were counted twice before, and are now counted once " * 6,
    "first line\nsecond line\n\tthird line, indented",
    "\u202enot from right to left\u202c",
    "see https://flights.example/runbook?a=1&b=2#c",
)
SENT_BACK = (
    "the Brier score misses the agreed 0.146 by far: why, and what is planned?",
    "rows of 2023-07-04 are missing",
    "which commit made this?",
    "<b>not</b> agreed: javascript:alert(document.cookie)",
    "a feature leaks the arrival time into the request",
)
LEARNERS = ("lightgbm", "logistic", "constant")
SIGNALS = ("novelty", "calibration", "contract", "latency", "failures", "silence")
FEATURES = ("carrier", "dest", "distance", "local_hour", "origin", "weather_temp", "weather_visib", "planes_seats", "weekday")


@dataclass(frozen=True, slots=True)
class World:
    """Chance, the team and the year that the crowd lives in; `known` are real readings to vary."""

    chance: random.Random
    team: Team
    since: datetime
    until: datetime
    first: int
    readings: tuple[Reading, ...]

    def moment(self, before: timedelta = timedelta()) -> datetime:
        """An instant of the year, mostly in working hours, at least `before` its end."""
        whole = int((self.until - self.since - before) / DAY)
        hour = self.chance.choice((8, 9, 10, 11, 13, 14, 15, 16, 17, 2, 22))
        return (
            self.since + DAY * self.chance.randrange(max(whole, 1)) + HOUR * hour + timedelta(seconds=self.chance.randrange(3600))
        )

    def later(self, at: datetime, most: timedelta) -> datetime:
        """An instant after `at`, soon more often than late."""
        return at + timedelta(seconds=1 + int(most.total_seconds() * self.chance.random() ** 2))

    def id(self, kind: str) -> str:
        """An id as Baton derives them, of twelve digits."""
        return f"{kind}-{self.chance.getrandbits(48):012x}"

    def digest(self) -> str:
        """A content digest."""
        return f"{self.chance.getrandbits(256):064x}"

    def who(self, phase: str, letter: str = "A") -> tuple[str, str]:
        """Somebody who bears a letter in a phase, and the role they do it in."""
        person = self.chance.choice(self.team.bearing(phase, letter) or self.team.active)
        return person.id, self.chance.choice(person.roles) if person.roles else ""


Told = Iterator[Change]


def crowd(world: World, share: float) -> Told:
    """Every story of the crowd, each in order, all of them one after the other."""
    starts = sorted(world.moment(12 * DAY) for _ in range(round(VERSIONS * share)))
    for number, at in enumerate(starts):
        yield from _version(world, world.first + number, at)
    for number in range(round(INCIDENTS * share)):
        yield from _incident(world, number, world.moment(2 * DAY))
    for number in range(round(HANDOFFS * share)):
        yield from _handoff(world, number, world.moment(), world.first + round(VERSIONS * share) - 1)
    for _ in range(round(OVERRIDES * share)):
        yield from _override(world, world.moment(3 * DAY))


def _handoff(world: World, number: int, at: datetime, newest: int) -> Told:
    edge = world.chance.choice(list(EDGES.values()))
    (giver, gives), (receiver, takes) = world.who(edge.giver, "R"), world.who(edge.receiver)
    within = DAY * world.chance.choice((1, 1, 2, 5))
    offered = Handoff(
        id=world.id("handoff"),
        status="offered",
        edge=edge.name,
        subject=f"version {world.chance.randint(1, newest)}"
        if edge.name in ("candidate", "bundle", "release")
        else _subject(world, at),
        payload=edge.payload,
        given_in=edge.giver,
        taken_in=edge.receiver,
        giver=giver,
        receiver=receiver,
        waiting_on=receiver,
        accept=world.chance.choice(("person", "person", "policy")),
        within=within,
        offered_at=at,
        since=at,
        deadline=at + within,
        evidence={
            "auc": round(world.chance.uniform(0.55, 0.8), 6),
            "rows": world.chance.randrange(400_000),
            "note": _words(world),
        },
        checks=tuple(
            Check(name, world.chance.random() < 0.97, f"{world.chance.random():.1%} of rows") for name in ("fresh", "whole")
        ),
        pin={"model": world.digest(), "data": world.digest()},
        round=1 + (number % 9 == 0),
    )
    yield Act(giver, gives, at).on(offered, "offered", edge.payload)
    if number % 10 == 0:
        yield from _consultation(world, offered, edge, at)
    if number % 3 == 0:
        yield from _notice(world, offered, at)
    yield from _answer(world, offered, takes, at)


def _answer(world: World, offered: Handoff, takes: str, at: datetime) -> Told:
    within, open = offered.within, offered
    if world.chance.random() < 0.12:
        at = offered.deadline
        following = world.chance.choice(world.team.active).id
        open = replace(open, waiting_on=following, level=1, asked=(open.receiver,), since=at, deadline=at + within)
        words = f"{open.receiver} did not answer in time; now waits on {following}"
        yield Act("baton", "mlops-engineer", at).on(open, "escalated", words, level=1)
    way = world.chance.choices(("accepted", "declined", "lapsed", "offered"), (84, 10, 4, 2))[0]
    at = open.deadline if way == "lapsed" else world.later(at, within)
    if way == "offered" or at > world.until:
        return
    by = {"lapsed": ""}.get(way, "policy" if open.accept == "policy" and way == "accepted" else open.waiting_on)
    words = world.chance.choice(SENT_BACK) if way == "declined" else _words(world) if by else "nobody along the chain answered"
    answered = replace(open, status=way, answered_by=by, answered_at=at, reason=words)
    yield Act(by or "baton", takes, at).on(answered, way, words)
    if way == "declined":
        yield from _task(world, answered, at)


def _task(world: World, handoff: Handoff, at: datetime) -> Told:
    what = f"declined: '{handoff.payload}' ({handoff.subject}): {handoff.reason}"
    task = Task(world.id("task"), "open", handoff.giver, handoff.given_in, what, handoff.id, handoff.edge, at)
    yield Act("baton", "", at).on(task, "opened", what)
    done = world.later(at, 6 * DAY)
    if done < world.until and world.chance.random() < 0.9:
        outcome = f"offered again as {world.id('handoff')}"
        yield Act(task.owner, "", done).on(
            replace(task, status="done", done_at=done, done_by=task.owner, outcome=outcome), "done", outcome
        )


def _consultation(world: World, handoff: Handoff, edge: Edge, at: datetime) -> Told:
    asked = tuple(person.id for person in world.team.bearing(edge.receiver, "C")) or (handoff.receiver,)
    question = f"May {handoff.receiver} take '{handoff.payload}' ({handoff.subject})?"
    talk = Consultation(
        world.id("consultation"), "open", handoff.id, edge.receiver, question, asked, min(2, len(asked)), at + DAY, "proceed", at
    )
    yield Act("baton", "", at).on(talk, "opened", question)
    for name in asked[: talk.quorum]:
        at = world.later(at, 8 * HOUR)
        stance = world.chance.choice(("agree", "agree", "object", "abstain"))
        talk = replace(talk, comments=(*talk.comments, Comment(name, stance, _words(world), at)))
        if at < world.until:
            yield Act(name, "", at).on(talk, "commented", f"{name}: {stance}", stance=stance)
    if at < world.until:
        stop = any(comment.stance == "object" for comment in talk.comments)
        reason = f"{talk.quorum} of {len(asked)} have spoken"
        settled = replace(talk, status="settled", outcome="stop" if stop else "proceed", reason=reason, settled_at=at)
        yield Act("baton", "", at).on(settled, "settled", reason)


def _notice(world: World, handoff: Handoff, at: datetime) -> Told:
    cause = Cause("handoff.offered", handoff.id, at)
    title = f"Take it? {handoff.payload} ({handoff.subject})"
    notice = Notice(
        world.id("notice"), "pending", handoff.receiver, "it waits on you", title, handoff.payload, True, world.chance.random() < 0.3,
        handoff.subject, cause, at, at,
    )  # fmt: skip
    told = world.later(at, HOUR)
    if world.chance.random() < 0.05:
        failed = replace(notice, status="failed", next_try=None, attempts=5, channel="mail", error="550 5.1.1 <no such user>")
        yield Act("baton", "", told).on(failed, "failed", failed.error)
        return
    arrived = replace(
        notice,
        status="delivered",
        next_try=None,
        attempts=1,
        channel="mail",
        receipt=f"250 2.0.0 {world.id('q')}",
        delivered_at=told,
    )
    yield Act("baton", "", told).on(arrived, "delivered", title)


def _version(world: World, number: int, at: datetime) -> Told:
    (sam, science), (mo, engineering) = world.who("train"), world.who("register")
    auc = round(world.chance.gauss(0.69, 0.03), 10)
    version = ModelVersion(
        id=f"version-{number}",
        version=number,
        status="registered",
        learner=world.chance.choice(LEARNERS),
        trained_at=at,
        trained_until=at - 10 * DAY,
        metrics={"auc": auc, "brier": round(0.15 - auc / 10, 10), "logloss": round(1 - auc, 10)},
        bundle=world.digest(),
        native=world.digest(),
        onnx=world.digest(),
        lineage={
            "candidate": world.digest(),
            "features": world.digest(),
            "people": {"evaluate": sam, "register": mo, "train": sam},
            "project": world.digest(),
            "training": {
                "cutoff": f"{at:%Y-%m-%dT00:00:00Z}",
                "features": world.digest(),
                "libraries": {"lightgbm": "4.7.0", "numpy": "2.4.6", "onnx": "1.23.2"},
                "recipe": world.digest(),
                "rows": world.chance.randrange(10_000, 400_000),
                "seed": world.chance.randrange(100),
                "tables": ["labels", "landings", "planes", "schedule", "weather"],
                "training_set": world.digest(),
            },
        },
        importance={name: round(world.chance.random() / 9, 6) for name in FEATURES},
        parity=world.chance.random() * 1e-6,
    )
    yield Act(sam, science, at).on(version, "registered", f"hold-out AUC {auc:.4f}; {_words(world)}")
    if world.chance.random() < 0.5:
        rejected = replace(version, status="rejected")
        yield Act(mo, engineering, world.later(at, DAY)).on(rejected, "rejected", world.chance.choice(SENT_BACK))
        return
    at = world.later(at, HOUR)
    yield Act(mo, engineering, at).on(replace(version, status="packaged"), "packaged", f"bundle {version.bundle[:12]}")
    yield from _approval(world, f"version {number}", version.bundle, sam, at)
    yield from _release(world, version, world.later(at, DAY))


def _release(world: World, version: ModelVersion, at: datetime) -> Told:
    (ola, role) = world.who("deploy")
    release = Release(world.id("release"), version.version, version.bundle, "shadow", at, at)
    yield Act(ola, role, at).on(release, "started", f"version {version.version} as shadow")
    yield Act(ola, role, at).on(replace(version, status="released"), "released", release.id)
    looks = world.chance.randint(2, 6)
    for look in range(1, looks + 1):
        at += DAY
        last = look == looks
        weighing = _weighing(world, release, at, look, "roll-back" if last else "hold")
        yield Act("baton", role, at).on(weighing, "weighed", weighing.reason)
        if look == 1:
            release = replace(release, status="canary", step=1, share=0.2, since=at, reason=weighing.reason)
            yield Act("baton", role, at).on(release, "advanced", weighing.reason, share=0.2)
    gone = replace(release, status="rolled-back", share=0.0, since=at, reason=weighing.reason)
    yield Act("baton", role, at).on(gone, "rolled-back", gone.reason)
    yield Act("baton", role, at).on(replace(version, status="rejected"), "rejected", gone.id)


def _weighing(world: World, release: Release, at: datetime, look: int, verdict: str) -> Weighing:
    readings = tuple(_reading(world, each, look) for each in world.readings[-4:]) or (_reading(world, _PLAIN, look),)
    answered = 400 * look + world.chance.randrange(200)
    reason = f"{_words(world)} {readings[0].sentence}"
    return Weighing(
        release.id,
        verdict,
        release.version,
        release.status,
        release.step,
        at,
        answered,
        answered * 3 // 4,
        readings,
        reason,
        ("quality",),
    )


_PLAIN = Reading("quality", Question("Is it worse?", 1.0, 80.0), None, (Arm("challenger", 1, 0),), None, "open", "Open.")


def _reading(world: World, like: Reading, looks: int) -> Reading:
    """A reading such as a real one, with a course of its own over so many looks."""
    steps = [(300 * look, round(world.chance.lognormvariate(0.4 * look, 1), 6)) for look in range(1, 12 * looks + 1)]
    harm = replace(like.harm, evidence=steps[-1][1], trajectory=tuple(steps))
    proof = None if like.proof is None else replace(like.proof, evidence=steps[-1][1] * 2, trajectory=tuple(steps))
    arms = tuple(Arm(arm.name, steps[-1][0], world.chance.randrange(60)) for arm in like.arms)
    middle, half = world.chance.gauss(0, 0.01), 0.02 / looks
    interval = None if like.interval is None else Interval.of(middle, (middle - half, middle + half), like.interval.level)
    return replace(like, harm=harm, proof=proof, arms=arms, interval=interval)


def _approval(
    world: World, subject: str, digest: str, author: str, at: datetime, action: str = "promote", phase: str = "deploy"
) -> Told:
    asking = Approval(
        world.id("approval"),
        "requested",
        action,
        subject,
        digest,
        phase,
        f"{action} {subject}",
        author,
        at,
        2,
        (author,),
        30 * DAY,
    )
    yield Act(author, "", at).on(asking, "requested", asking.what)
    signers = [person for person in world.team.active if person.id != author]
    for person in world.chance.sample(signers, min(2, len(signers))):
        at = world.later(at, 4 * HOUR)
        role = person.roles[0] if person.roles else ""
        asking = replace(asking, given=(*asking.given, Signature(person.id, role, at, _words(world))))
        if world.chance.random() < 0.1:
            no = f"{person.id}: {world.chance.choice(SENT_BACK)}"
            yield Act(person.id, role, at).on(replace(asking, status="refused", decided_at=at, reason=no), "refused", no)
            return
        yield Act(person.id, role, at).on(asking, "signed", asking.given[-1].words)
    names = " and ".join(each.by for each in asking.given)
    granted = replace(asking, status="granted", decided_at=at, expires_at=at + 30 * DAY, reason=f"approved by {names}")
    yield Act(asking.given[-1].by, asking.given[-1].role, at).on(granted, "granted", granted.reason)


def _incident(world: World, number: int, at: datetime) -> Told:
    owner, role = world.who("incident")
    signal = world.chance.choice(SIGNALS)
    cause = f"{signal}: {world.chance.choice(FEATURES)} strays since {at - 3 * DAY:%Y-%m-%d}" + (
        f" {_words(world)}" if number % 7 == 0 else ""
    )
    evidence = {"evidence": round(world.chance.lognormvariate(5, 2), 3), "level": 1825, "since": f"{at - 3 * DAY:%Y-%m-%d}"}
    incident = Incident(
        world.id("incident"),
        "open",
        world.chance.choice((1, 2, 2, 3, 3)),
        signal,
        _subject(world, at),
        cause,
        owner,
        at,
        at,
        evidence,
    )
    yield Act("baton", role, at).on(incident, "opened", cause)
    if number % 4 == 0:
        at = world.later(at, DAY)
        incident = replace(incident, status="mitigating", since=at)
        yield Act(owner, role, at).on(incident, "mitigating", _words(world))
    if number % 5 == 0:
        made = Proposal(world.id("proposal"), "failed", cause, incident.id, at, brake=f"cooldown until {at:%Y-%m-%dT00:00:00Z}")
        incident = replace(incident, proposal=made.id)
        yield Act("baton", role, at).on(made, "made", cause, incident=incident.id)
        yield Act("baton", role, at).on(incident, "answered", f"retraining proposed: {made.id}")
    at = world.later(at, 9 * DAY)
    if at < world.until and world.chance.random() < 0.97:
        words = _words(world)
        yield Act(owner, role, at).on(
            replace(incident, status="resolved", since=at, resolved_at=at, mended_by=world.id("release")), "resolved", words
        )


def _override(world: World, at: datetime) -> Told:
    person = world.chance.choice(world.team.active)
    kind = world.chance.choice(("gate", "brake", "freeze"))
    subject, phase = "anything" if kind == "freeze" else _subject(world, at), OVERRIDDEN[kind][0]
    asked = Override(world.id("override"), "asked", kind, subject, phase, person.id, _words(world), at, at + 2 * DAY)
    yield Act(person.id, "", at).on(asked, "asked", asked.reason)
    word = list(_approval(world, subject, world.digest(), person.id, at, "override", phase))
    yield from word
    asked, at = replace(asked, approval=word[-1].record.id), word[-1].act.at
    if word[-1].verb == "refused":
        yield Act("baton", "", at).on(
            replace(asked, status="refused", ended_at=at, outcome=word[-1].reason), "refused", word[-1].reason
        )
        return
    holding = replace(asked, status="holding", since=at)
    yield Act("baton", "", at).on(holding, "holding", word[-1].reason)
    ended = replace(holding, status="ended", ended_at=holding.until, outcome="its time was over")
    yield Act("baton", "", asked.until or at).on(ended, "ended", ended.outcome)


def _subject(world: World, at: datetime) -> str:
    ways = (
        f"month {at:%Y-%m}",
        f"day {at:%Y-%m-%d}",
        f"version {world.chance.randint(1, world.first)}",
        f"turn-{world.chance.randint(1, 500)}",
    )
    return world.chance.choice(ways)


def _words(world: World) -> str:
    return world.chance.choice(WORDS)
