"""Overview."""

import streamlit as st

from dashboard.page import page

with page("Overview"):
    st.info("This page is being built.")
