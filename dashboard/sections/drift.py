"""Drift: which features moved where, which of them are the news, and whether a vintage can be told from the window."""

import polars as pl
import streamlit as st

from creditrisk_assets.contracts import MONITORING_DRIFT, MONITORING_POPULATION
from creditrisk_assets.serving import drift as drifting
from dashboard import reading
from dashboard.charts import drift as charts
from dashboard.page import downloads, nothing_yet, theme
from dashboard.tables import BAD, UNKNOWN, WARNING, count, heading, in_percent, marks, share, table
from dashboard.wording import counted

VERDICTS = {"drifted": ("■ drifted", BAD), "watch": ("▲ watch", WARNING), "stable": ("stable", UNKNOWN)}
Number = st.column_config.NumberColumn


def drift() -> None:
    """The tab."""
    rows = reading.frame(MONITORING_DRIFT)
    if rows.is_empty():
        with st.container(border=True):
            st.markdown("**Drift** of features and scores (PSI)")
            nothing_yet("Not monitored yet: no vintage was held against the window of its model.", MONITORING_DRIFT)
        _population()
        return
    left, right = st.columns([3, 2], gap="small")
    with left.container(border=True, height="stretch", gap="xsmall"):
        _heat_map()
    with right.container(border=False, gap="small"):
        with st.container(border=True, gap="xsmall"):
            _moved(rows)
        _population()


def _heat_map() -> None:
    shown = reading.made(drifting.heat_map, MONITORING_DRIFT)
    st.markdown("**Drift** from the training window by PSI, coloured only where it is beyond chance")
    drifted = shown.filter(pl.col("verdict") == "drifted")
    features = shown["feature"].n_unique()
    st.vega_lite_chart(
        shown, charts.heat_map(features, theme()), key="drift",
        alt=f"PSI of {features} features and scores in {shown['vintage'].n_unique()} vintages; {drifted.height} cells "
        f"have drifted, of {counted(drifted['feature'].n_unique(), 'feature')}",
    )  # fmt: skip
    st.caption(
        "▲ PSI from 0.10, ■ from 0.25 or a feature that lost all its values; both only where p < 5 %, adjusted for the "
        "number of features (Holm). Against the window of the model that scored the vintage."
    )


def _moved(rows: pl.DataFrame) -> None:
    found = reading.made(drifting.moved, MONITORING_DRIFT)
    features, vintages = drifting.compared(rows)
    newest = rows["vintage"].sort()[-1]
    st.markdown(f"**Moved** in the newest {counted(vintages, 'vintage')}, up to {newest:%Y-%m}, worst first")
    if found.is_empty():
        st.success(f"None of {features} features and scores has moved beyond chance by a PSI of 0.10.",
                   icon=":material/check_circle:")  # fmt: skip
        return
    columns = {
        "name": heading("Feature"),
        "verdict": marks("Verdict", VERDICTS, 95),
        "psi": Number("PSI", format="%.3f", help="In its worst vintage of these"),
        "psi_high": Number("By chance", format="%.3f", help="95 % of PSIs lie below it if nothing has changed"),
        "vintages": count("Vintages", "In which it is not stable"),
        "moved": st.column_config.TextColumn("Moved most", help="Group of values that adds most to the PSI"),
        "moved_then": share("Then", 1, "Share of the group in the training window"),
        "moved_now": share("Now", 1, "Share of the group in the vintage"),
        "csi": Number("CSI, points", format="%.2f", help="Below zero: the vintage is riskier by this feature"),
        "remark": st.column_config.TextColumn("Remark"),
    }
    shown = in_percent(found, "moved_then", "moved_now")
    table(
        shown.with_columns(pl.concat_list("verdict")), columns, key="moved",
        alt=f"{found.height} of {features} features and scores that moved, worst first",
    )  # fmt: skip
    downloads(found.drop("severity", "label"), "drift")


def _population() -> None:
    with st.container(border=True, gap="xsmall"):
        st.markdown("**All features together**: can a classifier tell a vintage from the window?")
        found = reading.made(drifting.population, MONITORING_POPULATION)
        if found.is_empty():
            nothing_yet("Not tested yet: it takes 50 loans on either side.", MONITORING_POPULATION)
            return
        newest = found.row(-1, named=True)
        st.vega_lite_chart(
            found, charts.population(theme()), key="population",
            alt=f"AUC of telling {found.height} vintages from the training window; "
            f"{int(found['distinguishable'].sum())} are told apart",
        )  # fmt: skip
        by = f", by {newest['leaned_on']}" if newest["distinguishable"] and newest["leaned_on"] else ""
        st.caption(
            f"Newest {newest['label']}: AUC {newest['auc']:.3f}, up to {newest['chance_high']:.3f} by chance, "
            f"p {newest['p_value']:.3f}{by}. {int(found['distinguishable'].sum())} of {found.height} told apart; "
            "grey: 90 % of what chance brings."
        )
