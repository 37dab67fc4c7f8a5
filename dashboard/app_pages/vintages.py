"""Vintages: do loans default as they were expected to, and how fast do customers roll into arrears?"""

import polars as pl
import streamlit as st

from creditrisk_assets.contracts import SERVING_DEFAULT_CURVES, SERVING_ROLL_RATES
from creditrisk_assets.serving import vintages
from creditrisk_assets.serving.selection import Selection
from dashboard import reading
from dashboard.charts import vintages as charts
from dashboard.filters import BIND, known_terms, months, period, terms
from dashboard.page import downloads, page, theme
from dashboard.tables import bar, count, heading, in_percent, share, table
from dashboard.wording import counted

BY: dict[str, vintages.By] = {"Year": "year", "Quarter": "quarter"}
CROWD = 5  # more cohorts than these hide each other's bands
VERDICTS = {
    "above": "▲ above the interval", "inside": "● inside", "below": "▼ below the interval", "too early": "too early",
    "no model": "no model",
}  # fmt: skip


def _curves(found: pl.DataFrame) -> None:
    st.markdown("**Cumulative default** by months on book: points observed, dashed line and band expected (90 %)")
    years = tuple(found["year"].unique().sort().to_list())
    without = found.group_by("cohort").agg(none=pl.col("expected").is_null().all()).filter("none").height
    st.vega_lite_chart(
        vintages.drawn(found), charts.curves(years, found["cohort"].n_unique() > CROWD), key="curves",
        alt=f"Cumulative share of loans defaulted by months on book for {found['cohort'].n_unique()} cohorts, "
        "observed and expected with a 90 % band; the table below holds the same figures",
    )  # fmt: skip
    if without:
        st.caption(f":material/info: {counted(without, 'cohort')} without a band: no good model is dated before them.")


def _rolls() -> None:
    st.markdown("**Roll rates** of customers, from one month end to the next")
    served = reading.tables()
    if not served.exists(SERVING_ROLL_RATES):
        st.info(
            "No roll rates yet: they follow from a stream of events. `make demo` starts one; in the Dagster UI it is "
            "the asset `serving/roll_rates`.",
            icon=":material/hourglass_empty:",
        )
        return
    found = served.derived(vintages.roll_rates, (SERVING_ROLL_RATES,))
    if found.is_empty():
        st.info("Roll rates need customers seen at two month ends: the stream has not run that long.",
                icon=":material/hourglass_empty:")  # fmt: skip
        return
    current = found.filter((pl.col("from_bucket") == "current") & (pl.col("turn") == "worse"))["share"].sum()
    st.vega_lite_chart(
        found, charts.roll_rates(theme()), key="rolls",
        alt=f"Share of customers by days past due at two month ends; {100 * current:.1f} % of the current ones fall "
        "behind within a month",
    )  # fmt: skip


def _table(found: pl.DataFrame) -> None:
    rows = vintages.summary(found)
    st.markdown("**Twelve months on book**, newest first: observed default against what was expected, chance included")
    most = max(float(rows[name].max() or 0) for name in ("observed", "high"))  # type: ignore[arg-type]
    columns = {
        "cohort": heading("Issued"),
        "loans": count("Loans"),
        "observed_months": st.column_config.NumberColumn("Observed for", format="%d months"),
        "observed": bar("Defaulted", most),
        "expected": share("Expected", 2),
        "low": share("90 % from", 2, "What as many loans would show in nine cases of ten, chance included"),
        "high": share("to", 2),
        "verdict": st.column_config.TextColumn("Against the interval"),
        "history": st.column_config.LineChartColumn("Observed curve", y_min=0),
    }
    table(
        in_percent(rows, "observed", "expected", "low", "high").with_columns(pl.col("verdict").replace(VERDICTS)),
        columns,
        key="cohorts",
        alt="Cohorts with loans, observed and expected default at twelve months, newest first",
    )
    downloads(found, "vintages")


with page("Vintages", SERVING_DEFAULT_CURVES):
    served = reading.tables()
    served.filled(SERVING_DEFAULT_CURVES)
    known = served.derived(months, (SERVING_DEFAULT_CURVES,))
    with st.sidebar:
        first, last = period(known, known[0], known[-1], ("since", "until"))
        selection = Selection(first, last, terms(served.derived(known_terms, (SERVING_DEFAULT_CURVES,))))
    by = st.segmented_control(
        "Cohorts", list(BY), default="Year", required=True, key="by", label_visibility="collapsed", **BIND
    )
    found = served.derived(vintages.curves, (SERVING_DEFAULT_CURVES,), selection, BY[by or "Year"])
    if found.is_empty():
        st.info("No vintage is selected: widen the vintages or terms.", icon=":material/filter_alt_off:")
    else:
        left, right = st.columns([3, 2], gap="small")
        with left.container(border=True, height="stretch", gap="xsmall"):
            _curves(found)
        with right.container(border=True, height="stretch", gap="xsmall"):
            _rolls()
        with st.container(border=True, gap="xsmall"):
            _table(found)
