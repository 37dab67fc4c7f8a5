"""Pipeline: is everything fresh, did the runs succeed, does the stream keep up, and what was rejected?"""

from datetime import UTC, datetime, timedelta
from math import isfinite

import polars as pl
import streamlit as st

from creditrisk_assets.contracts import SERVING_QUARANTINE
from creditrisk_assets.serving import runs
from creditrisk_assets.serving.frames import BUCKETS
from dashboard import operations, reading
from dashboard.figures import KeyFigure, key_figures
from dashboard.page import downloads, looking_again, page
from dashboard.tables import BAD, GOOD, RUNNING, UNKNOWN, WARNING, count, marks, table
from dashboard.wording import counted

MARKS = {"fresh": ("● fresh", GOOD), "behind": ("▲ behind", WARNING), "missing": ("○ never written", UNKNOWN)}
RUNS = {
    "SUCCESS": ("● succeeded", GOOD), "FAILURE": ("■ failed", BAD), "STARTED": ("▶ running", RUNNING),
    "STARTING": ("▶ starting", RUNNING), "QUEUED": ("○ queued", UNKNOWN), "NOT_STARTED": ("○ queued", UNKNOWN),
    "CANCELED": ("▲ cancelled", WARNING), "CANCELING": ("▲ cancelling", WARNING), "MANAGED": ("○ managed", UNKNOWN),
}  # fmt: skip
Text, Number, Link = st.column_config.TextColumn, st.column_config.NumberColumn, st.column_config.LinkColumn
When = st.column_config.DatetimeColumn


def _freshness(found: pl.DataFrame, url: str) -> None:
    st.markdown("**Tables** of the lake, those that need somebody first")
    links = pl.col("table").map_elements(lambda name: runs.asset_link(url, name), pl.String)
    columns = {
        "table": Text("Table", pinned=True),
        "status": marks("Status", MARKS),
        "rows": Number("Rows", format="%,d", width=90),
        "changed": When("Rows changed, UTC", format="YYYY-MM-DD HH:mm", timezone="UTC"),
        "version": Number("Version", format="%,d"),
        "told": Text("Why"),
        "link": Link("Dagster", display_text="open"),
    }
    table(
        found.with_columns(pl.concat_list("status"), link=links),
        columns,
        height=388,
        key="freshness",
        alt="Every table with its rows, version, last change and whether something it is made from is newer",
    )
    downloads(found, "freshness")


def _runs(known: runs.Orchestration | str, url: str) -> None:
    st.markdown(f"**Runs** of Dagster, newest first · [open Dagster]({url})")
    if isinstance(known, str):
        st.warning(known, icon=":material/cloud_off:")
        return
    if known.ill:
        ill = ", ".join(known.ill).lower().replace("_", " ")
        st.warning(
            f"Daemons that give no sign of life: {ill}. What they start or watch stands still until "
            "`dagster-daemon run`.",
            icon=":material/heart_broken:",
        )
    if known.runs.is_empty():
        st.info("No run yet: start the job `batch` in the Dagster UI.", icon=":material/hourglass_empty:")
        return
    links = pl.col("run_id").map_elements(lambda run: runs.run_link(url, run), pl.String)
    columns = {
        "job": Text("Job", pinned=True),
        "status": marks("Status", RUNS),
        "created": When("Created, UTC", format="YYYY-MM-DD HH:mm:ss", timezone="UTC"),
        "seconds": Number("Seconds", format="%.1f"),
        "link": Link("Dagster", display_text="open"),
    }
    table(
        known.runs.with_columns(pl.concat_list("status"), link=links),
        columns,
        key="runs",
        alt="The newest runs of Dagster",
    )
    downloads(known.runs, "runs")


def _stream(known: operations.Stream | str) -> None:
    st.markdown("**Stream** as applied in PostgreSQL")
    if isinstance(known, str):
        st.warning(known, icon=":material/cloud_off:")
        return
    if known.counters.is_empty():
        st.info("No event has been applied yet: `creditrisk simulate events` sends some, and the sensor `events` "
                "picks them up.", icon=":material/hourglass_empty:")  # fmt: skip
        return
    columns = {
        "topic": Text("Topic", pinned=True),
        "event_type": Text("Event"),
        "events": count("Events"),
        "good": count("Good"),
        "bad": count("Rejected"),
        "replayed": count("Replayed", "Mended and decoded anew"),
        "flags": count("Flagged"),
    }
    table(known.counters, columns, key="counters", alt="Events applied by topic and type")
    seconds = {
        name: Number(label, format="%.2f s")
        for name, label in (("mean", "Mean"), ("p50", "Half within"), ("p95", "95 % within"), ("p99", "99 % within"))
    }
    table(
        known.delays,
        {"topic": Text("Topic", pinned=True), "events": count("Good events"), **seconds},
        key="delays",
        alt="Seconds from the broker to PostgreSQL by topic",
    )
    downloads(known.counters, "stream")


