"""Every setting: where it comes from, what wins, and what is said when it cannot be used."""

import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from creditrisk_assets.resources.environments import (
    DATA,
    PROJECT,
    Settings,
    SettingsError,
    add_months,
    resources_for,
    settings,
)

# variable, text, field, value; every one differs from its default
VALUES: list[tuple[str, str, object]] = [
    ("lake", "s3://bucket/lake", "s3://bucket/lake"),
    ("loans", "/data/*.csv", "/data/*.csv"),
    ("landing", "/data/landing", "/data/landing"),
    ("first_vintage", "2008-03", date(2008, 3, 1)),
    ("last_vintage", "2018-11-30", date(2018, 11, 1)),
    ("first_model_date", "2011-01", date(2011, 1, 1)),
    ("model_every_months", "6", 6),
    ("training_window", "36", 36),
    ("policy", "/data/policy.yaml", Path("/data/policy.yaml")),
    ("ifrs9", "/data/ifrs9.yaml", Path("/data/ifrs9.yaml")),
    ("rules", "/data/rules.yaml", Path("/data/rules.yaml")),
    ("feature_set", "application_with_price", "application_with_price"),
    ("challenger", "application_with_price", "application_with_price"),
    ("base_points", "500", 500.0),
    ("base_odds", "20", 20.0),
    ("points_to_double_odds", "40", 40.0),
    ("history", "/data/history", Path("/data/history")),
    ("first_stream_day", "2026-06-01", date(2026, 6, 1)),
    ("drain_seconds", "60", 60.0),
    ("drain_idle_seconds", "5.5", 5.5),
    ("kafka_bootstrap", "kafka-1:9092,kafka-2:9092", "kafka-1:9092,kafka-2:9092"),
    ("kafka_security_protocol", "SASL_SSL", "SASL_SSL"),
    ("kafka_sasl_mechanism", "SCRAM-SHA-512", "SCRAM-SHA-512"),
    ("kafka_sasl_username", "scorer", "scorer"),
    ("kafka_sasl_password", "told to nobody", SecretStr("told to nobody")),
    ("kafka_ssl_cafile", "/tls/ca.pem", Path("/tls/ca.pem")),
    ("kafka_ssl_certfile", "/tls/own.pem", Path("/tls/own.pem")),
    ("kafka_ssl_keyfile", "/tls/own.key", Path("/tls/own.key")),
    ("kafka_ssl_password", "told to nobody", SecretStr("told to nobody")),
    ("kafka_ssl_check_hostname", "false", False),
    ("postgres_url", "postgresql://me:secret@host/risk", SecretStr("postgresql://me:secret@host/risk")),
    ("postgres_writer_password", "told to nobody", SecretStr("told to nobody")),
    ("postgres_reader_password", "told to nobody", SecretStr("told to nobody")),
    ("dagster_url", "http://dagster:3000", "http://dagster:3000"),
    ("dagster_link", "https://risk.example/view", "https://risk.example/view"),
    ("postgres_officer_password", "told to nobody", SecretStr("told to nobody")),
    ("dashboard_officer", "demo", "demo"),
    ("viewer_groups", "risk, audit", "risk, audit"),
    ("officer_groups", "credit", "credit"),
    ("alert_urls", "json://host/told-to-nobody", SecretStr("json://host/told-to-nobody")),
    ("alert_reminder_hours", "24", 24.0),
    ("fresh_within_days", "5", 5.0),
    ("api_keys", "portal:told-to-nobody", SecretStr("portal:told-to-nobody")),
    ("executor", "kubernetes", "kubernetes"),
    ("vintages_per_run", "6", 6),
    ("archive", "s3://bucket/archive", "s3://bucket/archive"),
]
BAD = [
    ("first_vintage", "June 2007", "'June 2007' is not a month; write it as 2011-01"),
    ("last_vintage", "2020-13", "'2020-13' is not a month; write it as 2011-01"),
    ("first_model_date", "soon", "'soon' is not a month; write it as 2011-01"),
    ("model_every_months", "5", "1, 2, 3, 4, 6 or 12"),
    ("model_every_months", "monthly", "1, 2, 3, 4, 6 or 12"),
    ("training_window", "all", "expanding"),
    ("training_window", "0", "must be a number of months above 0, or expanding"),
    ("feature_set", "everything", "'application' or 'application_with_price'"),
    ("challenger", "boosting", "'none', 'other', 'application' or 'application_with_price'"),
    ("base_points", "many", "valid number"),
    ("base_odds", "0", "must be numbers above 0"),
    ("points_to_double_odds", "-1", "must be numbers above 0"),
    ("first_stream_day", "soon", "date"),
    ("drain_seconds", "0", "must be numbers above 0"),
    ("drain_seconds", "inf", "must be numbers above 0"),
    ("drain_idle_seconds", "-1", "must be numbers above 0"),
    ("alert_reminder_hours", "0", "must be a number above 0; leave it out for no reminders"),
    ("alert_reminder_hours", "nan", "must be a number above 0; leave it out for no reminders"),
    ("fresh_within_days", "-1", "must be a number above 0"),
    ("executor", "celery", "'in_process' or 'kubernetes'"),
    ("vintages_per_run", "0", "greater than or equal to 1"),
    ("last_vintage", "2001-01", "lies before CREDITRISK_FIRST_VINTAGE"),
]


