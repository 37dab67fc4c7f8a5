"""Tables of the portfolio stage; their model date is the reporting date: what happened in its month is not known."""

from dataclasses import replace

from creditrisk_assets.columns import Column, Table
from creditrisk_assets.contracts.parts import LOAN_ID, MODEL_DATE, VINTAGE, Day, Real, Text, Whole, rows, share, vector

ALL_TERMS, ALL_PURPOSES = 0, "all"
"""Term and purpose of the row that holds the whole."""

REPORTING_DATE = replace(MODEL_DATE, meaning="reporting date: nothing of its month, or later, was known")

_segment = (
    Column("term_months", Whole, "number of monthly instalments; 0 for all loans", "months", "key", nullable=False,
           low=0),
    Column("purpose", Text, "purpose of the loan; all for all loans", "", "key", nullable=False),
)  # fmt: skip


def _interval(column: Column) -> tuple[Column, Column, Column]:
    """The mean over the draws, and where 5 and 95 % of them end."""
    return (
        replace(column, meaning=f"{column.meaning}: mean of the draws"),
        replace(column, name=f"{column.name}_low", meaning=f"{column.meaning}: 5 % of the draws"),
        replace(column, name=f"{column.name}_high", meaning=f"{column.meaning}: 95 % of the draws"),
    )


def _money(name: str, meaning: str) -> Column:
    return Column(name, Real, meaning, "USD", nullable=False, low=0)


PORTFOLIO_LGD = Table(
    ("portfolio", "lgd"),
    "Loss given default by segment, as far as recoveries were known: two parts, their product and its draws.",
    (
        REPORTING_DATE,
        *_segment,
        rows("defaults", meaning="defaults a year old at least: their recoveries count"),
        rows("with_recovery", meaning="those of which anything came back"),
        _money("owed", "principal they owed at default"),
        _money("recovered", "what came back, net of the cost of collection and at most what was owed"),
        share("any_recovered", meaning="chance that anything comes back, by money: mean of the draws"),
        share("share_recovered", meaning="share recovered where anything is: mean of the draws"),
        *_interval(share("loss_given_default", meaning="share of the principal owed that never comes back")),
        vector("any_recovered_draws", meaning="chance that anything comes back, by draw"),
        vector("share_recovered_draws", meaning="share recovered where anything is, by draw"),
    ),
    primary=("model_date", "term_months", "purpose"),
    partition="model_date",
)

PORTFOLIO_EXPECTED_LOSS = Table(
    ("portfolio", "expected_loss"),
    "What each loan on book is expected to lose within twelve months and its remaining life, discounted.",
    (
        REPORTING_DATE,
        LOAN_ID,
        VINTAGE,
        Column("posterior_date", Day, "as-of date of the posterior behind the PDs", "month", nullable=False),
        Column("term_months", Whole, "number of monthly instalments", "months", nullable=False, low=1),
        Column("purpose", Text, "purpose of the loan", nullable=False),
        Column("months_on_book", Whole, "months on book survived, as far as known", "months", nullable=False, low=0),
        Column("days_past_due", Whole, "days past due, as far as known", "days", low=0),
        _money("balance", "principal owed by the schedule"),
        Column("effective_rate", Real, "rate that discounts", "share a month", nullable=False, low=0),
        *_interval(share("loss_given_default", meaning="share of the exposure that never comes back")),
        *_interval(_money("exposure_at_default", "exposure at a default within twelve months, discounted")),
        *_interval(share("pd_12m", meaning="probability of default within the next twelve months")),
        *_interval(share("pd_lifetime", meaning="probability of default within the remaining term")),
        *_interval(_money("expected_loss_12m", "expected loss of the next twelve months")),
        *_interval(_money("expected_loss_lifetime", "expected loss of the remaining term")),
    ),
    primary=("model_date", "loan_id"),
    partition="model_date",
)

PORTFOLIO_TOTALS = Table(
    ("portfolio", "totals"),
    "Loans on book added up by segment, draw by draw: intervals of any sum come from here.",
    (
        REPORTING_DATE,
        *_segment,
        rows("loans", meaning="loans on book"),
        _money("balance", "principal they owe by the schedule"),
        vector("exposure_at_default", meaning="sum of their exposures at default, discounted, by draw", unit="USD"),
        vector("expected_defaults_12m", meaning="sum of the PDs within twelve months, by draw", unit="loans"),
        vector("expected_defaults_lifetime", meaning="sum of the PDs within the remaining term, by draw",
               unit="loans"),
        vector("expected_loss_12m", meaning="sum of the expected losses of twelve months, by draw", unit="USD"),
        vector("expected_loss_lifetime", meaning="sum of the expected losses of the remaining term, by draw",
               unit="USD"),
    ),
    primary=("model_date", "term_months", "purpose"),
    partition="model_date",
)  # fmt: skip
