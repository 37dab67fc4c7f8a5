"""The rules beside the posterior, all vintages together."""

import polars as pl
import streamlit as st

from creditrisk_assets.contracts import MONITORING_RULE_AGREEMENT
from creditrisk_assets.serving import agreement
from dashboard import reading
from dashboard.charts import agreement as charts
from dashboard.page import downloads, nothing_yet
from dashboard.tables import count, heading, table
from dashboard.wording import counted

Number = st.column_config.NumberColumn


def rules() -> None:
    """The tab."""
    rows = reading.frame(MONITORING_RULE_AGREEMENT)
    found = reading.made(agreement.pooled, MONITORING_RULE_AGREEMENT)
    if found["value"].is_null().all():
        why = ("Rules and posterior were never held against each other." if rows.is_empty()
               else "No vintage has both rules and scores yet.")  # fmt: skip
        with st.container(border=True):
            st.markdown("**Rules** beside the posterior")
            nothing_yet(why, MONITORING_RULE_AGREEMENT)
        return
    left, right = st.columns([2, 3], gap="small")
    with left.container(border=True, height="stretch", gap="xsmall"):
        _beside(found)
    with right.container(border=True, height="stretch", gap="xsmall"):
        _measures(found, rows)


def _beside(found: pl.DataFrame) -> None:
    st.markdown("**Do the rules catch** what the posterior catches? With 90 % intervals")
    shown = agreement.beside(found)
    if shown.is_empty():
        st.info("No outcome of a scored loan is known yet: vintages mature within twelve months.",
                icon=":material/hourglass_empty:")  # fmt: skip
        return
    told = "; ".join(f"{what} of the {who} {value:.3f}" for what, who, value in
                     shown.select("what", "who", "value").iter_rows())  # fmt: skip
    st.vega_lite_chart(shown, charts.beside(), key="beside", alt=told)
    gains = {row["measure"]: row for row in found.iter_rows(named=True)}
    for name, what in (("recall_gain", "recalls"), ("auc_gain", "ranks")):
        gain = gains[name]
        if gain["value"] is None:
            continue
        verdict = "better" if gain["low"] > 0 else "worse" if gain["high"] < 0 else "no better beyond chance"
        st.caption(
            f"The posterior {what} {verdict}: {gain['value']:+.3f}, 90 % {gain['low']:+.3f} to {gain['high']:+.3f}."
        )


def _measures(found: pl.DataFrame, rows: pl.DataFrame) -> None:
    version = ", ".join(agreement.rules_in_force(rows)) or "unknown"
    st.markdown(f"**Measures** over {counted(agreement.vintages(rows), 'scored vintage')}, rules {version}")
    columns = {
        "name": heading("Measure"),
        "value": Number("Value", format="%.3f"),
        "low": Number("90 % from", format="%.3f"),
        "high": Number("to", format="%.3f"),
        "events": count("Events", "Of a rate; else defaults"),
        "loans": count("Of", "Loans, or defaults, that it is told from"),
    }
    table(found, columns, key="agreement", alt="Measures of rules and posterior with their intervals", height="content")
    st.caption("As many loans of each vintage, the riskiest by the posterior, as the rules flag in it; an AUC ranks "
               "loans of one vintage.")  # fmt: skip
    downloads(found, "rule_agreement")