def variable(name: str) -> str:
    return f"CREDITRISK_{name.upper()}"


def test_every_setting_is_tried_here() -> None:
    assert [name for name, _, _ in VALUES] == list(Settings.model_fields)


@pytest.mark.parametrize(("name", "text", "value"), VALUES, ids=[name for name, _, _ in VALUES])
def test_a_variable_of_the_environment_sets_it(
    name: str, text: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert getattr(settings(), name) != value
    monkeypatch.setenv(variable(name), text)
    assert getattr(settings(), name) == value


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_an_empty_variable_counts_as_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = getattr(settings(), name)
    monkeypatch.setenv(variable(name), "")
    assert getattr(settings(), name) == expected


@pytest.mark.parametrize(("name", "text", "told"), BAD)
def test_a_value_that_cannot_be_used_names_the_variable_and_the_remedy(
    name: str, text: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable(name), text)
    with pytest.raises(SettingsError) as error:
        settings()
    assert variable(name) in str(error.value)
    assert told in str(error.value)
    assert "Mend the environment or .env (see .env.example)." in str(error.value)


def test_all_wrong_values_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDITRISK_FIRST_VINTAGE", "x")
    monkeypatch.setenv("CREDITRISK_BASE_ODDS", "y")
    with pytest.raises(SettingsError, match=r"(?s)CREDITRISK_FIRST_VINTAGE.*CREDITRISK_BASE_ODDS"):
        settings()


def test_the_environment_wins_over_env_which_wins_over_the_demo_which_wins_over_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo, own = tmp_path / "demo.env", tmp_path / ".env"
    monkeypatch.setitem(Settings.model_config, "env_file", (demo, own))
    demo.write_text("CREDITRISK_LOANS=demo\nCREDITRISK_LAKE=demo\nCREDITRISK_LANDING=demo\n")
    own.write_text("CREDITRISK_LOANS=own\nCREDITRISK_LAKE=own\nUNRELATED=1\n")
    monkeypatch.setenv("CREDITRISK_LOANS", "environment")
    found = settings()
    assert (found.loans, found.lake, found.landing) == ("environment", "own", "demo")
    assert found.base_points == 600


def test_the_data_folder_holds_lake_landing_and_the_settings_of_the_demo(tmp_path: Path) -> None:
    (tmp_path / "demo.env").write_text("CREDITRISK_FIRST_VINTAGE=2013-05\n")
    code = """
from creditrisk_assets.local.home import Home
from creditrisk_assets.resources.environments import settings
found, home = settings(), Home()
for value in (found.lake, found.landing, home.lake, home.dagster, home.files, found.first_vintage):
    print(value)
"""
    environment = os.environ | {"CREDITRISK_DATA": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    here = [str(tmp_path / name) for name in ("lake", "landing", "lake", "dagster", "demo")]
    assert lines == [*here, "2013-05-01"]


def test_by_default_data_lies_in_the_project() -> None:
    assert DATA == PROJECT / "data"


def test_resources_follow_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDITRISK_LAKE", "/lake")
    monkeypatch.setenv("CREDITRISK_LOANS", "/loans.csv")
    monkeypatch.setenv("CREDITRISK_FIRST_VINTAGE", "2012-01")
    found: dict[str, Any] = resources_for(settings())
    assert found["lake"] is found["io_manager"]
    assert found["lake"].root == "/lake"
    assert found["loan_files"].loans == "/loans.csv"
    assert found["loan_files"].book == (date(2012, 1, 1), date(2020, 12, 1))


def test_every_setting_is_documented_with_its_default() -> None:
    readme, example = ((PROJECT / name).read_text() for name in ("README.md", ".env.example"))
    for name in ("data", *Settings.model_fields):
        assert f"`{variable(name)}`" in readme, name
        assert re.search(rf"^# {variable(name)}=", example, re.MULTILINE), name


def test_the_example_shows_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = settings()
    example = tmp_path / ".env"
    example.write_text((PROJECT / ".env.example").read_text().replace("# CREDITRISK", "CREDITRISK"))
    monkeypatch.setitem(Settings.model_config, "env_file", example)
    monkeypatch.chdir(PROJECT)
    found = settings()
    folders = {"lake", "landing"}
    assert found.model_dump(exclude=folders) == expected.model_dump(exclude=folders)
    assert [Path(getattr(found, name)).absolute() for name in folders] == [
        Path(getattr(expected, name)) for name in folders
    ]


@pytest.mark.parametrize(
    ("month", "months", "other"),
    [("2014-01", 24, "2016-01"), ("2014-01", -1, "2013-12"), ("2014-12", 1, "2015-01"), ("2014-06", 0, "2014-06")],
)
def test_months_are_added_over_the_turn_of_the_year(month: str, months: int, other: str) -> None:
    assert add_months(date.fromisoformat(f"{month}-01"), months) == date.fromisoformat(f"{other}-01")
