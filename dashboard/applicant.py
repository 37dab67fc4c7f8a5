"""The cards of the applicant page."""

from collections.abc import Sequence
from typing import Any

import polars as pl
import streamlit as st

from creditrisk_assets.contracts import BEHAVIOUR, DECISIONS, SERVING_SEGMENTS
from creditrisk_assets.resources.environments import SettingsError
from creditrisk_assets.serving import history, wording
from creditrisk_assets.serving.applicant import Score, loan_features
from creditrisk_assets.serving.certainty import density, peers
from creditrisk_assets.serving.errors import ServingError
from creditrisk_assets.serving.explaining import Contributions, in_words, told_steps, waterfall
from creditrisk_assets.serving.overrides import LONGEST, SHORTEST, OverrideError
from creditrisk_assets.serving.scoring import Scoring
from dashboard import access, live, reading, whatif
from dashboard.charts import density as densities
from dashboard.charts.history import pd_over_time
from dashboard.charts.waterfall import waterfall as chart_of_steps
from dashboard.page import downloads
from dashboard.verbatim import plain


def why(found: Contributions, score: Score) -> None:
    """The reasons, as sentences and as a waterfall."""
    whom = "customer" if score.kind == "behaviour" else "loan"
    steps = told_steps(waterfall(found, average=f"Average {whom}"), found.base)
    with st.container(border=True, gap="xsmall"):
        st.markdown(f"**Why**: from the average {whom} to this one, factor by factor")
        said = in_words(found)
        st.caption(plain(" · ".join(said)) if said else "No factor raises the odds of default.")
        st.vega_lite_chart(steps, chart_of_steps(steps.height), key="why", alt="Contributions: " + "; ".join(said))
        downloads(steps, "applicant_why")
        if not found.complete:
            st.caption(
                ":material/info: The model that signed this score is not in the lake any more, or its input is gone: "
                "shown are the reasons that were stored with the score."
            )


def sure(score: Score, scoring: Scoring | None, values: dict[str, Any]) -> None:
    """The posterior density of the PD, against the limits of the policy."""
    term = None if score.kind == "behaviour" else values.get("term_months")
    if score.kind != "behaviour" and (term is None or scoring is None):
        return
    row = score.row
    limits = () if scoring is None else (scoring.policy.approve_below, scoring.policy.decline_from)
    told = f"90 % credible {wording.interval(row['pd_low'], row['pd_high'])}"
    with st.container(border=True, gap="xsmall"):
        st.markdown(f"**How sure** we are of the PD: {told}")
        shape = density(row, scoring, term)
        seen = tuple(limit for limit in limits if shape["pd"].min() <= limit <= 1.5 * shape["pd"].max())  # type: ignore[operator]
        st.vega_lite_chart(shape, densities.density(row["pd"], seen), key="sure",
                           alt=f"Posterior density of the PD; mean {wording.percent(row['pd'])}, {told}")  # fmt: skip


def counted(score: Score, values: dict[str, Any], found: Contributions) -> None:
    """What was counted of a customer, and what it adds to the log-odds."""
    if score.kind != "behaviour" or not values:
        return
    adds = dict(zip(found.names, found.mean.tolist(), strict=True))
    rows = [
        {"what": wording.factor(name), "count": wording.value(name, values), "adds": adds.get(name)}
        for name, *_ in BEHAVIOUR
    ]
    with st.container(border=True, gap="xsmall"):
        st.markdown("**What was counted** in trailing windows")
        st.dataframe(
            pl.DataFrame(rows, schema={"what": pl.String, "count": pl.String, "adds": pl.Float64}),
            hide_index=True, height=245, key="counted", alt="Counts of what the customer did", placeholder="not used",
            column_config={
                "what": st.column_config.TextColumn("What", pinned=True),
                "count": "Count",
                "adds": st.column_config.NumberColumn("Adds to log-odds", format="%+.2f"),
            },
        )  # fmt: skip


def alike(score: Score, values: dict[str, Any]) -> None:
    """Where the loan stands among those of its purpose and term."""
    if score.kind == "behaviour" or "purpose" not in values:
        return
    with st.container(border=True, gap="xsmall"):
        kind = f"{values['term_months']:.0f} months, {wording.spelled(values['purpose']).lower()}"
        st.markdown(f"**Peers**: scored loans of {plain(kind)}")
        served = reading.tables()
        if not served.exists(SERVING_SEGMENTS):
            st.caption("Not counted yet: materialize serving/segments, or run the batch job.")
            return
        found = peers(served.frame(SERVING_SEGMENTS), values["purpose"], int(values["term_months"]), score.row["band"])
        if found is None:
            st.caption("No other loan of this purpose and term is scored.")
            return
        safer = wording.certain(found.safer) if 0 < found.safer < 1 else wording.percent(found.safer, 0)
        told = f"{safer[:1].upper()}{safer[1:]} of {found.loans:,} are in a safer band."
        whose = pl.when("mine").then(pl.lit("This one's band")).otherwise(pl.lit("Others"))
        st.vega_lite_chart(found.bands.with_columns(whose=whose), densities.peers(), key="peers", alt=told)
        st.caption(told)