def _quarantine() -> None:
    st.markdown("**Quarantine**: what was rejected and nobody has mended yet")
    served = reading.tables()
    if not served.exists(SERVING_QUARANTINE):
        st.info("Not counted yet: materialize `serving/quarantine` in the Dagster UI, or run `make demo`.",
                icon=":material/hourglass_empty:")  # fmt: skip
        return
    found = served.frame(SERVING_QUARANTINE).sort("rows", descending=True)
    if found.is_empty():
        st.success("Nothing is in quarantine.", icon=":material/check_circle:")
        return
    most = int(found["rows"].max() or 0)  # type: ignore[arg-type]
    columns = {
        "source": Text("Source", pinned=True),
        "rows": st.column_config.ProgressColumn("Rows", format="%d", min_value=0, max_value=most, width=110),
        "reason": Text("Reason"),
        "newest": Text("Newest stands at"),
        "newest_at": When("Committed, UTC", format="YYYY-MM-DD HH:mm", timezone="UTC"),
    }
    table(found, columns, key="quarantine", alt="Rejected rows by source and reason, most first")
    downloads(found, "quarantine")


def _figures(tables: pl.DataFrame, known: runs.Orchestration | str, stream: operations.Stream | str) -> list[KeyFigure]:
    states = dict(tables.group_by("status").len().iter_rows())
    fresh = KeyFigure("Fresh tables", f"{states.get('fresh', 0)} of {tables.height}",
                      f"{states.get('behind', 0)} behind, {states.get('missing', 0)} never written")  # fmt: skip
    if isinstance(known, str):
        failed, lag = (KeyFigure(name, "-", "Dagster does not answer") for name in ("Failed runs", "Lag of the stream"))
    else:
        recent = known.runs.filter(pl.col("created") > datetime.now(UTC) - timedelta(days=1))
        bad = recent.filter(pl.col("status") == "FAILURE").height
        failed = KeyFigure("Failed runs, last day", str(bad), f"of {counted(recent.height, 'recent run')}")
        when = f"told at {known.lag_at:%Y-%m-%d %H:%M:%S} UTC" if known.lag_at else "the stream has not run yet"
        lag = KeyFigure(
            "Lag of the stream",
            "-" if known.lag is None else f"{known.lag:,}",
            f"messages; {when}" if known.lag_at else when,
        )
    if isinstance(stream, str):
        return [fresh, failed, lag, KeyFigure("Events applied", "-", "PostgreSQL cannot be read"),
                KeyFigure("Time to PostgreSQL", "-", "PostgreSQL cannot be read")]  # fmt: skip
    worst = max(stream.delays["p95"].to_list(), default=None)
    return [
        fresh, failed, lag,
        KeyFigure("Events applied", f"{stream.events:,}", f"{counted(stream.decisions, 'decision')} taken"),
        KeyFigure("Time to PostgreSQL", _within(worst), "95 % arrive within, since the first event"),
    ]  # fmt: skip


def _within(seconds: float | None) -> str:
    """The class that holds the slowest but five per cent; the last one has no end."""
    if seconds is None:
        return "-"
    return f"{seconds:g} s" if isfinite(seconds) else f"over {max(filter(isfinite, BUCKETS)):g} s"


def _everything() -> None:
    tables, values = operations.freshness(), reading.settings()
    link = values.dagster_link or values.dagster_url
    runs_told, stream = operations.dagster(values.dagster_url), operations.stream()
    st.caption(f"Data as of {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC, looked at every five seconds")
    key_figures(_figures(tables, runs_told, stream), "")
    left, right = st.columns([3, 2], gap="small")
    with left.container(border=True, height="stretch", gap="xsmall"):
        _freshness(tables, link)
    with right.container(border=True, height="stretch", gap="xsmall"):
        _runs(runs_told, link)
    left, right = st.columns(2, gap="small")
    with left.container(border=True, height="stretch", gap="xsmall"):
        _stream(stream)
    with right.container(border=True, height="stretch", gap="xsmall"):
        _quarantine()


@st.fragment(run_every="5s")
def _live() -> None:
    with looking_again():
        _everything()


with page("Pipeline"):
    _live()
