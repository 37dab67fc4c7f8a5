"""What a customer did, counted in trailing windows as of an instant. No fitting here.

A pure function of the set of distinct events known: neither their order nor repeats matter, and an
event that comes late counts where it belongs in time. An event id is its customer's own. Of repeats
that tell different things the one of the latest time counts (of the same time the worse), so
forgetting what lies before the longest window changes nothing.
"""

import polars as pl

from creditrisk_assets.contracts import ACTIVITY_TYPES, BEHAVIOUR, FEATURES_BEHAVIOUR, Instant

LOOKBACK_MONTHS = 13
"""No event older than this counts for anything."""
FACTS: dict[str, pl.DataType | type[pl.DataType]] = {
    "customer_id": pl.String,
    "event": pl.UInt64,
    "time": Instant,
    "kind": pl.UInt8,
    "value": pl.Int32,
}
"""An activity event in 25 bytes beside its customer, see `facts`."""
PAID, MISSED, SPIKE, LINE, INQUIRY = range(len(ACTIVITY_TYPES))
_LARGEST = 2_000_000_000
_LONG, _SHORT = 12, 3


def facts(events: pl.DataFrame) -> pl.DataFrame:
    """All that counts of activity events (columns of raw/events, any order): one row per event and repeat.

    `event` is a digest of customer and event id, `kind` its place in ACTIVITY_TYPES, `value` what that kind tells: days
    past due of a payment, utilisation in percent of a spike, credit line in USD of a change, nothing of an
    inquiry. Events of other types, without a customer or without a time count for nothing.
    """
    value = (
        pl.when(pl.col("kind") <= MISSED)
        .then(pl.col("days_past_due"))
        .when(pl.col("kind") == SPIKE)
        .then((pl.col("utilisation") * 100).round())
        .when(pl.col("kind") == LINE)
        .then(pl.col("credit_line").round())
    )
    kind = pl.col("event_type").cast(pl.String).replace_strict(
        list(ACTIVITY_TYPES), list(range(len(ACTIVITY_TYPES))), default=None, return_dtype=pl.UInt8
    )  # fmt: skip
    return (
        events.with_columns(kind=kind)
        .filter(pl.all_horizontal(pl.col("kind", "customer_id", "event_time").is_not_null()))
        .select(
            "customer_id",
            event=pl.col("customer_id").hash(1) ^ pl.col("event_id").hash(2),
            time=pl.col("event_time"),
            kind="kind",
            value=value.clip(0, _LARGEST).cast(pl.Int32),
        )
    )


def behaviour(told: pl.DataFrame, as_of: pl.DataFrame) -> pl.DataFrame:
    """One row per row of `as_of` (customer_id, as_of; each customer once), in its order: the columns of BEHAVIOUR.

    `told`: rows of `facts`, of these customers or of more. Windows (as_of - n months, as_of] go by calendar
    months; what happened later is not looked at.
    """
    opens = {f"since_{n}": pl.col("as_of").dt.offset_by(f"-{n}mo") for n in (_SHORT, _LONG, LOOKBACK_MONTHS)}
    asked = as_of.select("customer_id", "as_of").with_row_index("asked").with_columns(**opens)
    known = told.join(asked, on="customer_id").filter(
        (pl.col("time") > pl.col(f"since_{LOOKBACK_MONTHS}")) & (pl.col("time") <= pl.col("as_of"))
    )
    # The last of equals counts: the latest telling of an event, the newest payment of a customer.
    known = known.drop("customer_id").sort("time", "kind", "value").filter(pl.col("event").is_last_distinct())
    counted = known.group_by("asked").agg(**_counts())
    result = asked.join(counted, on="asked", how="left", maintain_order="left")
    missing = [pl.col(name).fill_null(0) for name in _ALWAYS]
    return result.with_columns(missing).select(
        "customer_id", "as_of", *(pl.col(name).cast(FEATURES_BEHAVIOUR.schema[name]) for name, *_ in BEHAVIOUR)
    )


_ALWAYS = [name for name, *_ in BEHAVIOUR if not FEATURES_BEHAVIOUR.column(name).nullable]


def _counts() -> dict[str, pl.Expr]:
    kind, value, payment = pl.col("kind"), pl.col("value"), pl.col("kind") <= MISSED
    since = {months: pl.col("time") > pl.col(f"since_{months}") for months in (_SHORT, _LONG)}
    long = since[_LONG]
    return {
        "days_past_due": value.filter(payment & long).last(),
        "worst_12m": value.filter(payment & long).max(),
        **{
            f"{name}_{months}m": ((kind == one) & since[months]).sum()
            for name, one, months in (
                ("missed", MISSED, _SHORT), ("missed", MISSED, _LONG), ("paid", PAID, _LONG),
                ("spikes", SPIKE, _SHORT), ("spikes", SPIKE, _LONG), ("inquiries", INQUIRY, _LONG),
            )
        },
        "utilisation": value.filter((kind == SPIKE) & long).last(),
        "credit_line": value.filter((kind == LINE) & long).last(),
        "months_observed": _whole_months(pl.col("time").first(), pl.col("as_of").first()).clip(0, _LONG),
    }  # fmt: skip


def _whole_months(first: pl.Expr, last: pl.Expr) -> pl.Expr:
    """Whole calendar months from one instant to a later one."""
    begun = (last.dt.year() - first.dt.year()).cast(pl.Int32) * 12 + last.dt.month() - first.dt.month()
    within = [at - at.dt.truncate("1mo") for at in (first, last)]
    return begun - (within[0] > within[1]).cast(pl.Int32)