def what_if(score: Score, scoring: Scoring | None, told: Contributions) -> None:
    """What other answers would have changed."""
    with st.container(border=True, gap="xsmall"):
        st.markdown("**What if** the borrower had said otherwise? Same model, same policy")
        found = loan_features(reading.tables(), score) if scoring is not None else None
        if scoring is None or found is None:
            st.caption("The model or the input of this score is not in the lake any more: it cannot be scored anew.")
            return
        whatif.sliders(score, scoring, found[1], dict(zip(told.names, told.mean.tolist(), strict=True)))


def past(score: Score) -> None:
    """What happened to the customer, and what became of their PD."""
    served = reading.tables()
    scored, events = history.scored(served, score.customer), history.events(served, score.customer)
    with st.container(border=True, gap="xsmall"):
        st.markdown("**History** of the customer in the stream")
        if scored.is_empty() and events.is_empty():
            st.caption("The stream has told nothing of this customer.")
            return
        left, right = st.columns([3, 2], gap="small")
        what = pl.col("kind").replace({"behaviour": "Customer", "application": "Application"})
        left.vega_lite_chart(scored.with_columns(what=what), pd_over_time(), key="past",
                             alt=f"PD at {scored.height} instants, with its 90 % credible band")  # fmt: skip
        right.dataframe(
            events, hide_index=True, height=210, key="events", alt=f"{events.height} events, newest first",
            column_config={
                "time": st.column_config.DatetimeColumn("When", format="YYYY-MM-DD", pinned=True),
                "event": "What",
                "detail": "Figures",
            },
        )  # fmt: skip
        with right:
            downloads(events, "applicant_events")


def overrides_or_none(subjects: Sequence[str]) -> pl.DataFrame | None:
    """Overrides of some subjects; None where PostgreSQL is not there, without which the page still tells the rest."""
    try:
        return live.overrides_of(subjects)
    except (ServingError, SettingsError):
        return None


def deciding(score: Score, decided: pl.DataFrame | None) -> None:
    """What officers decided, and the form of those who may."""
    who = access.visitor()
    officer = isinstance(who, access.Visitor) and who.officer
    with st.container(border=True, gap="xsmall"):
        st.markdown("**Decisions of officers**, recorded for good")
        if decided is None:
            st.caption(":material/cloud_off: Overrides live in PostgreSQL, which cannot be read: start it, and set "
                       "CREDITRISK_POSTGRES_URL.")  # fmt: skip
            return
        if decided.is_empty():
            st.caption("Nobody has decided otherwise.")
        else:
            _recorded(decided)
        if officer:
            _form(score)
        else:
            st.caption("Officers may override a decision here.")


def _recorded(decided: pl.DataFrame) -> None:
    columns = ("made_at", "officer", "kind", "overridden", "decision", "reason")
    words = [pl.col(name).replace(wording.VERDICTS) for name in ("overridden", "decision")]
    shown = decided.select(columns).with_columns(*words, pl.col("kind").replace(wording.KINDS))
    labels: dict[str, Any] = {
        "made_at": st.column_config.DatetimeColumn("When", format="YYYY-MM-DD HH:mm", pinned=True),
        "officer": "Officer", "kind": "Of", "overridden": "The model said", "decision": "Decided instead",
        "reason": st.column_config.TextColumn("Reason", width="large"),
    }  # fmt: skip
    st.dataframe(shown, hide_index=True, column_config=labels, key="overrides", alt=f"{shown.height} overrides")


def _form(score: Score) -> None:
    with st.form(f"override-{score.kind}-{score.subject}", clear_on_submit=True, border=False):
        decision = st.segmented_control("Decide instead", DECISIONS, key="override-decision",
                                        format_func=wording.VERDICTS.__getitem__)  # fmt: skip
        reason = st.text_area("Reason", key="override-reason", max_chars=LONGEST, height=80,
                              placeholder=f"At least {SHORTEST} characters: what the model cannot know")  # fmt: skip
        asked = st.form_submit_button("Record", key="override-record", icon=":material/gavel:")
    if asked:
        _record(score, decision, reason)


def _record(score: Score, decision: str | None, reason: str) -> None:
    who = access.visitor()
    if decision is None:
        st.error("Choose what to decide instead.")
        return
    try:
        live.override(score.decided, decision, reason, who.recorded if isinstance(who, access.Visitor) else "")
    except (OverrideError, PermissionError, ServingError) as error:
        st.error(str(error))
        return
    st.toast("Recorded.", icon=":material/gavel:")
    st.rerun()
