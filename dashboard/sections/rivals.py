"""Champion beside challenger on the same loans."""

import polars as pl
import streamlit as st

from creditrisk_assets.contracts import DECISIONS, MONITORING_CHALLENGER
from creditrisk_assets.serving import rivals as comparing
from creditrisk_assets.serving.wording import spelled
from dashboard import reading
from dashboard.page import downloads, nothing_yet
from dashboard.tables import GOOD, RUNNING, UNKNOWN, count, heading, marks, table
from dashboard.wording import percent

WINNERS = {"champion": ("● champion", GOOD), "challenger": ("▲ challenger", RUNNING),
           "neither": ("○ neither", UNKNOWN)}  # fmt: skip
Number = st.column_config.NumberColumn


def rivals() -> None:
    """The tab."""
    pairs = reading.made(comparing.pairs, MONITORING_CHALLENGER)
    if not pairs:
        with st.container(border=True):
            st.markdown("**Champion and challenger** on the same loans")
            nothing_yet("No loan was scored by both: there is a challenger once two good models are known.",
                        MONITORING_CHALLENGER)  # fmt: skip
        return
    for champion, challenger in pairs:
        with st.container(border=True, gap="xsmall"):
            _pair(champion, challenger)


def _pair(champion: str, challenger: str) -> None:
    found = reading.made(comparing.measures, MONITORING_CHALLENGER, champion, challenger)
    decided = reading.made(comparing.decisions, MONITORING_CHALLENGER, champion, challenger)
    loans = int(decided["loans"].sum())
    differing = float(decided.filter(pl.col("champion") != pl.col("challenger"))["share"].sum())
    st.markdown(f"**{spelled(champion)}** (champion) against **{spelled(challenger)}** (challenger) on {loans:,} loans")
    left, right = st.columns([3, 2], gap="small")
    with left:
        columns = {
            "name": heading("Measure"),
            "champion": Number("Champion", format="%.4f"),
            "challenger": Number("Challenger", format="%.4f"),
            "difference": Number("Difference", format="%+.5f", help="Challenger less champion"),
            "low": Number("95 % from", format="%+.5f"),
            "high": Number("to", format="%+.5f"),
            "winner": marks("Better", WINNERS, 115),
            "loans": count("Matured loans"),
            "defaults": count("Defaults"),
        }
        shown = found.with_columns(winner=pl.concat_list(pl.col("winner").fill_null("neither")))
        table(shown, columns, key=f"rivals-{champion}-{challenger}",
              alt="Measures of champion and challenger on matured loans, and who is better beyond chance")  # fmt: skip
        st.caption("Better: beyond chance. Nothing is promoted by itself: promotion is a recorded act, with a reason.")
        downloads(found, f"challenger_{champion}_{challenger}")
    with right:
        wide = decided.pivot("challenger", index="champion", values="loans")
        names = {"champion": heading("Champion says"), **{name: count(spelled(name)) for name in DECISIONS}}
        table(wide.with_columns(pl.col("champion").map_elements(spelled, pl.String)), names,
              key=f"decided-{champion}-{challenger}",
              alt="Loans by the decision of champion (rows) and challenger (columns)")  # fmt: skip
        st.caption(f"Columns: what the challenger says. They decide {percent(differing)} of the loans differently.")
