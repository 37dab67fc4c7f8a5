"""CPU per activity event beside a history of millions, by step; and customers a second that get a new PD.

Usage: python benchmarks/behaviour.py [--history N] [--batches N]. One core; limits: 10 µs an event,
1 M customers a second.
"""

import argparse
import os
import time
from datetime import UTC, datetime

ONE_CORE = dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
os.environ |= ONE_CORE  # read when the libraries are imported

import numpy as np  # noqa: E402
import polars as pl  # noqa: E402

from creditrisk_assets.contracts import ACTIVITY_TYPES, BEHAVIOUR, NOT_ALWAYS_TOLD  # noqa: E402
from creditrisk_assets.features.behaviour import behaviour  # noqa: E402
from creditrisk_assets.models.behaviour import BehaviourModel  # noqa: E402
from creditrisk_assets.models.steps import Steps  # noqa: E402
from creditrisk_assets.streaming.history import History  # noqa: E402

CUSTOMERS, BATCH, SCORED = 250_000, 5_000, 1_000_000


def events(count: int, seed: int, first_day: int, days: int) -> pl.DataFrame:
    """Events of random customers over some days."""
    generator = np.random.default_rng(seed)
    start = np.int64(datetime(2025, 1, 1, tzinfo=UTC).timestamp()) + first_day * 86_400
    times = start * 10**6 + generator.integers(0, days * 86_400 * 10**6, count)
    kinds = generator.choice(len(ACTIVITY_TYPES), count, p=(0.70, 0.10, 0.08, 0.04, 0.08))
    return pl.DataFrame(
        {
            "customer_id": pl.Series(generator.integers(0, CUSTOMERS, count)).cast(pl.String).str.zfill(10),
            "event_id": pl.Series(generator.integers(0, 2**62, count)).cast(pl.String),
            "event_type": pl.Series(ACTIVITY_TYPES).gather(kinds),
            "event_time": pl.Series(times).cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
            "days_past_due": pl.Series(generator.integers(0, 90, count), dtype=pl.Int32),
            "utilisation": generator.random(count),
            "credit_line": generator.random(count) * 1e4,
        }
    )


def counted(history: History, batches: int) -> np.ndarray:
    """CPU seconds by step (4,) of some micro-batches: take in, look up, count; and the longest of all."""
    spent, longest = np.zeros(3), 0.0
    for number in range(batches):
        batch = events(BATCH, 10_000 + number, 390, 2)
        marks = [time.process_time()]
        history.add(batch)
        marks.append(time.process_time())
        told = history.of(batch["customer_id"].unique())
        marks.append(time.process_time())
        behaviour(told, told.group_by("customer_id").agg(as_of=pl.col("time").max()))
        marks.append(time.process_time())
        spent, longest = spent + np.diff(marks), max(longest, marks[-1] - marks[0])
    return np.append(spent, longest)


def scored() -> float:
    """Customers a second, eleven columns in four bins each."""
    generator = np.random.default_rng(1)
    factors = tuple(
        Steps(name, (0, 5, 9) if name in NOT_ALWAYS_TOLD else (1, 5, 9), (0.4, 0.3, 0.2, 0.1)) for name, *_ in BEHAVIOUR
    )
    p = 2 + 3 * len(factors)
    root = generator.normal(0, 0.03, (p, p))
    model = BehaviourModel(factors, generator.normal(0, 0.3, p), root @ root.T, -2.0, (-2.0, 0.1))
    counts = pl.DataFrame({name: generator.integers(0, 12, SCORED) for name, *_ in BEHAVIOUR})
    m0, v0 = generator.normal(-2, 1, SCORED), np.full(SCORED, 0.04)
    model.predict(counts[:10], m0[:10], v0[:10])
    start = time.process_time()
    model.predict(counts, m0, v0)
    return SCORED / (time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--history", type=int, default=3_000_000, help="events known before")
    parser.add_argument("--batches", type=int, default=60, help=f"micro-batches of {BATCH} events")
    asked = parser.parse_args()
    history = History()
    for part in range(30):
        history.add(events(asked.history // 30, part, 0, 390))
    *steps, longest = counted(history, asked.batches)
    each = np.array(steps) / asked.batches / BATCH * 1e6
    print(f"history of {len(history):,} events: {history.bytes / 1e6:.0f} MB")
    for name, cost in zip(("take in, merges included", "look up", "count"), each, strict=True):
        print(f"  {name:<26} {cost:6.2f} µs an event")
    print(f"  {'in all':<26} {each.sum():6.2f} µs an event; limit 10, ratio {each.sum() / 10:.2f}")
    print(f"  longest micro-batch, the one that merged everything: {longest:.2f} s")
    rate = scored()
    print(f"new PD with interval: {rate / 1e6:.1f} M customers/s; limit 1, ratio {rate / 1e6:.1f}")


if __name__ == "__main__":
    main()
