"""Vintages."""

import streamlit as st

from dashboard.page import page

with page("Vintages"):
    st.info("This page is being built.")
