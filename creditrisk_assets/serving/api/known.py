"""What the lake holds of a loan, an application or a customer, as the API answers it."""

from typing import Any

import polars as pl

from creditrisk_assets.contracts import SCORES_RULES
from creditrisk_assets.scores.live import FLAGS
from creditrisk_assets.serving.api.answers import told
from creditrisk_assets.serving.applicant import Score, clean, find
from creditrisk_assets.serving.tables import ServedTables


def known(tables: ServedTables, identifier: str) -> list[dict[str, Any]]:
    """Scores under an identifier; none where nobody is known by it. LakeError when nothing was ever scored."""
    asked = clean(identifier)
    return [] if asked is None else [_told(tables, score) for score in find(tables, asked)]


def _told(tables: ServedTables, score: Score) -> dict[str, Any]:
    row = score.row
    loan = score.kind == "loan"
    flagged = row | _flags(tables, score) if loan else row
    as_of = row["vintage" if loan else "as_of"].isoformat()
    return {"kind": score.kind, "subject": score.subject, "as_of": as_of, **told(flagged)}


def _flags(tables: ServedTables, score: Score) -> dict[str, Any]:
    if not tables.exists(SCORES_RULES):
        return {}
    mine = (pl.col("vintage") == score.row["vintage"]) & (pl.col("loan_id") == score.subject)
    rows = tables.rows(SCORES_RULES, mine, FLAGS)
    return rows.row(0, named=True) if rows.height else {}
