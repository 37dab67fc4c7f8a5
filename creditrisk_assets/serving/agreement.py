"""Rules beside the posterior, all vintages together: sums of rows of monitoring/rule_agreement.

Within vintages: the posterior is asked for as many loans of each vintage as the rules flag in it, and an area is the
chance that a defaulted loan ranks above another of its own vintage. Only vintages with scored loans count, so that both
sides speak of the same loans. Intervals are of 90 %.
"""

import numpy as np
import polars as pl

from creditrisk_assets.monitoring.jeffreys import rate_interval
from creditrisk_assets.monitoring.rule_agreement import DRAWS, NORMAL, SEED

RATES = {
    "flagged_share": "Loans on the watchlist", "bad_rate": "Default rate of all loans",
    "flagged_bad_rate": "Default rate on the watchlist", "recall": "Defaults on the watchlist",
    "posterior_recall": "Defaults among as many riskiest by the posterior",
    "overlap": "Watchlist also among the riskiest",
}  # fmt: skip
"""Events over loans: sums of both."""
WEIGHTED = {"recall_gain": "Recall gained by the posterior", "tier_auc": "AUC of the tiers",
            "posterior_auc": "AUC of the posterior", "auc_gain": "AUC gained by the posterior"}  # fmt: skip
"""Means over vintages: of a gain in recall by defaults, of areas by pairs of a default and another loan."""
LIFT = "lift"
WORDS = {**RATES, LIFT: "Lift of the watchlist", **WEIGHTED}
_WIDEST = {"recall_gain": 1.0, "tier_auc": 0.5, "posterior_auc": 0.5, "auc_gain": 1.0}
"""The largest standard deviation that such a measure can have, taken where a vintage tells none."""


def pooled(frame: pl.DataFrame) -> pl.DataFrame:
    """measure, name, value, low, high, events, loans, vintages: a row for each of WORDS, value null where unknown."""
    scored = frame.filter(pl.col("model_date").is_not_null())
    parts = [_rates(scored), _lift(scored), *(_weighted(scored, measure) for measure in WEIGHTED)]
    every = pl.DataFrame({"measure": list(WORDS), "name": list(WORDS.values())})
    return every.join(pl.concat(parts), on="measure", how="left", maintain_order="left")


def rules_in_force(frame: pl.DataFrame) -> list[str]:
    """Versions of the rules that the rows speak of."""
    return [str(version) for version in frame["rules"].drop_nulls().unique().sort()]


def vintages(frame: pl.DataFrame) -> int:
    """Vintages of the rows that some model scored."""
    return frame.filter(pl.col("model_date").is_not_null())["vintage"].n_unique()


_SCHEMA = pl.Schema({"measure": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64,
                     "events": pl.Int64, "loans": pl.Int64, "vintages": pl.Int64})  # fmt: skip


def _rates(frame: pl.DataFrame) -> pl.DataFrame:
    sums = (
        frame.filter(pl.col("measure").is_in(list(RATES)) & (pl.col("loans") > 0))
        .group_by("measure")
        .agg(pl.col("events", "loans").sum(), vintages=pl.len().cast(pl.Int64))
    )
    low, high = rate_interval(sums["events"].to_numpy(), sums["loans"].to_numpy())
    told = sums.with_columns(
        value=pl.col("events") / pl.col("loans"), low=pl.Series(low, dtype=pl.Float64),
        high=pl.Series(high, dtype=pl.Float64),
    )  # fmt: skip
    return told.select(_SCHEMA.names()).cast(_SCHEMA)


def _lift(frame: pl.DataFrame) -> pl.DataFrame:
    """Default rate of flagged loans over that of all; its interval by the Dirichlet of monitoring/rule_agreement."""
    sums = {name: _sums(frame, name) for name in ("bad_rate", "flagged_bad_rate")}
    (bad, loans, vintages), (caught, flagged, _) = sums["bad_rate"], sums["flagged_bad_rate"]
    row: dict[str, object] = {"measure": LIFT, "events": bad, "loans": loans, "vintages": vintages}
    if bad and flagged:
        counts = np.array([caught, flagged - caught, bad - caught, loans - flagged - bad + caught], np.float64)
        draws = np.random.default_rng(SEED).gamma(counts + 0.5, size=(DRAWS, 4))
        hit, wrong, missed, _ = draws.T / draws.sum(axis=1)
        low, high = np.quantile(hit / (hit + wrong) / (hit + missed), (0.05, 0.95))
        value = caught / flagged / (bad / loans)
        row |= {"value": value, "low": min(float(low), value), "high": max(float(high), value)}
    return pl.DataFrame([row], schema=_SCHEMA)


def _sums(frame: pl.DataFrame, measure: str) -> tuple[int, int, int]:
    rows = frame.filter((pl.col("measure") == measure) & (pl.col("loans") > 0))
    return int(rows["events"].sum()), int(rows["loans"].sum()), rows.height


def _weighted(frame: pl.DataFrame, measure: str) -> pl.DataFrame:
    """Mean over vintages with its normal interval; vintages are independent of each other here."""
    rows = frame.filter((pl.col("measure") == measure) & pl.col("value").is_not_null())
    events, loans = rows["events"].to_numpy().astype(np.float64), rows["loans"].to_numpy().astype(np.float64)
    weight = events if measure == "recall_gain" else events * (loans - events)
    row: dict[str, object] = {"measure": measure, "events": int(events.sum()), "loans": int(loans.sum()),
                              "vintages": rows.height}  # fmt: skip
    if weight.sum() > 0:
        half = pl.max_horizontal(pl.col("high") - pl.col("value"), pl.col("value") - pl.col("low"))
        error = rows.select((half / NORMAL).fill_null(_WIDEST[measure])).to_series().to_numpy()
        share = weight / weight.sum()
        value, spread = float(share @ rows["value"].to_numpy()), float(np.sqrt(share**2 @ error**2))
        row |= {"value": value, "low": value - NORMAL * spread, "high": value + NORMAL * spread}
    return pl.DataFrame([row], schema=_SCHEMA)


def beside(found: pl.DataFrame) -> pl.DataFrame:
    """what, who, value, low, high, events: recall and area of rules and posterior, of rows of `pooled`."""
    places = [("Recall at equal share", "rules", "recall"), ("Recall at equal share", "posterior", "posterior_recall"),
              ("AUC", "rules", "tier_auc"), ("AUC", "posterior", "posterior_auc")]  # fmt: skip
    order = pl.DataFrame(places, schema=["what", "who", "measure"], orient="row")
    rows = order.join(found, on="measure", how="inner", maintain_order="left")
    return rows.filter(pl.col("value").is_not_null()).select("what", "who", "value", "low", "high", "events")
