"""Cards with one key figure each, all with the same parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import streamlit as st


@dataclass(frozen=True)
class KeyFigure:
    """`told` says in words how sure it is or what it consists of; `history` is ascending in time."""

    label: str
    value: str
    told: str
    delta: str | int | None = None
    meaning: Literal["normal", "inverse", "off"] = "off"
    history: Sequence[float | None] = ()
    meant: str | None = None


def key_figures(figures: Sequence[KeyFigure], compared_with: str) -> None:
    """A row of cards that breaks where the window is narrow."""
    with st.grid(len(figures), min_column_width=190, gap="small"):
        for figure in figures:
            known = [value for value in figure.history if value is not None]
            with st.container(border=True, gap=None, height="stretch"):
                st.metric(
                    figure.label, figure.value, figure.delta, delta_color=figure.meaning, help=figure.meant,
                    chart_data=known if len(known) > 1 else None, chart_type="line",
                    delta_description=compared_with if figure.delta is not None else None,
                )  # fmt: skip
                st.caption(figure.told)
