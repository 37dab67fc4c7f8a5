"""Filters of the book, kept in the URL so that a link shows the same view."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
import streamlit as st

from creditrisk_assets.serving.selection import Selection
from creditrisk_assets.serving.wording import spelled

BIND: Any = {"bind": "query-params", "persist_state": "session"}
"""Kept in the URL, and from page to page."""


@dataclass(frozen=True)
class Choices:
    """What there is to choose from, ascending: `known` vintages, those `scored`, terms and purposes."""

    known: list[date]
    scored: list[date]
    terms: list[int]
    purposes: list[str]


def choices(frame: pl.DataFrame, lineage: pl.DataFrame) -> Choices:
    """What rows with vintage, term_months and purpose leave to choose, and the vintages of rows that may have more."""
    return Choices(months(lineage), months(frame), known_terms(frame), frame["purpose"].unique().sort().to_list())


def months(frame: pl.DataFrame) -> list[date]:
    """The vintages of a frame, ascending."""
    return frame["vintage"].unique().sort().to_list()


def known_terms(frame: pl.DataFrame) -> list[int]:
    """The terms of a frame in months, ascending."""
    return frame["term_months"].unique().sort().to_list()


def of_the_book(found: Choices) -> Selection:
    """What the sidebar selects.

    Unless the URL says otherwise the later half of the scored vintages is chosen, a year at most, so that there is a
    period before to compare with.
    """
    scored = found.scored
    with st.sidebar:
        first, last = period(found.known, scored[-min(12, max(1, len(scored) // 2))], scored[-1])
        chosen_terms = terms(found.terms)
        purposes = st.multiselect(
            "Purpose", found.purposes, key="purpose", format_func=spelled, placeholder="All", **BIND
        )
    return Selection(first, last, chosen_terms, tuple(purposes))


def period(known: list[date], first: date, last: date, keys: tuple[str, str] = ("from", "to")) -> tuple[date, date]:
    """Two months out of `known` in their order, `first` and `last` unless the URL (under `keys`) says otherwise."""
    names = [f"{month:%Y-%m}" for month in known]
    left, right = st.columns(2)
    start = left.selectbox("Vintages from", names, index=known.index(first), key=keys[0], **BIND)
    end = right.selectbox("to", names, index=known.index(last), key=keys[1], **BIND)
    chosen = sorted(date.fromisoformat(f"{month}-01") for month in (start, end))
    return chosen[0], chosen[1]


def terms(known: list[int]) -> tuple[int, ...]:
    """Terms wanted, none of them meaning all."""
    return tuple(st.pills("Term in months", known, selection_mode="multi", key="term", **BIND))
