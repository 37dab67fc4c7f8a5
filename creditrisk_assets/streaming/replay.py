"""Loans of a file as applications of the stream: the same file gives the same events, whenever it is sent."""

import gzip
import hashlib
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import polars as pl

from creditrisk_assets.raw.identity import loan_id
from creditrisk_assets.raw.records import LINE, records
from creditrisk_assets.raw.sources import KNOWN, SourceError, opened
from creditrisk_assets.raw.typed import IDENTIFIER, ISSUED, plain_numbers, typed
from creditrisk_assets.streaming.envelope import APPLICATION_COLUMNS, VERSION
from creditrisk_assets.streaming.producer import Message

LINES_OF_JSON = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
ROWS_AT_ONCE = 1_000
COLUMNS = (ISSUED, IDENTIFIER, *APPLICATION_COLUMNS)
_NUMBERS = plain_numbers(APPLICATION_COLUMNS)
_ENCODE = msgspec.json.Encoder(order="deterministic").encode


@dataclass
class Replay:
    """Applications made of a file of loans: csv (plain or packed), parquet, or a row of JSON in each line.

    `now`: they happen when they are sent; otherwise on the first day of the month of issue.
    `left_out` tells which records before the last message could not be sent, by line; all after `messages`.
    """

    path: Path
    now: bool = False
    left_out: list[str] = field(default_factory=list)
    _unread: deque[tuple[int, str]] = field(default_factory=deque)

    def messages(self) -> Iterator[Message]:
        """One application for each loan, its identifier as in raw/loans. SourceError for a file of no use."""
        try:
            for texts, payloads in self._rows():
                yield from self._applications(_identified(texts), payloads)
        except SourceError:
            self._leave_out()
            raise

    def _applications(self, known: pl.DataFrame, payloads: list[dict[str, Any]]) -> Iterator[Message]:
        for line, issued, identifier, payload in zip(
            known[LINE], known["issue_d"], known["loan_id"], payloads, strict=True
        ):
            self._leave_out(before=line)
            if issued is None and not self.now:
                self.left_out.append(f"line {line}: issue_d is no month; mend it, or send with --now")
            else:
                yield _message(identifier, datetime.now(UTC) if self.now else issued, payload)

    def _leave_out(self, before: float = float("inf")) -> None:
        """Records are read in blocks, and a whole file is looked through first: told is what was passed by."""
        while self._unread and self._unread[0][0] < before:
            line, reason = self._unread.popleft()
            self.left_out.append(f"line {line}: {reason}")

    def _rows(self) -> Iterator[tuple[pl.DataFrame, list[dict[str, Any]]]]:
        """Records as LINE and texts, and what is sent of them."""
        if self.path.name.lower().endswith(LINES_OF_JSON):
            yield from self._json()
        else:
            yield from self._table()

    def _table(self) -> Iterator[tuple[pl.DataFrame, list[dict[str, Any]]]]:
        with ExitStack() as stack:
            scratch = Path(stack.enter_context(TemporaryDirectory(prefix="creditrisk-")))
            for source in stack.enter_context(opened(self.path, self.path.name)):
                found = records(source, scratch)
                self._unread.extend(found.malformed.select("line", "reason").sort("line").iter_rows())
                for batch in found.batches():
                    for texts in batch.iter_slices(ROWS_AT_ONCE):
                        yield texts, _payloads(texts)
                self._leave_out()

    def _json(self) -> Iterator[tuple[pl.DataFrame, list[dict[str, Any]]]]:
        lines: list[int] = []
        rows: list[dict[str, Any]] = []
        for line, text in enumerate(_lines(self.path), start=1):
            if not text.strip():
                continue
            try:
                rows.append(msgspec.json.decode(text, type=dict[str, Any]))
                lines.append(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                self._unread.append((line, f"not one JSON object ({error})"))
            if len(rows) == ROWS_AT_ONCE:
                yield _texts(lines, rows), rows
                lines, rows = [], []
        if rows:
            yield _texts(lines, rows), rows
        self._leave_out()


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as stream:
            yield from stream
    except FileNotFoundError as error:
        raise SourceError(path.name, "no such file", "Check the path") from error
    except (OSError, EOFError) as error:
        raise SourceError(path.name, f"cannot be read ({error})", "Fetch the file again") from error


def _texts(lines: list[int], rows: list[dict[str, Any]]) -> pl.DataFrame:
    names = [column.name for column in COLUMNS]
    texts = {name: [None if row.get(name) is None else str(row[name]) for row in rows] for name in names}
    return pl.DataFrame({LINE: lines, **texts}, schema={LINE: pl.Int64, **dict.fromkeys(names, pl.String)})


def _identified(texts: pl.DataFrame) -> pl.DataFrame:
    """LINE, issue_d and the identifier the loan has, or would have, in raw/loans."""
    lacking = [column.name for column in COLUMNS if column.name not in texts.columns]
    every = texts.lazy().with_columns(pl.lit(None, pl.String).alias(name) for name in lacking)
    rows = typed(every, COLUMNS).with_columns(vintage="issue_d")
    return rows.select(LINE, "issue_d", loan_id(pl.col("id"))).collect()


def _payloads(texts: pl.DataFrame) -> list[dict[str, Any]]:
    """What is known of each loan: numbers as numbers where they are plain ones, all else as it is spelt."""
    columns = [name for name in texts.columns if name in KNOWN]
    numbers = texts.select(pl.col(name).cast(pl.Float64, strict=False) for name in columns if name in _NUMBERS)
    rows = zip(texts.select(columns).iter_rows(named=True), numbers.iter_rows(named=True), strict=True)
    return [
        {name: value for name, value in row.items() if value is not None}
        | {name: value for name, value in plain.items() if value is not None and abs(value) < float("inf")}
        for row, plain in rows
    ]


def _message(identifier: str, happened: date | datetime, payload: dict[str, Any]) -> Message:
    body = _ENCODE(payload)
    time = happened if isinstance(happened, datetime) else datetime(happened.year, happened.month, 1, tzinfo=UTC)
    event = {
        "version": VERSION,
        "event_id": hashlib.blake2b(body, digest_size=16).hexdigest(),
        "event_type": "loan_application",
        "event_time": time,
        "application_id": identifier,
        "payload": msgspec.Raw(body),
    }
    return Message(identifier.encode(), msgspec.json.encode(event))
