"""Images and other content of a registry: named by digest, so the name is the pin and no registry is asked."""

from baton.team.reference import Pinned, Reference


class Images:
    """Implements `team.ports.References` for `oci:NAME@sha256:DIGEST`."""

    def pin(self, reference: Reference) -> Pinned:
        """The digest that the reference states: a registry can hand out nothing else under it."""
        return Pinned(reference, reference.digest)
