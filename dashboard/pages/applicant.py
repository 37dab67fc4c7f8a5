"""Applicant."""

import streamlit as st

from dashboard.page import page

with page("Applicant"):
    st.info("This page is being built.")
