"""Filters of the book, kept in the URL so that a link shows the same view."""

from datetime import date
from typing import Any

import polars as pl
import streamlit as st

from creditrisk_assets.serving.selection import Selection
from creditrisk_assets.serving.wording import spelled

BIND: Any = {"bind": "query-params", "persist_state": "session"}
"""Kept in the URL, and from page to page."""


def months(frame: pl.DataFrame) -> list[date]:
    """The vintages of a frame, ascending."""
    return frame["vintage"].unique().sort().to_list()


def of_the_book(frame: pl.DataFrame, known: list[date] | None = None) -> Selection:
    """What the sidebar selects of a frame with vintage, term_months and purpose.

    `known` are the vintages to choose from, those of the frame by default. Unless the URL says otherwise the
    later half of the frame is chosen, a year at most, so that there is a period before to compare with.
    """
    scored = months(frame)
    known = known or scored
    with st.sidebar:
        first, last = period(known, scored[-min(12, max(1, len(scored) // 2))], scored[-1])
        chosen_terms = terms(frame)
        purposes = st.multiselect(
            "Purpose", frame["purpose"].unique().sort().to_list(), key="purpose",
            format_func=spelled, placeholder="All", **BIND,
        )  # fmt: skip
    return Selection(first, last, chosen_terms, tuple(purposes))


def period(known: list[date], first: date, last: date, keys: tuple[str, str] = ("from", "to")) -> tuple[date, date]:
    """Two months out of `known` in their order, `first` and `last` unless the URL (under `keys`) says otherwise."""
    names = [f"{month:%Y-%m}" for month in known]
    left, right = st.columns(2)
    start = left.selectbox("Vintages from", names, index=known.index(first), key=keys[0], **BIND)
    end = right.selectbox("to", names, index=known.index(last), key=keys[1], **BIND)
    chosen = sorted(date.fromisoformat(f"{month}-01") for month in (start, end))
    return chosen[0], chosen[1]


def terms(frame: pl.DataFrame) -> tuple[int, ...]:
    """Terms wanted, none of them meaning all."""
    known = frame["term_months"].unique().sort().to_list()
    return tuple(st.pills("Term in months", known, selection_mode="multi", key="term", **BIND))
