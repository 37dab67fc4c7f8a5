"""Parts of pages that are alike for all who ask the same: drawn once, then shown again as they were."""

from collections.abc import Callable, Hashable, Sequence
from types import FunctionType
from typing import cast

import streamlit as st

from creditrisk_assets.columns import Table
from dashboard import reading
from dashboard.page import theme

KEPT = 256
"""Parts kept; the one unused for longest goes first."""


def drawn(draw: Callable[..., None], tables: Sequence[Table], *arguments: Hashable) -> None:
    """What `draw(*arguments)` draws, made once for these versions of `tables`, arguments and theme.

    `draw` is a function of the module level that reads these tables alone and draws no widget: streamlit plays the
    messages to the browser again, and nothing is asked, formatted or converted. What `draw` raises is not kept.
    """
    versions = [reading.tables().identity(table) for table in tables]
    # Files of pages are run anew, all under the name of one module.
    named = cast(FunctionType, draw).__code__.co_filename, draw.__qualname__
    key = repr((named, versions, arguments, theme()))
    _drawn(key=key, _draw=draw, _arguments=arguments)  # by name: streamlit looks no signature up then


@st.cache_resource(max_entries=KEPT, show_spinner=False)
def _drawn(key: str, _draw: Callable[..., None], _arguments: tuple[Hashable, ...]) -> None:
    _draw(*_arguments)
