"""Settings as arguments of the Kafka client: what works is passed on, what cannot is refused by name."""

import logging
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from creditrisk_assets.resources.environments import SettingsError, settings
from creditrisk_assets.streaming.connection import client_arguments

SECRET = "correct horse battery staple"
SASL = {"SASL_MECHANISM": "SCRAM-SHA-512", "SASL_USERNAME": "scorer", "SASL_PASSWORD": SECRET}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Certificates, as far as settings look at them."""
    found = {}
    for name in ("CAFILE", "CERTFILE", "KEYFILE"):
        (tmp_path / name).write_text("")
        found[f"SSL_{name}"] = str(tmp_path / name)
    return found


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Arguments from variables of the environment."""

    def arguments(**variables: str) -> dict[str, object]:
        for name, value in variables.items():
            monkeypatch.setenv(f"CREDITRISK_KAFKA_{name}", value)
        return client_arguments(settings())

    return arguments


def test_by_default_the_development_broker_is_reached(given) -> None:  # type: ignore[no-untyped-def]
    assert given() == {"bootstrap_servers": ["127.0.0.1:9092"], "security_protocol": "PLAINTEXT"}


def test_several_brokers_are_a_list(given) -> None:  # type: ignore[no-untyped-def]
    assert given(BOOTSTRAP="kafka-1:9092, [::1]:9093")["bootstrap_servers"] == ["kafka-1:9092", "[::1]:9093"]


def test_a_password_over_tls_is_passed_on_and_shown_nowhere(given, files: dict[str, str]) -> None:  # type: ignore[no-untyped-def]
    found = given(SECURITY_PROTOCOL="SASL_SSL", SSL_PASSWORD=SECRET, SSL_CHECK_HOSTNAME="false", **SASL, **files)
    assert found["sasl_plain_password"] == found["ssl_password"] == SECRET
    assert (found["sasl_mechanism"], found["sasl_plain_username"]) == ("SCRAM-SHA-512", "scorer")
    assert [found[name.lower()] for name in files] == list(files.values())
    assert found["ssl_check_hostname"] is False
    assert SECRET not in repr(found)
    assert SECRET not in repr(settings())
    assert SECRET not in settings().model_dump_json()


def test_tls_alone_needs_no_files(given) -> None:  # type: ignore[no-untyped-def]
    found = given(SECURITY_PROTOCOL="SSL")
    assert found["ssl_cafile"] is None  # the authorities of the system
    assert found["ssl_check_hostname"] is True


def test_the_client_takes_every_argument_and_logs_no_password(  # type: ignore[no-untyped-def]
    given, caplog: pytest.LogCaptureFixture
) -> None:
    """KafkaAdminClient logs its whole configuration when asked for details."""
    found = given(BOOTSTRAP="127.0.0.1:1", SECURITY_PROTOCOL="SASL_PLAINTEXT", **SASL)
    with caplog.at_level(logging.DEBUG), pytest.raises(KafkaError):
        KafkaAdminClient(**found, bootstrap_timeout_ms=100)
    assert "scorer" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize("server", ["kafka", "kafka:", ":9092", "kafka:0", "kafka:70000", "kafka://kafka:9092", "a:1,"])
def test_a_broker_is_a_host_and_a_port(given, server: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SettingsError, match=r"CREDITRISK_KAFKA_BOOTSTRAP: '.*' is no broker; write host:port"):
        given(BOOTSTRAP=server)


@pytest.mark.parametrize("missing", list(SASL))
def test_a_login_is_whole_or_refused(given, missing: str) -> None:  # type: ignore[no-untyped-def]
    rest = {name: value for name, value in SASL.items() if name != missing}
    with pytest.raises(SettingsError, match=f"SECURITY_PROTOCOL=SASL_SSL needs CREDITRISK_KAFKA_{missing}, too"):
        given(SECURITY_PROTOCOL="SASL_SSL", **rest)


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL"])
def test_a_login_that_would_be_ignored_is_refused(given, protocol: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SettingsError) as error:
        given(SECURITY_PROTOCOL=protocol, **SASL)
    assert f"CREDITRISK_KAFKA_SECURITY_PROTOCOL={protocol} makes no use of" in str(error.value)
    assert "CREDITRISK_KAFKA_SASL_PASSWORD" in str(error.value)
    assert SECRET not in str(error.value)


def test_certificates_that_would_be_ignored_are_refused(given, files: dict[str, str]) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SettingsError, match="PLAINTEXT makes no use of CREDITRISK_KAFKA_SSL_CAFILE"):
        given(**files)


@pytest.mark.parametrize("name", ["SSL_KEYFILE", "SSL_PASSWORD"])
def test_a_key_without_a_certificate_is_refused(given, files: dict[str, str], name: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SettingsError, match=f"{name} is of no use without CREDITRISK_KAFKA_SSL_CERTFILE"):
        given(SECURITY_PROTOCOL="SSL", **{name: files["SSL_KEYFILE"]})


def test_a_file_that_is_not_there_is_told(given) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SettingsError, match=r"CREDITRISK_KAFKA_SSL_CAFILE: there is no file /nowhere/ca.pem"):
        given(SECURITY_PROTOCOL="SSL", SSL_CAFILE="/nowhere/ca.pem")


@pytest.mark.parametrize("name", ["SECURITY_PROTOCOL", "SASL_MECHANISM"])
def test_a_word_kafka_does_not_know_is_refused_with_those_it_does(given, name: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SettingsError, match=f"CREDITRISK_KAFKA_{name}: Input should be "):
        given(**{name: "KERBEROS"})
