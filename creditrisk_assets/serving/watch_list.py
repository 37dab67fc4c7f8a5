"""The watch list as people read it: rows of live_risk in words, the most flagged first."""

from datetime import datetime

import polars as pl

from creditrisk_assets.serving import wording
from creditrisk_assets.serving.reading import FLAGGED_FIRST

PLACE = ("topic", "epoch", "partition", "offset")


def flagged_first(rows: pl.DataFrame) -> pl.DataFrame:
    """Declined, then referred, then approved, each from the highest PD down; of equal ones the newest."""
    rank = pl.col("decision").replace_strict(list(FLAGGED_FIRST), range(len(FLAGGED_FIRST)), default=len(FLAGGED_FIRST))
    return rows.sort(rank, "pd", "ingested_at", "subject", descending=[False, True, True, False])


def in_words(rows: pl.DataFrame, overridden: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """One row per row of live_risk, in its order.

    Columns subject, kind, decision, pd, interval, reason, tier, conditions, sure, override, event, arrived; `tier` and
    `conditions` are what the rules say, empty for customers. `overridden`: the newest override of each subject and
    kind; one of an earlier decision of the same subject says so.
    """
    marked = rows.join(
        overridden.select("subject", "kind", "overridden", new="decision", at="offset", of="partition", on="topic"),
        on=("subject", "kind"), how="left", maintain_order="left",
    )  # fmt: skip
    mine = pl.all_horizontal(
        pl.col(a) == pl.col(b) for a, b in (("on", "topic"), ("of", "partition"), ("at", "offset"))
    )
    verdict = pl.col("new").replace(wording.VERDICTS)
    words = {name: wording.factor(name) for name in rows["reasons"].list.first().drop_nulls().unique()}
    percent = [(pl.col(name) * 100).round(1).cast(pl.String) + pl.lit(" %") for name in ("pd_low", "pd_high")]
    ages = pl.Series("arrived", [wording.ago(at, now) for at in rows["ingested_at"]], dtype=pl.String)
    return marked.select(
        "subject",
        pl.col("kind").replace(wording.KINDS),
        pl.col("decision").replace(wording.VERDICTS),
        "pd",
        interval=pl.concat_str(percent[0], pl.lit(" to "), percent[1]),
        reason=pl.col("reasons").list.first().replace(words).fill_null("No factor raises it for sure"),
        tier="tier",
        conditions=pl.col("rule_reasons").str.replace_all(",", ", ", literal=True),
        sure="decision_probability",
        override=pl.when(mine).then(verdict).otherwise(pl.lit("Earlier: ") + verdict),
        event="as_of",
        arrived=ages,
    )


def identity(rows: pl.DataFrame) -> int:
    """A number that changes whenever another row stands anywhere in the list."""
    return hash(tuple(rows.select("subject", "kind", *PLACE).rows()))


def counted(stream: pl.DataFrame, counters: pl.DataFrame, latency: pl.DataFrame, now: datetime) -> list[str]:
    """What has come of the stream, in a few words each; none before its first micro-batch."""
    if stream.is_empty():
        return []
    events, bad = int(counters["events"].sum()), int(counters["bad"].sum())
    soon = int(latency.filter(pl.col("at_most") <= 0.5)["events"].sum()) / max(1, int(latency["events"].sum()))
    return [
        f"{events:,} events",
        f"{bad:,} in quarantine",
        f"{int(stream['decisions'][0]):,} decisions",
        f"latest micro-batch {wording.ago(stream['ingested_at'][0], now)} ago",
        f"{wording.percent(soon, 0)} visible within half a second",
    ]
