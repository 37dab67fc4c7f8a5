"""Tables of the portfolio stage under IFRS 9, and the distribution of losses."""

from dataclasses import replace

from creditrisk_assets.columns import Column, Table
from creditrisk_assets.contracts.parts import LOAN_ID, MODEL_DATE, VINTAGE, Day, Real, Text, Whole, rows, share, vector

STAGE_REASONS = ("none", "sicr", "30 days past due", "90 days past due", "default")
"""Why a loan is in its stage: nothing, risk risen since origination, a backstop (at the days chosen), default."""
_TRANSFERS = ("1 to 2", "1 to 3", "2 to 1", "2 to 3", "3 to 1", "3 to 2")
MOVEMENTS = ("opening", "new", "repaid", "written off", *_TRANSFERS, "remeasured", "closing")
"""Rows of a stage in portfolio/movements."""
FACTORS = ("with", "without")
"""Distributions of loss with a factor common to all loans, and without."""

_REPORTED = replace(MODEL_DATE, meaning="reporting date: nothing of its month, or later, was known")
_STAGE = Column("stage", Whole, "IFRS 9 stage", "", "key", nullable=False, low=1, high=3)


def _money(name: str, meaning: str, *, nullable: bool = False, low: float | None = 0) -> Column:
    return Column(name, Real, meaning, "USD", nullable=nullable, low=low)


PORTFOLIO_STAGES = Table(
    ("portfolio", "stages"),
    "IFRS 9 stage, its reason and the expected credit loss of every loan on the books, defaulted ones until written "
    "off.",
    (
        _REPORTED,
        LOAN_ID,
        VINTAGE,
        Column("posterior_date", Day, "as-of date of the posterior behind the PDs", "month", nullable=False),
        Column("origination_date", Day, "as-of date of the posterior that tells the risk at origination: the latest "
               "good one dated by the vintage, else the first good one", "month", nullable=False),
        replace(_STAGE, known="derived"),
        Column("reason", Text, "why the loan is in its stage", nullable=False, allowed=STAGE_REASONS),
        Column("days_past_due", Whole, "days past due, as far as the file tells", "days", nullable=False, low=0),
        _money("gross", "gross carrying amount: principal owed by the schedule after the instalments paid"),
        share("pd_12m", meaning="PD within twelve months, weighted over the scenarios; 1 in stage 3"),
        share("pd_lifetime", meaning="PD within the remaining term, weighted over the scenarios; 1 in stage 3"),
        share("pd_at_origination", meaning="PD within the same months as the model at origination saw it; empty in "
              "default", nullable=True),
        _money("ecl", "expected credit loss of the stage: mean of the draws"),
        _money("ecl_low", "expected credit loss: 5 % of the draws"),
        _money("ecl_high", "expected credit loss: 95 % of the draws"),
        Column("coverage", Real, "expected credit loss over gross carrying amount; 0 where nothing is owed", "share",
               nullable=False, low=0),
        Column("choices", Text, "version of the choices under IFRS 9", nullable=False),
    ),
    primary=("model_date", "loan_id"),
    partition="model_date",
)  # fmt: skip

PORTFOLIO_MOVEMENTS = Table(
    ("portfolio", "movements"),
    "How loans, gross amounts and allowances moved by IFRS 9 stage since the reporting date before.",
    (
        _REPORTED,
        Column("previous_date", Day, "reporting date before; empty for the first one", "month"),
        _STAGE,
        Column("movement", Text, "opening and closing, and what lies between them", "", "key", nullable=False,
               allowed=MOVEMENTS),
        Column("loans", rows("loans", meaning="").dtype, "loans that moved; fewer than 0: they left the stage", "count",
               nullable=False),
        _money("gross", "gross carrying amount that moved", low=None),
        _money("allowance", "expected credit loss that moved: means of the draws", low=None),
        _money("allowance_low", "5 % of the draws of the stage's sum; opening and closing only", nullable=True),
        _money("allowance_high", "95 % of the draws of the stage's sum; opening and closing only", nullable=True),
    ),
    primary=("model_date", "stage", "movement"),
    partition="model_date",
)  # fmt: skip


def _bounded(name: str, meaning: str, unit: str = "USD") -> tuple[Column, Column, Column]:
    """A figure, and where 5 and 95 % of the draws end when each has a distribution of its own."""
    column = Column(name, Real, meaning, unit, nullable=False, low=0)
    return (
        column,
        replace(column, name=f"{name}_low", meaning=f"{meaning}: 5 % of the draws"),
        replace(column, name=f"{name}_high", meaning=f"{meaning}: 95 % of the draws"),
    )


PORTFOLIO_LOSS_DISTRIBUTION = Table(
    ("portfolio", "loss_distribution"),
    "Distribution of the loss of the next twelve months, with and without a factor common to all loans.",
    (
        _REPORTED,
        Column("factor", Text, "with the systematic factor, or without", "", "key", nullable=False, allowed=FACTORS),
        Column("posterior_date", Day, "as-of date of the posterior behind the PDs", "month", nullable=False),
        rows("loans", meaning="loans on book"),
        _money("exposure", "exposure at a default within twelve months, discounted: mean of the draws"),
        *_bounded("expected_loss", "expected loss of twelve months"),
        *_bounded("value_at_risk_95", "loss that is not exceeded with probability 95 %"),
        *_bounded("value_at_risk_99", "loss that is not exceeded with probability 99 %"),
        *_bounded("value_at_risk_999", "loss that is not exceeded with probability 99.9 %"),
        *_bounded("expected_shortfall_99", "mean of the worst hundredth of losses"),
        *_bounded("correlation", "asset correlation that the factor amounts to in Vasicek's model", "share"),
        share("basel_correlation", meaning="Basel's correlation of other retail loans at the mean PD"),
        _money("vasicek_999", "99.9 % by Vasicek's closed form at that correlation: an even book without limit"),
        vector("levels", meaning="probabilities of the curve"),
        vector("losses", meaning="loss that is not exceeded with each of them", unit="USD"),
    ),
    primary=("model_date", "factor"),
    partition="model_date",
)
