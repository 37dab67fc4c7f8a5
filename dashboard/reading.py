"""The tables of the lake and PostgreSQL, one handle for all visitors of the process."""

from datetime import date

import streamlit as st

from creditrisk_assets.contracts import MODELS_DIAGNOSTICS
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
