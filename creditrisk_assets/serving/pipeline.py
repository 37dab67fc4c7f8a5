"""Is everything as new as what it comes from, and how fast is the stream?"""

from collections.abc import Mapping
from datetime import timedelta

import polars as pl

from creditrisk_assets.contracts import TABLES
from creditrisk_assets.serving.tables import Facts

_MODEL = ("features/loans", "models/evidence", "models/reference")
_SCORED = ("features/loans", "models/diagnostics", "models/moments", "models/posterior")
_MONITORED = (*_SCORED, "scores/lineage", "scores/loans")
_VALUED = (*_SCORED, "raw/loans")
SOURCES: dict[str, tuple[str, ...]] = {
    "features/loans": ("raw/loans",),
    "models/reference": ("features/loans",),
    "models/binning": ("features/loans",),
    "models/logistic": ("features/loans",),
    "models/boosting": ("features/loans",),
    "models/evidence": ("features/loans", "models/reference"),
    **dict.fromkeys(("models/posterior", "models/parameters", "models/moments", "models/diagnostics",
                     "models/backtest"), _MODEL),
    "models/comparison": (*_SCORED, "models/boosting", "models/logistic"),
    "scores/loans": _SCORED,
    "scores/lineage": _SCORED,
    "scores/challenger": (*_SCORED, "scores/loans"),
    "scores/rules": ("features/loans", "models/rules"),
    "monitoring/challenger": ("features/loans", "scores/challenger", "scores/loans"),
    "monitoring/rule_agreement": ("features/loans", "scores/loans", "scores/rules"),
    "features/behaviour": ("raw/events",),
    "scores/live": ("raw/events", "features/behaviour"),
    "scores/shadow": ("raw/events", "scores/live"),
    **dict.fromkeys(("monitoring/calibration", "monitoring/performance", "monitoring/drift", "monitoring/population"),
                    _MONITORED),
    "portfolio/lgd": ("features/loans", "raw/loans"),
    **dict.fromkeys(("portfolio/stages", "portfolio/movements"), _VALUED),
    **dict.fromkeys(("portfolio/expected_loss", "portfolio/totals", "portfolio/loss_distribution"),
                    (*_VALUED, "portfolio/lgd")),
    "monitoring/model_cards": ("models/backtest", "models/comparison", "models/posterior", "models/promotions",
                               "monitoring/calibration", "monitoring/drift", "monitoring/performance"),
    "monitoring/inventory": ("models/behaviour", "models/boosting", "models/logistic", "models/rules",
                             "monitoring/model_cards", "scores/loans"),
    **dict.fromkeys(("serving/segments", "serving/loss_draws", "serving/default_curves"), _MONITORED),
    "serving/roll_rates": ("features/behaviour",),
    "serving/quarantine": ("raw/events", "raw/loans_quarantine"),
    "archive/events": ("raw/events",),
    "archive/reports": ("monitoring/drift", "monitoring/model_cards", "monitoring/performance"),
}  # fmt: skip
"""What a table is made from, by name; a table with newer sources is behind. The others come from outside."""

GRACE = {
    "features/behaviour": timedelta(minutes=2),
    "scores/live": timedelta(minutes=2),
    "scores/shadow": timedelta(hours=26),
    "serving/roll_rates": timedelta(minutes=30),
    "serving/quarantine": timedelta(minutes=30),
    "archive/events": timedelta(hours=26),
    "archive/reports": timedelta(hours=26),
}
"""How much newer a source may be: what follows the stream does so a while later."""

_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "table": pl.String, "stage": pl.String, "rows": pl.Int64, "version": pl.Int64,
    "changed": pl.Datetime("us", "UTC"), "status": pl.String, "told": pl.String,
}  # fmt: skip
FRESHNESS = pl.Schema(_COLUMNS)


def freshness(known: Mapping[str, Facts]) -> pl.DataFrame:
    """Every table of the contracts with what `known` tells of it, those that need somebody first.

    table, stage, rows, version, changed (when rows last changed), status (behind, missing or fresh) and `told`,
    why it is behind. Tables that are not in `known` were never written.
    """
    found = []
    for table in TABLES.values():
        facts = known.get(table.name)
        told = _behind(table.name, known) if facts else ""
        status = "missing" if facts is None else "behind" if told else "fresh"
        figures = (facts.rows, facts.version, facts.changed) if facts else (None, None, None)
        found.append((table.name, table.key[0], *figures, status, told))
    order = pl.Enum(["behind", "missing", "fresh"])
    return (
        pl.DataFrame(found, schema=FRESHNESS, orient="row")
        .with_columns(pl.col("status").cast(order))
        .sort("status", maintain_order=True)
        .with_columns(pl.col("status").cast(pl.String))
    )


def _behind(name: str, known: Mapping[str, Facts]) -> str:
    """The source that is newest, in words, where one is newer than it may be."""
    mine, grace = known[name].changed, GRACE.get(name, timedelta(0))
    newer = {source: known[source].changed for source in SOURCES.get(name, ()) if source in known}
    newer = {source: changed for source, changed in newer.items() if changed > mine + grace}
    if not newer:
        return ""
    source = max(newer, key=newer.__getitem__)
    return f"{source} is {spelled(newer[source] - mine)} newer"


def spelled(span: timedelta) -> str:
    """A time span in its largest unit: 3 days, 2 hours, 5 minutes, 12 seconds."""
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        count = int(span.total_seconds() // size)
        if count:
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "a moment"


def delays(latency: pl.DataFrame) -> pl.DataFrame:
    """By topic from rows of serving.stream_latency: events, mean, and p50, p95, p99 in seconds.

    Quantiles are upper bounds of the classes that hold them; the class without a bound counts as infinite.
    """
    schema = {"topic": pl.String, "events": pl.Int64, "mean": pl.Float64, "p50": pl.Float64, "p95": pl.Float64,
              "p99": pl.Float64}  # fmt: skip
    if latency.is_empty():
        return pl.DataFrame(schema=schema)
    reached = (pl.col("events").cum_sum() / pl.col("events").sum()).over("topic")
    ordered = latency.sort("topic", "at_most").with_columns(reached=reached)
    quantiles = {
        f"p{100 * share:.0f}": pl.col("at_most").filter(pl.col("reached") >= share - 1e-12).first()
        for share in (0.5, 0.95, 0.99)
    }
    return (
        ordered.group_by("topic", maintain_order=True)
        .agg(pl.col("events").sum(), mean=pl.col("microseconds").sum() / 1e6 / pl.col("events").sum(), **quantiles)
        .select(*schema)
    )
