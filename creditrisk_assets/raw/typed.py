"""From the texts of a record to the types of the contract, and what is wrong with them."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date

import polars as pl

from creditrisk_assets.columns import Column
from creditrisk_assets.raw import dialects
from creditrisk_assets.raw.records import LINE
from creditrisk_assets.raw.sources import FILE_COLUMNS

LONGEST_TEXT = 10_000
PERCENT_DECIMALS = 6
ISSUED = Column("issue_d", pl.Date, "month of issue", known="key", nullable=False, parse="month")
IDENTIFIER = Column("id", pl.String, "the lender's identifier", known="key")

_READ_AS_NUMBER = ("number", "count", "percent", "term", "employment")


def columns_in(header: Iterable[str]) -> tuple[Column, ...]:
    """Declarations of the columns a file holds: month of issue, identifier, then contract order."""
    names = set(header)
    return tuple(column for column in (ISSUED, IDENTIFIER, *FILE_COLUMNS) if column.name in names)


def typed(frame: pl.LazyFrame, columns: Iterable[Column]) -> pl.LazyFrame:
    """LINE, every column typed, and its text as `raw:NAME`, except for what comes as numbers already.

    Counts stay Float64 until they are known to be whole; percentages come out on the scale 0 to
    100; years of credit lines in the right century.
    """
    columns = tuple(columns)
    names = [column.name for column in columns]
    ready = numbers_in(frame)
    texts = (name if name in ready else pl.col(name).alias(f"raw:{name}") for name in names)
    read = frame.select(LINE, *texts).with_columns(
        pl.col(f"raw:{column.name}")
        .map_batches(_reader(column), return_dtype=_read_type(column), is_elementwise=True)
        .alias(column.name)
        for column in columns
        if column.name not in ready
    )
    if "int_rate" in names:
        read = read.with_columns(_percent(column.name) for column in columns if column.parse == "percent")
    if {"earliest_cr_line", "issue_d"} <= set(names):
        read = read.with_columns(_century())
    return read


def plain_numbers(columns: Iterable[Column]) -> frozenset[str]:
    """Columns that a clean file writes as plain numbers, so that the scan itself can parse them."""
    return frozenset(column.name for column in columns if column.parse in ("number", "count"))


def numbers_in(frame: pl.LazyFrame) -> frozenset[str]:
    """Columns the scan has parsed already."""
    return frozenset(name for name, dtype in frame.collect_schema().items() if dtype == pl.Float64)


def _reader(column: Column) -> Callable[[pl.Series], pl.Series]:
    return lambda texts: dialects.read(texts, column.parse)


def _read_type(column: Column) -> pl.DataType | type[pl.DataType]:
    return pl.Float64 if column.parse in _READ_AS_NUMBER else column.dtype


def _percent(name: str) -> pl.Expr:
    """A percentage on the scale 0 to 100.

    Extracts write 10.65 as "10.65%", "10.65" or 0.1065. The rate tells which: no loan costs less
    than one percent a year, so a plain rate below 1 marks the record as written in fractions.
    """
    plain = ~pl.col(f"raw:{name}").str.contains("%", literal=True)
    fractions = (pl.col("int_rate") < 1) & ~pl.col("raw:int_rate").str.contains("%", literal=True)
    scaled = pl.when(plain & fractions).then(pl.col(name) * 100).otherwise(pl.col(name))
    return scaled.round(PERCENT_DECIMALS).alias(name)


def _century() -> pl.Expr:
    """A credit line cannot be younger than the loan: a two-digit year that is moves back a century."""
    opened, text = pl.col("earliest_cr_line"), pl.col("raw:earliest_cr_line")
    misread = (opened > pl.col("issue_d")) & ~text.str.contains(r"\d{4}")
    return pl.when(misread).then(opened.dt.offset_by("-100y")).otherwise(opened).alias("earliest_cr_line")


def broken(columns: Iterable[Column], ready: frozenset[str] = frozenset()) -> pl.Expr:
    """Boolean expression over a typed frame: does anything in the record break the contract?

    The columns `ready` were parsed by the scan: they have no text, and none that was unreadable.
    """
    rules = [pl.col("vintage").is_null()]
    for column in columns:
        rules.append(_bounds(column).broken())
        if column.parse != "text" and column.name not in ready:
            rules.append(dialects.unreadable(pl.col(f"raw:{column.name}"), pl.col(column.name)))
        if column.dtype == pl.Int32:
            rules.append(_fraction(column))
        if column.dtype == pl.String:
            rules += [_too_long(column), _nul(column)]
    return pl.any_horizontal(rules)


def reasons(columns: Iterable[Column], book: tuple[date, date]) -> pl.Expr:
    """List of sentences over the broken records of a typed frame, the column named first."""
    outside = pl.col("issue_d").is_not_null() & pl.col("vintage").is_null()
    told = (
        f"issue_d: outside the book {book[0]:%Y-%m} to {book[1]:%Y-%m}"
        " (CREDITRISK_FIRST_VINTAGE, CREDITRISK_LAST_VINTAGE): "
    )
    sentences: list[pl.Expr] = [pl.when(outside).then(pl.lit(told) + pl.col("issue_d").dt.strftime("%Y-%m"))]
    for column in columns:
        sentences += _sentences(column)
    return pl.concat_list(sentences).list.drop_nulls().alias("reasons")


def _sentences(column: Column) -> list[pl.Expr]:
    name = column.name
    raw, value = pl.col(f"raw:{name}"), pl.col(name)
    shown = raw.str.strip_chars().str.slice(0, 80)
    unreadable = dialects.unreadable(raw, value) if column.parse != "text" else pl.lit(False)
    said: list[pl.Expr] = []
    said.append(pl.when(unreadable).then(pl.format(f"{name}: '{{}}' cannot be read as {column.parse}", shown)))
    if not column.nullable:
        said.append(pl.when(value.is_null() & ~unreadable).then(pl.lit(f"{name}: missing")))
    out_of_bounds = replace(_bounds(column), nullable=True).broken()
    said.append(pl.when(out_of_bounds).then(pl.format(f"{name}: {{}} is not {column.rule or 'finite'}", shown)))
    if column.dtype == pl.Int32:
        said.append(pl.when(_fraction(column)).then(pl.format(f"{name}: {{}} is not a whole number", shown)))
    if column.dtype == pl.String:
        said.append(pl.when(_too_long(column)).then(pl.lit(f"{name}: longer than {LONGEST_TEXT} bytes")))
        said.append(pl.when(_nul(column)).then(pl.lit(f"{name}: holds a NUL byte")))
    return said


def _bounds(column: Column) -> Column:
    return replace(column, dtype=_read_type(column))


def _fraction(column: Column) -> pl.Expr:
    return (pl.col(column.name) != pl.col(column.name).round()).fill_null(False)


def _too_long(column: Column) -> pl.Expr:
    return (pl.col(f"raw:{column.name}").str.len_bytes() > LONGEST_TEXT).fill_null(False)


def _nul(column: Column) -> pl.Expr:
    return pl.col(f"raw:{column.name}").str.contains("\x00", literal=True).fill_null(False)
