"""The overview as dashboards of this kind are usually written: pandas in st.cache_data, Altair, default settings.

Run by benchmarks/dashboard.py beside ours: the same cards, charts and table from the same lake.
"""

import os

import altair as alt
import pandas as pd
import streamlit as st
from deltalake import DeltaTable

st.set_page_config(layout="wide")


@st.cache_data
def load() -> pd.DataFrame:
    lake = os.environ["CREDITRISK_LAKE"]
    scores = DeltaTable(f"{lake}/scores/loans").to_pandas(columns=["loan_id", "vintage", "pd", "band", "decision"])
    loans = DeltaTable(f"{lake}/features/loans").to_pandas(columns=["loan_id", "loan_amount", "term_months", "purpose"])
    return scores.merge(loans, on="loan_id")


data = load()
data = data[data["vintage"].astype(str) >= st.query_params.get("from", "2000-01")]
data = data.assign(loss=data["pd"] * data["loan_amount"] * 0.75)
st.title("Overview")
cards = st.columns(5)
cards[0].metric("Exposure", f"{data['loan_amount'].sum():,.0f}")
cards[1].metric("Expected loss", f"{data['loss'].sum():,.0f}")
cards[2].metric("Mean PD", f"{data['pd'].mean():.2%}")
cards[3].metric("Approved", f"{(data['decision'] == 'approve').mean():.1%}")
cards[4].metric("Loans", f"{len(data):,}")
bands = data.groupby("band", as_index=False).agg(exposure=("loan_amount", "sum"), loans=("pd", "size"))
shares = data.groupby(["vintage", "decision"], as_index=False).agg(loans=("pd", "size"))
left, right = st.columns(2)
left.altair_chart(alt.Chart(bands).mark_bar().encode(x="band:O", y="exposure:Q"))
right.altair_chart(alt.Chart(shares).mark_area().encode(x="vintage:T", y="loans:Q", color="decision:N"))
st.dataframe(data.groupby(["purpose", "term_months"], as_index=False).agg(
    loans=("pd", "size"), exposure=("loan_amount", "sum"), pd=("pd", "mean"), loss=("loss", "sum")
))  # fmt: skip
