"""Reports of the monitoring stage: which models there are, and a card for every posterior."""

from dataclasses import replace

import polars as pl

from creditrisk_assets.columns import Column, Table
from creditrisk_assets.contracts.parts import FEATURE_SET, MODEL_DATE, Day, Flag, Real, Text, Whole, instant

MODEL_KINDS = ("posterior", "logistic", "boosting", "behaviour", "loss_given_default")
"""Kinds of models; the last two kinds below are no models."""
KINDS = (*MODEL_KINDS, "rules", "policy")
ROLES_OF_MODELS = ("champion", "challenger", "candidate", "benchmark", "retired", "unfit")
TRIGGERS = ("card", "alarm", "observed over expected", "drift", "quarterly date")
"""What opens a review, the most urgent first."""

_version = Column("version", pl.Int64, "", low=0)

MONITORING_MODEL_CARDS = Table(
    ("monitoring", "model_cards"),
    "A card for every posterior: what it is for, made of, worth and not worth, who answers for it, when it is due.",
    (
        MODEL_DATE,
        FEATURE_SET,
        Column("posterior", Text, "digest of the posterior it describes, as in models/promotions", "", "key",
               nullable=False),
        Column("promoted", Flag, "it describes the posterior as it was promoted; the lake has another since",
               nullable=False),
        replace(_version, name="posterior_version", nullable=False,
                meaning="Delta version of models/posterior when the card was written"),
        replace(_version, name="features_version",
                meaning="newest Delta version of features/loans when the posterior was written; empty: the log does "
                "not reach back so far"),
        Column("role", Text, "its role when the card was written", nullable=False, allowed=ROLES_OF_MODELS),
        Column("owner", Text, "who answers for it", nullable=False),
        Column("markdown", Text, "the card as Markdown, without pictures", nullable=False),
        Column("html", Text, "the card as one HTML file that needs no other", nullable=False),
    ),
    primary=("model_date", "feature_set", "posterior"),
    partition="model_date",
)  # fmt: skip

MONITORING_INVENTORY = Table(
    ("monitoring", "inventory"),
    "Every model that the platform uses or keeps: role, owner, purpose, materiality, data, validation and next review.",
    (
        Column("name", Text, "kind, feature set and date of the model", "", "key", nullable=False),
        Column("kind", Text, "what kind of model it is", nullable=False, allowed=KINDS),
        Column("is_model", Flag, "a model; otherwise deterministic rules, not a model", nullable=False),
        replace(FEATURE_SET, known="derived", nullable=True, meaning="features it may use; empty: not such a model"),
        replace(MODEL_DATE, known="derived", nullable=True, meaning="its as-of date; empty: it has none"),
        Column("version", Text, "digest of the model, or version as its file tells", nullable=False),
        Column("role", Text, "candidate: good and newer, or trained anew, but never promoted; unfit: failed its gates; "
               "retired: its date is past, its scores stay; empty: rules", allowed=ROLES_OF_MODELS),
        Column("purpose", Text, "what it is for", nullable=False),
        Column("limits", Text, "what it is not for", nullable=False),
        Column("owner", Text, "who answers for it", nullable=False),
        Column("loans", pl.Int64, "loans that it speaks for: scored, on book, or flagged; empty: none are counted",
               "count", low=0),
        Column("exposure", Real, "amount lent to them; of the loss given default, principal owed", "USD", low=0),
        Column("exposure_share", Real, "exposure over that of all models of its kind; empty: there is none", "share",
               low=0, high=1),
        Column("tier", Whole, "materiality: 1 decides now or speaks for a quarter of the exposure, 2 challenges or "
               "speaks for a twentieth, 3 anything else", nullable=False, low=1, high=3),
        instant("written_at", meaning="when its table was last written for its date; empty: unknown, or no table"),
        replace(_version, name="table_version", meaning="Delta version of its table that wrote it; empty likewise"),
        replace(_version, name="features_version", meaning="newest Delta version of features/loans then; empty "
                "likewise"),
        Column("last_validated", Day, "day (UTC) on which it was last held against outcomes: models/comparison, or "
               "monitoring of what it scored; empty: never", "day"),
        Column("review_due", Day, "a quarter after it was validated, or written; empty: no review is asked for", "day"),
        Column("review_trigger", Text, "what opens the next review: whatever has fired, else the quarterly date",
               allowed=TRIGGERS),
        Column("review_reading", Text, "its reading"),
        Column("review_now", Flag, "it has fired, or the date has passed", nullable=False),
        Column("has_card", Flag, "a card describes this very model; empty: none is asked for"),
        Column("card", Text, "what is wrong with its card; empty: nothing"),
    ),
    primary=("name",),
)  # fmt: skip
