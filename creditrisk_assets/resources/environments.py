"""Every setting of the platform, from environment variables; laptop and cluster differ in values only.

An environment variable wins over `.env` in the project, which wins over what `make demo` noted
about its own book in `demo.env` of the data folder, which wins over the defaults below.
"""

import math
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_CLONE = Path(__file__).resolve().parents[2]
PROJECT = _CLONE if (_CLONE / "pyproject.toml").exists() else Path.cwd()
"""A clone keeps its data beside its code; an installed package uses the working directory."""


class _Folders(BaseSettings):
    """Where everything else lies; read first, because the other settings may lie there."""

    model_config = SettingsConfigDict(
        env_prefix="CREDITRISK_", env_file=PROJECT / ".env", extra="ignore", env_ignore_empty=True
    )

    data: Path = PROJECT / "data"


DATA = _Folders().data.expanduser().absolute()
"""Holds the lake, the landing folder and what the demo makes: CREDITRISK_DATA, else data/ of the project."""

DEMO_ENV = DATA / "demo.env"


class SettingsError(ValueError):
    """A setting that cannot be used; the message names the variable and the remedy."""


def first_of_month(value: object) -> object:
    """A month written as 2011-01 (or any day of it) as its first day."""
    if isinstance(value, str):
        try:
            parsed = date.fromisoformat(value if value.count("-") == 2 else f"{value}-01")
        except ValueError as error:
            raise ValueError(f"{value!r} is not a month; write it as 2011-01") from error
        return parsed.replace(day=1)
    return value


def whole_number(value: object) -> object:
    """A number written as text; left alone when it is none, for the type to refuse."""
    return int(value) if isinstance(value, str) and value.strip().isdecimal() else value


Month = Annotated[date, BeforeValidator(first_of_month)]
Divisor = Annotated[Literal[1, 2, 3, 4, 6, 12], BeforeValidator(whole_number)]


class Settings(BaseSettings):
    """What the platform reads, where it writes, and its time axis; see the table in the README."""

    model_config = SettingsConfigDict(
        env_prefix="CREDITRISK_",
        env_file=(DEMO_ENV, PROJECT / ".env"),
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
        hide_input_in_errors=True,  # the input of one that concerns several settings is all of them, secrets too
    )

    lake: str = str(DATA / "lake")
    loans: str | None = None
    landing: str = str(DATA / "landing")
    first_vintage: Month = date(2007, 6, 1)
    last_vintage: Month = date(2020, 12, 1)
    first_model_date: Month | None = None
    model_every_months: Divisor = 3
    training_window: int | Literal["expanding"] = 24
    policy: Path | None = None
    ifrs9: Path | None = None
    rules: Path | None = None
    feature_set: Literal["application", "application_with_price"] = "application"
    challenger: Literal["none", "other", "application", "application_with_price"] = "other"
    base_points: float = 600
    base_odds: float = 50
    points_to_double_odds: float = 20
    history: Path | None = None
    first_stream_day: date = date(2026, 1, 1)
    drain_seconds: float = 300.0
    drain_idle_seconds: float = 15.0
    kafka_bootstrap: str = "127.0.0.1:9092"
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    kafka_sasl_username: str | None = None
    kafka_sasl_password: SecretStr | None = None
    kafka_ssl_cafile: Path | None = None
    kafka_ssl_certfile: Path | None = None
    kafka_ssl_keyfile: Path | None = None
    kafka_ssl_password: SecretStr | None = None
    kafka_ssl_check_hostname: bool = True
    postgres_url: SecretStr | None = None
    postgres_writer_password: SecretStr | None = None
    postgres_reader_password: SecretStr | None = None
    dagster_url: str = "http://127.0.0.1:3000"
    dagster_link: str | None = None
    postgres_officer_password: SecretStr | None = None
    dashboard_officer: str | None = None
    viewer_groups: str | None = None
    officer_groups: str | None = None
    alert_urls: SecretStr | None = None
    alert_reminder_hours: float | None = None
    fresh_within_days: float = 3.0
    api_keys: SecretStr | None = None
    executor: Literal["in_process", "kubernetes"] = "in_process"
    vintages_per_run: int | None = Field(default=None, ge=1)
    archive: str | None = None

    @model_validator(mode="after")
    def _in_order(self) -> "Settings":
        if self.last_vintage < self.first_vintage:
            raise ValueError("CREDITRISK_LAST_VINTAGE lies before CREDITRISK_FIRST_VINTAGE; swap them")
        if self.training_window != "expanding" and self.training_window < 1:
            raise ValueError("CREDITRISK_TRAINING_WINDOW must be a number of months above 0, or expanding")
        scale = (self.base_points, self.base_odds, self.points_to_double_odds)
        if not all(map(math.isfinite, scale)) or self.base_odds <= 0 or self.points_to_double_odds <= 0:
            raise ValueError("CREDITRISK_BASE_ODDS and CREDITRISK_POINTS_TO_DOUBLE_ODDS must be numbers above 0")
        spans = (self.drain_seconds, self.drain_idle_seconds)
        if not all(math.isfinite(span) and span > 0 for span in spans):
            raise ValueError("CREDITRISK_DRAIN_SECONDS and CREDITRISK_DRAIN_IDLE_SECONDS must be numbers above 0")
        self._refuse_impossible_alerts()
        return self

    def _refuse_impossible_alerts(self) -> None:
        reminder = self.alert_reminder_hours
        if reminder is not None and not (math.isfinite(reminder) and reminder > 0):
            raise ValueError("CREDITRISK_ALERT_REMINDER_HOURS must be a number above 0; leave it out for no reminders")
        if not (math.isfinite(self.fresh_within_days) and self.fresh_within_days > 0):
            raise ValueError("CREDITRISK_FRESH_WITHIN_DAYS must be a number above 0")

    @property
    def book(self) -> tuple[date, date]:
        """First and last vintage of the platform."""
        return self.first_vintage, self.last_vintage

    @cached_property
    def model_start(self) -> date:
        """First model date: as set, else the first one on the grid with 24 months of vintages before it."""
        wanted = self.first_model_date or add_months(self.first_vintage, 24)
        offset = -(wanted.month - 1) % self.model_every_months
        return add_months(wanted, offset)

    @property
    def model_end(self) -> date:
        """Last possible model date: the month after the last vintage."""
        return add_months(self.last_vintage, 1)


def add_months(month: date, months: int) -> date:
    """First day of the month `months` later (or earlier, when negative)."""
    index = month.year * 12 + month.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def settings() -> Settings:
    """Settings of this process; SettingsError names every variable that cannot be used."""
    try:
        return Settings()
    except ValidationError as error:
        said = "; ".join(
            f"CREDITRISK_{'_'.join(str(part) for part in fault['loc'][:1]).upper()}: {fault['msg']}"
            if fault["loc"]
            else fault["msg"]
            for fault in error.errors()
        )
        raise SettingsError(f"{said}. Mend the environment or .env (see .env.example).") from error


def resources_for(values: Settings) -> dict[str, object]:
    """The platform's resources: the same classes everywhere, other values."""
    from creditrisk_assets.resources.archive import ArchiveStore
    from creditrisk_assets.resources.lake import DeltaLakeIOManager
    from creditrisk_assets.resources.loan_files import LoanFiles

    lake = DeltaLakeIOManager(root=values.lake)
    first, last = values.book
    return {
        "io_manager": lake,
        "lake": lake,
        "archive": ArchiveStore(root=values.archive),
        "loan_files": LoanFiles(
            loans=values.loans,
            landing=values.landing,
            first_vintage=first.isoformat(),
            last_vintage=last.isoformat(),
        ),
    }
