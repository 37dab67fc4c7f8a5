"""Addresses that no other machine reaches."""

from ipaddress import ip_address

LOOPBACK = "127.0.0.1"


def on_this_machine(host: str) -> str | None:
    """The address of a host that only this machine reaches; None for any other."""
    address = LOOPBACK if host == "localhost" else host
    try:
        return address if ip_address(address).is_loopback else None
    except ValueError:
        return None
