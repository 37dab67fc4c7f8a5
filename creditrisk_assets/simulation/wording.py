"""What happened, as messages in their envelope."""

import polars as pl

from creditrisk_assets.contracts import ACTIVITY, APPLICATIONS
from creditrisk_assets.simulation.mishaps import GOOD, LATE, Kind
from creditrisk_assets.simulation.turns import APPLICATION
from creditrisk_assets.streaming.envelope import PAYLOADS, VERSION

DECIMALS = {"amount": 2, "utilisation": 4, "credit_line": 2}


def worded(happened: pl.DataFrame) -> pl.DataFrame:
    """Messages of events in their order, see `stream.MESSAGES`; no poison among them.

    `happened`: month, name, event_id, event_type, event_time, late, the measures, and payload of applications.
    """
    kind, applies = pl.col("event_type"), pl.col("event_type") == APPLICATION
    name = pl.concat_str(pl.lit('"customer_id":"'), "name", pl.lit('","payload":'))
    value = pl.concat_str(
        pl.lit(f'{{"version":{VERSION},"event_id":"'), "event_id",
        pl.lit('","event_type":"'), kind,
        pl.lit('","event_time":"'), pl.col("event_time").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"), pl.lit('",'),
        pl.when(applies).then(pl.concat_str(pl.lit('"application_id":"'), "name", pl.lit('",'))).otherwise(pl.lit("")),
        name, _payload(), pl.lit("}"),
    )  # fmt: skip
    return happened.select(
        "month",
        pl.when(applies).then(pl.lit(APPLICATIONS)).otherwise(pl.lit(ACTIVITY)).alias("topic"),
        pl.col("name").alias("key"),
        value.cast(pl.Binary).alias("value"),
        pl.when("late").then(pl.lit(LATE)).otherwise(pl.lit(GOOD)).cast(Kind).alias("kind"),
        pl.lit(None, pl.String).alias("poison"),
        "event_id",
        "event_time",
        pl.col("name").alias("customer_id"),
    )


def _payload() -> pl.Expr:
    """JSON of what the type of each event tells."""
    found = pl.when(pl.col("event_type") == APPLICATION).then("payload")
    for event_type, fields in PAYLOADS.items():
        told = [part for field in fields for part in (pl.lit(f'"{field}":'), _number(field), pl.lit(","))]
        payload = pl.concat_str(pl.lit("{"), *told[:-1], pl.lit("}"))
        found = found.when(pl.col("event_type") == event_type).then(payload)  # type: ignore[assignment]
    return found.otherwise(None)


def _number(name: str) -> pl.Expr:
    column = pl.col(name)
    return (column.round(DECIMALS[name]) if name in DECIMALS else column).cast(pl.String)
