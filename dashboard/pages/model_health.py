"""Model health."""

import streamlit as st

from dashboard.page import page

with page("Model health"):
    st.info("This page is being built.")
