"""Tables that the dashboard reads: sums with everything a page needs."""

from dataclasses import replace

import polars as pl

from creditrisk_assets.columns import Column, Table
from creditrisk_assets.contracts.parts import (
    MODEL_DATE,
    VINTAGE,
    Day,
    Real,
    Text,
    Whole,
    instant,
    rows,
    vector,
)
from creditrisk_assets.contracts.words import DECISIONS

DRAWS = 200
"""Draws of a posterior that the serving tables are added up by."""
BUCKETS = ("current", "1-29", "30-59", "60-89", "90+")
"""Days past due at the end of a month."""

_segment = (
    VINTAGE,
    replace(MODEL_DATE, known="derived"),
    Column("term_months", Whole, "number of monthly instalments", "months", "key", nullable=False, low=1),
    Column("purpose", Text, "purpose of the loan", "", "key", nullable=False),
)

SERVING_SEGMENTS = Table(
    ("serving", "segments"),
    "Scored loans added up by vintage, term, purpose, band and decision: what the dashboard counts.",
    (
        *_segment,
        Column("band", Whole, "risk band, 1 least to 8 most", "", "key", nullable=False, low=1, high=8),
        Column("decision", Text, "what the policy said", "", "key", nullable=False, allowed=DECISIONS),
        rows("loans", meaning="loans scored"),
        Column("exposure", Real, "amount lent", "USD", nullable=False, low=0),
        Column("expected_defaults", Real, "sum of the PDs within twelve months", "loans", nullable=False, low=0),
        Column("expected_loss", Real, "sum of PD within twelve months, amount and the policy's loss given default",
               "USD", nullable=False, low=0),
        rows("matured", meaning="loans observed for twelve months at least"),
        Column("matured_expected_defaults", Real, "sum of their PDs within twelve months", "loans", nullable=False,
               low=0),
        rows("matured_defaults", meaning="their defaults within twelve months"),
    ),
    primary=("vintage", "term_months", "purpose", "band", "decision"),
    partition="vintage",
)  # fmt: skip

SERVING_LOSS_DRAWS = Table(
    ("serving", "loss_draws"),
    "Expected loss and defaults of every segment by draw of the posterior: intervals of any sum come from here. "
    "Draws of different models with one number are alike in the level of risk, so sums over vintages add number by "
    "number.",
    (
        *_segment,
        rows("loans", meaning="loans scored"),
        Column("exposure", Real, "amount lent", "USD", nullable=False, low=0),
        vector("expected_defaults", meaning="sum of the PDs within twelve months, by draw", unit="loans"),
        vector("expected_loss", meaning="sum of PD within twelve months, amount and loss given default, by draw",
                unit="USD"),
    ),
    primary=("vintage", "term_months", "purpose"),
    partition="vintage",
)  # fmt: skip

SERVING_DEFAULT_CURVES = Table(
    ("serving", "default_curves"),
    "Share of a vintage that has defaulted by month on book: as observed, and as the posterior expected it.",
    (
        VINTAGE,
        Column("model_date", Day, "as-of date of the model; empty when no good model is dated before the vintage",
               "month"),
        Column("term_months", Whole, "number of monthly instalments", "months", "key", nullable=False, low=1),
        Column("month", Whole, "month on book", "months", "key", nullable=False, low=1),
        rows("loans", meaning="loans of the vintage with this term"),
        rows("at_risk", meaning="loans on book at the start of the month and observed to its end"),
        rows("defaults", meaning="their defaults in the month"),
        Column("observed", Real, "cumulative share defaulted, repayment as the other cause; empty once nobody is "
               "observed that long", "share", low=0, high=1),
        Column("expected", Real, "mean over the draws of the cumulative share; empty without a model", "share", low=0,
               high=1),
        Column("draws", pl.List(pl.Float32), "cumulative share expected, by draw; empty without a model", "share"),
    ),
    primary=("vintage", "term_months", "month"),
    partition="vintage",
)  # fmt: skip

SERVING_ROLL_RATES = Table(
    ("serving", "roll_rates"),
    "Customers of the stream by days past due at the end of one month and of the next.",
    (
        Column("month", Day, "the month rolled into", "month", "key", nullable=False),
        Column("from_bucket", Text, "days past due at the end of the month before", "days", "key", nullable=False,
               allowed=BUCKETS),
        Column("to_bucket", Text, "days past due at its end", "days", "key", nullable=False, allowed=BUCKETS),
        rows("customers", meaning="customers who rolled so"),
    ),
    primary=("month", "from_bucket", "to_bucket"),
)  # fmt: skip

SERVING_QUARANTINE = Table(
    ("serving", "quarantine"),
    "What was rejected and why: rows by source and reason, of loan files and of the stream.",
    (
        Column("source", Text, "file or topic", "", "key", nullable=False),
        Column("reason", Text, "why the rows were rejected", "", "key", nullable=False),
        rows("rows", meaning="rejected rows; a row with two reasons counts under both"),
        Column("newest", Text, "where the newest of them stands: line of the file, or partition and offset",
               nullable=False),
        instant("newest_at", meaning="when the newest event was committed; empty for files"),
    ),
    primary=("source", "reason"),
)  # fmt: skip
