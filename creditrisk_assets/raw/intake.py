"""From loan files to typed loans, quarantine and ledger; read = clean + quarantined."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import polars as pl

from creditrisk_assets.columns import Column, Table
from creditrisk_assets.contracts import RAW_LOANS, RAW_LOANS_LEDGER, RAW_LOANS_QUARANTINE
from creditrisk_assets.raw.dialects import POLICY_PREFIX
from creditrisk_assets.raw.identity import lenders_id, loan_id, without_repeats
from creditrisk_assets.raw.observed import last_backed, months_seen, until
from creditrisk_assets.raw.records import LINE, Records, records
from creditrisk_assets.raw.sources import FILE_COLUMNS, SourceError, names_of, opened
from creditrisk_assets.raw.typed import ISSUED, broken, columns_in, plain_numbers, reasons, typed

Book = tuple[date, date]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Intake:
    """What came of the files, each frame as its contract declares it.

    `notes` are summary lines that are no records; `unknown_columns` stand in a file but in no
    contract, and are not loaded.
    """

    clean: pl.DataFrame
    quarantine: pl.DataFrame
    ledger: pl.DataFrame
    notes: tuple[str, ...] = ()
    unknown_columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Part:
    """What came of one source, before repeats of its loans in other sources are known."""

    found: Records
    clean: pl.DataFrame
    quarantine: pl.DataFrame
    ledger: pl.DataFrame
    elsewhere: pl.DataFrame


@dataclass(frozen=True)
class _Checked:
    """Typed records of the wanted vintages and the reasons against the broken ones.

    `months` counts the months seen in all records; `elsewhere` holds the clean ones of vintages
    nobody asked for, by the lender's identifier.
    """

    every: pl.DataFrame
    told: pl.DataFrame
    months: pl.DataFrame
    elsewhere: pl.DataFrame


def read_loans(files: list[Path], book: Book, vintages: list[date] | None = None) -> Intake:
    """Read loan files, each in one pass.

    `book` is the first and last vintage of the platform: records issued outside it, or whose month
    of issue cannot be read, belong to no vintage and are quarantined. `vintages` are those wanted
    (None: all); what belongs to no vintage is always part of the result. Raises SourceError for a
    file that cannot be used as a whole.
    """
    with ExitStack() as stack:
        return _merge([_named(found, lambda one: _read(one, book, vintages)) for found in _records_of(files, stack)])


def months_issued(files: list[Path]) -> pl.DataFrame:
    """How many records the files hold by month of issue, in order: columns month, records."""
    counts = [pl.DataFrame(schema={"month": pl.Date, "records": pl.Int64})]
    with ExitStack() as stack:
        counts += [_named(found, _months_issued) for found in _records_of(files, stack)]
    return pl.concat(counts).group_by("month").agg(pl.col("records").sum()).sort("month")


def _months_issued(found: Records) -> pl.DataFrame:
    issued = typed(found.frame, [ISSUED]).select(month="issue_d").drop_nulls()
    return issued.group_by("month").agg(records=pl.len().cast(pl.Int64)).collect(engine="streaming")


def _named(found: Records, read: Callable[[Records], Result]) -> Result:
    """Damage inside a parquet file shows only when its pages are read; say which file it is."""
    try:
        return read(found)
    except pl.exceptions.PolarsError as error:
        if not found.source.parquet:
            raise
        raise SourceError(found.source.name, f"damaged parquet ({error})", "Write the file again") from error


def vintages_of(files: list[Path]) -> list[date]:
    """The months of issue that occur in the files, in order."""
    return months_issued(files)["month"].to_list()


def _records_of(files: list[Path], stack: ExitStack) -> list[Records]:
    """Records of every source; what was unpacked for them lives as long as `stack`."""
    names = names_of(list(dict.fromkeys(files)))
    scratch = Path(stack.enter_context(TemporaryDirectory(prefix="creditrisk-")))
    sources = [stack.enter_context(opened(path, name)) for path, name in names.items()]
    return [records(source, scratch) for opening in sources for source in opening]


def _read(found: Records, book: Book, vintages: list[date] | None) -> _Part:
    columns = columns_in(found.source.header)
    checked = _checked(found, columns, book, vintages)
    observed = last_backed(checked.months)
    if observed and (checked.months["month"] > observed).any():
        columns = until(observed, columns)
        checked = _checked(found, columns, book, vintages)
    every, malformed, name = checked.every, _malformed(found), found.source.name
    read = pl.concat([every.select("vintage"), malformed.select("vintage")])
    ledger = read.group_by("vintage").agg(pl.len().cast(pl.Int64).alias("read"))
    place = {"file": pl.lit(name), "observed_month": pl.max_horizontal(pl.lit(observed, pl.Date), "vintage")}
    ledger = ledger.with_columns(file=pl.lit(name), observed_month=pl.lit(observed, pl.Date))
    kept = every.filter(~pl.col("broken"))  # eagerly: polars then sees that, as a rule, all of them are
    clean = _complete((kept.sort(LINE) if found.joined else kept).lazy().with_columns(**place), columns)
    rejected = _with_texts(found, checked.told) if checked.told.height else malformed.clear()
    quarantine = pl.concat([malformed, rejected]).sort("line")
    return _Part(found, clean, quarantine, ledger, checked.elsewhere.with_columns(**place).drop("vintage"))


def _checked(found: Records, columns: tuple[Column, ...], book: Book, vintages: list[date] | None) -> _Checked:
    """Most files hold no error: numbers are first parsed by the scan, and as texts once anything is amiss."""
    ready = plain_numbers(columns)
    if found.plain is not None and ready:
        try:
            return _typed_and_checked(found, columns, book, vintages, ready)
        except (_NotCleanError, pl.exceptions.ComputeError):
            pass  # the texts are needed to tell what is wrong, or how a number was spelled
    return _typed_and_checked(found, columns, book, vintages, frozenset())


class _NotCleanError(ValueError):
    """A record breaks the contract, and its texts have not been kept."""


def _typed_and_checked(
    found: Records, columns: tuple[Column, ...], book: Book, vintages: list[date] | None, ready: frozenset[str]
) -> _Checked:
    kept = (LINE, "vintage", "broken", "meets_credit_policy", *(column.name for column in columns))
    wanted = pl.lit(True) if vintages is None else pl.col("vintage").is_in(vintages) | pl.col("vintage").is_null()
    every, months, elsewhere = [], [], []
    told: list[pl.DataFrame] = []
    for texts in found.batches(ready):
        rows = typed(texts.lazy(), columns)
        rows = rows.with_columns(pl.when(pl.col("issue_d").is_between(*book)).then("issue_d").alias("vintage"))
        batch = rows.with_columns(broken(columns, ready).alias("broken"), _meets_credit_policy()).collect()
        months.append(months_seen(batch, columns))
        elsewhere.append(_elsewhere(batch.filter(~wanted & ~pl.col("broken"))))
        batch = batch if vintages is None else batch.filter(wanted)
        every.append(batch.select(kept))
        if ready and batch["broken"].any():
            raise _NotCleanError
        if batch["broken"].any() or not told:  # the first batch is empty and gives the columns
            told.append(_told(batch, columns, book, ready))
    return _Checked(pl.concat(every), pl.concat(told), pl.concat(months), pl.concat(elsewhere))


def _told(batch: pl.DataFrame, columns: tuple[Column, ...], book: Book, ready: frozenset[str]) -> pl.DataFrame:
    if ready:  # nothing is broken in this mode
        return pl.DataFrame(schema={"vintage": pl.Date, "reasons": pl.List(pl.String), "line": pl.Int64})
    return batch.filter("broken").select("vintage", reasons(columns, book), line=LINE)


def _elsewhere(rows: pl.DataFrame) -> pl.DataFrame:
    """Digested identifiers are of one vintage by construction; the lender's may turn up in another."""
    given = pl.col("id") if "id" in rows.columns else pl.lit(None, pl.String)
    return rows.select(lenders_id(given).alias("loan_id"), "vintage", line=LINE).drop_nulls("loan_id")


