"""Pipeline."""

import streamlit as st

from dashboard.page import page

with page("Pipeline"):
    st.info("This page is being built.")
