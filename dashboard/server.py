"""The dashboard as a server: what the first visitor would wait for is loaded before anybody comes."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from streamlit.components.v2 import manifest_scanner

SELDOM = (20_000, 10, 10)
"""Objects before a collection of the young, and collections before one of the older: a run makes thousands."""


@asynccontextmanager
async def ready(app: st.App) -> AsyncIterator[None]:
    """Load modules and tables; without a lake there is nothing to load, and the pages say so."""
    import anyio

    from dashboard.warming import warm_up

    await anyio.to_thread.run_sync(warm_up)
    gc.freeze()  # what is loaded stays: no collection looks at it again
    gc.set_threshold(*SELDOM)
    yield


# Streamlit would read what every installed package says of itself, in search of components, of which we bring none.
manifest_scanner.scan_component_manifests = lambda max_workers=None: []
app = st.App(Path(__file__).with_name("app.py"), lifespan=ready)
