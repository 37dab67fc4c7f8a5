"""Calibration by vintage: defaults observed over expected as far as known, lights, and alarms of early defaults."""

import polars as pl
import streamlit as st

from creditrisk_assets.contracts import MONITORING_PERFORMANCE
from creditrisk_assets.serving import observed as observing
from dashboard import reading
from dashboard.charts import observed as charts
from dashboard.page import downloads, nothing_yet, theme
from dashboard.tables import BAD, GOOD, UNKNOWN, WARNING, count, heading, in_percent, marks, share, table
from dashboard.wording import counted

LIGHTS = {"green": ("● green", GOOD), "amber": ("▲ amber", WARNING), "red": ("■ red", BAD),
          "unknown": ("○ too young", UNKNOWN)}  # fmt: skip
ALARMS = {"alarm": ("! alarm", BAD)}
Number = st.column_config.NumberColumn


def observed() -> None:
    """Chart and sums; the table is below."""
    st.markdown("**Observed over expected** defaults by vintage, as far as known")
    rows = reading.made(observing.by_vintage, MONITORING_PERFORMANCE)
    if rows.is_empty():
        nothing_yet("Not monitored yet: no vintage was held against its outcomes.", MONITORING_PERFORMANCE)
        return
    widest = rows["ratio_high"].quantile(0.75) or 0.0
    top = next((top for top in charts.TOPS if widest <= top), charts.TOPS[-1])
    counts = {name: rows.filter(light=name).height for name in ("green", "amber", "red")}
    st.vega_lite_chart(
        rows, charts.ratio(top, theme()), key="ratio",
        alt="Observed over expected defaults by vintage; "
        + ", ".join(f"{number} {name}" for name, number in counts.items()) + f", {int(rows['alarm'].sum())} alarms",
    )  # fmt: skip
    beyond = rows.filter(pl.max_horizontal("ratio", "resolved_ratio", "ratio_high") > top).height
    cut = f" What is beyond {top:g} stands there, in {counted(beyond, 'vintage')}." if beyond else ""
    st.caption(_told(reading.frame(MONITORING_PERFORMANCE)) + cut)


def _told(rows: pl.DataFrame) -> str:
    found, alarms = observing.together(rows), observing.alarms(rows)
    told = ["Bars: 90 % interval by hazard. ◇ resolved loans alone, which mislead while a vintage is young. ! alarm."]
    if found.ratio is not None:
        told.append(
            f"All {found.vintages} vintages: {found.observed:,} observed, {found.expected:,.1f} expected, ratio "
            f"{found.ratio:.2f} (90 % {found.low:.2f} to {found.high:.2f})"
            + (f"; resolved loans alone would say {found.resolved_ratio:.2f}." if found.resolved_ratio else ".")
        )
    if alarms.vintages:
        told.append(f"Alarms in the newest {alarms.vintages}: {alarms.alarms}, {alarms.by_chance:.1f} by chance.")
    return " ".join(told)


def by_vintage() -> None:
    """The table behind the chart, newest vintage first."""
    found = reading.made(observing.by_vintage, MONITORING_PERFORMANCE).reverse()
    if found.is_empty():
        return
    st.markdown("**By vintage**, newest first")
    columns = {
        "label": heading("Vintage"),
        "light": marks("Light", LIGHTS, 100),
        "alarm": marks("Alarm", ALARMS, 85),
        "loans": count("Loans"),
        "months_observed": count("Months", "Months on book that every loan was observed for"),
        "observed": count("Defaults", "As far as observed"),
        "expected": Number("Expected", format="%,.1f", help="Of all loans, as far as each was observed"),
        "ratio": Number("O/E", format="%.2f", help="Observed over expected defaults, by hazard"),
        "ratio_low": Number("90 % from", format="%.2f", help="Chance of the count and of what is expected"),
        "ratio_high": Number("to", format="%.2f"),
        "resolved_ratio": Number("Resolved alone", format="%.2f", help="What loans defaulted or repaid would claim"),
        "maturity_share": share("Matured", 0, "Loans observed for twelve months"),
        "matured_ratio": Number("O/E matured", format="%.2f"),
        "auc": Number("AUC", format="%.3f", help="Of matured loans"),
        "early_defaults": count("Early", "Defaults within the first months"),
        "early_expected": Number("Expected early", format="%,.1f"),
        "early_high": count("95 % below", "Of early defaults, if the posterior is right"),
        "early_p_value": Number("p of more", format="%.3f"),
    }
    alarm = pl.concat_list(pl.when("alarm").then(pl.lit("alarm"))).list.drop_nulls()
    shown = found.with_columns(light=pl.concat_list(pl.col("light").fill_null("unknown")), alarm=alarm)
    table(
        in_percent(shown, "maturity_share"), columns, key="performance",
        alt="Observed and expected defaults, lights and alarms of every vintage, newest first",
    )  # fmt: skip
    downloads(found.drop("label"), "performance")
