"""The tables of the lake and PostgreSQL, one handle for all visitors of the process."""

from datetime import date

import polars as pl
import streamlit as st

from creditrisk_assets.contracts import MODELS_DIAGNOSTICS, SCORES_LOANS
from creditrisk_assets.resources import environments
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets.serving.tables import ServedTables


@st.cache_resource(show_spinner=False)
def settings() -> Settings:
    """Settings of this process, read once: reading them takes longer than drawing a page."""
    return environments.settings()


@st.cache_resource(show_spinner=False)
def tables() -> ServedTables:
    """The lake of this process."""
    return ServedTables(Lake(settings().lake))


def model_version() -> date | None:
    """Model date of the newest posterior that passed its gates; None without one."""
    served = tables()
    if not served.exists(MODELS_DIAGNOSTICS):
        return None
    known = served.frame(MODELS_DIAGNOSTICS)
    good = known.filter(known["passed"] & (known["feature_set"] == settings().feature_set))
    newest = good["model_date"].max()
    return newest if isinstance(newest, date) else None


def riskiest(decision: str, most: int) -> pl.DataFrame:
    """loan_id and pd of the riskiest loans of a decision; LakeError when no loan was ever scored."""
    return _riskiest(decision, most, tables().version(SCORES_LOANS))


@st.cache_resource(max_entries=4, show_spinner=False)
def _riskiest(decision: str, most: int, version: int) -> pl.DataFrame:
    rows = tables().rows(SCORES_LOANS, pl.col("decision") == decision, ("loan_id", "pd"))
    return rows.top_k(most, by="pd").sort("pd", descending=True)
