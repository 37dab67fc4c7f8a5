"""What a table declaration is made of: columns, tables, and what follows from them.

Declarations themselves live in `contracts/`; this module knows how to turn one into a polars
schema and into the reasons for which a row breaks it. No Dagster here.
"""

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Literal

import polars as pl

Known = Literal["key", "application", "later", "derived"]
Parse = Literal["text", "number", "count", "percent", "month", "term", "employment", "status", "flag"]
Bound = float | int | date | None


@dataclass(frozen=True)
class Column:
    """One column of one table.

    `known` says when the value exists: a `key` identifies the row, `application` values are known
    when the borrower applies and may become features, `later` values are outcomes and may never,
    `derived` values are computed by the platform. `price` marks what the lender itself decided
    (rate, grade, instalment). `parse` names the text dialect of raw columns.
    """

    name: str
    dtype: pl.DataType | type[pl.DataType]
    meaning: str
    unit: str = ""
    known: Known = "derived"
    nullable: bool = True
    low: Bound = None
    high: Bound = None
    allowed: tuple[str, ...] = ()
    price: bool = False
    parse: Parse = "text"

    def broken(self) -> pl.Expr:
        """Boolean expression: does the typed value break the declaration? Never null."""
        value = pl.col(self.name)
        rules = [] if self.nullable else [value.is_null()]
        if self.low is not None:
            rules.append((value < pl.lit(self.low)).fill_null(False))
        if self.high is not None:
            rules.append((value > pl.lit(self.high)).fill_null(False))
        if self.dtype == pl.Float64:
            rules.append((~value.is_finite()).fill_null(False))
        if self.allowed:
            rules.append((~value.is_in(list(self.allowed))).fill_null(False))
        return pl.any_horizontal(rules) if rules else pl.lit(False)

    @property
    def rule(self) -> str:
        """The declaration in words, for reasons and documentation."""
        if self.allowed:
            return "one of " + ", ".join(self.allowed)
        if self.low is not None and self.high is not None:
            return f"{self.low} to {self.high}"
        if self.low is not None:
            return f"at least {self.low}"
        return f"at most {self.high}" if self.high is not None else ""


@dataclass(frozen=True)
class Table:
    """One table of the lake: `key` is its asset key, `partition` its Delta partition column."""

    key: tuple[str, ...]
    meaning: str
    columns: tuple[Column, ...]
    primary: tuple[str, ...] = ()
    partition: str | None = None

    @property
    def name(self) -> str:
        """The table as people write it: `raw/loans`."""
        return "/".join(self.key)

    @cached_property
    def schema(self) -> pl.Schema:
        """Polars schema in declared column order; to be read only."""
        return pl.Schema({column.name: column.dtype for column in self.columns})

    def names(self, *known: Known, price: bool | None = None) -> list[str]:
        """Column names, optionally only those of some `known` classes or (not) of the price."""
        return [
            column.name
            for column in self.columns
            if (not known or column.known in known) and (price is None or column.price == price)
        ]

    def column(self, name: str) -> Column:
        """The declaration of one column; KeyError names the table when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} declares no column {name!r}")

    def violations(self, frame: pl.LazyFrame) -> dict[str, int]:
        """Rows breaking each declared column, only columns with any (shape differences apart)."""
        counts = frame.select(column.broken().sum().alias(column.name) for column in self.columns)
        row = counts.collect(engine="streaming").row(0, named=True)
        return {name: int(count) for name, count in row.items() if count}

    def shape_differences(self, actual: pl.Schema) -> list[str]:
        """Sentences for every column that is missing, unexpected or of another type."""
        missing = [f"{name} is missing" for name in self.schema if name not in actual]
        extra = [f"{name} is not declared" for name in actual if name not in self.schema]
        other = [
            f"{name} is {actual[name]}, declared {dtype}"
            for name, dtype in self.schema.items()
            if name in actual and actual[name] != dtype
        ]
        return missing + extra + other

    def conform(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """Select and cast to the declared columns and types; a missing column is an error."""
        return frame.select(pl.col(column.name).cast(column.dtype) for column in self.columns)
