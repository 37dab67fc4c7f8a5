"""A Delta table that is appended to, exactly once: the check and the write share one handle.

Delta refuses a commit when another one has set the same application transaction since the handle was opened,
and accepts it, duplicates and all, on a handle opened later (delta-rs issues 2580 and 3821). Hence a commit
here is: open, look at the transactions, write through that handle; again from the start when it was refused.
"""

import random
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar
from urllib.parse import unquote

import polars as pl
from deltalake import CommitProperties, DeltaTable, Schema, Transaction, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

from creditrisk_assets.columns import Table
from creditrisk_assets.resources.commit import CONFIGURATION, LakeError, listed, opened, refuse_changes
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.streaming.errors import LakeUnavailableError

REOPEN = 100  # commits through one handle; at 1,000 a commit took twenty times as long
PATIENCE = 10.0  # seconds of failing storage
LOST = 50  # commits lost to others in a row
LONGEST_PAUSE = 1.0
STATISTICS = ("ingested_at", "topic", "epoch", "partition", "offset", "error")
PROPERTIES = {
    **CONFIGURATION,
    "delta.logRetentionDuration": "interval 5 minutes",
    "delta.deletedFileRetentionDuration": "interval 1 hour",
}
"""Every commit looks through the folder of the log three times, and every tenth writes down all removed files: with
what a day of micro-batches leaves there a commit would take seconds. Nobody asks a stream table for an old version."""
COMPRESSION = WriterProperties(compression="ZSTD", compression_level=1)  # half the bytes of snappy, and quicker


@dataclass(frozen=True)
class Append:
    """One commit: rows, what it says of their origin, and what people may want to read in the history."""

    frame: pl.DataFrame
    transactions: Mapping[str, int]
    metadata: Mapping[str, str] = field(default_factory=dict)


class _Answer(Protocol):
    @property
    def append(self) -> Append: ...


Answer = TypeVar("Answer", bound=_Answer)
Result = TypeVar("Result")


