"""Pages of the dashboard as streamlit runs them, without a browser."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

import dashboard
from dashboard import reading

if TYPE_CHECKING:
    from streamlit.testing.v1 import AppTest

APP = Path(dashboard.__file__).with_name("app.py")
SECONDS = 60

Opening = Callable[..., "AppTest"]


@pytest.fixture
def opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opening]:
    """Open a page with settings, secrets and query parameters of its own; nothing of one test is kept for the next."""
    import streamlit as st
    from streamlit.testing.v1 import AppTest

    monkeypatch.chdir(tmp_path)

    def open_page(
        page: str = "", lake: Path | None = None, secrets: dict[str, object] | None = None,
        asked: dict[str, str] | None = None, **values: str,
    ) -> "AppTest":  # fmt: skip
        monkeypatch.setenv("CREDITRISK_LAKE", str(lake or tmp_path / "no lake"))
        for name, value in values.items():
            monkeypatch.setenv(f"CREDITRISK_{name.upper()}", value)
        reading.forget()
        st.cache_data.clear()
        found = AppTest.from_file(str(APP), default_timeout=SECONDS)
        for name, section in (secrets or {}).items():
            found.secrets[name] = section
        for name, value in (asked or {}).items():
            found.query_params[name] = value
        if page:
            found.switch_page(f"app_pages/{page}.py")
        return found.run()

    yield open_page
    reading.forget()


def written(page: "AppTest") -> str:
    """Everything that is written on a page."""
    parts = [*page.title, *page.header, *page.subheader, *page.markdown, *page.caption, *page.info, *page.warning]
    parts += [*page.error, *page.success]
    return "\n".join(str(part.value) for part in parts)


def shown(page: "AppTest", *columns: str) -> pl.DataFrame:
    """The table on the page that has these columns."""
    for frame in page.dataframe:
        if set(columns) <= set(frame.value.columns):
            return pl.from_pandas(frame.value)
    raise AssertionError(f"no table with {columns}")
