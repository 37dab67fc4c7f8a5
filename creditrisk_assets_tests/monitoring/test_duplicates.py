"""Applications that are booked more than once under different identifiers."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from creditrisk_assets.contracts import RAW_LOANS
from creditrisk_assets.monitoring.duplicates import COLUMNS, DUPLICATES, TOLD_APART, duplicates
from creditrisk_assets.raw.intake import read_loans
from creditrisk_assets.simulation.book import SimulatedBook
from creditrisk_assets_tests.world import LAST, VINTAGES, World, checked

CHECK = ("books_every_application_once", "raw/loans")


def found(loans: pl.DataFrame) -> dict[date, tuple[int, int]]:
    """Repeated applications, and those with a twin in another vintage, of the vintages that have some."""
    table = duplicates(loans.lazy()).filter(pl.col("repeated") > 0)
    return {month: (repeated, elsewhere) for month, _, repeated, elsewhere in table.iter_rows()}


@pytest.fixture(scope="module")
def loans(ingested: World) -> pl.DataFrame:
    return ingested.rows(RAW_LOANS)


def test_a_sound_book_has_none(loans: pl.DataFrame) -> None:
    table = duplicates(loans.lazy())
    assert table.schema == DUPLICATES
    assert table.select(pl.col("loans", "repeated", "elsewhere").sum()).row(0) == (loans.height, 0, 0)


def test_copies_under_other_identifiers_are_counted_in_their_vintages(loans: pl.DataFrame) -> None:
    first, second = VINTAGES[3], VINTAGES[9]
    some = loans.filter(pl.col("vintage") == first).head(7)
    inside = some.head(3).with_columns(loan_id=pl.format("copy {}", "loan_id"))
    across = some.tail(2).with_columns(loan_id=pl.format("again {}", "loan_id"), vintage=pl.lit(second))
    assert found(pl.concat([loans, inside, across])) == {first: (3 + 3 + 2, 2), second: (2, 2)}


def test_spelling_is_no_difference_and_any_amount_is(loans: pl.DataFrame) -> None:
    one = loans.head(1)
    spelled = one.with_columns(pl.col("purpose").str.to_uppercase(), pl.col("dti") + 1e-9)
    assert found(pl.concat([one, spelled])) == {one["vintage"].item(): (2, 0)}
    assert found(pl.concat([one, one.with_columns(pl.col("loan_amnt") + 25)])) == {}


@pytest.mark.parametrize("name", TOLD_APART)
def test_loans_that_tell_too_little_are_not_compared(name: str, loans: pl.DataFrame) -> None:
    bare = loans.head(1).with_columns(pl.lit(None, loans.schema[name]).alias(name))
    assert found(pl.concat([bare, bare])) == {}


def test_an_empty_book_has_none() -> None:
    assert duplicates(pl.LazyFrame(schema=RAW_LOANS.schema)).is_empty()


def test_records_that_the_simulator_repeats_never_get_so_far(book: SimulatedBook, loans: pl.DataFrame) -> None:
    """The same identifier twice is quarantined by the intake; the same application under another one is ours."""
    twice = read_loans([book.file, book.file], (VINTAGES[0], LAST))
    assert found(twice.clean) == {}
    renamed = twice.clean.with_columns(loan_id=pl.format("other {}", "loan_id"))
    assert sum(repeated for repeated, _ in found(pl.concat([twice.clean, renamed])).values()) == 2 * twice.clean.height


def test_the_check_names_the_vintages_and_looks_beyond_those_of_its_run(ingested: World, tmp_path: Path) -> None:
    assert checked(ingested, *CHECK, VINTAGES[0], LAST) is None
    world, first, second = ingested.copy(tmp_path), VINTAGES[3], VINTAGES[9]
    there = world.only(RAW_LOANS, second)
    copies = world.only(RAW_LOANS, first).head(5)
    copies = copies.with_columns(loan_id=pl.format("copy {}", "loan_id"), vintage=pl.lit(second))
    world.lake.overwrite(RAW_LOANS, pl.concat([there, copies]), [second])
    for span, vintages, repeated in (((first, first), "2014-04", 5), ((VINTAGES[0], LAST), "2014-04, 2014-10", 10)):
        told = checked(world, *CHECK, *span)
        assert told is not None
        assert (told["vintages"], told["repeated"], told["elsewhere"]) == (vintages, repeated, repeated)
        assert not [one for one in copies["loan_id"] if one in str(told)]
    assert checked(world, *CHECK, VINTAGES[5]) is None


def test_only_what_is_needed_is_read() -> None:
    assert "loan_id" not in COLUMNS
    assert "emp_title" not in COLUMNS
    assert set(COLUMNS) <= set(RAW_LOANS.schema)


def test_real_files_have_none(shared_data: Path) -> None:
    files = sorted((shared_data / "lendingclub").glob("*.csv*"))
    clean = read_loans(files, (date(2007, 1, 1), date(2018, 12, 1))).clean
    assert clean.height > 40_000
    assert found(clean) == {}
