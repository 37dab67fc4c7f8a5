"""What the whole book can lose as of the newest reporting date: expected losses, stages, allowance, distribution."""

from collections.abc import Callable
from datetime import date

import polars as pl
import streamlit as st

from creditrisk_assets.columns import Table
from creditrisk_assets.contracts import (
    PORTFOLIO_EXPECTED_LOSS,
    PORTFOLIO_LOSS_DISTRIBUTION,
    PORTFOLIO_MOVEMENTS,
    PORTFOLIO_TOTALS,
)
from creditrisk_assets.serving import on_book, provisions
from dashboard import reading
from dashboard.charts import losses as charts
from dashboard.drawing import drawn
from dashboard.figures import KeyFigure, key_figures
from dashboard.page import downloads, nothing_yet, theme
from dashboard.tables import bar, count, dollars, heading, in_percent, share, table
from dashboard.wording import counted, credible, money, percent

TABLES = (PORTFOLIO_TOTALS, PORTFOLIO_MOVEMENTS, PORTFOLIO_LOSS_DISTRIBUTION)


def what_can_be_lost() -> None:
    """The section; of the whole book, whatever the filters select."""
    day = reading.made(on_book.newest_date, TABLES)
    if day is None:
        st.subheader("What can we lose", anchor=False)
        with st.container(border=True):
            nothing_yet("The book was never valued: that takes a reporting date with a good model.", *TABLES)
        return
    drawn(_summary, (*TABLES, PORTFOLIO_EXPECTED_LOSS), day)
    left, right = st.columns([3, 2], gap="small")
    with left.container(border=True, height="stretch", gap="xsmall"):
        drawn(_distribution, TABLES, day)
        _taken(on_book.losses, PORTFOLIO_LOSS_DISTRIBUTION, day, "loss_distribution")
    with right.container(border=True, height="stretch", gap="xsmall"):
        drawn(_allowance, TABLES, day)
        _taken(provisions.moved, PORTFOLIO_MOVEMENTS, day, "allowance")
    with st.container(border=True, gap="xsmall"):
        drawn(_stages, TABLES, day)
        _taken(provisions.stages, PORTFOLIO_MOVEMENTS, day, "stages")


def _taken(make: Callable[[pl.DataFrame, date], pl.DataFrame], source: Table, day: date, name: str) -> None:
    """The rows on screen to be taken along, where there are any."""
    rows = reading.made(make, source, day)
    if not rows.is_empty():
        downloads(rows, name)


def _summary(day: date) -> None:
    st.subheader("What can we lose", anchor=False)
    _heading(day)
    _figures(day)


def _heading(day: date) -> None:
    found, posterior = reading.made(on_book.book, PORTFOLIO_TOTALS, day), reading.posterior_behind(day)
    told = [f"The whole book on the reporting date {day:%Y-%m-%d}, whatever the filters select"]
    if found is not None:
        told.append(f"{counted(found.loans, 'loan')} on book owe {money(found.balance)}")
    told.append(f"posterior of {posterior:%Y-%m-%d}" if posterior else "posterior not told")
    st.caption(" · ".join(told))


def _figures(day: date) -> None:
    found = reading.made(on_book.book, PORTFOLIO_TOTALS, day)
    if found is None:
        with st.container(border=True):
            st.markdown("**Expected loss** of the book")
            _without(day, PORTFOLIO_TOTALS)
        return
    figures = [
        KeyFigure(
            "Book: loss, 12 months", money(found.loss_12m.mean), credible(found.loss_12m),
            meant="Expected: PD within twelve months, times exposure at default, times loss given default, discounted; "
            "summed over loans draw by draw.",
        ),
        KeyFigure(
            "Book: loss, lifetime", money(found.loss_lifetime.mean), credible(found.loss_lifetime),
            meant="Expected over the remaining term of every loan.",
        ),
        KeyFigure(
            "Book: defaults, 12 months", f"{found.defaults_12m.mean:,.0f}",
            credible(found.defaults_12m, lambda loans: f"{loans:,.0f}"),
            meant="Expected: sum of the PDs of the loans on book.",
        ),
        _allowed(day), _unexpected(day),
    ]  # fmt: skip
    key_figures(figures, "")


def _allowed(day: date) -> KeyFigure:
    """The allowance of all stages."""
    rows = reading.made(provisions.stages, PORTFOLIO_MOVEMENTS, day)
    label, meant = "Allowance, IFRS 9", "Expected credit loss: of twelve months in stage 1, of the lifetime beyond."
    if rows.is_empty():
        return KeyFigure(label, "-", f"materialize {PORTFOLIO_MOVEMENTS.name}", meant=meant)
    whole = rows.row(-1, named=True)
    told = f"{percent(whole['coverage'], 2)} of {money(whole['gross'])} gross"
    return KeyFigure(label, money(whole["allowance"]), told, meant=meant)


