"""Model health: can the model be believed, for a validator and for a committee."""

import polars as pl
import streamlit as st

from creditrisk_assets.contracts import (
    MODELS_BACKTEST,
    MODELS_COMPARISON,
    MODELS_DIAGNOSTICS,
    MONITORING_DRIFT,
    MONITORING_PERFORMANCE,
    MONITORING_RULE_AGREEMENT,
    SERVING_SEGMENTS,
)
from creditrisk_assets.serving import health
from creditrisk_assets.serving.committee import committee
from creditrisk_assets.serving.watching import watched
from creditrisk_assets.serving.wording import spelled
from dashboard import reading
from dashboard.charts import health as charts
from dashboard.filters import BIND
from dashboard.page import downloads, page, theme
from dashboard.sections.cards import model_card
from dashboard.sections.drift import drift
from dashboard.sections.observed import by_vintage, observed
from dashboard.sections.rivals import rivals
from dashboard.sections.rules import rules
from dashboard.tables import BAD, GOOD, UNKNOWN, WARNING, count, heading, in_percent, marks, share, table
from dashboard.wording import counted, percent

STATUS = {
    "green": ("● green", GOOD), "amber": ("▲ amber", WARNING), "red": ("■ red", BAD),
    "unknown": ("○ unknown", UNKNOWN),
}  # fmt: skip
MEASURES = {label: name for name, label in health.MEASURES.items()}
Number = st.column_config.NumberColumn


SECTIONS = ("Performance", "Calibration", "Drift", "Rules", "Challenger")


def _committee(rows: pl.DataFrame, feature_set: str) -> None:
    worst = str(rows["status"][0])
    st.markdown("**For the committee**, worst first")
    columns = {
        "status": marks("Status", STATUS, 110),
        "indicator": st.column_config.TextColumn("Indicator", width=275),
        "reading": st.column_config.TextColumn("Reading", width=225),
        "limits": st.column_config.TextColumn("Limits"),
    }
    table(
        rows.with_columns(pl.concat_list(pl.col("status").cast(pl.String))),
        columns,
        key="committee",
        alt=f"Indicators with their limits; the worst is {worst}",
        height="content",
    )
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        downloads(rows.with_columns(pl.col("status").cast(pl.String)), "committee")
        model_card(feature_set)


def _compared(found: pl.DataFrame) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown("**Out of time** against other models", width="content")
        label = (
            st.segmented_control(
                "Measure",
                list(MEASURES),
                default="AUC",
                required=True,
                key="measure",
                label_visibility="collapsed",
                **BIND,
            )
            or "AUC"
        )  # a link with an empty value asks for none
    if found.is_empty():
        st.info("No comparison yet: it needs loans issued after a model date. `make demo` makes one.")
        return
    models = tuple(name for name in health.MODELS if name in found["model"]) + tuple(
        sorted(set(found["model"]) - set(health.MODELS))
    )
    data = found.with_columns(label=pl.col("model_date").dt.strftime("%Y-%m"))
    st.vega_lite_chart(
        data, charts.comparison(MEASURES[label], label, models), key="compared",
        alt=f"{label} of {', '.join(models)} by model date on loans issued after it; the table below holds the newest",
    )  # fmt: skip


def _calibrated(found: pl.DataFrame) -> None:
    st.markdown("**Calibration** by band: bar observed with 90 % interval, tick expected")
    if found.is_empty():
        st.info("No loan has been observed for twelve months yet, so there is nothing to calibrate against.")
        return
    st.vega_lite_chart(
        found, charts.calibration(theme()), key="calibrated",
        alt=f"Observed and expected default rate by band; {int(found['inside'].sum())} of {found.height} bands have "
        "their PD inside the observed interval",
    )  # fmt: skip


def _foretold(found: pl.DataFrame) -> None:
    st.markdown("**Vintages foretold** by the model from all others, with 90 % interval")
    if found.is_empty():
        st.info("No backtest yet: it comes with the first model.")
        return
    held = percent(found["inside"].mean(), 0)  # type: ignore[arg-type]
    st.vega_lite_chart(
        found.with_columns(label=pl.col("vintage").dt.strftime("%Y-%m")), charts.foretold(theme()), key="foretold",
        alt=f"Defaults of {counted(found.height, 'vintage')} beside their interval; {held} lie inside",
    )  # fmt: skip


