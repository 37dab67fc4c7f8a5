"""What every page shares: heading, data as of, model version, and states without figures that say what to do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import NoReturn

import polars as pl
import streamlit as st

from creditrisk_assets.columns import Table
from creditrisk_assets.resources.delta import LakeError
from creditrisk_assets.resources.environments import SettingsError
from creditrisk_assets.serving.errors import ServingError, ServingUnavailableError
from creditrisk_assets.serving.tables import EmptyTableError
from dashboard import access, files, reading

FORMATS = (
    ("CSV", "csv", files.csv, "text/csv"),
    ("Parquet", "parquet", files.parquet, "application/vnd.apache.parquet"),
)


@contextmanager
def page(title: str, source: Table | None = None) -> Iterator[None]:
    """Heading with the age of `source` and the model, for those who may look; what is missing is told, never raised."""
    access.admit()
    with told():
        _heading(title, source)
        yield


@contextmanager
def told() -> Iterator[None]:
    """What is missing inside is told, never raised; pages do so by themselves, fragments that run alone do not."""
    try:
        yield
    except EmptyTableError as error:
        st.info(str(error), icon=":material/hourglass_empty:")
    except (LakeError, SettingsError) as error:
        st.info(f"Nothing to show yet. {_sentence(error)}", icon=":material/database_off:")
        st.caption("`make demo` fills everything; in the Dagster UI it is the job `batch`.")
    except (ServingError, ServingUnavailableError) as error:
        st.warning(f"PostgreSQL cannot be read. {_sentence(error)}", icon=":material/cloud_off:")


@contextmanager
def looking_again() -> Iterator[None]:
    """`told` for fragments that run by themselves: who may look no longer, as when a login has ended, is led out."""
    if not isinstance(access.visitor(), access.Visitor):
        st.rerun()
    with told():
        yield


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."


def _heading(title: str, source: Table | None) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        st.title(title, anchor=False)
        st.caption(" · ".join(_told(source)), width="content")


def _told(source: Table | None) -> list[str]:
    told, served = [], reading.tables()
    if source is not None and served.exists(source):
        told.append(f"Data as of {served.as_of(source):%Y-%m-%d %H:%M} UTC")
    model = reading.model_version()
    told.append(f"Model {model:%Y-%m-%d}" if model is not None else "No model yet")
    return told


def nothing_yet(why: str, *tables: Table) -> None:
    """A card without figures: why, and what to materialise."""
    names = " and ".join(table.name for table in tables)
    st.info(f"{why} `make demo` fills it; in the Dagster UI materialize {names}.", icon=":material/hourglass_empty:")


def leave_for(path: str, **query: str) -> NoReturn:
    """Open another page, out of a fragment that looks again by itself.

    Its timer may ring once more before the browser hears of the new page, and the run that it asks for would
    take the place of the new page, which stays blank then: what is forgotten here is not run.
    """
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    context = get_script_run_ctx()
    if context is not None:
        context.fragment_storage.clear()
    st.switch_page(path, query_params=query)


def downloads(rows: pl.DataFrame | Callable[[], pl.DataFrame], name: str) -> None:
    """What is on screen, as CSV and as parquet; `rows` may be made only when somebody takes them."""
    stamp, make = f"{datetime.now(UTC):%Y%m%d}", rows if callable(rows) else lambda: rows
    with st.container(horizontal=True, gap="small"):
        for label, ending, written, mime in FORMATS:
            st.download_button(
                label, partial(_file, written, make), f"{name}_{stamp}.{ending}", mime,
                key=f"{name}-{ending}", icon=":material/download:", on_click="ignore",
            )  # fmt: skip


def _file(written: Callable[[pl.DataFrame], bytes], make: Callable[[], pl.DataFrame]) -> bytes:
    return written(make())


def theme() -> str:
    """The theme, light or dark, as the visitor sees it."""
    return st.context.theme.type or "light"
