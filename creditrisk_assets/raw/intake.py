"""From loan files to typed loans, quarantine and ledger; read = clean + quarantined."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from creditrisk_assets.contracts import RAW_LOANS, RAW_LOANS_LEDGER, RAW_LOANS_QUARANTINE
from creditrisk_assets.raw.dialects import POLICY_PREFIX
from creditrisk_assets.raw.identity import loan_id, without_repeats
from creditrisk_assets.raw.records import LINE, Records, raw_texts, records
from creditrisk_assets.raw.sources import FILE_COLUMNS, Source, names_of, opened
from creditrisk_assets.raw.typed import ISSUED, broken, columns_in, reasons, typed

Book = tuple[date, date]


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


def read_loans(files: list[Path], book: Book, vintages: list[date] | None = None) -> Intake:
    """Read loan files, each in one pass.

    `book` is the first and last vintage of the platform: records issued outside it, or whose month
    of issue cannot be read, belong to no vintage and are quarantined. `vintages` are those wanted
    (None: all); what belongs to no vintage is always part of the result. Raises SourceError for a
    file that cannot be used as a whole.
    """
    names = names_of(files)
    parts = []
    with TemporaryDirectory(prefix="creditrisk-") as scratch:
        for path in files:
            with opened(path, names[path]) as sources:
                parts += [_read_source(source, book, vintages, Path(scratch)) for source in sources]
    return _merge(parts)


def vintages_of(files: list[Path]) -> list[date]:
    """The months of issue that occur in the files, in order."""
    names = names_of(files)
    found: set[date] = set()
    with TemporaryDirectory(prefix="creditrisk-") as scratch:
        for path in files:
            with opened(path, names[path]) as sources:
                for source in sources:
                    issued = typed(records(source, Path(scratch)).frame, [ISSUED]).select("issue_d").unique()
                    found.update(issued.drop_nulls().collect(engine="streaming")["issue_d"])
    return sorted(found)


def _read_source(source: Source, book: Book, vintages: list[date] | None, scratch: Path) -> Intake:
    found = records(source, scratch)
    columns = columns_in(source.header)
    rows = typed(found.frame, columns)
    rows = rows.with_columns(pl.when(pl.col("issue_d").is_between(*book)).then("issue_d").alias("vintage"))
    if vintages is not None:
        rows = rows.filter(pl.col("vintage").is_in(vintages) | pl.col("vintage").is_null())
    rows = rows.with_columns(broken(columns).alias("broken"), _meets_credit_policy())
    kept = rows.select(LINE, "vintage", "issue_d", "broken", "meets_credit_policy", *(c.name for c in columns[1:]))
    every = kept.collect(engine="streaming")
    observed = _observed_month(found, source)
    bad = every.filter("broken")[LINE]
    rejected = [_malformed(source, found)]
    if bad.len():
        told = rows.filter(pl.col(LINE).is_in(bad.implode())).select("vintage", LINE, reasons(columns, book))
        rejected.append(_rejected(source, found, told.collect(engine="streaming")))
    quarantine = pl.concat(rejected).sort("line")
    clean = _complete(every.filter(~pl.col("broken")), source, observed)
    read = pl.concat([every.select("vintage"), rejected[0].select("vintage")])
    ledger = read.group_by("vintage").agg(pl.len().cast(pl.Int64).alias("read"))
    ledger = ledger.with_columns(file=pl.lit(source.name), observed_month=pl.lit(observed, pl.Date))
    known = {column.name for column in columns}
    return Intake(clean, quarantine, ledger, found.notes, tuple(name for name in source.header if name not in known))


def _meets_credit_policy() -> pl.Expr:
    status = pl.col("raw:loan_status").str.strip_chars().str.to_lowercase()
    return (~status.str.starts_with(POLICY_PREFIX)).alias("meets_credit_policy")


def _observed_month(found: Records, source: Source) -> date | None:
    """The last month of which the file knows anything: its latest payment or credit report."""
    dated = [column for column in columns_in(source.header) if column.name in ("last_pymnt_d", "last_credit_pull_d")]
    if not dated:
        return None
    sane = [pl.when(~column.broken()).then(column.name).max().alias(column.name) for column in dated]
    latest: date | None = (
        typed(found.frame, dated).select(sane).select(pl.max_horizontal(pl.all())).collect(engine="streaming").item()
    )
    return latest


def _complete(clean: pl.DataFrame, source: Source, observed: date | None) -> pl.DataFrame:
    """raw/loans of one source: columns the file lacks are empty, identifiers in place."""
    lacking = [column for column in FILE_COLUMNS if column.name not in source.header]
    given = pl.col("id") if "id" in clean.columns else pl.lit(None, pl.String)
    frame = clean.lazy().with_columns(
        *(pl.lit(None, column.dtype).alias(column.name) for column in lacking),
        line=LINE,
        file=pl.lit(source.name),
        observed_month=pl.max_horizontal(pl.lit(observed, pl.Date), "issue_d"),
    )
    return RAW_LOANS.conform(frame.with_columns(loan_id(given))).collect()


def _malformed(source: Source, found: Records) -> pl.DataFrame:
    frame = found.malformed.lazy().with_columns(
        vintage=pl.lit(None, pl.Date), file=pl.lit(source.name), reasons=pl.concat_list("reason")
    )
    return RAW_LOANS_QUARANTINE.conform(frame).collect()


def _rejected(source: Source, found: Records, told: pl.DataFrame) -> pl.DataFrame:
    lines = told[LINE].to_list()
    texts = raw_texts(source, lines)
    over_lines = pl.col("line").replace_strict(found.joined, default=None, return_dtype=pl.String)
    texts = texts.with_columns(pl.coalesce(over_lines, "raw").alias("raw")) if found.joined else texts
    frame = told.rename({LINE: "line"}).join(texts, on="line", how="left").with_columns(file=pl.lit(source.name))
    return RAW_LOANS_QUARANTINE.conform(frame.lazy()).collect()


def _merge(parts: list[Intake]) -> Intake:
    clean, repeats = without_repeats(pl.concat([part.clean for part in parts]))
    told = repeats.lazy().with_columns(
        reasons=pl.concat_list(pl.format("loan_id: {} is already in {}", "loan_id", "kept")),
        raw=pl.struct(pl.exclude("kept")).struct.json_encode(),
    )
    quarantine = pl.concat([*(part.quarantine for part in parts), RAW_LOANS_QUARANTINE.conform(told).collect()])
    ledger = pl.concat([part.ledger for part in parts]).group_by("vintage", "file")
    counted = ledger.agg(pl.col("observed_month").max(), pl.col("read").sum())
    for name, frame in (("clean", clean), ("quarantined", quarantine)):
        counts = frame.group_by("vintage", "file").agg(pl.len().cast(pl.Int64).alias(name))
        counted = counted.join(counts, on=["vintage", "file"], how="left", nulls_equal=True)
    counted = counted.with_columns(pl.col("clean", "quarantined").fill_null(0)).sort("vintage", "file")
    return Intake(
        clean,
        quarantine,
        RAW_LOANS_LEDGER.conform(counted.lazy()).collect(),
        tuple(note for part in parts for note in part.notes),
        tuple(sorted({name for part in parts for name in part.unknown_columns})),
    )
