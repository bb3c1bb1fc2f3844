"""From where a door of this machine may be reached: from here alone, unless what travels is protected on its way."""

import ipaddress

from baton.kernel.errors import Refused


def is_loopback(host: str) -> bool:
    """Whether an address is reachable from this machine only."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def assert_guarded(host: str, *, tls: bool, behind_proxy: bool) -> None:
    """Raise Refused for an address that other machines reach while tokens would travel in the clear."""
    if not (is_loopback(host) or tls or behind_proxy):
        raise Refused(
            f"{host} can be reached from other machines, and tokens would travel in the clear",
            where="--host",
            why="neither a certificate nor a proxy that ends TLS is named",
            fix="--tls-cert FILE --tls-key FILE; or --behind-proxy; or leave --host out",
        )
