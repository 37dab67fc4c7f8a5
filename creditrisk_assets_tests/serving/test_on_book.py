"""What the book can lose and how its allowance moved, against frames made by hand."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.contracts import (
    ALL_PURPOSES,
    ALL_TERMS,
    PORTFOLIO_LOSS_DISTRIBUTION,
    PORTFOLIO_MOVEMENTS,
    PORTFOLIO_TOTALS,
)
from creditrisk_assets.portfolio.movements import dated, movements
from creditrisk_assets.serving import on_book, provisions

BEFORE, DAY, LATER = date(2016, 1, 1), date(2016, 4, 1), date(2016, 7, 1)
TOTALS, MOVED, LOSSES = (
    pl.DataFrame(schema=table.schema) for table in (PORTFOLIO_TOTALS, PORTFOLIO_MOVEMENTS, PORTFOLIO_LOSS_DISTRIBUTION)
)


def totals(*rows: tuple[date, int, str, int, list[float]]) -> pl.DataFrame:
    """Rows of portfolio/totals: date, term, purpose, loans, draws of the loss; lifetime twice of them."""
    told = [
        dict.fromkeys(TOTALS.schema)
        | {"model_date": day, "term_months": term, "purpose": purpose, "loans": loans, "balance": 1_000.0,
           "expected_loss_12m": draws, "expected_loss_lifetime": [2 * draw for draw in draws],
           "expected_defaults_12m": [draw / 10 for draw in draws]}
        for day, term, purpose, loans, draws in rows
    ]  # fmt: skip
    return pl.DataFrame(told, schema=TOTALS.schema)


def test_the_book_is_the_row_of_all_loans_on_the_date_with_intervals_from_its_draws() -> None:
    draws = np.random.default_rng(1).gamma(5, 10, 200)
    table = totals((BEFORE, ALL_TERMS, ALL_PURPOSES, 9, [1.0]), (DAY, 36, "car", 3, [5.0]),
                   (DAY, ALL_TERMS, ALL_PURPOSES, 8, draws.tolist()))  # fmt: skip
    found = on_book.book(table, DAY)
    assert found is not None
    assert (found.loans, found.balance, found.loss_12m.mean) == (8, 1_000.0, pytest.approx(draws.mean()))
    assert (found.loss_12m.low, found.loss_12m.high) == pytest.approx(tuple(np.quantile(draws, [0.05, 0.95])))
    assert found.loss_lifetime.high == pytest.approx(2 * found.loss_12m.high)
    assert found.defaults_12m.mean == pytest.approx(found.loss_12m.mean / 10)


def test_a_date_that_was_not_reckoned_or_has_no_loan_has_no_book() -> None:
    assert on_book.book(TOTALS, DAY) is None
    assert on_book.book(totals((DAY, ALL_TERMS, ALL_PURPOSES, 0, [0.0])), DAY) is None
    assert on_book.book(totals((DAY, ALL_TERMS, ALL_PURPOSES, 1, [0.0])), LATER) is None


def test_the_newest_date_is_that_of_any_table() -> None:
    older, newer = totals((BEFORE, 36, "car", 1, [1.0])), totals((DAY, 36, "car", 1, [1.0]))
    assert on_book.newest_date(older, newer, TOTALS) == DAY
    assert on_book.newest_date(TOTALS, MOVED) is None


def distribution(day: date = DAY) -> pl.DataFrame:
    """Both rows of a date: the loss is normal, wider with the factor."""
    from scipy import stats

    levels = [0.5, 0.95, 0.99, 0.999]
    told = []
    for factor, spread in (("with", 20.0), ("without", 10.0)):
        losses = stats.norm.ppf(levels, 100, spread).tolist()
        figures = dict(zip(on_book.FIGURES, [100.0, *losses[1:], losses[-1] + 1], strict=True))
        ends = {
            f"{name}_{end}": value * by for name, value in figures.items() for end, by in (("low", 0.8), ("high", 1.2))
        }
        told.append(
            dict.fromkeys(LOSSES.schema) | figures | ends
            | {"model_date": day, "factor": factor, "levels": levels, "losses": losses, "correlation": 0.02,
               "correlation_low": 0.01, "correlation_high": 0.03, "basel_correlation": 0.04, "vasicek_999": 170.0}
        )  # fmt: skip
    return pl.DataFrame(told, schema=LOSSES.schema)


def test_losses_stand_side_by_side_with_and_without_the_factor() -> None:
    table = pl.concat([distribution(BEFORE), distribution()])
    found = on_book.losses(table, DAY)
    assert found["figure"].to_list() == list(on_book.FIGURES)
    for row in found.iter_rows(named=True):
        for factor in on_book.FACTORS:
            mine = table.filter(pl.col("model_date") == DAY, pl.col("factor") == factor).row(0, named=True)
            assert (row[factor], row[f"{factor}_low"], row[f"{factor}_high"]) == (
                mine[row["figure"]], mine[f"{row['figure']}_low"], mine[f"{row['figure']}_high"]
            )  # fmt: skip
    told = on_book.correlation(table, DAY)
    assert told is not None
    assert (told[0].mean, told[0].low, told[0].high, *told[1:]) == (0.02, 0.01, 0.03, 0.04, 170.0)


def test_values_at_risk_lie_on_the_curve_of_their_distribution() -> None:
    points, marked = on_book.curve(distribution(), DAY), on_book.levels(distribution(), DAY)
    assert marked.height == 2 * len(on_book.LEVELS)
    for row in marked.iter_rows(named=True):
        mine = points.filter(pl.col("factor") == row["factor"], (pl.col("exceeded") - row["exceeded"]).abs() < 1e-12)
        assert mine["loss"].item() == pytest.approx(row["loss"])
    for (_,), line in points.group_by("factor"):
        assert line["loss"].is_sorted()
        assert line["exceeded"].is_sorted(descending=True)


def test_without_a_distribution_nothing_is_drawn() -> None:
    for table in (LOSSES, distribution(BEFORE)):
        assert on_book.losses(table, DAY).is_empty()
        assert on_book.curve(table, DAY).is_empty()
        assert on_book.levels(table, DAY).is_empty()
        assert on_book.correlation(table, DAY) is None


def loans(*rows: tuple[str, int, float, float]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["loan_id", "stage", "gross", "allowance"], orient="row")


OPENING = loans(("a", 1, 100.0, 1.0), ("b", 1, 200.0, 2.0), ("c", 2, 300.0, 30.0), ("d", 3, 50.0, 40.0))
CLOSING = loans(("a", 1, 90.0, 0.5), ("b", 2, 190.0, 20.0), ("e", 1, 500.0, 5.0), ("f", 3, 10.0, 8.0))
TABLE = dated(movements(OPENING, CLOSING, pl.Series(["d"])), DAY, BEFORE).with_columns(
    allowance_low=pl.col("allowance") * 0.9, allowance_high=pl.col("allowance") * 1.1
)


def test_stages_add_up_and_cover_what_they_owe() -> None:
    found = provisions.stages(TABLE, DAY)
    assert found["stage"].to_list() == [*provisions.STAGES.values(), provisions.WHOLE]
    assert found["loans"].to_list() == [2, 1, 1, 4]
    assert found["gross"].to_list() == [590.0, 190.0, 10.0, 790.0]
    assert found["allowance"].to_list() == [5.5, 20.0, 8.0, 33.5]
    assert found["share"].to_list() == pytest.approx([590 / 790, 190 / 790, 10 / 790, 1])
    assert found["coverage"].to_list() == pytest.approx([5.5 / 590, 20 / 190, 0.8, 33.5 / 790])
    assert found["allowance_low"].to_list() == [pytest.approx(4.95), pytest.approx(18.0), pytest.approx(7.2), None]


def test_a_stage_without_loans_covers_nothing() -> None:
    empty = dated(movements(OPENING.clear(), loans(("a", 1, 10.0, 1.0)), pl.Series([], dtype=pl.String)), DAY, None)
    unknown = pl.lit(None, pl.Float64)
    found = provisions.stages(empty.with_columns(allowance_low=unknown, allowance_high=unknown), DAY)
    assert found["coverage"].to_list() == [0.1, None, None, 0.1]


def test_the_allowance_moves_from_opening_to_closing_step_by_step() -> None:
    found = provisions.steps(TABLE, DAY)
    assert found["name"].to_list() == list(provisions.STEPS.values())
    assert found["amount"].to_list() == [73.0, 13.0, -30.0, -40.0, 17.5, 33.5]
    assert found["kind"].to_list() == ["total", "raises", "lowers", "lowers", "raises", "total"]
    ends = found["end"].to_list()
    assert ends[-2] == pytest.approx(ends[-1])  # every movement has been gone through
    assert found["start"].to_list()[1:5] == pytest.approx(ends[:4])
    assert provisions.previous_date(TABLE, DAY) == BEFORE


def test_movements_by_stage_add_up_to_closing() -> None:
    found = provisions.moved(TABLE, DAY)
    assert found["name"].to_list() == [
        "Opening", "New loans", "Repaid", "Written off", provisions.BETWEEN, "Remeasured", "Closing",
    ]  # fmt: skip
    for name in ("stage_1", "stage_2", "stage_3", "all_stages"):
        assert found[name][:-1].sum() == pytest.approx(found[name][-1])
    assert found["all_stages"][4] == pytest.approx(0)


def test_a_date_without_movements_has_none() -> None:
    for table in (MOVED, TABLE):
        assert provisions.stages(table, LATER).is_empty()
        assert provisions.steps(table, LATER).is_empty()
        assert provisions.moved(table, LATER).is_empty()
        assert provisions.previous_date(table, LATER) is None