def _newest(found: pl.DataFrame) -> None:
    rows = health.newest(found)
    if rows.is_empty():
        return
    st.markdown(f"**Newest comparison**, model date {rows['model_date'][0]:%Y-%m}, best AUC first")
    columns = {
        "model": heading("Model"),
        "rows": count("Loans"),
        "bads": count("Defaults"),
        **{name: Number(label, format="%.4f") for name, label in health.MEASURES.items()},
        "mean_pd": share("Mean PD", 2),
        "observed": share("Observed", 2),
        "bias": Number("PD over observed", format="%.2f"),
    }
    table(
        in_percent(rows, "mean_pd", "observed").with_columns(pl.col("model").map_elements(spelled, pl.String)),
        columns,
        key="newest",
        alt="Measures of each model on loans issued after the newest model date, best AUC first",
    )


def _diagnosed(rows: pl.DataFrame) -> None:
    st.markdown("**Sampler and certificate**, newest first")
    columns = {
        "model_date": st.column_config.DateColumn("Model date", format="YYYY-MM", pinned=True),
        "gate": st.column_config.TextColumn("Gates"),
        "r_hat_max": Number("R-hat", format="%.4f", help="Largest; at most 1.01"),
        "ess_bulk_min": Number("ESS bulk", format="%,d", help="Smallest; 400 at least"),
        "ess_tail_min": Number("ESS tail", format="%,d", help="Smallest; 400 at least"),
        "divergences": count("Divergences", "None allowed"),
        "bfmi_min": Number("BFMI", format="%.2f", help="Smallest; 0.3 at least"),
        "k_hat": Number("k-hat", format="%.2f", help="Of the importance weights against the exact likelihood"),
        "certificate_ess": Number("Certificate ESS", format="%,d"),
        "loans": count("Loans learned from"),
        "defaults": count("Defaults"),
    }
    table(
        rows,
        columns,
        key="diagnosed",
        alt="Sampler diagnostics and certificate of every model, newest first",
    )
    downloads(rows, "diagnostics")


def _performance(compared: pl.DataFrame, calibrated: pl.DataFrame, diagnosed: pl.DataFrame) -> None:
    left, right = st.columns(2, gap="small")
    with left.container(border=True, height="stretch", gap="xsmall"):
        _compared(compared)
    with right.container(border=True, height="stretch", gap="xsmall"):
        _calibrated(calibrated)
    with st.container(border=True, gap="xsmall"):
        _newest(compared)
        _diagnosed(diagnosed)


def _calibration(foretold: pl.DataFrame) -> None:
    left, right = st.columns([3, 2], gap="small")
    with left.container(border=True, height="stretch", gap="xsmall"):
        observed()
    with right.container(border=True, height="stretch", gap="xsmall"):
        _foretold(foretold)
    with st.container(border=True, gap="xsmall"):
        by_vintage()


with page("Model health", MODELS_DIAGNOSTICS):
    names = health.feature_sets(reading.tables().filled(MODELS_DIAGNOSTICS))
    feature_set = st.segmented_control(
        "Features", names, default=names[0], required=True, key="features", format_func=spelled,
        label_visibility="collapsed", **BIND,
    ) or names[0]  # fmt: skip
    compared = reading.made(health.comparison, MODELS_COMPARISON, feature_set)
    calibrated = reading.made(health.calibration, SERVING_SEGMENTS)
    diagnosed = reading.made(health.diagnostics, MODELS_DIAGNOSTICS, feature_set)
    foretold = reading.made(health.foretold, MODELS_BACKTEST, feature_set)
    readings = reading.made(watched, (MONITORING_DRIFT, MONITORING_PERFORMANCE, MONITORING_RULE_AGREEMENT))
    with st.container(border=True, gap="xsmall"):
        _committee(committee(compared, calibrated, diagnosed, foretold, readings), feature_set)
    tabs = st.tabs(SECTIONS, key="section", bind="query-params")
    for tab, section in zip(
        tabs,
        (lambda: _performance(compared, calibrated, diagnosed), lambda: _calibration(foretold), drift, rules, rivals),
        strict=True,
    ):
        if tab.open:  # only what is looked at is drawn
            with tab:
                section()
