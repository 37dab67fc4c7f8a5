"""Scores: moments of dense algebra, PDs of many draws, and the same bits for a row wherever it stands."""

from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creditrisk_assets.models import scorer as module
from creditrisk_assets.models.binning import Levels, Numeric
from creditrisk_assets.models.design import Design
from creditrisk_assets.models.horizon import Horizons
from creditrisk_assets.models.posterior import Posterior
from creditrisk_assets.models.scorer import FURTHEST, Scorer
from creditrisk_assets.resources.environments import add_months
from creditrisk_assets_tests.models.learned import BOOK, DESIGN, LAST, fit, one_hot, shape_places
from creditrisk_assets_tests.models.simulated import simulated_life

BANDS, VINTAGE = DESIGN.parts["baseline"], DESIGN.parts["vintage"]
INSIDE = BOOK.filter(pl.col("vintage") <= LAST)
MANY = simulated_life(10_000, seed=21).filter(pl.col("vintage") <= LAST)
ENDS = ("", "_low", "_high")


@cache
def scorer() -> Scorer:
    return fit().posterior.scorer


@cache
def whole() -> np.ndarray:
    return scorer().predict(BOOK).to_numpy()


@cache
def rebuilt() -> Posterior:
    """The posterior after save and load."""
    posterior = fit().posterior
    design = Design.from_json(posterior.design.to_json())
    return Posterior.from_draws(design, posterior.to_draws(), posterior.mean, posterior.covariance)


def rows_of(frame: pl.DataFrame) -> np.ndarray:
    """(n, p): what each coefficient is multiplied by in the log-odds of the average trial of the first year."""
    x = one_hot(DESIGN, frame)
    weights = scorer().horizons.weights
    x[:, BANDS] = weights
    for row, term in zip(x, frame["term_months"].to_list(), strict=True):
        for start, weight in zip(DESIGN.periods.starts, weights, strict=True):
            row[shape_places(DESIGN, term, start)] += weight
    return x


def test_mean_and_spread_are_those_of_dense_algebra() -> None:
    table, x = scorer().predict(INSIDE), rows_of(INSIDE)
    assert table["log_odds"].to_numpy() == pytest.approx(x @ scorer().mean, abs=1e-10)
    variance = ((x @ scorer().covariance) * x).sum(axis=1)
    assert table["log_odds_sd"].to_numpy() == pytest.approx(np.sqrt(variance), rel=1e-9)


def test_pds_are_expectations_and_ends_of_ninety_percent() -> None:
    table = scorer().predict(INSIDE.head(300))
    grid = np.linspace(-7, 7, 2_001)
    weights = np.exp(-0.5 * grid**2) / np.exp(-0.5 * grid**2).sum()
    for row, term in zip(table.rows(named=True), INSIDE["term_months"], strict=False):
        at = row["log_odds"] + row["log_odds_sd"] * np.append(grid, [-1.6448536269514722, 1.6448536269514722])
        for name, pd in zip(("pd", "pd_term"), scorer().horizons.pd(at, int(term)), strict=True):
            assert row[name] == pytest.approx(pd[:-2] @ weights, abs=2e-4)
            assert [row[f"{name}_low"], row[f"{name}_high"]] == pytest.approx(pd[-2:], abs=1e-4)


def test_intervals_are_in_order_and_between_zero_and_one() -> None:
    table = scorer().predict(BOOK)
    for name in ("pd", "pd_term"):
        pd, low, high = (table[f"{name}{end}"] for end in ENDS)
        assert ((low > 0) & (low < pd) & (pd < high) & (high < 1)).all()
    for end in ENDS:
        assert (table[f"pd{end}"] <= table[f"pd_term{end}"]).all()
    assert (table["log_odds_sd"] > 0).all()


