"""The model card of the newest model, to be taken along."""

import streamlit as st

from creditrisk_assets.contracts import MONITORING_MODEL_CARDS
from creditrisk_assets.serving.wording import spelled
from dashboard import reading


def model_card(feature_set: str) -> None:
    """A button that hands over the HTML of the newest card; what to do where there is none."""
    told = reading.card(feature_set)
    if told is None:
        st.caption(f":material/description: No model card yet: materialize {MONITORING_MODEL_CARDS.name}.")
        return
    name = f"model_card_{feature_set}_{told['model_date']}.html"
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.download_button(
            f"Model card {told['model_date']:%Y-%m}", lambda: reading.card_html(told).encode(), name, "text/html",
            key="model-card", icon=":material/description:", on_click="ignore",
            help="One HTML file: purpose, data, priors, diagnostics, performance, limits, next review",
        )  # fmt: skip
        st.caption(f"{spelled(feature_set)}, {told['role']}, owner {told['owner']}", width="content")
