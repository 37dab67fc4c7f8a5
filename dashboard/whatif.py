"""Sliders that score anew: only they run again, and only through the very function that scored."""

from typing import Any

import polars as pl
import streamlit as st

from creditrisk_assets.serving import wording
from creditrisk_assets.serving.applicant import Score
from creditrisk_assets.serving.certainty import density
from creditrisk_assets.serving.scoring import Scoring
from creditrisk_assets.serving.whatif import Lever, rescored, value, weightiest
from dashboard.charts.density import moved

FORMATS = {"USD": "localized", "percent": "%.1f %%"}


@st.fragment
def sliders(score: Score, scoring: Scoring, raw: pl.DataFrame, weights: dict[str, float]) -> None:
    """Values of a loan (`raw`, its raw columns) to be moved, those that count most first; PD before and after."""
    turn = st.session_state.setdefault("what-if-turn", 0)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        changes = _moved(score, raw, weights, turn)
    before, after = rescored(scoring, raw, {}), rescored(scoring, raw, changes)
    with right:
        _outcome(before, after)
        shapes = [_shape("As recorded", before, scoring, raw["term"][0])]
        if changes:
            shapes.append(_shape("Changed", after, scoring, changes.get("term", raw["term"][0])))
        st.vega_lite_chart(pl.concat(shapes), moved(), key="what-if-density", alt="PD as recorded and as changed")
        if abs(before["pd"] - score.row["pd"]) > 1e-9:
            st.caption(":material/info: The model was fitted anew since this loan was scored.")
        st.button("Reset", key="what-if-reset", icon=":material/restart_alt:", disabled=not changes, on_click=_reset)


def _reset() -> None:
    """Other widgets, which stand where the loan does."""
    st.session_state["what-if-turn"] += 1


def _moved(score: Score, raw: pl.DataFrame, weights: dict[str, float], turn: int) -> dict[str, Any]:
    """Raw columns that stand elsewhere than recorded."""
    changes: dict[str, Any] = {}
    halves = st.columns(2, gap="medium")
    for place, lever in enumerate(weightiest(weights)):
        told = value(lever, raw)
        with halves[place % 2]:
            # Of this loan alone, and of this turn: a new one starts where the loan stands.
            asked = _widget(lever, told, f"what-if-{lever.name}-{score.kind}-{score.subject}-{turn}")
        if asked is not None and asked != told:
            changes[lever.name] = asked
    return changes


def _widget(lever: Lever, told: Any, key: str) -> Any:
    if lever.choices:
        choices = lever.choices if told in lever.choices or told is None else (told, *lever.choices)
        place = choices.index(told) if told is not None else None
        return st.selectbox(lever.label, choices, place, key=key, format_func=lever.spelled)
    start = lever.low if told is None else told
    bounds = (min(lever.low, start), max(lever.high, start), start, lever.step)
    whole = all(float(bound).is_integer() for bound in bounds)
    low, high, here, step = (int(bound) if whole else float(bound) for bound in bounds)
    label = f"{lever.label}, USD" if lever.column.unit == "USD" else lever.label
    label = label if told is not None else f"{label} (not known)"
    asked = st.slider(label, low, high, here, step, key=key, format=FORMATS.get(lever.column.unit))
    return None if told is None and asked == here else asked


def _outcome(before: dict[str, Any], after: dict[str, Any]) -> None:
    change = 100 * (after["pd"] - before["pd"])
    st.metric(
        "PD, 12 months", f"{wording.percent(before['pd'])} → {wording.percent(after['pd'])}",
        f"{change:+.1f} pp" if abs(change) >= 0.05 else 0, delta_color="inverse",
    )  # fmt: skip
    st.markdown(f"90 % credible {wording.interval(after['pd_low'], after['pd_high'])}; "
                f"{wording.VERDICTS[before['decision']]} → **{wording.VERDICTS[after['decision']]}** "
                f"({wording.certain(after['decision_probability'])} sure)")  # fmt: skip


def _shape(when: str, row: dict[str, Any], scoring: Scoring, term: float) -> pl.DataFrame:
    return density(row, scoring, term).with_columns(when=pl.lit(when))