def test_pds_agree_with_a_thousand_draws_within_their_noise() -> None:
    posterior = fit().posterior
    some = INSIDE.gather_every(12)
    x = rows_of(some) @ posterior.coefficients.T
    table = scorer().predict(some)
    drawn = np.empty((2, some.height, len(posterior.coefficients)))
    terms = some["term_months"].to_numpy()
    for draw, theta in enumerate(posterior.coefficients):
        horizons = Horizons(DESIGN, theta[DESIGN.hazard])
        for term in (36, 60):
            mine = terms == term
            own = DESIGN.periods.share @ theta[DESIGN.hazard]
            own = own.reshape(-1, BANDS.stop)[DESIGN.periods.stratum(term)]
            # The rows weigh the bands as the scorer does, each draw weighs them by itself.
            at = x[mine, draw] + (horizons.weights - scorer().horizons.weights) @ own
            drawn[:, mine, draw] = horizons.pd(at, term)
    for name, each in zip(("pd", "pd_term"), drawn, strict=True):
        noise = each.std(axis=1) / np.sqrt(each.shape[1])
        away = (table[name].to_numpy() - each.mean(axis=1)) / noise
        assert np.abs(away).max() < 6 and np.sqrt((away**2).mean()) < 2.5
        low, high = np.quantile(each, [0.05, 0.95], axis=1)
        width = high - low
        assert np.abs(table[f"{name}_low"].to_numpy() - low).max() < 0.2 * width.max()
        assert (table[f"{name}_high"].to_numpy() - table[f"{name}_low"].to_numpy()) / width == pytest.approx(
            1, abs=0.25
        )


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, BOOK.height - 1), min_size=1, max_size=40))
def test_a_row_alone_in_a_batch_and_after_save_and_load_has_the_same_bits(rows: list[int]) -> None:
    expected = whole()[rows]
    assert scorer().predict(BOOK[rows]).to_numpy().tobytes() == expected.tobytes()
    assert scorer().predict(BOOK[rows[:1]]).to_numpy().tobytes() == expected[:1].tobytes()
    assert rebuilt().predict(BOOK[rows]).to_numpy().tobytes() == expected.tobytes()


def test_blocks_do_not_change_a_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 61)
    assert scorer().predict(BOOK).to_numpy().tobytes() == whole().tobytes()
    assert scorer().predict(BOOK.clear()).shape == (0, 9)


def test_contributions_and_base_add_up_to_the_log_odds() -> None:
    for book in (MANY, BOOK.with_columns(purpose=pl.lit("moon"), fico=pl.lit(None, pl.Float64))):
        table = scorer().predict(book)
        contributions, spread = scorer().contributions(book)
        assert contributions.shape == spread.shape == (book.height, len(DESIGN.binning.factors))
        assert np.abs(table["base"].to_numpy() + contributions.sum(axis=1) - table["log_odds"].to_numpy()).max() < 1e-9
        assert (spread >= 0).all()


def test_contributions_are_taken_around_the_average_loan() -> None:
    inside = scorer().contributions(INSIDE)[0]
    assert inside.mean(axis=0) == pytest.approx(np.zeros(inside.shape[1]), abs=1e-9)


def test_the_spread_of_a_contribution_is_its_deviation_from_the_average_loan() -> None:
    place = DESIGN.binning.names.index("revolving_utilisation")
    at = DESIGN.parameters.index("revolving_utilisation")
    value = one_hot(DESIGN, INSIDE)[:, at]
    expected = np.abs(value - value.mean()) * np.sqrt(scorer().covariance[at, at])
    assert scorer().contributions(INSIDE)[1][:, place] == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(("name", "place"), [("purpose", 0), ("addr_state", 1)])
def test_the_contribution_of_a_level_never_seen_is_as_unsure_as_its_group(name: str, place: int) -> None:
    at, part = DESIGN.binning.names.index(name), DESIGN.parts[name]
    share = np.array(DESIGN.mix[at][:-1])
    expected = share @ scorer().covariance[part, part] @ share + scorer().group_squares[place]
    contribution, spread = scorer().contributions(BOOK.head(1).with_columns(pl.lit("moon").alias(name)))
    assert spread[0, at] == pytest.approx(np.sqrt(expected))
    assert contribution[0, at] == pytest.approx(-share @ scorer().mean[part], abs=1e-12)


