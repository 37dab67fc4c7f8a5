"""TLS that does not come about looks like silence: the settings of the connection are named beside the broker."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from creditrisk_assets.contracts import ACTIVITY
from creditrisk_assets.resources.environments import settings
from creditrisk_assets.streaming import producer
from creditrisk_assets.streaming.connection import client_arguments
from creditrisk_assets.streaming.errors import KafkaUnavailableError
from creditrisk_assets.streaming.log import Log
from creditrisk_assets_tests.streaming.brokers import DevelopmentBroker

NAMED = (
    r"start it, or correct CREDITRISK_KAFKA_BOOTSTRAP, CREDITRISK_KAFKA_SECURITY_PROTOCOL, "
    r"CREDITRISK_KAFKA_SSL_CAFILE, CREDITRISK_KAFKA_SSL_CERTFILE, CREDITRISK_KAFKA_SSL_KEYFILE, "
    r"CREDITRISK_KAFKA_SSL_CHECK_HOSTNAME \(it must speak SSL, and trust and be trusted\)"
)


def authority(path: Path) -> Path:
    """A certificate that signs itself, behind its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, path.stem)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = serialization.Encoding.PEM
    secret = key.private_bytes(form, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(secret + certificate.public_bytes(form))
    return path


@contextmanager
def shaking_hands(certificate: Path) -> Iterator[tuple[str, list[str]]]:
    """A server that presents a certificate, as far as clients let it; and what they did not like."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    disliked: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):  # closed below
                while True:
                    client, _ = server.accept()
                    try:
                        context.wrap_socket(client, server_side=True).close()
                    except OSError as error:
                        disliked.append(str(error))

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}", disliked
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def both_name_the_settings(bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDITRISK_KAFKA_BOOTSTRAP", bootstrap)
    monkeypatch.setenv("CREDITRISK_KAFKA_SECURITY_PROTOCOL", "SSL")
    monkeypatch.setattr(producer, "PATIENCE_MS", 1_000)
    arguments = client_arguments(settings())
    with pytest.raises(KafkaUnavailableError, match=NAMED), Log(arguments, [ACTIVITY], patience=1) as log:
        log.watermarks()
    with pytest.raises(producer.SendError, match=NAMED):
        producer.ensure_topic(arguments, ACTIVITY, 1)


def test_a_broker_without_tls_is_told_with_the_protocol(
    development: DevelopmentBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    development.ensure()
    both_name_the_settings(development.bootstrap, monkeypatch)


def test_a_certificate_of_another_authority_is_told_with_the_certificates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDITRISK_KAFKA_SSL_CAFILE", str(authority(tmp_path / "ours.pem")))
    with shaking_hands(authority(tmp_path / "theirs.pem")) as (bootstrap, disliked):
        both_name_the_settings(bootstrap, monkeypatch)
    assert any("UNKNOWN_CA" in told or "unknown ca" in told for told in disliked), disliked
