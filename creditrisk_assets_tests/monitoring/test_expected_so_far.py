"""What a vintage was expected to do as far as it is known, against every loan under every draw in plain numpy."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.contracts import MONITORING_CALIBRATION, MONITORING_PERFORMANCE
from creditrisk_assets.models.draws import Draws, draws_of
from creditrisk_assets.monitoring.calibration import calibration
from creditrisk_assets.monitoring.expected import Expected, Expecting
from creditrisk_assets.monitoring.performance import performance
from creditrisk_assets.monitoring.so_far import DECILES, EARLY, so_far
from creditrisk_assets.resources.environments import add_months
from creditrisk_assets_tests.models.learned import DESIGN, MODEL_DATE, fit
from creditrisk_assets_tests.models.one_by_one import issued, one_by_one

AFTER = add_months(DESIGN.vintages[-1], 3)
LOANS = 150
EMPTY_SO_FAR = ("ratio", "rate", "rate_low", "rate_high", "p_value", "light", "matured_p_value")


@pytest.fixture(scope="module")
def draws() -> Draws:
    return draws_of(fit().posterior)


def scored(months: list[int], count: int = LOANS, **columns: pl.Expr) -> pl.DataFrame:
    """Loans observed for `months` in turn, some in default and some repaid by then, with scores."""
    draw = np.random.default_rng(9)
    known = np.resize(months, count)
    default = draw.integers(1, 30, count)
    bad = (draw.random(count) < 0.4) & (default <= known)
    repaid = np.where(bad, 0, draw.integers(1, 60, count))
    good = ~bad & (repaid <= known) & (draw.random(count) < 0.5)
    when = {
        "default_month": [add_months(AFTER, int(m)) if b else None for m, b in zip(default, bad, strict=True)],
        "repaid_month": [add_months(AFTER, int(m)) if g else None for m, g in zip(repaid, good, strict=True)],
        "observed_month": [add_months(AFTER, int(m)) for m in known],
    }
    pd = draw.uniform(0.005, 0.2, count)
    frame = issued(AFTER, count).with_columns(
        *(pl.Series(name, values, dtype=pl.Date) for name, values in when.items()),
        defaulted=pl.Series(bad), observed_months=pl.Series(known, dtype=pl.Int32),
        matured=pl.Series(known >= 12), model_date=pl.lit(MODEL_DATE),
        pd=pl.Series(pd), pd_term=pl.Series(2 * pd), band=pl.Series(1 + (pd * 39).astype(np.int32)),
    )  # fmt: skip
    return frame.with_columns(**columns)


def months_to(frame: pl.DataFrame, name: str) -> list[int | None]:
    return [None if d is None else (d.year - AFTER.year) * 12 + d.month - AFTER.month for d in frame[name]]


@pytest.fixture(scope="module")
def loans() -> pl.DataFrame:
    return scored([3, 5, 9, 14, 40])


@pytest.fixture(scope="module")
def found(draws: Draws, loans: pl.DataFrame) -> Expected:
    return Expecting(draws, MODEL_DATE).add(AFTER, loans)


@pytest.fixture(scope="module")
def curves(draws: Draws, loans: pl.DataFrame) -> np.ndarray:
    """(loans, 61, D): PD by the end of each month on book."""
    return one_by_one(draws, loans, AFTER)[1]


def test_outcomes_are_those_of_every_loan_one_by_one(loans: pl.DataFrame) -> None:
    told = so_far(loans)
    assert sorted(told["loan_id"]) == sorted(loans["loan_id"])
    default, repaid = months_to(told, "default_month"), months_to(told, "repaid_month")
    rows = zip(told.iter_rows(named=True), default, repaid, strict=True)
    for row, bad, good in rows:
        known = row["observed_months"]
        assert row["tried"] == (known >= 5)
        assert row["bad"] == (known >= 5 and bad is not None and bad <= known)
        assert row["early"] == (row["bad"] and min(max(bad or 0, 5), row["term"]) <= min(known, EARLY))
        assert row["resolved"] == (row["bad"] or (known >= 5 and good is not None and good <= known))
        assert row["outcome"] == (None if known < 12 else bad is not None and bad <= 12)
    assert told["pd"].is_sorted()
    assert told["decile"].value_counts()["count"].to_list() == [LOANS // DECILES] * DECILES


def test_expectations_are_sums_of_the_pds_to_the_month_observed(
    found: Expected, loans: pl.DataFrame, curves: np.ndarray
) -> None:
    known = np.minimum(loans["observed_months"].to_numpy(), 60)
    mine, early = (curves[np.arange(LOANS), months] for months in (known, np.minimum(known, EARLY)))
    np.testing.assert_allclose(found.by_draw.sum(axis=0), mine.sum(axis=0), rtol=1e-3)
    np.testing.assert_allclose(found.count.mean, mine.sum(axis=0), rtol=1e-3)
    np.testing.assert_allclose(found.count.squares, (mine**2).sum(axis=0), rtol=3e-3)
    np.testing.assert_allclose(found.early.mean, early.sum(axis=0), rtol=1e-3)
    place = {loan: number for number, loan in enumerate(loans["loan_id"])}
    for row in found.segments.iter_rows(named=True):
        chosen = found.loans.filter(band=row["band"], decile=row["decile"])["loan_id"]
        expected = mine[[place[loan] for loan in chosen]].sum(axis=0)
        np.testing.assert_allclose(found.by_draw[row["segment"]], expected, rtol=1e-3)


def test_calibration_adds_up_and_judges_every_group_by_its_own_figures(found: Expected) -> None:
    from scipy import stats

    table = calibration(found)
    assert table.schema == MONITORING_CALIBRATION.schema
    whole = table.filter(split="all").row(0, named=True)
    for split in ("band", "decile"):
        part = table.filter(split=split)
        for name in ("loans", "tried", "observed", "matured", "matured_observed"):
            assert part[name].sum() == whole[name]
        for name in ("expected", "matured_expected"):
            assert part[name].sum() == pytest.approx(whole[name], rel=1e-12)
    assert whole["loans"] == LOANS
    assert whole["observed"] == found.loans["bad"].sum()
    for row in table.filter(pl.col("tried") > 0).iter_rows(named=True):
        beta = stats.beta(row["observed"] + 0.5, row["tried"] - row["observed"] + 0.5)
        assert row["p_value"] == pytest.approx(beta.cdf(row["expected"] / row["tried"]), abs=1e-9)
        assert row["ratio"] == pytest.approx(row["observed"] / row["expected"])
        assert row["expected_low"] <= row["expected"] <= row["expected_high"]
        level = 0.05 / table.filter(split=row["split"]).height
        far = abs(row["ratio"] - 1)
        sure = (row["p_value"] if row["ratio"] > 1 else 1 - row["p_value"]) < level
        assert row["light"] == ("green" if not sure or far <= 0.05 else "amber" if far <= 0.1 else "red")


def test_performance_is_made_of_the_same_loans(found: Expected) -> None:
    row = performance(found).row(0, named=True)
    loans, matured = found.loans, found.loans.filter(pl.col("outcome").is_not_null())
    assert (row["loans"], row["matured"], row["months_observed"]) == (LOANS, matured.height, 3)
    assert row["ratio"] == pytest.approx(loans["bad"].sum() / found.count.mean.mean())
    assert row["ratio_low"] < row["ratio"] < row["ratio_high"]
    resolved = loans.filter("resolved")
    assert row["resolved_ratio"] == pytest.approx(resolved["bad"].sum() / resolved["pd_term"].sum())
    errors = (matured["pd"] - matured["outcome"].cast(pl.Float64)) ** 2
    assert row["brier"] == pytest.approx(errors.mean(), abs=1e-12)
    parts = row["reliability"] - row["resolution"] + row["uncertainty"]
    assert parts + row["within_variance"] - row["within_covariance"] == pytest.approx(row["brier"], abs=1e-12)
    assert row["early_low"] <= row["early_expected"] <= row["early_high"]
    assert row["alarm"] == (row["early_p_value"] < 0.05)
    assert 0 < row["false_alarm_rate"] < 0.1


@pytest.mark.parametrize("months", [0, 4])
def test_a_vintage_nobody_could_default_in_yet_says_nothing(draws: Draws, months: int) -> None:
    young = Expecting(draws, MODEL_DATE).add(AFTER, scored([months]))
    table, row = calibration(young), performance(young).row(0, named=True)
    assert table["expected"].sum() == 0.0
    assert table.select(EMPTY_SO_FAR).null_count().row(0) == (table.height,) * len(EMPTY_SO_FAR)
    absent = ("ratio", "p_value", "light", "brier", "auc", "matured_ratio", "spiegelhalter_z", "early_p_value")
    assert [row[name] for name in absent] == [None] * len(absent)
    assert (row["tried"], row["observed"], row["early_defaults"], row["early_high"], row["alarm"]) == (
        0,
        0,
        0,
        0,
        False,
    )


def test_a_vintage_without_a_default_is_judged_all_the_same(draws: Draws) -> None:
    none = {"default_month": pl.lit(None, pl.Date), "defaulted": pl.lit(value=False)}
    spared = Expecting(draws, MODEL_DATE).add(AFTER, scored([40], **none))
    row = performance(spared).row(0, named=True)
    assert (row["observed"], row["ratio"], row["ratio_low"] > 0, row["auc"], row["resolution"]) == (0, 0, True, None, 0)
    assert row["p_value"] > 0.95
    assert row["light"] == "red"
    assert not row["alarm"]
    assert calibration(spared)["rate_low"].unique().to_list() == [0.0]


@pytest.mark.parametrize("pd", [0.0, 1.0])
def test_scores_of_zero_and_one_are_figures_too(draws: Draws, pd: float) -> None:
    certain = Expecting(draws, MODEL_DATE).add(AFTER, scored([14], pd=pl.lit(pd), pd_term=pl.lit(pd)))
    row = performance(certain).row(0, named=True)
    assert row["spiegelhalter_z"] is None
    assert np.isfinite(row["log_loss"])
    assert row["matured_ratio"] == (None if pd == 0 else pytest.approx(row["matured_observed"] / LOANS))
    assert MONITORING_PERFORMANCE.violations(performance(certain).lazy()) == {}
    assert MONITORING_CALIBRATION.violations(calibration(certain).lazy()) == {}
    assert calibration(certain).filter(split="all")["matured_p_value"].item() == pd


def test_one_loan_alone_is_a_vintage(draws: Draws) -> None:
    alone = Expecting(draws, MODEL_DATE).add(AFTER, scored([14], count=1))
    assert performance(alone)["loans"].item() == 1
    assert calibration(alone).height == 3


@pytest.mark.parametrize("pd", [-0.1, 1.1, float("nan"), None])
def test_a_score_that_is_no_probability_is_refused(draws: Draws, pd: float | None) -> None:
    with pytest.raises(ValueError, match=r"scores/loans.pd must lie between 0 and 1"):
        Expecting(draws, MODEL_DATE).add(AFTER, scored([14], pd=pl.lit(pd, pl.Float64)))


def test_no_loan_at_all_is_refused_by_name(draws: Draws) -> None:
    with pytest.raises(ValueError, match=f"vintage {AFTER:%Y-%m} holds no scored loan"):
        Expecting(draws, MODEL_DATE).add(AFTER, scored([14]).clear())


def test_an_absent_column_is_named(draws: Draws) -> None:
    with pytest.raises(ValueError, match="'repaid_month'"):
        Expecting(draws, date(2011, 7, 1)).add(AFTER, scored([14]).drop("repaid_month"))
