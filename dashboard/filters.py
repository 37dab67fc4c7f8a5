"""Filters of the book, kept in the URL so that a link shows the same view."""

from dataclasses import dataclass
from datetime import date

import polars as pl
import streamlit as st

BIND = {"bind": "query-params", "persist_state": "session"}


@dataclass(frozen=True)
class Selection:
    """Vintages from `first` to `last`; terms and purposes wanted, none of them meaning all."""

    first: date
    last: date
    terms: tuple[int, ...] = ()
    purposes: tuple[str, ...] = ()

    def __call__(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows of a frame with vintage, term_months and perhaps purpose that are selected."""
        wanted = pl.col("vintage").is_between(self.first, self.last)
        if self.terms:
            wanted &= pl.col("term_months").is_in(self.terms)
        if self.purposes and "purpose" in frame.columns:
            wanted &= pl.col("purpose").is_in(self.purposes)
        return frame.filter(wanted)


def months(frame: pl.DataFrame) -> list[date]:
    """The vintages of a frame, ascending."""
    return frame["vintage"].unique().sort().to_list()


def of_the_book(frame: pl.DataFrame) -> Selection:
    """What the sidebar selects of a frame with vintage, term_months and purpose."""
    known = months(frame)
    names = [f"{month:%Y-%m}" for month in known]
    with st.sidebar:
        first = st.selectbox("Vintages from", names, index=0, key="from", bind="query-params")
        last = st.selectbox("to", names, index=len(names) - 1, key="to", bind="query-params")
        terms = st.pills(
            "Term", sorted(frame["term_months"].unique()), selection_mode="multi", key="term",
            format_func=lambda term: f"{term} months", bind="query-params",
        )  # fmt: skip
        purposes = st.multiselect(
            "Purpose", frame["purpose"].unique().sort().to_list(), key="purpose",
            format_func=spelled, placeholder="All", bind="query-params",
        )  # fmt: skip
    chosen = sorted((date.fromisoformat(f"{first}-01"), date.fromisoformat(f"{last}-01")))
    return Selection(chosen[0], chosen[1], tuple(terms), tuple(purposes))


def spelled(name: str) -> str:
    """A name of the data in words: debt_consolidation as Debt consolidation."""
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]
