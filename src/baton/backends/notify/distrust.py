"""Distrust: the other side's certificate does not hold, so nothing was sent to it."""

import ssl

from baton.kernel.errors import Unavailable


def distrusted(whose: str, host: str, error: ssl.SSLCertVerificationError) -> Unavailable:
    """The error for a certificate that cannot be verified. Tried again: a certificate may be renewed, and an imposter may go."""
    return Unavailable(
        f"{whose} shows a certificate that is not trusted, and nothing was sent",
        where=host,
        why=error.verify_message,
        fix="renew it there; for an authority of your own: export BATON_CA_FILE=authority.pem",
    )
