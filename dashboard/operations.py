"""What the pipeline page asks Dagster and PostgreSQL: once every few seconds for all visitors, never raising."""

from dataclasses import dataclass
from datetime import timedelta

import polars as pl
import streamlit as st

from creditrisk_assets.contracts import TABLES
from creditrisk_assets.resources.delta import LakeError
from creditrisk_assets.resources.environments import SettingsError
from creditrisk_assets.serving import pipeline, runs
from creditrisk_assets.serving import reading as serving
from creditrisk_assets.serving.connection import connect
from creditrisk_assets.serving.errors import ServingError
from dashboard import reading

KEPT = timedelta(seconds=4)
"""Less than a refresh of the page."""


@dataclass(frozen=True)
class Stream:
    """Events and decisions applied; counters by topic and type; delays by topic."""

    events: int
    decisions: int
    counters: pl.DataFrame
    delays: pl.DataFrame


@st.cache_resource(ttl=KEPT, show_spinner=False)
def dagster(url: str) -> runs.Orchestration | str:
    """What Dagster tells, or why it does not."""
    try:
        return runs.orchestration(url)
    except runs.DagsterUnavailableError as error:
        return sentence(error)


@st.cache_resource(ttl=KEPT, show_spinner=False)
def stream() -> Stream | str:
    """What PostgreSQL tells of the stream, or why it does not."""
    try:
        with connect("reader") as connection:
            reached = serving.stream(connection)
            counters, latency = serving.counters(connection), serving.latency(connection)
    except (ServingError, SettingsError) as error:
        return f"PostgreSQL cannot be read. {sentence(error)}"
    sums = reached.select("events", "decisions").sum().row(0)
    return Stream(int(sums[0]), int(sums[1]), counters, pipeline.delays(latency))


@st.cache_resource(ttl=KEPT, show_spinner=False)
def freshness() -> pl.DataFrame:
    """`pipeline.freshness` of the lake."""
    served, known = reading.tables(), {}
    for table in TABLES.values():
        try:
            known[table.name] = served.facts(table)
        except LakeError:
            continue
    return pipeline.freshness(known)


def sentence(error: Exception) -> str:
    """The message of an error, as a sentence."""
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
