"""What is personal in a request, and how it is logged: hashed, so that equal stays equal, or not at all.

The contracts of a project's sources say which columns are personal. Packaging works out which features come from them and
writes that into the bundle's lineage; here the bundles in service are obeyed together, so that no old version logs what a
newer one may not.
"""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

HASHED, DROPPED, ENTITY = "log_hash", "log_drop", "log_entity"
"""Names in a bundle's lineage: features that are logged hashed, or not; and `hash` when the entity's key is personal."""
PREFIX = "hashed_"


@dataclass(frozen=True, slots=True)
class Personal:
    """Which features are personal and whether entities are; `key` is the workspace's own."""

    hashed: frozenset[str]
    dropped: frozenset[str]
    entity: bool
    key: bytes = field(repr=False)

    def features(self, features: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
        """Features as they are logged; hashed ones under a name of their own, for they are texts whatever they were."""
        return {
            f"{PREFIX}{name}" if name in self.hashed else name: self.aliases(values) if name in self.hashed else values
            for name, values in features.items()
            if name not in self.dropped
        }

    def entities(self, entities: Sequence[str]) -> Sequence[str]:
        """Entities as they are logged."""
        return [alias(self.key, entity) for entity in entities] if self.entity else entities

    def aliases(self, values: Sequence[Any]) -> list[str | None]:
        """Hashes of values; what is missing stays missing."""
        return [None if value is None else alias(self.key, value) for value in values]


def personal(lineages: Iterable[Mapping[str, str]]) -> tuple[frozenset[str], frozenset[str], bool] | None:
    """What the bundles in service together call personal: hashed, dropped (which wins), the entity. None when nothing is."""
    told = list(lineages)
    hashed, dropped = (frozenset(name for lineage in told for name in _listed(lineage, key)) for key in (HASHED, DROPPED))
    entity = any(ENTITY in lineage for lineage in told)
    return (hashed - dropped, dropped, entity) if hashed or dropped or entity else None


def alias(key: bytes, value: Any) -> str:
    """A value's pseudonym: keyed, so that nobody without the key can try values out. Numbers that are equal have one."""
    text = repr(float(value) + 0.0) if isinstance(value, bool | int | float) else str(value)
    return hmac.digest(key, text.encode(), "sha256").hex()[:32]


def _listed(lineage: Mapping[str, str], name: str) -> list[str]:
    return [part for part in lineage.get(name, "").split(",") if part]
