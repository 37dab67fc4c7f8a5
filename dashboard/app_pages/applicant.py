"""Applicant: one loan, application or customer, why it was decided so, and what would change it."""

import polars as pl
import streamlit as st

from creditrisk_assets.contracts import DECISIONS, SCORES_LOANS
from creditrisk_assets.serving import wording
from creditrisk_assets.serving.applicant import Score, clean, explain, find
from creditrisk_assets.serving.flags import flags, sentence
from creditrisk_assets.serving.overrides import in_force
from dashboard import applicant, live, reading
from dashboard.figures import KeyFigure, key_figures
from dashboard.page import page
from dashboard.verbatim import code, plain

OFFERED = 6
BADGES = {
    "approve": ("green", ":material/check_circle:"),
    "refer": ("orange", ":material/person_raised_hand:"),
    "decline": ("red", ":material/cancel:"),
}


def chosen(found: list[Score]) -> Score:
    """Which of the scores to show; the customer as they are now, unless asked otherwise."""
    if len(found) == 1:
        return found[0]
    kinds = {score.kind: score for score in found}
    asked = st.segmented_control(
        "Scored as", list(kinds), key="as", default=found[0].kind, required=True, bind="query-params",
        format_func=wording.KINDS.__getitem__,
    )  # fmt: skip
    return kinds[asked] if asked in kinds else found[0]


def verdict(score: Score, decided: pl.DataFrame | None) -> None:
    """The decision as badges and in one sentence; an override beside it."""
    row, scoring = score.row, live.scoring(score.row["model_date"], score.row["feature_set"])
    policy = scoring.policy if scoring is not None and scoring.policy.version == row["policy"] else None
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.markdown(f"**{wording.KINDS[score.kind]}** {code(score.subject)}", width="content")
        colour, icon = BADGES[row["decision"]]
        st.badge(wording.VERDICTS[row["decision"]], color=colour, icon=icon)  # type: ignore[arg-type]
        if decided is not None and (now := in_force(decided, score.decided)) != row["decision"]:
            st.badge(f"{wording.VERDICTS[now]} by an officer", color=BADGES[now][0], icon=":material/gavel:")  # type: ignore[arg-type]
        about = (
            f"vintage {wording.month(row['vintage'])}" if "vintage" in row else f"as of {row['as_of']:%Y-%m-%d %H:%M}"
        )
        st.caption(f"{about} · model {row['model_date']} · policy {row['policy']}", width="content")
    st.markdown(wording.reasoning(row["decision"], row["decision_probability"], policy))
    if (flagged := flags(reading.tables(), score)) is not None:
        st.caption(f":material/flag: {sentence(flagged)} Rules stand beside the model and do not decide.")


def figures(row: dict[str, object]) -> list[KeyFigure]:
    """What the score says, with how sure it is."""

    def sure(name: str) -> str:
        return f"90 % credible {wording.interval(row[f'{name}_low'], row[f'{name}_high'])}"  # type: ignore[arg-type]

    told = [KeyFigure("PD, 12 months", wording.percent(row["pd"]), sure("pd"))]  # type: ignore[arg-type]
    if row["pd_term"] is not None:
        told.append(KeyFigure("PD, whole term", wording.percent(row["pd_term"]), sure("pd_term")))  # type: ignore[arg-type]
    told.append(KeyFigure("Points", f"{row['points']}", "more points, less risk"))
    told.append(KeyFigure("Risk band", f"{row['band']} of 8", f"PD {wording.band(row['band'])}"))  # type: ignore[arg-type]
    return told


def start() -> None:
    """Nobody is asked for yet: who could be."""
    st.info("Type an identifier above, or select somebody on the watch list.", icon=":material/person_search:")
    declined = reading.riskiest(DECISIONS[2], OFFERED)
    if declined.height:
        st.markdown("Loans of the book that the policy declines, the riskiest first:")
        with st.container(horizontal=True):
            for loan in declined.iter_rows(named=True):
                st.button(
                    f"{plain(loan['loan_id'])} · PD {wording.percent(loan['pd'])}",
                    key=f"open-{loan['loan_id']}", on_click=_ask, args=(loan["loan_id"],),
                )  # fmt: skip


def _ask(identifier: str) -> None:
    """As if typed: the URL follows the field, and the field may only be filled before it is drawn."""
    st.session_state["id"] = identifier


def unknown(asked: str) -> None:
    """Nobody is known by what was typed; told without repeating what may not be text at all."""
    named = (
        f"`{asked}`" if len(asked) <= 40 and asked.replace("-", "").replace("_", "").isalnum() else "this identifier"
    )
    st.warning(f"Nobody is known by {named}: give a loan, an application or a customer.", icon=":material/person_off:")
    st.caption("An application appears within a second of its arrival; a booked loan once its vintage is scored.")


def shown(found: list[Score]) -> None:
    """Everything about one subject."""
    score = chosen(found)
    scoring = live.scoring(score.row["model_date"], score.row["feature_set"])
    decided = applicant.overrides_or_none([one.subject for one in found])
    verdict(score, decided)
    key_figures(figures(score.row), "")
    told, values = explain(reading.tables(), score, scoring)
    left, right = st.columns([3, 2], gap="small")
    with left:
        applicant.why(told, score)
    with right:
        applicant.sure(score, scoring, values)
        applicant.alike(score, values)
        applicant.counted(score, values, told)
    if score.kind != "behaviour":
        applicant.what_if(score, scoring, told)
    applicant.past(score)
    applicant.deciding(score, decided)


with page("Applicant", SCORES_LOANS):
    asked = st.text_input("Loan, application or customer", key="id", bind="query-params", placeholder="2016100000408",
                          icon=":material/search:")  # fmt: skip
    identifier = clean(asked or "")
    if identifier is not None:
        found = find(reading.tables(), identifier)
        if found:
            shown(found)
        else:
            unknown(identifier)
    elif asked and asked.strip():
        unknown(asked)
    else:
        start()
