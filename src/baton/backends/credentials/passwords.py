"""Passwords by argon2id, with the library's present parameters (RFC 9106, low memory)."""

import secrets  # noqa: TID251 - a secret is drawn, never derived

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError


def drawn() -> str:
    """32 random bytes as text that fits into a URL."""
    return secrets.token_urlsafe(32)


class Argon2Passwords:
    """Implements `team.ports.Passwords`."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()

    def hashed(self, password: str) -> str:
        """A hash with its salt and parameters."""
        return self._hasher.hash(password)

    def fits(self, hashed: str, password: str) -> bool:
        """Whether the password is the one that was hashed. Without a hash one is made, which takes as long as looking."""
        if not hashed:
            self._hasher.hash(password)
            return False
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False
