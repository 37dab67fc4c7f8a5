"""Tables of the scores stage over the book."""

import polars as pl

from creditrisk_assets.columns import Column, Table
from creditrisk_assets.contracts.parts import (
    FEATURE_SET,
    LOAN_ID,
    MODEL_DATE,
    VINTAGE,
    Day,
    Real,
    Text,
    Whole,
    rows,
    share,
)
from creditrisk_assets.contracts.words import DECISIONS, REASONS

SCORES_LOANS = Table(
    ("scores", "loans"),
    "PD of every loan with its interval, points, band, decision and reasons.",
    (
        LOAN_ID,
        VINTAGE,
        MODEL_DATE,
        FEATURE_SET,
        share("pd", meaning="posterior mean of the PD within twelve months"),
        share("pd_low", meaning="5 % quantile of the PD within twelve months"),
        share("pd_high", meaning="95 % quantile of the PD within twelve months"),
        share("pd_term", meaning="posterior mean of the PD within the term"),
        share("pd_term_low", meaning="5 % quantile of the PD within the term"),
        share("pd_term_high", meaning="95 % quantile of the PD within the term"),
        Column("log_odds", Real, "posterior mean of the log-odds of default in an average month of the first year",
               "log-odds", nullable=False),
        Column("log_odds_sd", Real, "posterior standard deviation of the log-odds", "log-odds", nullable=False, low=0),
        Column("base", Real, "log-odds of the average training loan in this vintage; contributions add to it",
               "log-odds", nullable=False),
        Column("points", Whole, "scorecard points, more is safer", "points", nullable=False),
        Column("band", Whole, "risk band, 1 least to 8 most", nullable=False, low=1, high=8),
        Column("decision", Text, "what the policy says; refer where the posterior cannot tell", nullable=False,
               allowed=DECISIONS),
        share("decision_probability", meaning="probability that the decision is right"),
        Column("policy", Text, "version of the policy", nullable=False),
        *(Column(f"reason_{n}", Text, f"factor that raises the risk most, rank {n}") for n in REASONS),
        *(Column(f"contribution_{n}", Real, f"what it adds to the log-odds, rank {n}", "log-odds", low=0)
          for n in REASONS),
    ),
    primary=("loan_id",),
    partition="vintage",
)  # fmt: skip

SCORES_LINEAGE = Table(
    ("scores", "lineage"),
    "Which model and which versions of the tables a vintage was scored with.",
    (
        VINTAGE,
        Column("model_date", Day, "model used; empty when no good model is dated before the vintage", "month"),
        FEATURE_SET,
        Column("features_version", pl.Int64, "Delta version of features/loans", nullable=False, low=0),
        Column("posterior_version", pl.Int64, "Delta version of models/posterior; empty without a model", low=0),
        rows("scored", meaning="loans scored"),
        rows("unscored", meaning="loans left without a score"),
    ),
    primary=("vintage",),
    partition="vintage",
)

COMPACT = ("model_date", "feature_set", "pd", "pd_low", "pd_high", "band", "decision")
"""What is kept of a challenger's scores."""

SCORES_CHALLENGER = Table(
    ("scores", "challenger"),
    "What the challenger says of the very loans that the champion scored; nothing is decided by it.",
    (LOAN_ID, VINTAGE, *(SCORES_LOANS.column(name) for name in COMPACT)),
    primary=("loan_id",),
    partition="vintage",
)
