"""Which variant answers for an entity: a salted hash, so that units only ever move from live to canary as the share grows."""

import hashlib

BUCKETS = 1 << 32


def position(salt: str, entity: str) -> float:
    """The entity's fixed place in [0, 1) under this salt."""
    return int.from_bytes(hashlib.blake2b(f"{salt}\x1f{entity}".encode(), digest_size=4).digest()) / BUCKETS


def in_canary(salt: str, entity: str, share: float) -> bool:
    """Whether the canary answers for this entity at this share. Growing the share never moves an entity back."""
    return position(salt, entity) < share