class Store:
    """The table of one contract in a lake; not for several threads."""

    def __init__(self, lake: Lake, contract: Table, patience: float = PATIENCE) -> None:
        self.lake, self.contract, self.patience = lake, contract, patience
        self._uri = lake.uri(contract)
        self._options = dict(lake.storage_options)
        self._table: DeltaTable | None = None
        self._commits = 0
        self._versions: dict[str, int | None] = {}

    def create(self) -> None:
        """Have the table, with the columns of its contract; nothing happens where there is one.

        UnsafeStoreError when the store could lose a commit.
        """
        self.patiently(self.lake.prove)
        self.patiently(self._opened)

    @property
    def exists(self) -> bool:
        """Is there a table? For those who only look: whatever else is asked of it creates it."""
        return self._table is not None or self.patiently(lambda: opened(self._uri, self._options)) is not None

    def _created(self) -> DeltaTable:
        empty = pl.DataFrame(schema=self.contract.schema)
        DeltaTable.create(
            self._uri,
            Schema.from_arrow(empty.to_arrow().schema),
            mode="ignore",
            partition_by=[self.contract.partition] if self.contract.partition else None,
            name=self.contract.name,
            description=self.contract.meaning,
            configuration=self.properties,
            storage_options=self._options,
        )
        return DeltaTable(self._uri, storage_options=self._options)

    def _opened(self) -> DeltaTable:
        if self._table is None:
            table = opened(self._uri, self._options) or self._created()
            refuse_changes(self.contract, pl.DataFrame(schema=self.contract.schema), table)
            self._table, self._commits, self._versions = table, 0, {}
        return self._table

    @property
    def properties(self) -> dict[str, str]:
        """What the table says of itself to whoever writes it."""
        names = [name for name in STATISTICS if name in self.contract.schema]
        return {**PROPERTIES, "delta.dataSkippingStatsColumns": ",".join(names)}

    def version(self) -> int:
        """Version of the open handle."""
        return self.patiently(self._opened).version()

    def forget(self) -> None:
        """Open the table anew before it is next used."""
        self._table = None

    def refresh(self) -> bool:
        """See what others have committed; was there anything?"""

        def newest() -> bool:
            table = self._opened()
            before = table.version()
            table.update_incremental()
            if table.version() != before:
                self._versions = {}
            return table.version() != before

        return self.patiently(newest)

    def transaction(self, application: str) -> int | None:
        """Version last set for an application, as of the open handle; None when it never was.

        Tries once: what is looked up and then written through one handle must not change handles in between.
        """
        table = self._opened()
        if application not in self._versions:
            self._versions[application] = table.transaction_version(application)
        return self._versions[application]

    def commit(self, prepare: Callable[[], Answer]) -> Answer:
        """Prepare and append until that is done; `prepare` looks at `transaction` and says what to append.

        It is asked again whenever another writer came between, and may raise to say that nothing is left to
        do. LakeUnavailableError when storage keeps failing, LakeError when others are always faster.
        """
        sent: list[tuple[str, Answer]] = []

        def attempt() -> Answer:
            for token, done in sent:
                if self._landed(token):  # it failed after the commit, or the answer was lost
                    return done
            self.lake.prove()
            answer = prepare()
            sent[:] = [(uuid.uuid4().hex, answer)]
            self._write(answer.append, sent[0][0])
            return answer

        return self.patiently(attempt)

    def _landed(self, token: str) -> bool:
        return any(entry.get("commit") == token for entry in self._opened().history(LOST))

    def _write(self, work: Append, token: str) -> None:
        table = self._opened()
        stored = {part.name for part in table.schema().fields}
        before = table.version()
        write_deltalake(
            table,
            self._conformed(work.frame),
            mode="append",
            schema_mode=None if stored >= set(self.contract.schema) else "merge",
            writer_properties=COMPRESSION,
            commit_properties=CommitProperties(
                custom_metadata={"commit": token, **work.metadata},
                app_transactions=[Transaction(name, version) for name, version in work.transactions.items()],
            ),
        )
        self._commits += 1
        if self._commits >= REOPEN:
            self.forget()
        elif table.version() == before + 1:
            self._versions |= work.transactions
        else:
            self._versions = {}

    def _conformed(self, frame: pl.DataFrame) -> pl.DataFrame:
        found = frame.schema
        if found == self.contract.schema:
            return frame
        missing = [name for name in self.contract.schema if name not in found]
        if missing:
            raise LakeError(f"{self.contract.name}: the frame lacks the declared {listed(missing)}")
        return self.contract.conform(frame.lazy()).collect()

    def patiently(self, work: Callable[[], Result]) -> Result:
        """Do it, again while storage fails or others win; the handle is another one each time.

        LakeUnavailableError when storage fails for longer than patience lasts, LakeError when others always win.
        """
        until, lost = time.monotonic() + self.patience, 0
        for attempt in range(10**6):
            try:
                return work()
            except CommitFailedError as error:
                lost += 1
                if lost >= LOST:
                    raise LakeError(
                        f"{self.contract.name}: {lost} commits lost to other writers, run it again: {error}"
                    ) from error
            except (DeltaError, OSError) as error:
                if time.monotonic() > until:
                    raise LakeUnavailableError(
                        f"{self.contract.name} at {self._uri} cannot be used for {self.patience:g} s: "
                        f"{' '.join(str(error).split())}. Mend the storage or its permissions; nothing is lost, "
                        "the stream goes on from its last commit"
                    ) from error
            self.forget()
            time.sleep(random.uniform(0, min(LONGEST_PAUSE, 0.02 * 2 ** min(attempt, 10))))  # noqa: S311 - jitter
        raise AssertionError("unreachable")

    def add_actions(self) -> pl.DataFrame:
        """Data files as the log tells them, one row each; tries once."""
        return pl.DataFrame(self._opened().get_add_actions(flatten=True))

    def files(self, keep: pl.Expr) -> list[str]:
        """Addresses of the data files whose statistics pass: `min.offset`, `max.offset`, `null_count.error`."""

        def found() -> list[str]:
            actions = self.add_actions()
            if actions.is_empty():
                return []
            return actions.filter(keep.fill_null(True))["path"].to_list()  # a file without statistics is read

        return [f"{self._uri}/{unquote(path)}" for path in self.patiently(found)]

    def scan(self, files: list[str], columns: list[str] | None = None) -> pl.LazyFrame:
        """Rows of data files, with the columns of the contract."""
        schema = self.contract.schema
        if not files:
            return pl.LazyFrame(schema=schema).select(columns or list(schema))
        partition = self.contract.partition
        frame = pl.scan_parquet(
            files,
            glob=False, hive_partitioning=partition is not None, missing_columns="insert", extra_columns="ignore",
            schema=schema, hive_schema={partition: pl.Date} if partition else None,
            storage_options=self._options or None,
        )  # fmt: skip
        return frame.select(columns or list(schema))
