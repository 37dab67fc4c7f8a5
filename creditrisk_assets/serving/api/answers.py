"""What is answered of an application, in the shape in which it is sent; `documented` tells callers of it."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec

from creditrisk_assets.contracts import REASONS

FIGURES = ("pd", "pd_low", "pd_high", "pd_term", "pd_term_low", "pd_term_high", "points", "band", "decision",
           "decision_probability", "policy")  # fmt: skip
"""Columns of scores/loans that are answered under their own names."""


class Reason(msgspec.Struct, frozen=True, gc=False):
    """A factor that raises the risk, and what it adds to the log-odds of default."""

    factor: str
    contribution: float


class Model(msgspec.Struct, frozen=True, gc=False):
    """Which posterior said so."""

    feature_set: str
    model_date: str


class Flags(msgspec.Struct, frozen=True, gc=False):
    """What the rules say beside the model."""

    tier: str
    watchlist: bool
    reasons: list[str]


class Answer(msgspec.Struct, frozen=True, gc=False):
    """The answer to an application: FIGURES, and why."""

    application_id: str
    pd: float
    pd_low: float
    pd_high: float
    pd_term: float | None
    pd_term_low: float | None
    pd_term_high: float | None
    points: int
    band: int
    decision: str
    decision_probability: float
    policy: str
    reasons: list[Reason]
    model: Model
    flags: Flags | None
    rules: str | None


class Placed(msgspec.Struct, frozen=True, gc=False):
    """An answer among those to a batch."""

    index: int
    score: Answer


def told(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of scores/loans with flags, or of scores/live, as fields of an answer."""
    model_date: date = row["model_date"]
    reasons = [Reason(row[f"reason_{n}"], row[f"contribution_{n}"]) for n in REASONS if row[f"reason_{n}"] is not None]
    flags = None
    if row.get("rules") is not None:
        names = row["rule_reasons"]
        flags = Flags(row["tier"], row["watchlist"], names.split(",") if names else [])
    return {
        **{name: row[name] for name in FIGURES},
        "reasons": reasons,
        "model": Model(row["feature_set"], model_date.isoformat()),
        "flags": flags,
        "rules": row.get("rules"),
    }
