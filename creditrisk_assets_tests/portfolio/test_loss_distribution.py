"""The distribution of losses against books simulated loan by loan, and against Vasicek's closed form."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.models.periods import LONGEST
from creditrisk_assets.portfolio.conditional import FACTOR, Conditional, squares
from creditrisk_assets.portfolio.lifetime import Book, Hazards, lifetime_losses
from creditrisk_assets.portfolio.loss_distribution import both, correlations
from creditrisk_assets.portfolio.loss_given_default import ALL, Counted, LossGivenDefault
from creditrisk_assets.portfolio.mixture import CURVE, Mixture, of_all, over_factor
from creditrisk_assets.portfolio.vasicek import conditional_pd, loss_quantile

DRAWS = 3


def hazards(draws: int = DRAWS) -> Hazards:
    """Twelve months in which the log-odds of default are those of the loan."""
    return Hazards(
        np.array([36]), np.ones((1, 1, draws)), np.zeros((1, 1)), np.zeros(1), np.zeros(LONGEST + 1, np.int64)
    )


def even(loans: int, log_odds: float, sigma: float, *, lgd: float = 1.0, draws: int = DRAWS) -> Conditional:
    """An even book of loans twelve months on book; LGD is 1 or nothing when it is below 1."""
    book = Book(*(np.full(loans, value, kind) for value, kind in
                  ((36, np.int64), (12, np.int64), (1.0, float), (0.0, float), (0.0, float))))  # fmt: skip
    shape = (loans, draws)
    found = Conditional(np.full(draws, sigma))
    parts = (np.full(shape, log_odds), np.ones(shape), np.full(shape, lgd), np.full(shape, lgd))
    found.add(hazards(draws), book, *parts)
    return found


def pd_at(log_odds: float) -> float:
    return 1 - (1 - 1 / (1 + np.exp(-log_odds))) ** 12


def test_mean_and_variance_at_the_factor_are_those_of_independent_defaults() -> None:
    found, sigma = even(50, -5.0, 0.2, lgd=0.6), 0.2
    for place in (0, 10, 16, 25):
        pd = pd_at(-5.0 + sigma * FACTOR[place] - sigma**2 / 2)
        assert found.mean[place] == pytest.approx(50 * 0.6 * pd, rel=5e-4)
        assert found.variance[place] == pytest.approx(50 * 0.6 * pd * (1 - 0.6 * pd), rel=5e-4)
    assert found.still[0] == pytest.approx(50 * 0.6 * pd_at(-5.0), rel=5e-4)
    assert found.exposed == pytest.approx(30.0)


def test_sums_do_not_depend_on_how_loans_are_split() -> None:
    rng = np.random.default_rng(2)
    n = 60
    book = Book(np.full(n, 36), rng.integers(5, 30, n), np.ones(n), np.zeros(n), np.zeros(n))
    parts = (rng.normal(-5, 1, (n, DRAWS)), rng.uniform(1, 9, (n, DRAWS)), *rng.uniform(0.2, 1, (2, n, DRAWS)))
    whole, split = Conditional(np.full(DRAWS, 0.3)), Conditional(np.full(DRAWS, 0.3))
    whole.add(hazards(), book, *parts)
    for rows in (slice(0, 7), slice(7, n)):
        pieces = Book(*(getattr(book, name)[rows] for name in ("term", "age", "amount", "rate", "effective")))
        split.add(hazards(), pieces, *(part[rows] for part in parts))
    np.testing.assert_allclose(split.sums, whole.sums, rtol=1e-12)
    pd = lifetime_losses(hazards(), parts[0], book).pd_12m
    np.testing.assert_allclose(whole.still[0], (pd * parts[1] * parts[2]).sum(axis=0), rtol=1e-3)


def test_a_simulated_book_has_the_quantiles_of_the_mixture() -> None:
    """2,000 loans; 200,000 years of a factor and defaults; an LGD of 1 or nothing."""
    rng, sigma, log_odds, loans, years = np.random.default_rng(5), 0.35, -5.5, 2_000, 200_000
    loss = of_all(*over_factor(even(loans, log_odds, sigma, lgd=0.7)))
    pds = pd_at(log_odds + sigma * rng.standard_normal(years) - sigma**2 / 2)
    simulated = rng.binomial(loans, 0.7 * pds)
    assert loss.expected() == pytest.approx(simulated.mean(), rel=5e-3)
    for level in (0.5, 0.95, 0.99, 0.999):
        low, high = np.quantile(simulated, level + np.array([-4, 4]) * np.sqrt(level * (1 - level) / years))
        assert low - 1 <= loss.quantile(level) <= high + 1  # whole defaults against a smooth distribution
    worst = np.sort(simulated)[-years // 100 :]
    assert loss.shortfall(0.99) == pytest.approx(worst.mean(), rel=0.01)


def test_an_even_book_without_limit_has_vasicek_s_tail_at_the_implied_correlation() -> None:
    """A factor of log-odds has a tail a few per cent heavier than one of the normal distribution."""
    found = _large(even(200, -5.5, 0.3), 1e5)
    rates, implied = correlations(found)
    ours = of_all(*over_factor(found)).quantile(0.999) / float(found.exposed.mean())
    closed = float(loss_quantile(rates[0], 1.0, implied[0], 0.999))
    assert closed < ours < 1.05 * closed


@pytest.mark.parametrize(("pd", "rho"), [(0.02, 0.03), (0.05, 0.08), (0.2, 0.16), (0.001, 0.05)])
def test_vasicek_s_own_book_has_his_quantiles(pd: float, rho: float) -> None:
    book = Conditional(np.ones(1))
    book.sums[0, :-1], book.exposed[:] = conditional_pd(pd, rho, -FACTOR)[:, None], 1.0
    loss = of_all(*over_factor(book))
    for level in (0.1, 0.5, 0.95, 0.99, 0.999):
        assert loss.quantile(level) == pytest.approx(float(loss_quantile(pd, 1.0, rho, level)), rel=3e-3)
    rates, implied = correlations(book)
    assert (rates[0], implied[0]) == (pytest.approx(pd, rel=1e-4), pytest.approx(rho, rel=1e-2))


def _large(book: Conditional, times: float) -> Conditional:
    """The same book that many times over: sums grow in proportion."""
    book.sums *= times
    book.exposed *= times
    return book


def test_the_factor_fattens_the_tail_and_leaves_the_mean() -> None:
    figures = both(_large(even(200, -5.0, 0.25), 100))
    for name in ("expected_loss", "value_at_risk_95", "value_at_risk_999", "expected_shortfall_99", "correlation"):
        for row in figures.values():
            assert row[f"{name}_low"] <= row[name] * (1 + 1e-9)  # type: ignore[operator]
            assert row[name] <= row[f"{name}_high"] * (1 + 1e-9)  # type: ignore[operator]
    one, other = figures["with"], figures["without"]
    assert one["expected_loss"] == pytest.approx(other["expected_loss"], rel=0.01)
    assert one["value_at_risk_999"] > 1.5 * other["value_at_risk_999"]  # type: ignore[operator]
    assert 0.003 < one["correlation"] < 0.05  # type: ignore[operator]
    assert (other["correlation"], other["vasicek_999"]) == (0.0, pytest.approx(other["expected_loss"]))
    assert one["losses"] == sorted(one["losses"])  # type: ignore[type-var, arg-type]
    assert len(one["losses"]) == len(CURVE) == 200  # type: ignore[arg-type]


def test_no_factor_implies_no_correlation() -> None:
    _, implied = correlations(even(10, -4.0, 0.0))
    assert implied == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(("log_odds", "loss"), [(-np.inf, 0.0), (np.inf, 40.0)])
def test_certain_defaults_and_certain_payers(log_odds: float, loss: float) -> None:
    for row in both(even(40, log_odds, 0.2)).values():
        assert row["expected_loss"] == pytest.approx(loss, abs=5e-3)
        assert row["value_at_risk_999"] == pytest.approx(loss, abs=0.4)
        assert row["correlation"] == pytest.approx(0.0, abs=0.01)


def test_an_empty_book_and_one_without_exposure_lose_nothing() -> None:
    for book in (Conditional(np.full(DRAWS, 0.2)), _large(even(5, -4.0, 0.2), 0.0)):
        for row in both(book).values():
            told = {name: value for name, value in row.items() if isinstance(value, float)}
            assert set(told.values()) <= {0.0, 0.16}, told  # .16: Basel's correlation at a PD of 0
            assert set(row["losses"]) == {0.0}  # type: ignore[call-overload]


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e5)), min_size=1, max_size=6), st.floats(0.001, 0.9995)
)  # fmt: skip
def test_quantiles_lie_where_their_probability_says_and_the_tail_beyond_them(
    parts: list[tuple[float, float]], level: float
) -> None:
    mean, spread = np.array(parts).T
    loss = Mixture(mean, spread, np.full(mean.size, 1 / mean.size))
    at = loss.quantile(level)
    assert at >= 0
    step = 1e-6 * (1 + at + spread.max())
    assert loss.probability(at + step) >= level - 1e-9
    assert at == 0 or loss.probability(at - step) <= level + 1e-9
    assert loss.shortfall(level) >= at
    assert loss.shortfall(level) >= loss.expected() - 1e-6 * (1 + loss.expected())


def test_the_shortfall_of_a_normal_loss_is_the_textbook_s() -> None:
    from scipy import stats

    loss = Mixture(np.array([1000.0]), np.array([50.0]), np.ones(1))
    expected = 1000 + 50 * stats.norm.pdf(stats.norm.ppf(0.99)) / 0.01
    assert loss.shortfall(0.99) == pytest.approx(expected, rel=1e-9)
    assert loss.quantile(0.999) == pytest.approx(stats.norm.ppf(0.999, 1000, 50), rel=1e-9)
    with pytest.raises(ValueError, match="level is 1, but must lie between 0 and 1"):
        loss.quantile(1.0)


def test_the_mean_square_of_an_lgd_is_that_of_its_two_outcomes() -> None:
    chance, share = np.array([0.3, 0.0, 1.0]), np.array([0.4, 0.0, 1.0])
    lgd = LossGivenDefault({ALL: chance}, {ALL: share}, {ALL: Counted(0, 0, 0.0, 0.0)})
    np.testing.assert_allclose(squares(lgd).of(*ALL), (1 - chance) + chance * (1 - share) ** 2, rtol=1e-14)
