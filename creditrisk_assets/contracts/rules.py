"""Tables of the rules: the set in force, what it says of every loan, and whether the posterior agrees."""

from dataclasses import replace

from creditrisk_assets.columns import Column, Table
from creditrisk_assets.contracts.parts import LOAN_ID, VINTAGE, Day, Flag, Real, Text, Whole, rows
from creditrisk_assets.contracts.words import BAND_LABELS, MISSING_BAND, TIERS

MODELS_RULES = Table(
    ("models", "rules"),
    "The rules in force, one after the other: bands, reasons, watchlist and tiers.",
    (
        Column("version", Text, "version of the rules", "", "key", nullable=False),
        Column("number", Whole, "place among the rules", "", "key", nullable=False, low=1),
        Column("kind", Text, "what the rule decides", nullable=False,
               allowed=("band", "reason", "watchlist", "tier")),
        Column("name", Text, "column of scores/rules it fills, or name of the reason", nullable=False),
        Column("feature", Text, "feature it looks at, where it is one"),
        Column("label", Text, "band or tier it gives"),
        Column("lower", Real, "values of the band lie above this; empty where open", "unit of the feature"),
        Column("upper", Real, "values of the band lie at this or below; empty where open", "unit of the feature"),
        Column("condition", Text, "when it holds, in words", nullable=False),
    ),
    primary=("number",),
)  # fmt: skip

_FLAGS = (
    Column("tier", Text, "what the rules make of the loan", nullable=False, allowed=TIERS),
    Column("watchlist", Flag, "the rules put it on the watchlist", nullable=False),
)
_TOLD = (
    Column("rule_reasons", Text, "names of the conditions that hold, with commas between; empty: none"),
    Column("rules", Text, "version of the rules", nullable=False),
)

SCORES_RULES = Table(
    ("scores", "rules"),
    "What the rules say of every loan, scored or not: tier, watchlist, bands and reasons.",
    (
        LOAN_ID,
        VINTAGE,
        *_FLAGS,
        *(Column(f"{name}_band", Text, f"band of the {meaning}", nullable=False, allowed=(*BAND_LABELS, MISSING_BAND))
          for name, meaning in (("dti", "debt to income"), ("utilisation", "revolving utilisation"),
                                ("rate", "interest rate"))),
        *_TOLD,
    ),
    primary=("loan_id",),
    partition="vintage",
)  # fmt: skip

LIVE_FLAGS = tuple(
    replace(column, nullable=True, meaning=f"{column.meaning}; of applications only") for column in (*_FLAGS, *_TOLD)
)
"""Columns of scores/live that the rules fill."""

AGREEMENT = {
    "flagged_share": "loans on the watchlist over all loans",
    "bad_rate": "default rate of loans whose outcome is known",
    "flagged_bad_rate": "default rate of those on the watchlist",
    "lift": "that over the default rate of all",
    "recall": "defaults on the watchlist over all defaults",
    "posterior_recall": "the same of as many loans, the riskiest by the posterior",
    "recall_gain": "recall of the posterior less that of the watchlist, on the same loans",
    "overlap": "loans of the watchlist that are also among the riskiest",
    "jaccard": "loans in both of these sets over those in any",
    "tier_auc": "area under the ROC curve of the tiers",
    "posterior_auc": "area under the ROC curve of the PD",
    "auc_gain": "that less the area of the tiers, on the same loans",
}
"""Measures of monitoring/rule_agreement and what they mean."""

MONITORING_RULE_AGREEMENT = Table(
    ("monitoring", "rule_agreement"),
    "Whether the rules catch the population that the posterior catches: rates, recall, overlap and ranking of both.",
    (
        VINTAGE,
        Column("rules", Text, "version of the rules; empty for a vintage without a loan"),
        Column("model_date", Day, "model that scored the vintage; empty where none did", "month"),
        Column("measure", Text, "what is told: " + "; ".join(f"{name}, {told}" for name, told in AGREEMENT.items()), "",
               "key", nullable=False, allowed=tuple(AGREEMENT)),
        Column("value", Real, "the measure; empty where there is nothing to tell it from"),
        Column("low", Real, "lower end of its 90 % interval"),
        Column("high", Real, "upper end of its 90 % interval"),
        rows("events", meaning="events of the rate; of lift, gains and areas the defaults"),
        rows("loans", meaning="loans it is told from"),
    ),
    primary=("vintage", "measure"),
    partition="vintage",
)  # fmt: skip
