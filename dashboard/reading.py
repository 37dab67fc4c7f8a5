"""The tables of the lake and PostgreSQL, one handle for all visitors of the process."""

from collections.abc import Callable, Hashable
from datetime import date
from functools import cache
from typing import TypeVar

import polars as pl
import streamlit as st

from creditrisk_assets.columns import Table
from creditrisk_assets.contracts import (
    MODELS_DIAGNOSTICS,
    MONITORING_MODEL_CARDS,
    PORTFOLIO_EXPECTED_LOSS,
    SCORES_LOANS,
)
from creditrisk_assets.resources import environments
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets.serving.tables import ServedTables

T = TypeVar("T")


@cache
def settings() -> Settings:
    """Settings of this process, read once: reading them takes longer than drawing a page."""
    return environments.settings()


@cache
def tables() -> ServedTables:
    """The lake of this process."""
    return ServedTables(Lake(settings().lake))


def forget() -> None:
    """Read settings and tables anew, as in a process of its own."""
    settings.cache_clear()
    tables.cache_clear()
    st.cache_resource.clear()


def model_version() -> date | None:
    """Model date of the newest posterior that passed its gates; None without one."""
    return made(_newest, MODELS_DIAGNOSTICS, settings().feature_set)


def _newest(known: pl.DataFrame, feature_set: str) -> date | None:
    newest = known.filter(known["passed"] & (known["feature_set"] == feature_set))["model_date"].max()
    return newest if isinstance(newest, date) else None


def made(make: Callable[..., T], sources: Table | tuple[Table, ...], *arguments: Hashable) -> T:
    """What `make` makes of small tables, kept by version; one that was never written has no rows."""
    several = (sources,) if isinstance(sources, Table) else sources
    return tables().derived(make, several, *arguments, or_empty=True)


def frame(table: Table) -> pl.DataFrame:
    """All rows of a small table; none while it was never written."""
    served = tables()
    return served.frame(table) if served.exists(table) else pl.DataFrame(schema=table.schema)


def posterior_behind(day: date) -> date | None:
    """As-of date of the posterior behind portfolio/expected_loss of a reporting date; None where it is not there."""
    served = tables()
    return (
        _posterior_behind(day, served.version(PORTFOLIO_EXPECTED_LOSS))
        if served.exists(PORTFOLIO_EXPECTED_LOSS)
        else None
    )


@st.cache_resource(max_entries=4, show_spinner=False)
def _posterior_behind(day: date, version: int) -> date | None:
    rows = tables().rows(PORTFOLIO_EXPECTED_LOSS, pl.col("model_date") == day, ("posterior_date",))
    found = rows["posterior_date"].max()
    return found if isinstance(found, date) else None


def card(feature_set: str) -> dict[str, object] | None:
    """The newest model card of a feature set without its text: the posterior of the lake rather than one promoted."""
    served = tables()
    if not served.exists(MONITORING_MODEL_CARDS):
        return None
    return _card(feature_set, served.version(MONITORING_MODEL_CARDS))


@st.cache_resource(max_entries=8, show_spinner=False)
def _card(feature_set: str, version: int) -> dict[str, object] | None:
    names = ("model_date", "feature_set", "posterior", "promoted", "role", "owner")
    rows = tables().rows(MONITORING_MODEL_CARDS, pl.col("feature_set") == feature_set, names)
    newest = rows.sort("model_date", "promoted", descending=[True, False])
    return newest.row(0, named=True) if newest.height else None


def card_html(told: dict[str, object]) -> str:
    """The HTML of a card that `card` found; read when it is asked for, because cards hold pictures."""
    mine = pl.all_horizontal(pl.col(name) == told[name] for name in ("model_date", "feature_set", "posterior"))
    return str(tables().rows(MONITORING_MODEL_CARDS, mine, ("html",))["html"][0])


def riskiest(decision: str, most: int) -> pl.DataFrame:
    """loan_id and pd of the riskiest loans of a decision; LakeError when no loan was ever scored."""
    return _riskiest(decision, most, tables().version(SCORES_LOANS))


@st.cache_resource(max_entries=4, show_spinner=False)
def _riskiest(decision: str, most: int, version: int) -> pl.DataFrame:
    rows = tables().rows(SCORES_LOANS, pl.col("decision") == decision, ("loan_id", "pd"))
    return rows.top_k(most, by="pd").sort("pd", descending=True)
