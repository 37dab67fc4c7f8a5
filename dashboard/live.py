"""What the pages ask of PostgreSQL and of the models in the lake, once for all visitors who ask at the same time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl
import streamlit as st

from creditrisk_assets.contracts import MODELS_MOMENTS
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import settings
from creditrisk_assets.serving import overrides, reading
from creditrisk_assets.serving.connection import connect
from creditrisk_assets.serving.scoring import Scoring, signed
from dashboard.reading import tables

FRESH = "1s"
"""Age of an answer that is shown to the next visitor as well."""


@dataclass(frozen=True)
class Watched:
    """Rows of the watch list, the newest override of each subject, and the counters of the stream."""

    rows: pl.DataFrame
    overridden: pl.DataFrame
    stream: pl.DataFrame
    counters: pl.DataFrame
    latency: pl.DataFrame


@st.cache_resource(ttl=FRESH, max_entries=32, show_spinner=False)
def watched(everyone: bool, kind: reading.Kind | None, decision: str | None, limit: int) -> Watched:
    """The latest, or everyone from the most flagged on; errors as `connect`."""
    with connect("reader") as connection:
        ask = reading.flagged if everyone else reading.latest
        rows = ask(connection, limit, kind, decision)
        return Watched(
            rows,
            overrides.newest_of(connection, rows["subject"].to_list()),
            reading.stream(connection),
            reading.counters(connection),
            reading.latency(connection),
        )


def overrides_of(subjects: Sequence[str]) -> pl.DataFrame:
    """All overrides of some subjects, newest first; errors as `connect`."""
    with connect("reader") as connection:
        found = [overrides.of(connection, subject) for subject in dict.fromkeys(subjects)]
    return pl.concat(found).sort("number", descending=True)


def override(decided: overrides.Decided, decision: str, reason: str, officer: str) -> None:
    """Record an override; errors as `overrides.record`."""
    with connect("officer") as connection:
        overrides.record(connection, decided, decision, reason, officer)
    watched.clear()


def scoring(model_date: date, feature_set: str) -> Scoring | None:
    """The model that signs with this date, as the lake has it now; None where it is gone."""
    served = tables()
    version = served.version(MODELS_MOMENTS) if served.exists(MODELS_MOMENTS) else -1
    return _scoring(model_date, feature_set, version)


@st.cache_resource(max_entries=6, show_spinner=False)
def _scoring(model_date: date, feature_set: str, version: int) -> Scoring | None:
    return signed(Lake(settings().lake), settings(), model_date, feature_set)
