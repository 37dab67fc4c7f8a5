"""Watch list."""

import streamlit as st

from dashboard.page import page

with page("Watch list"):
    st.info("This page is being built.")
