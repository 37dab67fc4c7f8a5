"""Overview: how large the book is, what it is expected to lose, and where."""

from collections.abc import Callable

import polars as pl
import streamlit as st

from creditrisk_assets.contracts import SCORES_LINEAGE, SERVING_LOSS_DRAWS, SERVING_SEGMENTS
from creditrisk_assets.serving.overview import Overview, overview
from creditrisk_assets.serving.portfolio import loss_draws
from creditrisk_assets.serving.selection import Selection
from creditrisk_assets.serving.wording import spelled
from dashboard import reading
from dashboard.charts import portfolio as charts
from dashboard.drawing import drawn
from dashboard.figures import KeyFigure, key_figures
from dashboard.filters import BIND, choices, of_the_book
from dashboard.page import downloads, page
from dashboard.sections.losses import what_can_be_lost
from dashboard.tables import bar, count, dollars, heading, in_percent, share, table
from dashboard.wording import counted, credible, money, percent, points, relative

BOOK = (SERVING_SEGMENTS, SCORES_LINEAGE, SERVING_LOSS_DRAWS)
SPLITS = {"Purpose": "purpose", "Term": "term_months"}
SHARES = ("loss_rate_low", "loss_rate_high", "mean_pd", "approved")


def figures(shown: Overview) -> list[KeyFigure]:
    """What a portfolio manager asks for first; every change is one against the period before."""
    now, before, past = shown.now, shown.before, shown.quarters
    sure = now.mean_pd
    return [
        KeyFigure(
            "Exposure", money(now.exposure), counted(now.loans, "scored loan"),
            relative(now.exposure, before.exposure) if before else None, "off", past["exposure"].to_list(),
            "Amount lent, of the vintages chosen.",
        ),
        KeyFigure(
            "Expected loss, 12 months", money(now.expected_loss.mean), credible(now.expected_loss),
            relative(now.expected_loss.mean, before.expected_loss.mean) if before else None, "inverse",
            past["expected_loss"].to_list(),
            "PD within twelve months, times amount, times the loss given default of the policy; interval from "
            "whole-book sums by draw of the posterior.",
        ),
        KeyFigure(
            "Mean PD, 12 months", percent(sure.mean if sure else None, 2),
            credible(sure, lambda share: percent(share, 2)) if sure else "no loan",
            _moved(sure.mean if sure else None, before.mean_pd.mean if before and before.mean_pd else None), "inverse",
            past["mean_pd"].to_list(), "Mean over loans of the PD within twelve months.",
        ),
        KeyFigure(
            "Approved", percent(now.approved),
            f"{percent(now.referred)} referred, {percent(now.declined)} declined",
            _moved(now.approved, before.approved if before else None), "off", past["approved"].to_list(),
            "Share of loans that the policy would approve without a person.",
        ),
        KeyFigure(
            "Defaults observed", percent(now.observed_rate, 2),
            f"{percent(now.expected_rate, 2)} expected of {counted(now.matured, 'matured loan')}",
            _moved(now.observed_rate, before.observed_rate if before else None), "inverse",
            past["observed_rate"].to_list(),
            "Share of loans observed for twelve months at least that defaulted within twelve months.",
        ),
    ]  # fmt: skip


def _moved(now: float | None, before: float | None) -> str | int | None:
    return None if now is None or before is None else points(now, before)


def _shown(selection: Selection, split: str) -> Overview:
    served = reading.tables()
    draws = served.derived(loss_draws, (SERVING_LOSS_DRAWS,))
    return served.derived(overview, (SERVING_SEGMENTS, SCORES_LINEAGE), draws, selection, SPLITS[split])


def _top(selection: Selection) -> None:
    """Everything above the table of segments."""
    shown = _shown(selection, next(iter(SPLITS)))
    _unscored(shown)
    if shown.now.loans:
        key_figures(figures(shown), f"vs prior {selection.months} mo.")
        _cards(shown)
    else:
        st.info("No scored loan is selected: widen the vintages, terms or purposes.",
                icon=":material/filter_alt_off:")  # fmt: skip


