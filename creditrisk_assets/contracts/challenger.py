"""The comparison of champion and challenger."""

from dataclasses import replace
from itertools import product

from creditrisk_assets.columns import Column, Table
from creditrisk_assets.contracts.parts import FEATURE_SET, VINTAGE, Day, Real, Text, rows, share
from creditrisk_assets.contracts.words import DECISIONS

ROLES = ("champion", "challenger")
MEASURES = {"auc": "area under the ROC curve", "log_loss": "mean negative log-likelihood", "brier": "Brier score"}
"""What both are measured by; of the AUC more is better, of the others less."""


def _model(role: str) -> tuple[Column, Column]:
    empty = "empty: none scored the vintage"
    return (
        replace(FEATURE_SET, name=f"{role}_feature_set", known="derived", nullable=True,
                meaning=f"feature set of the {role}; {empty}"),
        Column(f"{role}_model_date", Day, f"as-of date of the {role}; {empty}", "month"),
    )  # fmt: skip


def _measured(measure: str, meaning: str) -> tuple[Column, ...]:
    unit = "nats" if measure == "log_loss" else ""
    known = "among matured loans; empty: too few"
    return (
        *(Column(f"{role}_{measure}", Real, f"{meaning} of the {role} {known}", unit, low=0) for role in ROLES),
        Column(f"{measure}_difference", Real, f"{measure} of the challenger less that of the champion", unit),
        Column(f"{measure}_error", Real, "its standard error, both on the same loans", unit, low=0),
        Column(f"{measure}_low", Real, "lower end of its 95 % interval", unit),
        Column(f"{measure}_high", Real, "upper end of its 95 % interval", unit),
        Column(f"{measure}_winner", Text, f"who is better by {measure}; empty: the interval holds 0", allowed=ROLES),
    )


MONITORING_CHALLENGER = Table(
    ("monitoring", "challenger"),
    "Champion and challenger on the same loans: what they say, whom they would decide otherwise, who was right.",
    (
        VINTAGE,
        *_model("champion"),
        *_model("challenger"),
        rows("loans", meaning="loans that both scored"),
        *(replace(share(f"{role}_pd", meaning=f"mean PD of the {role} within twelve months"), nullable=True)
          for role in ROLES),
        Column("rank_correlation", Real, "Spearman's correlation of both PDs; empty: undefined", low=-1, high=1),
        replace(share("differing", meaning="share of loans that they decide differently"), nullable=True),
        *(rows(f"{one}_{other}", meaning=f"loans of which the champion says {one}, the challenger {other}")
          for one, other in product(DECISIONS, DECISIONS)),
        rows("matured", meaning="loans whose first twelve months are known"),
        rows("defaults", meaning="defaults within them"),
        *(column for measure, meaning in MEASURES.items() for column in _measured(measure, meaning)),
    ),
    primary=("vintage",),
    partition="vintage",
)  # fmt: skip
