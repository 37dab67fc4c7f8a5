"""The register of promotions: which model decides, since when and why."""

from dataclasses import replace

from creditrisk_assets.columns import Column, Table
from creditrisk_assets.contracts.parts import FEATURE_SET, MODEL_DATE, Day, Text, instant

MODELS_PROMOTIONS = Table(
    ("models", "promotions"),
    "Who was made champion when, by whom and why; rows are added and never changed.",
    (
        instant("promoted_at", meaning="when; it decides in the stream from the next run on", nullable=False),
        replace(FEATURE_SET, meaning="feature set of the posterior that decides from then on"),
        replace(MODEL_DATE, meaning="its as-of date"),
        Column("posterior", Text, "digest of the posterior; what it was when promoted is kept beside the tables",
               nullable=False),
        replace(FEATURE_SET, name="previous_feature_set", known="derived", nullable=True,
                meaning="feature set of the champion before; empty: there was none"),
        Column("previous_model_date", Day, "its as-of date; empty: there was none", "month"),
        Column("reason", Text, "why, in the words of whoever did it", nullable=False),
        Column("promoted_by", Text, "who did it", nullable=False),
        Column("run_id", Text, "the run that did it", "", "key", nullable=False),
        Column("evidence", Text, "both models side by side at that moment, as JSON", nullable=False),
    ),
    primary=("run_id",),
)  # fmt: skip