def _meets_credit_policy() -> pl.Expr:
    status = pl.col("raw:loan_status").str.strip_chars().str.to_lowercase()
    return (~status.str.starts_with(POLICY_PREFIX)).alias("meets_credit_policy")


def _complete(clean: pl.LazyFrame, columns: Iterable[Column]) -> pl.DataFrame:
    """raw/loans of one source: columns the file lacks are empty, identifiers in place."""
    present = {column.name for column in columns}
    lacking = [column for column in FILE_COLUMNS if column.name not in present]
    given = pl.col("id") if "id" in present else pl.lit(None, pl.String)
    frame = clean.with_columns(*(pl.lit(None, column.dtype).alias(column.name) for column in lacking), line=LINE)
    return RAW_LOANS.conform(frame.with_columns(loan_id(given))).collect()


def _malformed(found: Records) -> pl.DataFrame:
    frame = found.malformed.lazy().with_columns(
        vintage=pl.lit(None, pl.Date), file=pl.lit(found.source.name), reasons=pl.concat_list("reason")
    )
    return RAW_LOANS_QUARANTINE.conform(frame).collect()


def _with_texts(found: Records, told: pl.DataFrame) -> pl.DataFrame:
    """raw/loans_quarantine from the vintage, line and reasons of one source's records."""
    texts = found.raw_texts(told["line"].to_list())
    frame = told.lazy().with_columns(file=pl.lit(found.source.name)).join(texts.lazy(), on="line", how="left")
    return RAW_LOANS_QUARANTINE.conform(frame).collect()


