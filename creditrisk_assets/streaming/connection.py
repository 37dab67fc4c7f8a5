"""How to reach Kafka: the settings as arguments of the client, or what is wrong with them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from creditrisk_assets.resources.environments import Settings, SettingsError

PREFIX = "CREDITRISK_KAFKA_"
SASL = ("sasl_mechanism", "sasl_username", "sasl_password")
TLS = ("ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_password")


class Hidden(str):
    """A password that the client can use and nobody reads in a log: its representation is stars."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'**********'"


def client_arguments(values: Settings) -> dict[str, Any]:
    """Arguments for any client of kafka-python; SettingsError for settings that cannot work together."""
    protocol = values.kafka_security_protocol
    arguments: dict[str, Any] = {
        "bootstrap_servers": _bootstrap(values.kafka_bootstrap),
        "security_protocol": protocol,
    }
    sasl, tls = protocol.startswith("SASL_"), protocol.endswith("SSL")
    _refuse_unused(values, protocol, SASL, used=sasl)
    _refuse_unused(values, protocol, TLS, used=tls)
    return arguments | (_sasl(values, protocol) if sasl else {}) | (_tls(values) if tls else {})


def remedy(arguments: Mapping[str, Any]) -> str:
    """What to do when nobody answers a client with these arguments.

    A broker that speaks another protocol and one whose certificate is not trusted just seem to be silent.
    """
    protocol = str(arguments.get("security_protocol", "PLAINTEXT"))
    names = ["BOOTSTRAP"] + (["SECURITY_PROTOCOL"] if protocol != "PLAINTEXT" else [])
    names += [name.upper() for name in SASL] if protocol.startswith("SASL_") else []
    names += ["SSL_CAFILE", "SSL_CERTFILE", "SSL_KEYFILE", "SSL_CHECK_HOSTNAME"] if protocol.endswith("SSL") else []
    known = "" if len(names) == 1 else f" (it must speak {protocol}, and trust and be trusted)"
    return f"start it, or correct {', '.join(PREFIX + name for name in names)}{known}"


def _bootstrap(text: str) -> list[str]:
    servers = [server.strip() for server in text.split(",")]
    for server in servers:
        host, _, port = server.rpartition(":")
        if not host or "/" in host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise SettingsError(f"{PREFIX}BOOTSTRAP: {server!r} is no broker; write host:port,host:port")
    return servers


def _set(values: Settings, name: str) -> Any:
    return getattr(values, f"kafka_{name}")


def _refuse_unused(values: Settings, protocol: str, names: tuple[str, ...], used: bool) -> None:
    """A setting that would be ignored is a mistake: somebody believes that it protects them."""
    ignored = [PREFIX + name.upper() for name in names if not used and _set(values, name) is not None]
    if ignored:
        wanted = "SASL_SSL" if names == SASL else "SSL or SASL_SSL"
        raise SettingsError(
            f"{PREFIX}SECURITY_PROTOCOL={protocol} makes no use of {', '.join(ignored)}: "
            f"set it to {wanted}, or unset the others"
        )


def _sasl(values: Settings, protocol: str) -> dict[str, Any]:
    missing = [PREFIX + name.upper() for name in SASL if _set(values, name) is None]
    if missing:
        raise SettingsError(f"{PREFIX}SECURITY_PROTOCOL={protocol} needs {', '.join(missing)}, too")
    return {
        "sasl_mechanism": values.kafka_sasl_mechanism,
        "sasl_plain_username": values.kafka_sasl_username,
        "sasl_plain_password": _hidden(values.kafka_sasl_password),
    }


def _tls(values: Settings) -> dict[str, Any]:
    if values.kafka_ssl_keyfile is not None and values.kafka_ssl_certfile is None:
        raise SettingsError(f"{PREFIX}SSL_KEYFILE is of no use without {PREFIX}SSL_CERTFILE")
    if values.kafka_ssl_password is not None and values.kafka_ssl_certfile is None:
        raise SettingsError(f"{PREFIX}SSL_PASSWORD is of no use without {PREFIX}SSL_CERTFILE")
    files = {name: _file(name, _set(values, name)) for name in ("ssl_cafile", "ssl_certfile", "ssl_keyfile")}
    return files | {
        "ssl_password": _hidden(values.kafka_ssl_password),
        "ssl_check_hostname": values.kafka_ssl_check_hostname,
    }


def _file(name: str, path: Path | None) -> str | None:
    if path is not None and not path.is_file():
        raise SettingsError(f"{PREFIX}{name.upper()}: there is no file {path}")
    return None if path is None else str(path)


def _hidden(secret: SecretStr | None) -> Hidden | None:
    return None if secret is None else Hidden(secret.get_secret_value())
