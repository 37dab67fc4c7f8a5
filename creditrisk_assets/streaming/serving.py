"""PostgreSQL at the end of the stream: it follows the lake, and while it is down it falls behind, not away.

While there is more to take, a micro-batch is applied in a thread beside the taking of the next one.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime

import polars as pl

from creditrisk_assets.contracts import SCORES_LIVE
from creditrisk_assets.serving import live
from creditrisk_assets.serving.connection import Connection
from creditrisk_assets.serving.errors import GapError, ServingUnavailableError
from creditrisk_assets.streaming.events import Events
from creditrisk_assets.streaming.table import MicroBatch, StreamTable

RETRY = 1.0  # seconds between two attempts to reach a PostgreSQL that is down


class Follower:
    """Applies micro-batches in their order on a connection that `connect` opens, anew after every failure.

    `error` is why PostgreSQL is behind; None when it is not. `at` is told the named points. `events` and
    `scores` are handles of its own, for its thread.
    """

    def __init__(
        self, connect: Callable[[], Connection], events: Events, scores: StreamTable,
        at: Callable[[str], None] = lambda point: None,
    ) -> None:  # fmt: skip
        self._connect, self._events, self._scores, self._at = connect, events, scores, at
        self._connection: Connection | None = None
        self._tried = float("-inf")
        self._thread = ThreadPoolExecutor(1, "postgres")
        self._under_way: Future[float | None] | None = None
        self.error: ServingUnavailableError | None = None

    def close(self) -> None:
        """Leave the server, once what is under way is done."""
        self._thread.shutdown()
        self._leave()

    def _leave(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def apply(self, batch: MicroBatch, scores: pl.DataFrame, seconds: dict[str, float]) -> "Future[float | None]":
        """Apply a micro-batch, after those that were missed; returns when the one before is done, with its errors.

        To come is the moment when it became visible, None when PostgreSQL is down and it has to wait; and
        how long that took, among `seconds`.
        """
        self.settle()
        self._under_way = self._thread.submit(self._timed, batch, scores, seconds)
        return self._under_way

    def advance(self, batch: MicroBatch) -> None:
        """Have the offsets follow a micro-batch without rows; while PostgreSQL is behind they wait for the next rows.

        Errors as `settle`.
        """
        self.apply(batch, pl.DataFrame(schema=SCORES_LIVE.schema), {})
        self.settle()

    def settle(self) -> None:
        """Wait for what is under way; its errors."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()

    def _timed(self, batch: MicroBatch, scores: pl.DataFrame, seconds: dict[str, float]) -> float | None:
        begin = time.perf_counter()
        done = self._apply(batch, scores)
        seconds["postgres"] = time.perf_counter() - begin
        return time.time() if done else None

    def _apply(self, batch: MicroBatch, scores: pl.DataFrame) -> bool:
        if self.error is not None:
            return self._catch_up()  # the lake has this one, too
        try:
            self._at("before_postgres")
            live.apply(self._opened(), batch, scores)
            self._at("after_postgres")
        except ServingUnavailableError as error:
            self._lost(error)
            return False
        except GapError:
            return self._catch_up(wait=True)
        return True

    def catch_up(self, wait: bool = False) -> bool:
        """Apply what the lake has and PostgreSQL has not; False while it is down. `wait` tries at once."""
        self.settle()
        return self._catch_up(wait)

    def _catch_up(self, wait: bool = False) -> bool:
        if not wait and time.monotonic() < self._tried + RETRY:
            return False
        try:
            connection = self._opened()
            self._scores.refresh()
            # Looked up before raw/events is: what is not scored yet must not be applied without its scores.
            scored = self._scores.patiently(self._scores.reached)
            for batch in self._events.after(live.reached(connection)):
                if scored is None or batch.ingested_at > scored:
                    break
                live.apply(connection, batch, self._scores_of(batch.ingested_at))
        except ServingUnavailableError as error:
            self._lost(error)
            return False
        self.error = None
        return True

    def _scores_of(self, instant: datetime) -> pl.DataFrame:
        self._scores.refresh()
        holding = (pl.col("min.ingested_at") <= instant) & (pl.col("max.ingested_at") >= instant)
        rows = self._scores.scan(self._scores.files(holding)).filter(pl.col("ingested_at") == instant)
        return rows.sort("topic", "epoch", "partition", "offset").collect()

    def _opened(self) -> Connection:
        self._tried = time.monotonic()
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
        return self._connection

    def _lost(self, error: ServingUnavailableError) -> None:
        self.error = error
        self._leave()
