"""Movement tables: by hand, and that they reconcile whatever happens between two dates."""

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.portfolio.movements import AMOUNTS, MOVEMENTS, TRANSFERS, Schema, dated, imbalances, movements

FIRST, SECOND, THIRD = date(2016, 1, 1), date(2016, 4, 1), date(2016, 7, 1)
MONEY = st.floats(0, 1e6)
BOOKS = st.dictionaries(st.sampled_from("abcdefghij"), st.tuples(st.sampled_from([1, 2, 3]), MONEY, MONEY))


def book(loans: dict[str, tuple[int, float, float]]) -> pl.DataFrame:
    rows = [(name, *values) for name, values in loans.items()]
    return pl.DataFrame(rows, schema=Schema, orient="row")


def gone(*names: str) -> pl.Series:
    return pl.Series(names, dtype=pl.String)


def amounts(table: pl.DataFrame, stage: int, movement: str) -> tuple[int, float, float]:
    row = table.row(by_predicate=(pl.col("stage") == stage) & (pl.col("movement") == movement), named=True)
    return row["loans"], row["gross"], row["allowance"]


def test_a_quarter_by_hand() -> None:
    opening = {"stays": (1, 100.0, 1.0), "worse": (1, 200.0, 2.0), "better": (2, 300.0, 60.0),
               "paid": (1, 50.0, 0.5), "lost": (3, 80.0, 70.0)}  # fmt: skip
    closing = {"stays": (1, 90.0, 0.8), "worse": (2, 190.0, 40.0), "better": (1, 280.0, 3.0), "born": (1, 500.0, 5.0)}
    table = movements(book(opening), book(closing), gone("lost", "elsewhere"))
    assert amounts(table, 1, "opening") == pytest.approx((3, 350.0, 3.5))
    assert amounts(table, 1, "new") == pytest.approx((1, 500.0, 5.0))
    assert amounts(table, 1, "repaid") == pytest.approx((-1, -50.0, -0.5))
    assert amounts(table, 3, "written off") == pytest.approx((-1, -80.0, -70.0))
    assert amounts(table, 1, "1 to 2") == pytest.approx((-1, -200.0, -2.0))
    assert amounts(table, 2, "1 to 2") == pytest.approx((1, 200.0, 2.0))
    assert amounts(table, 1, "2 to 1") == pytest.approx((1, 300.0, 60.0))
    assert amounts(table, 1, "remeasured") == pytest.approx((0, -10.0 - 20.0, -0.2 - 57.0))
    assert amounts(table, 2, "remeasured") == pytest.approx((0, -10.0, 38.0))
    assert amounts(table, 1, "closing") == pytest.approx((3, 870.0, 8.8))
    assert amounts(table, 2, "closing") == pytest.approx((1, 190.0, 40.0))
    assert amounts(table, 3, "closing") == (0, 0.0, 0.0)
    assert imbalances(dated(table, SECOND, FIRST)) == []


@given(BOOKS, BOOKS, BOOKS, st.sets(st.sampled_from("abcdefghij")))
def test_opening_and_movements_make_closing_and_the_next_date_opens_there(one, two, three, lost) -> None:  # type: ignore[no-untyped-def]
    first = movements(book({}), book(one), gone())
    second = movements(book(one), book(two), gone(*lost))
    third = movements(book(two), book(three), gone(*lost))
    dates = ((first, FIRST, None), (second, SECOND, FIRST), (third, THIRD, SECOND))
    assert imbalances(pl.concat(dated(*part) for part in dates)) == []
    for table, closing in ((first, one), (second, two), (third, three)):
        for stage in (1, 2, 3):
            mine = [values for values in closing.values() if values[0] == stage]
            expected = (len(mine), sum(v[1] for v in mine), sum(v[2] for v in mine))
            assert amounts(table, stage, "closing") == pytest.approx(expected, abs=0.01)


def test_the_first_date_has_nothing_but_new_loans() -> None:
    table = movements(book({}), book({"a": (2, 10.0, 1.0)}), gone())
    busy = table.filter(pl.any_horizontal(pl.col(*AMOUNTS) != 0)).select("stage", "movement").rows()
    assert busy == [(2, "new"), (2, "closing")]
    assert imbalances(dated(table, FIRST, None)) == []


def test_an_empty_book_has_every_row_and_no_money() -> None:
    table = movements(book({}), book({}), gone())
    assert table.height == 3 * (len(MOVEMENTS) - 2)
    assert table.select(pl.col(*AMOUNTS).abs().sum()).row(0) == (0, 0.0, 0.0)
    assert set(table["movement"]) == set(MOVEMENTS)


def test_what_does_not_add_up_is_told_with_its_date_stage_and_amounts() -> None:
    table = dated(movements(book({"a": (1, 10.0, 1.0)}), book({"a": (2, 10.0, 4.0)}), gone()), SECOND, FIRST)
    off = pl.when((pl.col("stage") == 2) & (pl.col("movement") == "closing"))
    wrong = table.with_columns(allowance=off.then(4.02).otherwise("allowance"))
    assert imbalances(wrong) == [
        "2016-04-01 closes otherwise than its movements say: allowance of stage 2, 4.02 against 4.00"
    ]
    small = table.with_columns(allowance=off.then(4.009).otherwise("allowance"))
    assert imbalances(small) == []
    lost = table.filter(~((pl.col("stage") == 2) & pl.col("movement").is_in(TRANSFERS)))
    assert "2016-04-01: what left by the transfer 1 to 2 did not arrive" in imbalances(lost)
    other = dated(movements(book({}), book({"a": (1, 11.0, 1.0)}), gone()), FIRST, None)
    assert imbalances(pl.concat([other, table])) == [
        "2016-04-01 opens otherwise than 2016-01-01 closed: gross of stage 1, 10.00 against 11.00. "
        "Loans or choices have changed since: materialise 2016-01-01 again"
    ]
