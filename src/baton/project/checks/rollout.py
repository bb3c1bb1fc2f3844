"""Rollout policies that contradict themselves, or ask of the model server what it cannot do."""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from baton.kernel.clock import duration_text
from baton.kernel.errors import Mistake
from baton.project.checks.ground import Ground
from baton.project.definition import RolloutStep
from baton.project.document import Where

TAKEN = ("live", "canary", "challenger", "shadow", "fallback", "default", "pinned")
"""Names of variants that mean something already."""
MOST_CUTS, MOST_STEPS = 5, 31


def steps(ground: Ground) -> Iterator[Mistake]:
    """A rollout goes forward: shadow, then canaries of growing share."""
    last, canary = 0.0, False
    for number, step in enumerate(ground.definition.rollout.steps):
        where: Where = ("rollout", "steps", number)
        if step.kind == "shadow":
            if canary:
                yield ground.lines.mistake(where, "a shadow after a canary is a step back", "put shadow steps first")
            continue
        canary = True
        yield from _share(ground, (*where, "share"), step, last)
        last = max(last, step.share)
    if len(ground.definition.rollout.steps) > MOST_STEPS:
        what = f"{len(ground.definition.rollout.steps)} steps are more than the server tells apart"
        yield ground.lines.mistake(("rollout", "steps"), what, f"write at most {MOST_STEPS}")


def _share(ground: Ground, where: Where, step: RolloutStep, last: float) -> Iterator[Mistake]:
    if not step.share:
        yield ground.lines.mistake(where, "a canary with share 0 answers nobody", "write e.g. 'share: 0.1', or 'kind: shadow'")
    elif step.share == 1:
        what = "a canary with share 1 leaves nobody to compare it with"
        yield ground.lines.mistake(where, what, "write e.g. 'share: 0.5'; after the last step it answers for all")
    elif step.share < last:
        what = f"the canary's share falls from {last:g} to {step.share:g}"
        yield ground.lines.mistake(where, what, "order canaries by growing share")


def strategy(ground: Ground) -> Iterator[Mistake]:
    """What is declared beside a strategy means something under it."""
    policy, told = ground.definition.rollout, ground.definition.rollout.model_fields_set
    if policy.strategy != "steps" and "steps" in told:
        what = f"the strategy {policy.strategy} has no steps"
        yield ground.lines.mistake(("rollout", "steps"), what, "delete the steps, or write 'strategy: steps'")
    if policy.strategy == "steps" and not policy.steps:
        what = "a release by steps has none, and would answer for all at once"
        yield ground.lines.mistake(
            ("rollout", "steps"), what, "write 'strategy: all-at-once' instead, or a step, e.g. '{kind: shadow}'"
        )
    if "keep" in told and policy.strategy != "blue-green":
        what = f"'keep' says how long the version before is kept warm; {policy.strategy} keeps none"
        yield ground.lines.mistake(("rollout", "keep"), what, "delete it, or write 'strategy: blue-green'")
    if policy.strategy == "blue-green" and policy.fallback == "previous":
        what = "blue-green has the version before stand in already, for as long as it is kept"
        yield ground.lines.mistake(("rollout", "fallback"), what, "delete one of them")
    if policy.strategy == "champion-challenger" and told & {"latest", "overdue"}:
        what = "a challenger scores silently for as long as it takes: nothing is ever overdue"
        yield ground.lines.mistake(("rollout", min(told & {"latest", "overdue"})), what, "delete it, or write steps")
    if policy.strategy == "champion-challenger" and "margin" in told:
        what = "a challenger must be proved better, so it has no margin"
        yield ground.lines.mistake(("rollout", "margin"), what, "delete it, or write steps")


def deadlines(ground: Ground) -> Iterator[Mistake]:
    """A step has time to be proved within, after its hold."""
    policy = ground.definition.rollout
    if policy.strategy != "steps":
        return
    longest = max(policy.steps, key=lambda step: step.hold, default=None)
    if longest is not None and longest.hold >= policy.latest:
        what = f"a step is held for {_told(longest.hold)} and would be overdue after {_told(policy.latest)} (rollout.latest)"
        where = ("rollout", "latest" if "latest" in policy.model_fields_set else "steps")
        yield ground.lines.mistake(where, what, f"write e.g. 'latest: {_told(2 * longest.hold)}'")


def _told(span: timedelta) -> str:
    return duration_text(span)


