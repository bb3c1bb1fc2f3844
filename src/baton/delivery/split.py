"""Which variant answers for an entity: a salted hash, so that units only ever move from live to canary as the share grows."""

import hashlib
from collections.abc import Sequence

BUCKETS = 1 << 32


def position(salt: str, entity: str) -> float:
    """The entity's fixed place in [0, 1) under this salt."""
    return int.from_bytes(hashlib.blake2b(f"{salt}\x1f{entity}".encode(), digest_size=4).digest()) / BUCKETS


def in_canary(salt: str, entity: str, share: float) -> bool:
    """Whether the canary answers for this entity at this share. Growing the share never moves an entity back."""
    return position(salt, entity) < share


def arm_of(salt: str, entity: str, shares: Sequence[float]) -> int | None:
    """Which of several arms answers for an entity; None is live.

    Each arm has a region of its own, of equal size, and takes the first `share` of it: so a share that grows moves
    entities from live to that arm only. A share above `1 / len(shares)` cannot be given; the caller refuses it.
    """
    if not shares:
        return None
    region, within = divmod(position(salt, entity) * len(shares), 1.0)
    arm = int(region)
    return arm if within < shares[arm] * len(shares) else None
