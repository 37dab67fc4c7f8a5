"""Watch list: who was decided upon last, and who is flagged, as the stream goes."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from creditrisk_assets.contracts import SCORES_LIVE, TIERS
from creditrisk_assets.serving.watch_list import counted, flagged_first, identity, in_words
from creditrisk_assets.serving.wording import VERDICTS
from dashboard import live
from dashboard.filters import BIND
from dashboard.page import downloads, leave_for, looking_again, page
from dashboard.tables import bar, in_percent, share

MOST = 200
SHOWN = {"latest": "Latest", "everyone": "Everyone"}
KINDS = {"application": "Applications", "behaviour": "Customers"}
COLOURS = ["blue", "orange", "red"]
TIER_COLOURS = ["gray", "orange", "red"]
ONLY_IF_ANY = ("tier", "conditions", "override")  # left out when nobody on screen has them
EVERY = "2s"
CHOSEN = "chosen"


def columns(highest: float) -> dict[str, Any]:
    """Labels and formats; the bar of the PD reaches to the `highest` on screen."""
    of = st.column_config
    return {
        "subject": of.TextColumn("Who", pinned=True, width=125),
        "decision": of.MultiselectColumn("Decision", options=list(VERDICTS.values()), color=COLOURS, width="small"),
        "pd": bar("PD, 12 months", max(0.2, highest), 1, "Posterior mean of the PD within twelve months"),
        "interval": of.TextColumn("90 % credible", width=125),
        "reason": of.TextColumn("Main reason", width=190,
                                help="The factor that raises the risk most, as far as we are sure"),
        "tier": of.MultiselectColumn("Rules", options=list(TIERS), color=TIER_COLOURS, width="small",
                                     help="What the rules make of an application beside the model"),
        "conditions": of.TextColumn("Rules that hold", width=190,
                                    help="Conditions of the rules that hold, on the watchlist or not"),
        "override": of.TextColumn("Officer", help="What an officer decided instead", width="small"),
        "sure": share("Sure", told="Probability that the decision is right, rounded down"),
        "kind": of.TextColumn("What", width="small"),
        "event": of.DatetimeColumn("Event of", format="YYYY-MM-DD", help="Time up to which events are known"),
        "arrived": of.TextColumn("Arrived ago", help="Since the micro-batch was committed", width="small"),
    }  # fmt: skip


def filters() -> tuple[str, str | None, str | None, bool]:
    """(latest or everyone, kind, decision, keep up with the stream) as the URL has them."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        shown = st.segmented_control("Show", list(SHOWN), default="latest", required=True, key="show",
                                     format_func=SHOWN.__getitem__, **BIND)  # fmt: skip
        kind = st.pills("Of", list(KINDS), key="kind", format_func=KINDS.__getitem__, **BIND)
        decision = st.pills("Decision", list(VERDICTS), key="decision", format_func=VERDICTS.__getitem__, **BIND)
        going = st.toggle("Live", value=True, key="live", help="Look again every two seconds", **BIND)
    return shown or "latest", kind, decision, going


def board(shown: str, kind: str | None, decision: str | None) -> None:
    """The counters and the list; a click on a row opens its applicant."""
    with looking_again():
        if CHOSEN in st.session_state:
            leave_for("app_pages/applicant.py", id=st.session_state.pop(CHOSEN))
        found = live.watched(shown == "everyone", kind, decision, MOST)  # type: ignore[arg-type]
        now = datetime.now(UTC)
        line = counted(found.stream, found.counters, found.latency, now)
        if not line:
            st.info(
                "The stream has brought nothing yet: start a producer (`creditrisk simulate events`) and the sensor "
                "`events`, or run `make demo`.",
                icon=":material/hourglass_empty:",
            )
            return
        st.caption(":material/sensors: " + " · ".join(line))
        rows = flagged_first(found.rows)
        if rows.is_empty():
            whom = "Nobody decided upon lately matches: show everyone, or" if shown == "latest" else "Nobody matches:"
            st.info(f"{whom} choose another kind or decision.", icon=":material/filter_alt_off:")
            return
        _table(rows, in_words(rows, found.overridden, now), shown)


def _choose(key: str, subjects: pl.Series) -> None:
    if picked := st.session_state[key]["selection"]["rows"]:
        st.session_state[CHOSEN] = subjects[picked[0]]


def _table(rows: pl.DataFrame, words: pl.DataFrame, shown: str) -> None:
    labelled = columns(float(words["pd"].max()))  # type: ignore[arg-type]
    for name in ONLY_IF_ANY:
        if words[name].null_count() == words.height:
            labelled.pop(name)
    # Rounded down, and below 100 %: nobody is that sure, although a float may round to it.
    sure = ((1_000 * pl.col("sure")).floor() / 10).clip(upper_bound=99.9)
    tier = pl.when(pl.col("tier").is_not_null()).then(pl.concat_list("tier"))
    chips = in_percent(words, "pd").with_columns(pl.concat_list("decision"), sure=sure, tier=tier)
    # The key holds who stands where: a click can never open another one than was clicked. It is answered with
    # the rows that were on screen, for the run that it asks for sees others already while the stream flows.
    key = f"watched-{identity(rows)}"
    st.dataframe(
        chips, column_config=labelled, column_order=list(labelled), hide_index=True, height=560,
        key=key, on_select=partial(_choose, key, rows["subject"]), selection_mode="single-row", placeholder="",
        alt=f"{rows.height} rows, declined first, then referred, each from the highest PD down; select one to open it",
    )  # fmt: skip
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.caption(f"{'Latest' if shown == 'latest' else 'Everyone'}, at most {MOST} rows. Select a row to open it.")
        downloads(words, "watch_list")


with page("Watch list", SCORES_LIVE):
    shown, kind, decision, going = filters()
    st.fragment(board, run_every=EVERY if going else None)(shown, kind, decision)
