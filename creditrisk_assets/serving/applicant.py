"""One loan, application or customer: what is known of it in the lake, found by its identifier."""

from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from creditrisk_assets.columns import Table
from creditrisk_assets.contracts import (
    FEATURES_BEHAVIOUR,
    FEATURES_LOANS,
    MODELS_BEHAVIOUR,
    RAW_EVENTS,
    RAW_LOANS,
    SCORES_LIVE,
    SCORES_LOANS,
)
from creditrisk_assets.models.histories import model_of
from creditrisk_assets.scores.loans import Scoring
from creditrisk_assets.serving.explaining import Contributions, contributions, reasons_only
from creditrisk_assets.serving.overrides import Decided
from creditrisk_assets.serving.tables import ServedTables

Kind = Literal["loan", "application", "behaviour"]

LONGEST = 200
"""Characters of an identifier: no table has a longer one."""
PLACE = ("topic", "epoch", "partition", "offset")
Row = dict[str, Any]


@dataclass(frozen=True)
class Score:
    """A score of one subject: a row of scores/loans (kind loan) or the newest one of scores/live."""

    kind: Kind
    row: Row

    @property
    def subject(self) -> str:
        """Loan, application or customer."""
        return str(self.row["loan_id"] if self.kind == "loan" else self.row["subject"])

    @property
    def decided(self) -> Decided:
        """The decision, as an override names it."""
        place = None if self.kind == "loan" else tuple(self.row[name] for name in PLACE)
        return Decided(self.subject, self.kind, self.row["decision"], self.row["model_date"], place)

    @property
    def customer(self) -> str:
        """Whom it concerns: the stream knows customers of the book by their loan."""
        return str(self.row.get("customer_id") or self.subject)


def clean(asked: str) -> str | None:
    """What was typed as an identifier; None where no table can hold it."""
    told = asked.strip()
    return told if 0 < len(told) <= LONGEST and told.isprintable() else None


def find(tables: ServedTables, identifier: str) -> list[Score]:
    """Scores of a loan, an application or a customer: the customer's newest first; none when nobody is known by it.

    LakeError when nothing was ever scored.
    """
    found: list[Score] = []
    if tables.exists(SCORES_LIVE):
        mine = (pl.col("subject") == identifier) | (pl.col("customer_id") == identifier)
        live = tables.rows(SCORES_LIVE, mine).sort("as_of", "ingested_at", *PLACE)
        for kind in ("behaviour", "application"):
            rows = live.filter(pl.col("kind") == kind)
            if rows.height:
                found.append(Score(kind, rows.row(-1, named=True)))
    if not found or tables.exists(SCORES_LOANS):
        rows = tables.rows(SCORES_LOANS, pl.col("loan_id") == identifier)
        found += [Score("loan", row) for row in rows.rows(named=True)]
    return found


def loan_features(tables: ServedTables, score: Score) -> tuple[pl.DataFrame, pl.DataFrame] | None:
    """(row of features/loans, row of raw columns) that a loan or an application was scored from; None when gone."""
    if score.kind == "application":
        return _of_the_stream(tables, score)
    where = (pl.col("loan_id") == score.subject) & (pl.col("vintage") == score.row["vintage"])
    found = [_rows(tables, table, where) for table in (FEATURES_LOANS, RAW_LOANS)]
    return None if any(frame.height != 1 for frame in found) else (found[0], found[1])


def explain(tables: ServedTables, score: Score, scoring: Scoring | None) -> tuple[Contributions, Row]:
    """(contributions to a score, the row they were taken from); by its reasons alone where its model is gone."""
    if scoring is None:
        return reasons_only(score.row), {}
    if score.kind == "behaviour":
        return _explain_customer(tables, score)
    found = loan_features(tables, score)
    if found is None:
        return reasons_only(score.row), {}
    features, raw = found
    mean, deviation = scoring.posterior.scorer.contributions(features)
    values = {**raw.row(0, named=True), **features.row(0, named=True)}
    names = scoring.posterior.design.binning.names
    return contributions(score.row, names, values, mean[0], deviation[0]) or reasons_only(score.row), values


def counts(tables: ServedTables, score: Score) -> pl.DataFrame:
    """The row of features/behaviour that a customer was scored from; no row when it is gone."""
    return _rows(tables, FEATURES_BEHAVIOUR, _place_of(score))


def _explain_customer(tables: ServedTables, score: Score) -> tuple[Contributions, Row]:
    found = counts(tables, score)
    learned = model_of(tables.frame(MODELS_BEHAVIOUR)) if tables.exists(MODELS_BEHAVIOUR) else None
    if learned is None or found.height != 1:
        return reasons_only(score.row), found.row(0, named=True) if found.height == 1 else {}
    mean, deviation = learned.contributions(found, *_known_before(tables, score))
    values = found.row(0, named=True)
    return contributions(score.row, learned.names, values, mean[0], deviation[0]) or reasons_only(score.row), values


def _known_before(tables: ServedTables, score: Score) -> tuple[Any, Any]:
    """Mean and variance (1,) of the log-odds that the stream knew of a customer, remembered as the stream does."""
    from creditrisk_assets.contracts import Instant
    from creditrisk_assets.streaming.deriving import APPLICANT, Memory

    known = ("customer", "as_of", "pd_low", "pd_high")
    memory = Memory()
    book = _rows(tables, SCORES_LOANS, pl.col("loan_id") == score.subject)
    memory.learn(book.select("loan_id", pl.lit(None, Instant).alias("as_of"), "pd_low", "pd_high")
                 .rename({"loan_id": "customer"}).select(known))  # fmt: skip
    earlier = (pl.col("kind") == "application") & (pl.col("ingested_at") <= score.row["ingested_at"])
    applied = _rows(tables, SCORES_LIVE, earlier & APPLICANT.eq(score.subject))
    memory.learn(applied.with_columns(customer=APPLICANT).select(known))
    return memory.known_of(pl.Series([score.subject]))


def _of_the_stream(tables: ServedTables, score: Score) -> tuple[pl.DataFrame, pl.DataFrame] | None:
    from creditrisk_assets.streaming.applications import booked

    found = _rows(tables, RAW_EVENTS, _place_of(score)).sort("replayed").tail(1)
    return booked(found) if found.height else None


def _place_of(score: Score) -> pl.Expr:
    return pl.all_horizontal(pl.col(name) == score.row[name] for name in ("ingest_day", *PLACE))


def _rows(tables: ServedTables, table: Table, where: pl.Expr) -> pl.DataFrame:
    return tables.rows(table, where) if tables.exists(table) else pl.DataFrame(schema=table.schema)