def _cards(shown: Overview) -> None:
    left, right = st.columns([3, 2], gap="small")
    with left.container(border=True, height="stretch", gap="xsmall"):
        st.markdown("**PD distribution** of scored loans, by risk band")
        worst = float(shown.bands.filter(pl.col("risk_class") == "High")["share"].sum())
        st.vega_lite_chart(
            shown.bands, charts.bands(), key="bands",
            alt=f"Share of loans by risk band; {percent(worst)} of the loans are of high risk, a PD of 10 % or more",
        )  # fmt: skip
    with right.container(border=True, height="stretch", gap="xsmall"):
        st.markdown("**Decisions** of the policy, by quarter of issue")
        label = pl.format("{} Q{}", pl.col("quarter").dt.year(), pl.col("quarter").dt.quarter())
        st.vega_lite_chart(
            shown.decisions.with_columns(label=label), charts.decisions(), key="decisions",
            alt=f"Shares approved, referred and declined by quarter; now {percent(shown.now.approved)} approved",
        )  # fmt: skip


def _split() -> str:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown("**Segments**, highest expected loss of the exposure first", width="content")
        chosen: str | None = st.segmented_control(
            "Split by",
            list(SPLITS),
            key="split",
            default="Purpose",
            required=True,
            label_visibility="collapsed",
            **BIND,
        )
    return chosen or "Purpose"  # a link with an empty value asks for none


def _unscored(shown: Overview) -> None:
    if shown.unscored:
        st.caption(
            f":material/info: {counted(shown.unscored, 'loan')} of {counted(shown.unscored_vintages, 'vintage')} in "
            "this period have no score and are not counted: no good model is dated before them."
        )


def _named(shown: Overview, split: str) -> pl.DataFrame:
    """The table of segments, each by its name."""
    rows, key = shown.segments, SPLITS[split]
    names = pl.col(key).map_elements(spelled, pl.String) if key == "purpose" else pl.format("{} months", key)
    return rows.with_columns(names).rename({key: "segment"})


def _segments(selection: Selection, split: str) -> None:
    rows = _named(_shown(selection, split), split)
    most = float(rows["loss_rate"].max() or 0.0)  # type: ignore[arg-type]
    columns = {
        "segment": heading(split),
        "loans": count("Loans"),
        "exposure": dollars("Exposure"),
        "expected_loss": dollars("Expected loss"),
        "loss_rate": bar("Of the exposure", most, told="Expected loss over exposure"),
        "loss_rate_low": share("90 % from", 2, "Lower end of the 90 % credible interval of the share before"),
        "loss_rate_high": share("to", 2, "Upper end of the 90 % credible interval"),
        "mean_pd": share("Mean PD", 2),
        "approved": share("Approved"),
        "observed_rate": share("Defaulted", 2, "Of loans observed for twelve months"),
        "expected_rate": share("Expected", 2, "Defaults expected of the same loans"),
        "history": st.column_config.LineChartColumn("PD by quarter"),
    }
    table(
        in_percent(rows, *(name for name in rows.columns if name.endswith("_rate") or name in SHARES)),
        columns,
        key=f"segments-{SPLITS[split]}",
        alt=f"Segments by {split.lower()}, highest expected loss of the exposure first",
    )


def _taken(selection: Selection, split: str) -> Callable[[], pl.DataFrame]:
    """The rows of the segments on screen, for whoever takes them."""
    shown = _shown(selection, split)
    return lambda: _named(shown, split).drop("history")


with page("Overview", SERVING_SEGMENTS):
    served = reading.tables()
    for needed in (SERVING_SEGMENTS, SCORES_LINEAGE):
        served.filled(needed)
    selection = of_the_book(served.derived(choices, (SERVING_SEGMENTS, SCORES_LINEAGE)))
    drawn(_top, BOOK, selection)
    with st.container(border=True, gap="xsmall"):
        split = _split()
        drawn(_segments, BOOK, selection, split)
        downloads(_taken(selection, split), f"overview_{SPLITS[split]}")
    what_can_be_lost()
