"""Which pages there are."""

import base64
from copy import copy
from functools import cache
from pathlib import Path

import streamlit as st

HERE = Path(__file__).parent


@cache
def icon() -> str:
    """The icon of every page as a data URL: nothing is asked of another host, and no file at every run."""
    return f"data:image/svg+xml;base64,{base64.b64encode((HERE / 'icon.svg').read_bytes()).decode()}"


def pages() -> dict[str, list[st.Page]]:
    """Pages by section, for one run: streamlit notes in each whether that run may show it."""
    return {section: [copy(page) for page in known] for section, known in _pages().items()}


@cache
def _pages() -> dict[str, list[st.Page]]:
    """Looked up on the disk once."""
    folder = HERE / "app_pages"
    return {
        "Portfolio": [
            st.Page(folder / "overview.py", title="Overview", icon=":material/monitoring:", default=True),
            st.Page(folder / "vintages.py", title="Vintages", icon=":material/show_chart:"),
        ],
        "Decisions": [
            st.Page(folder / "watch_list.py", title="Watch list", icon=":material/notifications_active:"),
            st.Page(folder / "applicant.py", title="Applicant", icon=":material/person_search:"),
        ],
        "Trust": [
            st.Page(folder / "model_health.py", title="Model health", icon=":material/verified:"),
            st.Page(folder / "pipeline.py", title="Pipeline", icon=":material/account_tree:"),
        ],
    }