def test_contributions_of_numbers_run_one_way_only() -> None:
    for place, numeric in enumerate(DESIGN.binning.numerics):
        effect = scorer().mean[DESIGN.parameters.index(numeric.name)]
        steps = np.diff(scorer().tables.contributions[place, : len(numeric.scores)])
        assert (np.sign(effect) * steps >= 0).all() and steps.any()


@pytest.mark.parametrize("place", range(len(DESIGN.binning.factors)), ids=DESIGN.binning.names)
def test_moving_one_factor_in_its_favourable_direction_never_raises_the_log_odds(place: int) -> None:
    factor, draw = DESIGN.binning.factors[place], np.random.default_rng(place)
    assert MANY.height > 9_000
    before = scorer().predict(MANY)
    if isinstance(factor, Numeric):
        down = scorer().mean[DESIGN.parameters.index(factor.name)] > 0
        size = draw.exponential(scale=float(factor.scale), size=MANY.height)
        moved = pl.col(factor.name) + pl.Series(-size if down else size)
    else:
        contributions = scorer().tables.contributions[place, : len(factor.levels)]
        codes = DESIGN.binning.codes(MANY)[place]
        better = [draw.choice(np.flatnonzero(contributions <= contributions[code])) for code in codes]
        moved = pl.lit(pl.Series([factor.levels[code] for code in better]))
    # A term is a number of the application too: the hazard curve is that of the term asked for.
    after = scorer().predict(MANY.with_columns(moved.alias(factor.name)))
    assert (after["log_odds"] <= before["log_odds"]).all()
    assert (after["log_odds"] < before["log_odds"]).any()
    if factor.name != "term_months":
        change = after["log_odds_sd"] == before["log_odds_sd"]
        assert (after["pd"].filter(change) <= before["pd"].filter(change)).all()


def at_month(ahead: int) -> tuple[float, float]:
    """Log-odds and their deviation of a loan some months after the window."""
    row = scorer().predict(BOOK.head(1).with_columns(vintage=pl.lit(add_months(LAST, ahead)))).row(0, named=True)
    return row["log_odds"], row["log_odds_sd"]


def test_forecasts_of_later_vintages_widen_and_return_to_the_level() -> None:
    forecasts = [at_month(ahead) for ahead in range(1, FURTHEST + 1)]
    spread = np.array([sd for _, sd in forecasts])
    assert (np.diff(spread) > -1e-12).all() and spread[-1] > spread[0]
    x = rows_of(BOOK.head(1))
    x[:, VINTAGE] = 0.0
    level = float((x @ scorer().mean)[0])
    assert [abs(mean - level) for mean, _ in forecasts] == sorted([abs(m - level) for m, _ in forecasts], reverse=True)
    assert at_month(FURTHEST) == at_month(FURTHEST + 1) == at_month(500)


def test_a_far_forecast_knows_of_a_vintage_what_the_prior_knows() -> None:
    powers = np.array([0.8 ** (k + 1) for k in range(FURTHEST)])
    plain = replace(scorer(), persistence=powers, innovation=0.04 * (1 - powers**2), vintage_square=0.04)
    far = BOOK.head(50).with_columns(vintage=pl.lit(date(2030, 1, 1)))
    x = rows_of(far)
    expected = ((x @ plain.covariance) * x).sum(axis=1) + 0.04
    assert np.square(plain.predict(far)["log_odds_sd"].to_numpy()) == pytest.approx(expected, rel=1e-4)
    assert plain.predict(far)["log_odds"].to_numpy() == pytest.approx(x @ plain.mean, abs=1e-4)


