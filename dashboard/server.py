"""The dashboard as a server: what the first visitor would wait for is loaded before anybody comes."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st


@asynccontextmanager
async def ready(app: st.App) -> AsyncIterator[None]:
    """Load modules and tables; without a lake there is nothing to load, and the pages say so."""
    import anyio

    from dashboard.warming import warm_up

    await anyio.to_thread.run_sync(warm_up)
    gc.collect()
    gc.freeze()  # what is loaded stays: no collection looks at it again
    yield


app = st.App(Path(__file__).with_name("app.py"), lifespan=ready)
