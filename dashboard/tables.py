"""Columns of the tables on screen: a business label and a format for each."""

from collections.abc import Mapping
from typing import Any

import polars as pl
import streamlit as st

from dashboard.charts.look import BLUE, GREEN, GREY, ORANGE, RED

GOOD, RUNNING, WARNING, BAD, UNKNOWN = GREEN, BLUE, ORANGE, RED, GREY

_of = st.column_config


def heading(label: str) -> Any:
    """The pinned first column."""
    return _of.TextColumn(label, pinned=True)


def count(label: str, told: str | None = None) -> Any:
    """A whole number."""
    return _of.NumberColumn(label, format="%,d", help=told)


def dollars(label: str, told: str | None = None) -> Any:
    """USD without cents."""
    return _of.NumberColumn(label, format="$%,d", help=told)


def share(label: str, digits: int = 1, told: str | None = None) -> Any:
    """A share in percent; `in_percent` makes the column ready for it."""
    return _of.NumberColumn(label, format=f"%.{digits}f %%", help=told)


def bar(label: str, most: float, digits: int = 2, told: str | None = None) -> Any:
    """A share in percent as a bar up to `most`: the one number to compare."""
    top = max(100 * most, 1e-9)
    return _of.ProgressColumn(label, format=f"%.{digits}f %%", min_value=0, max_value=top, help=told)


def marks(label: str, known: Mapping[str, tuple[str, str]], width: int = 120) -> Any:
    """A state as a coloured mark, `known` as words and colour by value; the column holds lists of one value."""
    return _of.MultiselectColumn(
        label,
        options=list(known),
        color=[colour for _, colour in known.values()],
        format_func=lambda value: known[value][0],
        pinned=False,
        width=width,
    )


def in_percent(frame: pl.DataFrame, *names: str) -> pl.DataFrame:
    """The frame with these shares in percent, as they are shown; downloads keep the shares."""
    return frame.with_columns(pl.col(names) * 100)


def table(frame: pl.DataFrame, columns: Mapping[str, Any], *, key: str, alt: str, **more: Any) -> None:
    """The `columns` of a frame in their order, handed over in Arrow: streamlit would go by way of pandas."""
    shown = frame.select(list(columns)).to_arrow(compat_level=pl.CompatLevel.oldest())
    more["lazy"] = False  # else streamlit would load pandas to look at the type
    st.dataframe(shown, column_config=columns, hide_index=True, placeholder="-", key=key, alt=alt, **more)