def test_the_next_vintage_follows_the_last_one() -> None:
    next_one = BOOK.head(50).with_columns(vintage=pl.lit(add_months(LAST, 1)))
    x = rows_of(next_one)
    x[:, VINTAGE.stop - 1] = scorer().persistence[0]
    expected = ((x @ scorer().covariance) * x).sum(axis=1) + scorer().innovation[0]
    assert scorer().predict(next_one)["log_odds"].to_numpy() == pytest.approx(x @ scorer().mean)
    assert np.square(scorer().predict(next_one)["log_odds_sd"].to_numpy()) == pytest.approx(expected)


def test_a_vintage_before_the_window_has_the_spread_of_the_vintages() -> None:
    old = BOOK.head(50).with_columns(vintage=pl.lit(date(2007, 6, 1)))
    x = rows_of(old)
    expected = ((x @ scorer().covariance) * x).sum(axis=1) + scorer().vintage_square
    assert np.square(scorer().predict(old)["log_odds_sd"].to_numpy()) == pytest.approx(expected)


@pytest.mark.parametrize(("name", "place"), [("purpose", 0), ("addr_state", 1)])
def test_a_level_never_seen_adds_the_variance_of_its_group(name: str, place: int) -> None:
    unseen = INSIDE.head(80).with_columns(pl.lit("moon").alias(name))
    x = rows_of(unseen)
    assert not x[:, DESIGN.parts[name]].any()
    expected = ((x @ scorer().covariance) * x).sum(axis=1) + scorer().group_squares[place]
    table = scorer().predict(unseen)
    assert np.square(table["log_odds_sd"].to_numpy()) == pytest.approx(expected)
    assert table["log_odds"].to_numpy() == pytest.approx(x @ scorer().mean)
    missing = scorer().predict(unseen.with_columns(pl.lit(None, pl.String).alias(name)))
    assert missing.equals(table)


def test_levels_of_small_categories_that_were_never_seen_count_as_the_reference() -> None:
    homes = DESIGN.binning.categories[0]
    assert isinstance(homes, Levels)
    castle, rent = (BOOK.with_columns(home_ownership=pl.lit(home)) for home in ("CASTLE", homes.levels[0]))
    assert scorer().predict(castle).equals(scorer().predict(rent))


def test_columns_all_missing_give_a_pd_all_the_same() -> None:
    nothing = [pl.lit(None, pl.Float64).alias(numeric.name) for numeric in DESIGN.binning.numerics]
    table = scorer().predict(BOOK.with_columns(nothing))
    assert np.isfinite(table.to_numpy()).all()
    assert ((table["pd_low"] < table["pd"]) & (table["pd"] < table["pd_high"])).all()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(-1e300, 1e300), min_size=len(DESIGN.binning.numerics), max_size=len(DESIGN.binning.numerics)))
def test_any_finite_numbers_have_a_pd(values: list[float]) -> None:
    columns = [pl.lit(v).alias(n.name) for n, v in zip(DESIGN.binning.numerics, values, strict=True)]
    table = scorer().predict(BOOK.head(1).with_columns(columns))
    assert np.isfinite(table.to_numpy()).all()
    assert 0 < table["pd_low"][0] <= table["pd"][0] <= table["pd_high"][0] < 1


def test_a_term_that_was_never_seen_takes_the_curve_of_the_nearest() -> None:
    asked = pl.DataFrame({"term_months": [36.0, 60.0, 12.0, 47.0, 49.0, 120.0, None]})
    assert scorer().terms_of(asked).tolist() == [0, 1, 0, 0, 1, 1, 0]


def test_columns_absent_or_infinite_are_named() -> None:
    with pytest.raises(ValueError, match="no column 'fico': materialise it again"):
        scorer().predict(BOOK.drop("fico"))
    with pytest.raises(ValueError, match=r"features/loans\.fico holds infinite values"):
        scorer().predict(BOOK.with_columns(fico=pl.lit(float("inf"))))