def guards(ground: Ground) -> Iterator[Mistake]:
    """What the server is to watch is there to be watched, and what it is to choose by is no contradiction."""
    policy, lines = ground.definition.rollout, ground.lines
    canary = policy.strategy == "steps" and any(step.kind == "canary" for step in policy.steps)
    slow = policy.guard.slow
    if not canary and policy.where:
        yield lines.mistake(
            ("rollout", "where"), "'where' says for whom a canary answers, and there is none", "add a canary step"
        )
    for name, wanted in policy.where.items():
        if not wanted:
            yield lines.mistake(("rollout", "where", name), f"no value of {name} is named", f"write e.g. '{name}: [AA, UA]'")
    if slow and not canary:
        yield lines.mistake(
            ("rollout", "guard", "slow"), "only a canary is watched for slow answers, and there is none", "add a canary step"
        )
    elif slow and policy.where:
        what = "answers of one segment cannot be told from slow ones of all others: latency is watched without 'where' only"
        yield lines.mistake(("rollout", "guard", "slow"), what, "delete 'slow', or 'where'")
    if slow and not policy.guard.errors:
        yield lines.mistake(
            ("rollout", "guard", "errors"), "the server watches errors whenever it watches", "delete 'errors: false', or 'slow'"
        )
    if list(slow) != sorted(set(slow)) or len(slow) > MOST_CUTS:
        what = "the cut points of latency do not ascend" if len(slow) <= MOST_CUTS else f"{len(slow)} cut points are too many"
        yield lines.mistake(
            ("rollout", "guard", "slow"), what, f"write up to {MOST_CUTS}, the lowest first: 'slow: [50ms, 200ms]'"
        )


def comparisons(ground: Ground) -> Iterator[Mistake]:
    """Named versions beside the live one can have the shares that they are to have."""
    policy, lines = ground.definition.rollout, ground.lines
    if policy.ab is None and policy.bandit is None:
        return
    if policy.ab is not None and policy.bandit is not None:
        yield lines.mistake(
            ("rollout", "bandit"), "units cannot be in an A/B comparison and a bandit at once", "keep one of them"
        )
    section = "ab" if policy.ab is not None else "bandit"
    if policy.strategy == "steps" and any(step.kind == "canary" for step in policy.steps):
        where: Where = ("rollout", "steps") if "steps" in policy.model_fields_set else ("rollout", section)
        what = "a canary beside compared variants would draw their units anew"
        yield lines.mistake(where, what, "write 'strategy: champion-challenger', or only shadow steps")
    yield from _names(ground, section)
    if policy.ab is not None:
        yield from _shares(ground, [each.share for each in policy.ab.variants.values()])
        if not policy.ab.lasts:
            yield lines.mistake(("rollout", "ab", "lasts"), "the comparison is over when it begins", "write e.g. 'lasts: 14d'")
    if policy.bandit is not None and policy.bandit.floor * (len(policy.bandit.variants) + 1) > 1:
        what = f"{len(policy.bandit.variants) + 1} arms cannot have {policy.bandit.floor:.0%} each"
        yield lines.mistake(("rollout", "bandit", "floor"), what, "write a lower floor")


def _names(ground: Ground, section: str) -> Iterator[Mistake]:
    ab, bandit = ground.definition.rollout.ab, ground.definition.rollout.bandit
    versions = (
        {name: each.version for name, each in ab.variants.items()} if ab is not None else dict(bandit.variants if bandit else {})
    )
    for name, version in versions.items():
        where: Where = ("rollout", section, "variants", name)
        if name in TAKEN:
            yield ground.lines.mistake(where, f"'{name}' means something already in a routing", "choose another name")
        if list(versions.values()).index(version) < list(versions).index(name):
            yield ground.lines.mistake(where, f"version {version} is named more than once", "name each version once")


def _shares(ground: Ground, shares: Iterable[float]) -> Iterator[Mistake]:
    found = list(shares)
    where: Where = ("rollout", "ab", "variants")
    if any(share > 1 / len(found) for share in found):
        what = f"a share above 1/{len(found)} cannot be given: each of {len(found)} variants is drawn from a region of its own"
        yield ground.lines.mistake(where, what, f"write shares of at most {1 / len(found):.3g}")
    elif sum(found) >= 1:
        yield ground.lines.mistake(where, "the shares leave nobody to the live version", "write smaller ones")


def faults(ground: Ground) -> Iterator[Mistake]:
    """A fault of a replay happens within it, and a canary that is broken is there."""
    plan, policy = ground.definition.replay, ground.definition.rollout
    for number, fault in enumerate(plan.faults if plan is not None else ()):
        where: Where = ("replay", "faults", number)
        if plan is not None and not plan.start <= fault.at < plan.until:
            yield ground.lines.mistake(where, "the fault lies outside the replay", "name an instant between start and until")
        canary = policy.strategy == "steps" and any(step.kind == "canary" for step in policy.steps)
        if fault.broken == "canary" and not canary:
            yield ground.lines.mistake(where, "there is no canary to break", "write 'break: candidate', or add a canary step")
