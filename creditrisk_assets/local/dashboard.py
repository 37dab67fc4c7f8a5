"""The dashboard as a process."""

import sys
from pathlib import Path

from creditrisk_assets.local.loopback import on_this_machine


class OpenDashboardError(RuntimeError):
    """The dashboard would be open to the network without a login."""


def command(host: str, port: int) -> list[str]:
    """How to start it; its settings lie beside it, in .streamlit/config.toml."""
    import dashboard

    server = Path(dashboard.__file__).with_name("server.py")
    where = ["--server.address", host, "--server.port", str(port)]
    return [sys.executable, "-m", "streamlit", "run", str(server), *where]


def refuse_open(host: str, *, has_login: bool) -> None:
    """OpenDashboardError where other machines could look without logging in."""
    if not has_login and on_this_machine(host) is None:
        raise OpenDashboardError(
            f"{host} can be reached from other machines and nobody would have to log in: set up the login (see "
            "README, Dashboard), listen on 127.0.0.1, or say --without-login where a gateway asks for it"
        )


def login_configured() -> bool:
    """Is there an [auth] section in the secrets that streamlit finds?"""
    from streamlit import secrets

    return bool(secrets.load_if_toml_exists() and "auth" in secrets)