def _merge(parts: list[_Part]) -> Intake:
    every = pl.concat([_empty(RAW_LOANS), *(part.clean for part in parts)])
    elsewhere = [every.clear().select("loan_id", "file", "line", "observed_month")]
    elsewhere += [part.elsewhere.select(elsewhere[0].columns) for part in parts]
    clean, repeats = without_repeats(every, pl.concat(elsewhere))
    known_already = pl.format("loan_id: {} is already in {}", "loan_id", "kept")
    repeats = repeats.select("file", "line", "vintage", reasons=pl.concat_list(known_already))
    quarantines = [_empty(RAW_LOANS_QUARANTINE), *(part.quarantine for part in parts)]
    for part in parts if repeats.height else []:
        told = repeats.filter(file=part.found.source.name).drop("file")
        quarantines.append(_with_texts(part.found, told))
    quarantine = pl.concat(quarantines).sort("file", "line")
    sources = [part.found.source for part in parts]
    unknown = {name for source in sources for name in source.unknown_columns}
    notes = tuple(note for part in parts for note in part.found.notes)
    return Intake(clean, quarantine, _ledger(parts, clean, quarantine), notes, tuple(sorted(unknown)))


def _empty(table: Table) -> pl.DataFrame:
    return pl.DataFrame(schema=table.schema)


def _ledger(parts: list[_Part], clean: pl.DataFrame, quarantine: pl.DataFrame) -> pl.DataFrame:
    counted = _empty(RAW_LOANS_LEDGER).drop("clean", "quarantined")
    counted = pl.concat([counted, *(part.ledger.select(counted.columns) for part in parts)])
    for name, frame in (("clean", clean), ("quarantined", quarantine)):
        counts = frame.group_by("vintage", "file").agg(pl.len().cast(pl.Int64).alias(name))
        counted = counted.join(counts, on=["vintage", "file"], how="left", nulls_equal=True)
    counted = counted.with_columns(pl.col("clean", "quarantined").fill_null(0)).sort("vintage", "file")
    return RAW_LOANS_LEDGER.conform(counted.lazy()).collect()
