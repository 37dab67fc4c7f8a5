"""What the serving tables tell of the stream: counters written in the transaction of the rows they count."""

from collections import Counter
from collections.abc import Iterator

import polars as pl
from prometheus_client.metrics_core import Metric as Family
from pydantic import SecretStr

from creditrisk_assets.serving import reading
from creditrisk_assets.serving.connection import Connection, connect
from creditrisk_assets.serving.errors import ServingError, told
from creditrisk_assets.serving.frames import BUCKETS
from creditrisk_assets.serving.live import positions
from creditrisk_assets.serving.metrics import catalogue

RECENT = 10_000
"""Newest decisions whose outcomes are counted: all of them would cost more the longer the platform runs."""
MOST_RULES = 30
TIMEOUT = "2s"

_RECENT = """
    SELECT kind, decision, rule_reasons, count(*)
    FROM (
        SELECT kind, decision, rule_reasons FROM serving.decisions ORDER BY ingested_at DESC LIMIT %(recent)s
    ) AS newest
    GROUP BY kind, decision, rule_reasons
"""


class ServingMetrics:
    """The metrics of the serving tables; one connection, made anew after a failure. Not for several threads."""

    def __init__(self, url: SecretStr | None = None) -> None:
        self._url = url
        self._connection: Connection | None = None

    def __call__(self) -> list[Family]:
        """The families; SettingsError without a URL, ServingError when PostgreSQL does not answer."""
        try:
            if self._connection is None or self._connection.closed:
                self._connection = connect("reader", self._url)
                with told():
                    self._connection.execute(f"SET statement_timeout = '{TIMEOUT}'")
            return list(_families(self._connection))
        except ServingError:
            self.close()
            raise

    def close(self) -> None:
        """Leave PostgreSQL; the next use connects again."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def _families(connection: Connection) -> Iterator[Family]:
    yield from _counters(reading.counters(connection))
    yield from _applied(reading.stream(connection))
    yield _latency(reading.latency(connection))
    places = sorted(positions(connection).items())
    yield catalogue.APPLIED_OFFSET.family(((place.topic, str(place.partition)), at.next) for place, at in places)
    yield from _recent(connection)


def _counters(counters: pl.DataFrame) -> Iterator[Family]:
    sums = counters.group_by("topic").agg(pl.col("good", "bad", "replayed").sum()).sort("topic")
    rows = list(sums.iter_rows(named=True))
    outcomes = ("good", "bad")
    yield catalogue.EVENTS.family(((row["topic"], outcome), row[outcome]) for row in rows for outcome in outcomes)
    yield catalogue.EVENTS_REPLAYED.family(((row["topic"],), row["replayed"]) for row in rows)


def _applied(stream: pl.DataFrame) -> Iterator[Family]:
    """Before the first micro-batch, the counters stand at nothing and no score has an age."""
    row = next(stream.iter_rows(named=True), None)
    yield catalogue.MICRO_BATCHES.of(row["micro_batches"] if row else 0)
    yield catalogue.DECISIONS.of(row["decisions"] if row else 0)
    if row:
        yield catalogue.SCORE_TIME.of(row["updated_at"].timestamp())


def _latency(latency: pl.DataFrame) -> Family:
    """Counts of each bound, cumulated, for all bounds that there are."""
    rows = []
    for (topic,), found in latency.sort("topic").group_by("topic", maintain_order=True):
        counts = dict(found.select("at_most", "events").iter_rows())
        reached, buckets = 0, []
        for bound in BUCKETS:
            reached += counts.get(bound, 0)
            buckets.append(("+Inf" if bound == float("inf") else str(bound), reached))
        rows.append(((str(topic),), buckets, int(found["microseconds"].sum()) / 1e6))
    return catalogue.EVENT_TO_SCORE.histogram(rows)


def _recent(connection: Connection) -> Iterator[Family]:
    with told():
        found = connection.execute(_RECENT, {"recent": RECENT}).fetchall()
    outcomes, rules = Counter[tuple[str, str]](), Counter[str]()
    for kind, decision, reasons, count in found:
        outcomes[kind, decision] += count
        for rule in filter(None, (reasons or "").split(",")):
            rules[rule] += count
    yield catalogue.RECENT_DECISIONS.family(sorted(outcomes.items()))
    yield catalogue.RECENT_RULE_FLAGS.family(((rule,), count) for rule, count in rules.most_common(MOST_RULES))
