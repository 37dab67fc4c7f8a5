"""No object shows a secret setting, and no error does, nor what caused it: every one there is, one after the other."""

import traceback
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from creditrisk_assets.monitoring.channels import channels
from creditrisk_assets.resources.environments import Settings, SettingsError, resources_for, settings
from creditrisk_assets.serving.api.keys import keys
from creditrisk_assets.serving.connection import address, connect, role_passwords, sqlalchemy_url
from creditrisk_assets.serving.metrics.exporter import sources
from creditrisk_assets.streaming.connection import client_arguments
from creditrisk_assets_tests.doors.telltale import fields, mark, tellers, values

FIELDS = fields()
EVERY = pytest.mark.parametrize("name", FIELDS)
MISFITS = [
    {"last_vintage": "1990-01"}, {"training_window": "0"}, {"base_odds": "-1"}, {"drain_seconds": "nan"},
    {"alert_reminder_hours": "0"}, {"first_vintage": "June"}, {"kafka_security_protocol": "TELNET"},
    {"kafka_ssl_check_hostname": "perhaps"},
]  # fmt: skip


def unsaid(secret: str, *told: object) -> None:
    texts = [str(one).encode() for one in told] + [repr(one).encode() for one in told]
    assert tellers({str(number): text for number, text in enumerate(texts)}, secret) == []


def failure(act: Callable[[], Any]) -> str:
    """The whole traceback of what an act raises, causes among it."""
    try:
        act()
    except Exception as error:
        return "".join(traceback.format_exception(error))
    return ""


@pytest.fixture(autouse=True)
def _everything_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in values().items():
        monkeypatch.setenv(variable, value)


def test_every_setting_that_names_a_secret_is_kept_as_one() -> None:
    telling = ("password", "secret", "token", "api_key", "_url", "credential", "passphrase")
    for name in Settings.model_fields:
        assert name in FIELDS or name == "dagster_url" or not any(word in name for word in telling), name
    assert len(FIELDS) >= 8


@EVERY
def test_no_object_of_the_platform_shows_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings()
    unsaid(mark(name), found, found.model_dump(), found.model_dump_json(), resources_for(found), role_passwords())
    unsaid(mark(name), keys(found) if name != "api_keys" else "", channels(found), vars(found))
    for protocol in ("SASL_SSL", "SASL_PLAINTEXT", "SSL", "PLAINTEXT"):
        monkeypatch.setenv("CREDITRISK_KAFKA_SECURITY_PROTOCOL", protocol)
        unsaid(mark(name), failure(lambda: sources(settings())))
    monkeypatch.setenv("CREDITRISK_KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    monkeypatch.setenv("CREDITRISK_KAFKA_SASL_MECHANISM", "PLAIN")
    monkeypatch.setenv("CREDITRISK_KAFKA_SASL_USERNAME", "risk")
    monkeypatch.delenv("CREDITRISK_KAFKA_SSL_PASSWORD")
    arguments = client_arguments(settings())
    assert arguments["sasl_plain_password"] == mark("kafka_sasl_password")
    unsaid(mark(name), repr(arguments), repr(list(arguments.values())), {name: repr(sources(settings()))})


@EVERY
@pytest.mark.parametrize("misfit", MISFITS, ids=[next(iter(one)) for one in MISFITS])
def test_no_error_of_the_settings_shows_it_nor_its_cause(
    name: str, misfit: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for other, value in misfit.items():
        monkeypatch.setenv(f"CREDITRISK_{other.upper()}", value)
    told = failure(settings)
    assert "SettingsError" in told
    assert "ValidationError" in told
    unsaid(mark(name), told)


@EVERY
def test_a_secret_that_cannot_be_used_is_not_repeated(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it stands, without its form, and where it is mistaken for another."""
    for value in (mark(name), f"postgresql://u:{mark(name)}@[::1", f"json://{mark(name)} x", f"{mark(name)}\x01"):
        for other in FIELDS:
            with monkeypatch.context() as patch:
                patch.setenv(f"CREDITRISK_{other.upper()}", value)
                acts: list[Callable[[], Any]] = [
                    settings, lambda: channels(settings()), lambda: client_arguments(settings()),
                    lambda: address(settings().postgres_url or SecretStr("")), lambda: connect("reader"),
                ]  # fmt: skip
                if name != "api_keys" or other != "api_keys":
                    acts.append(lambda: keys(settings()))
                for act in acts:
                    unsaid(mark(name), failure(act))


URLS = [
    "postgresql://u:{0}@127.0.0.1:9/a", "postgresql://u:{0}@127.0.0.1:port/a", "postgresql://u:{0}@[/a",
    "postgresql://u:{0}@127.0.0.1:9", "postgresql://u:{0}@127.0.0.1:9/a?sslmode=perhaps", "mysql://u:{0}@h/a",
    "postgresql://u:{0}%ZZ@h/a", "postgresql://u:x@127.0.0.1:9/a?password={0}&nonsense={0}", "{0}",
    "host=127.0.0.1 password={0}", "postgresql://u:{0}/x@127.0.0.1:9/a", "postgresql://u:{0}@@@:/a",
    "postgresql://u:x@{0}@127.0.0.1:9/a", "postgresql://u:x@127.0.0.1:{0}/a", "postgresql://u:x/{0}@127.0.0.1:9/a",
    "postgresql://u:1/{0}@127.0.0.1:9/a", "postgresql://u:x?{0}@127.0.0.1:9/a", "postgresql://u:x#{0}@127.0.0.1:9/a",
    "postgresql://u:x @{0}@127.0.0.1:9/a", "postgresql://u:x,{0}@@127.0.0.1:9/a", "postgresql://u:x@@{0}/a",
]  # fmt: skip
"""Passwords with signs that should have been written as %40 and the like among them."""


@pytest.mark.parametrize("url", URLS)
def test_no_spelling_of_a_database_shows_its_password(url: str) -> None:
    secret = SecretStr(url.format(mark("postgres_url")))
    for act in (
        lambda: address(secret),
        lambda: connect("writer", secret),
        lambda: failure(lambda: sqlalchemy_url(secret)),
    ):
        unsaid(mark("postgres_url"), failure(act))


@pytest.mark.parametrize(
    "url", ["postgresql://u:p%40w@127.0.0.1:9/a", "postgresql://u@[::1]:9/a", "postgresql://u@h-1.x,h_2:9,10/a",
            "postgresql:///a?host=/var/run/postgresql", "postgresql+psycopg2://u:p@h/a", "postgres://h/a?passfile=/a@b"],
)  # fmt: skip
def test_addresses_that_can_be_used_are(url: str) -> None:
    assert address(SecretStr(url)).startswith("postgresql://")


def test_a_broker_that_refuses_is_told_without_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    from creditrisk_assets.contracts import TOPICS
    from creditrisk_assets.streaming.log import Log

    for name, value in {"SECURITY_PROTOCOL": "SASL_PLAINTEXT", "SASL_MECHANISM": "PLAIN", "SASL_USERNAME": "risk",
                        "BOOTSTRAP": "127.0.0.1:9", "SSL_PASSWORD": ""}.items():  # fmt: skip
        monkeypatch.setenv(f"CREDITRISK_KAFKA_{name}", value)
    told = failure(lambda: Log(client_arguments(settings()), TOPICS, patience=0.2).watermarks())
    assert "CREDITRISK_KAFKA_SASL_PASSWORD" in told
    unsaid(mark("kafka_sasl_password"), told)


def test_settings_that_fit_are_taken() -> None:
    assert failure(settings) == ""
    with pytest.raises(SettingsError):
        client_arguments(settings())
