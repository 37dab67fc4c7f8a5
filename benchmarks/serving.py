"""Scores into PostgreSQL: rows/s, CPU of client and server per row, beside a row-wise upsert of the same rows.

Usage: python benchmarks/serving.py [--rows N] [--batches B]. Ours also appends decisions, counts and moves offsets.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from pydantic import SecretStr

from creditrisk_assets.contracts import APPLICATIONS, RAW_EVENTS, REASONS, SCORES_LIVE
from creditrisk_assets.local.postgres.server import EmbeddedPostgres, PostgresSettings
from creditrisk_assets.serving.connection import Connection, connect
from creditrisk_assets.serving.live import apply
from creditrisk_assets.streaming.offsets import OffsetRange
from creditrisk_assets.streaming.table import MicroBatch

START = datetime.now(UTC)
FACTORS = ("debt_to_income", "fico", "revolving_utilisation", "inquiries_6m", "purpose")
ROW_WISE = """
    INSERT INTO serving.live_risk AS known (kind, subject, pd, pd_low, pd_high, points, band, decision,
        decision_probability, reasons, contributions, policy, model_date, feature_set, as_of, event_id, topic, epoch,
        partition, "offset", ingested_at, updated_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, now())
    ON CONFLICT (subject, kind) DO UPDATE SET (pd, pd_low, pd_high, points, as_of, "offset", ingested_at, updated_at) =
        (excluded.pd, excluded.pd_low, excluded.pd_high, excluded.points, excluded.as_of, excluded."offset",
         excluded.ingested_at, now())
    WHERE known.as_of < excluded.as_of
"""


def scored(number: int, rows: int, subjects: np.ndarray) -> tuple[MicroBatch, pl.DataFrame]:
    """A micro-batch of `rows` applications, PD around a level of the subject's own."""
    random, instant, first = np.random.default_rng(number), START + timedelta(seconds=number), number * rows
    level = np.modf(subjects * 0.618)[0] * 4 - 4.6 + random.normal(0, 0.15, rows)
    pd = 1 / (1 + np.exp(-level))
    place = {
        "ingest_day": instant.date(), "ingested_at": instant, "topic": APPLICATIONS, "epoch": 0, "partition": 0,
        "offset": np.arange(first, first + rows), "event_id": [f"{n:032x}" for n in range(first, first + rows)],
    }  # fmt: skip
    scores = place | {
        "subject": [f"application-{n:09d}" for n in subjects], "kind": "application", "as_of": instant,
        "model_date": date(2026, 10, 1), "feature_set": "application", "pd": pd, "pd_low": pd * 0.8,
        "pd_high": pd * 1.2, "log_odds": level, "log_odds_sd": 0.2, "base": -2.5, "points": (600 - 50 * level),
        "band": 1 + 7 * pd, "decision": "approve", "decision_probability": 1 - pd, "policy": "2026-1",
        "pd_term": pd, "pd_term_low": pd, "pd_term_high": pd,
        **{f"reason_{n}": random.choice(FACTORS, rows) for n in REASONS},
        **{f"contribution_{n}": random.uniform(0, 1, rows) for n in REASONS},
    }  # fmt: skip
    events = place | {"event_type": "loan_application", "replayed": False, "broker_time": instant}
    ranges = (OffsetRange(APPLICATIONS, 0, 0, first, first + rows),)
    previous = START + timedelta(seconds=number - 1) if number else None
    return MicroBatch(instant, previous, ranges, _frame(events, RAW_EVENTS)), _frame(scores, SCORES_LIVE)


def _frame(columns, table) -> pl.DataFrame:  # type: ignore[no-untyped-def]
    made = pl.DataFrame(columns)
    missing = [pl.lit(None).alias(name) for name in table.schema.names() if name not in made.columns]
    return made.with_columns(missing).select(table.schema.names()).cast(dict(table.schema))


def server_seconds(connection: Connection) -> float:
    """CPU seconds of the server's process that serves this connection."""
    fields = Path(f"/proc/{connection.info.backend_pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(name: str, connection: Connection, work: list[Callable[[], object]], rows: int) -> float:
    """Print and return rows/s of the median micro-batch."""
    client, server, walls = time.process_time(), server_seconds(connection), []
    for one in work:
        start = time.perf_counter()
        one()
        walls.append(time.perf_counter() - start)
    client, server = (time.process_time() - client), server_seconds(connection) - server
    total, rate = rows * len(work), rows / statistics.median(walls)
    print(f"{name:<34}{rate:>10,.0f} rows/s{rows / min(walls):>12,.0f} best"
          f"{client / total * 1e6:>8.1f} us client{server / total * 1e6:>8.1f} us server")  # fmt: skip
    return rate


def row_wise(connection: Connection, scores: pl.DataFrame) -> None:
    """What a consumer does that knows rows only, in its quickest form."""
    rows = [
        (row["kind"], row["subject"], row["pd"], row["pd_low"], row["pd_high"], row["points"], row["band"],
         row["decision"], row["decision_probability"], [row[f"reason_{n}"] for n in REASONS],
         [row[f"contribution_{n}"] for n in REASONS], row["policy"], row["model_date"], row["feature_set"],
         row["as_of"], row["event_id"], row["topic"], row["epoch"], row["partition"], row["offset"],
         row["ingested_at"])
        for row in scores.iter_rows(named=True)
    ]  # fmt: skip
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(ROW_WISE, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--batches", type=int, default=12)
    given = parser.parse_args()
    rows, batches = given.rows, given.batches
    order = np.random.default_rng(1).permutation(rows * batches)
    new = [scored(n, rows, np.arange(n * rows, (n + 1) * rows)) for n in range(batches)]
    known = [scored(batches + n, rows, order[n * rows : (n + 1) * rows]) for n in range(batches)]
    with (
        tempfile.TemporaryDirectory(prefix="creditrisk-postgres-") as folder,
        EmbeddedPostgres(PostgresSettings(Path(folder) / "postgres", 0)) as server,
        connect("writer", SecretStr(server.url())) as connection,
    ):
        print(f"{batches} micro-batches of {rows:,} rows of distinct subjects; every commit waits for the disk")
        work = [[lambda one=one: apply(connection, *one) for one in part] for part in (new, known)]
        ours = [measure(f"ours, {what} subjects", connection, part, rows)
                for what, part in zip(("new", "known"), work, strict=True)]  # fmt: skip
        with connect("owner", SecretStr(server.url())) as owner:
            owner.execute("TRUNCATE serving.live_risk, serving.decisions")
        work = [[lambda one=one: row_wise(connection, one[1]) for one in part[:3]] for part in (new, known)]
        theirs = [measure(f"executemany, {what} subjects", connection, part, rows)
                  for what, part in zip(("new", "known"), work, strict=True)]  # fmt: skip
        print("ratio: " + ", ".join(f"{ours[k] / theirs[k]:.1f} x ({what})" for k, what in enumerate(("new", "known"))))


if __name__ == "__main__":
    main()