def _unexpected(day: date) -> KeyFigure:
    """The loss of the worst year in a thousand."""
    rows = reading.made(on_book.losses, PORTFOLIO_LOSS_DISTRIBUTION, day).filter(figure="value_at_risk_999")
    label, meant = "VaR 99.9 %, 12 months", "Loss that is not exceeded with 99.9 % probability, common factor included."
    if rows.is_empty():
        return KeyFigure(label, "-", f"materialize {PORTFOLIO_LOSS_DISTRIBUTION.name}", meant=meant)
    row = rows.row(0, named=True)
    told = f"90 % credible {money(row['with_low'])} to {money(row['with_high'])}"
    return KeyFigure(label, money(row["with"]), told, meant=meant)


def _distribution(day: date) -> None:
    st.markdown("**Loss of the next twelve months**: the chance that more is lost")
    points = reading.made(on_book.curve, PORTFOLIO_LOSS_DISTRIBUTION, day)
    if points.is_empty():
        _without(day, PORTFOLIO_LOSS_DISTRIBUTION)
        return
    marked = reading.made(on_book.levels, PORTFOLIO_LOSS_DISTRIBUTION, day)
    found = reading.made(on_book.losses, PORTFOLIO_LOSS_DISTRIBUTION, day)
    told = "; ".join(f"{name} {money(amount)}" for name, amount in found.select("name", "with").iter_rows())
    names = tuple(on_book.FACTORS.values())
    st.vega_lite_chart(
        pl.concat([points, marked], how="diagonal"), charts.exceedance((names[0], names[1]), theme()), key="exceedance",
        alt=f"Chance of exceeding a loss, with and without the common factor; with it: {told}",
    )  # fmt: skip
    columns = {
        "name": heading("Loss"),
        "with": dollars("With the factor"),
        "with_low": dollars("90 % from"),
        "with_high": dollars("to"),
        "without": dollars("Without it"),
    }
    table(found, columns, key="losses", alt=f"Expected loss and values at risk; {told}")
    _correlated(day)


def _correlated(day: date) -> None:
    told = reading.made(on_book.correlation, PORTFOLIO_LOSS_DISTRIBUTION, day)
    if told is not None:
        mine, basel, closed = told
        st.caption(
            "The factor moves all loans of a year together. It amounts to an asset correlation of "
            f"{percent(mine.mean, 2)} ({percent(mine.low, 2)} to {percent(mine.high, 2)}); Basel takes "
            f"{percent(basel)} of other retail loans. Vasicek's closed form at it: VaR 99.9 % {money(closed)}."
        )


def _allowance(day: date) -> None:
    steps = reading.made(provisions.steps, PORTFOLIO_MOVEMENTS, day)
    before = reading.made(provisions.previous_date, PORTFOLIO_MOVEMENTS, day)
    since = f"since {before:%Y-%m-%d}" if before else "as of the first reporting date"
    st.markdown(f"**Movement of the allowance** {since}")
    if steps.is_empty():
        _without(day, PORTFOLIO_MOVEMENTS)
        return
    told = ", ".join(f"{name.lower()} {money(amount)}" for name, amount in steps.select("name", "amount").iter_rows())
    st.vega_lite_chart(steps, charts.allowance(theme()), key="allowance", alt=f"Allowance of all stages: {told}")
    columns = {
        "name": heading("USD"),
        **{f"stage_{stage}": count(f"Stage {stage}") for stage in provisions.STAGES},
        "all_stages": count("All"),
    }
    moved = reading.made(provisions.moved, PORTFOLIO_MOVEMENTS, day)
    table(moved, columns, key="movements", alt=f"Movement of the allowance by stage: {told}")


def _stages(day: date) -> None:
    rows = reading.made(provisions.stages, PORTFOLIO_MOVEMENTS, day)
    st.markdown("**IFRS 9 stages**: what is owed, and what is expected to be lost of it")
    if rows.is_empty():
        _without(day, PORTFOLIO_MOVEMENTS)
        return
    columns = {
        "stage": heading("Stage"),
        "loans": count("Loans"),
        "gross": dollars("Gross carrying amount"),
        "share": share("Of the book"),
        "allowance": dollars("Allowance (ECL)"),
        "allowance_low": dollars("90 % from", "5 % of the draws of the stage's sum"),
        "allowance_high": dollars("to", "95 % of the draws of the stage's sum"),
        "coverage": bar("Coverage", float(rows["coverage"].max() or 0.0), told="Allowance over gross"),  # type: ignore[arg-type]
    }
    table(in_percent(rows, "share", "coverage"), columns, key="stages", alt="Exposure, allowance and coverage by stage")


def _without(day: date, source: Table) -> None:
    nothing_yet(f"Not reckoned for {day:%Y-%m-%d} yet.", source)
