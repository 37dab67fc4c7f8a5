"""What the rules say of a loan or an application beside the model, for people."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from creditrisk_assets.contracts import SCORES_RULES, TIERS
from creditrisk_assets.serving.applicant import Row, Score
from creditrisk_assets.serving.tables import ServedTables

FLAGS = ("tier", "watchlist", "rule_reasons", "rules")
"""Columns of scores/rules and scores/live that say so."""
SAID = dict(zip(TIERS, ("see little risk", "see an elevated risk", "put it on the watchlist"), strict=True))


def flags(tables: ServedTables, score: Score) -> Row | None:
    """FLAGS of a loan or an application; None for customers, of whom rules say nothing, and where none were asked."""
    row: Mapping[str, Any] = score.row
    if score.kind == "loan":
        if not tables.exists(SCORES_RULES):
            return None
        mine = (pl.col("vintage") == row["vintage"]) & (pl.col("loan_id") == row["loan_id"])
        row = next(tables.rows(SCORES_RULES, mine, FLAGS).iter_rows(named=True), {})
    return {name: row.get(name) for name in FLAGS} if row.get("tier") is not None else None


def listed(rule_reasons: str | None) -> list[str]:
    """The names of the conditions that hold, out of the column that keeps them with commas between."""
    return rule_reasons.split(",") if rule_reasons else []


def sentence(flagged: Row) -> str:
    """FLAGS in one or two sentences of Markdown; version and conditions by the names under which they were declared."""
    names = ", ".join(_code(name) for name in listed(flagged["rule_reasons"]))
    told = f"Rules {_code(flagged['rules'])} {SAID[flagged['tier']]}."
    return f"{told} Conditions that hold: {names}." if names else told


def _code(name: str) -> str:
    plain = name.replace("`", "'")
    return f"`{plain}`"
