"""What never comes back of a defaulted loan: two parts in money, learned from what was known."""

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.features.loans import features
from creditrisk_assets.portfolio.loss_given_default import (
    ALL,
    BORROWED,
    LossGivenDefault,
    defaulted_loans,
    fit_loss_given_default,
    prior_mean,
)
from creditrisk_assets.raw.intake import read_loans
from creditrisk_assets.resources.environments import add_months
from creditrisk_assets_tests.portfolio.recovered import NOBODY, defaulted, drawn


def test_without_a_default_the_prior_says_it_all() -> None:
    lgd = fit_loss_given_default(NOBODY, 0.8)
    assert lgd.by_segment.keys() == {ALL}
    pool = lgd.of(36, "car")
    assert pool.mean() == pytest.approx(0.8, abs=0.01)
    assert 0.05 < pool.std() < 0.2
    assert (pool.min(), pool.max()) > (0, 0)
    assert pool.max() < 1
    assert lgd.counted[ALL].defaults == 0


def test_the_prior_is_the_policys_figure_by_what_is_owed_at_default() -> None:
    assert prior_mean(0.75) == pytest.approx(0.75 / 0.9)
    assert prior_mean(0.95) == 1
    assert (fit_loss_given_default(NOBODY, 1.0).of(36, "car") == 1).all()
    for wrong in (0.0, 1.1, float("nan")):
        with pytest.raises(ValueError, match="prior mean of the loss given default is"):
            fit_loss_given_default(NOBODY, wrong)


def test_many_defaults_leave_the_dollars_lost_and_the_spread_of_a_ratio() -> None:
    loans = drawn(5_000, 0.6, 0.2)
    lgd = fit_loss_given_default(loans, 0.8)
    owed, back = loans["owed"].to_numpy(), loans["recovered"].to_numpy()
    ratio = back.sum() / owed.sum()
    error = np.sqrt(((back - ratio * owed) ** 2).sum()) / owed.sum()  # of a ratio, Cochran (1977)
    pool = lgd.of(48, "wedding")
    assert pool.mean() == pytest.approx(1 - ratio, abs=error)
    assert pool.std() == pytest.approx(error, rel=0.2)
    assert lgd.any_recovered[ALL].mean() == pytest.approx(owed[back > 0].sum() / owed.sum(), abs=0.01)
    assert lgd.share_recovered[ALL].mean() == pytest.approx(back.sum() / owed[back > 0].sum(), abs=0.01)
    assert (lgd.counted[ALL].defaults, lgd.counted[ALL].with_recovery) == (5_000, int((back > 0).sum()))


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    held = 0
    for seed in range(200):
        low, high = np.quantile(fit_loss_given_default(drawn(300, 0.6, 0.2, seed), 0.88).of(36, "car"), [0.05, 0.95])
        held += bool(low <= 1 - 0.6 * 0.2 <= high)
    assert 168 <= held <= 192  # 90 % of 200, within three standard errors


def test_a_sparse_segment_is_the_pool_and_a_rich_one_itself() -> None:
    pool = drawn(4_000, 0.5, 0.2)
    sparse, rich = drawn(5, 1.0, 0.8, term=60), drawn(4_000, 1.0, 0.8, purpose="house")
    lgd = fit_loss_given_default(pl.concat([pool, sparse, rich]), 0.8)
    assert lgd.of(36, "house").mean() == pytest.approx(0.2, abs=0.02)
    assert lgd.of(36, "car").mean() == pytest.approx(0.9, abs=0.02)
    others = 1 - (lgd.counted[36, "car"].recovered + lgd.counted[36, "house"].recovered) / (
        lgd.counted[36, "car"].owed + lgd.counted[36, "house"].owed
    )
    borrowed = BORROWED / (BORROWED + 5)
    assert lgd.of(60, "car").mean() == pytest.approx(borrowed * others + (1 - borrowed) * 0.2, abs=0.03)
    assert lgd.of(60, "car").std() > 3 * lgd.of(36, "car").std()


def test_the_same_loans_in_any_order_give_the_same_draws_and_others_their_numbers() -> None:
    loans = pl.concat([drawn(200, 0.6, 0.2), drawn(300, 0.6, 0.2, purpose="house")])
    one = fit_loss_given_default(loans.sort("loan_id"), 0.8)
    again = fit_loss_given_default(loans.sort("loan_id"), 0.8)
    later = fit_loss_given_default(pl.concat([loans, drawn(400, 0.5, 0.3, term=60)]), 0.8)
    np.testing.assert_array_equal(one.of(36, "car"), again.of(36, "car"))
    np.testing.assert_array_equal(np.argsort(one.by_segment[ALL]), np.argsort(later.by_segment[ALL]))


@given(st.lists(st.tuples(st.floats(1, 1e5), st.floats(0, 1)), max_size=30), st.floats(0.01, 1))
def test_it_is_a_share_whatever_came_back(loans: list[tuple[float, float]], prior: float) -> None:
    owed = [one for one, _ in loans]
    lgd = fit_loss_given_default(defaulted(owed, [one * share for one, share in loans]), prior)
    for draws in lgd.by_segment.values():
        assert ((draws >= -1e-12) & (draws <= 1)).all()


def test_more_recovered_is_less_lost_draw_by_draw() -> None:
    owed = drawn(200, 0.6, 0.2)
    more = owed.with_columns(recovered=pl.col("recovered") * 1.1)
    less, lost = (np.sort(fit_loss_given_default(loans, 0.8).of(36, "car")) for loans in (more, owed))
    assert (less < lost).all()


@pytest.fixture(scope="module")
def real(shared_data: Path) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    book = (date(2007, 6, 1), date(2011, 12, 1))
    raw = read_loans([shared_data / "lendingclub" / "loans_2007_2011.csv.gz"], book).clean
    return features(raw.lazy()), raw.lazy()


def known(real: tuple[pl.LazyFrame, pl.LazyFrame], as_of: date) -> LossGivenDefault:
    return fit_loss_given_default(defaulted_loans(*real, as_of), prior_mean(0.75))


def test_real_loans_lose_92_percent_of_the_principal_owed(real: tuple[pl.LazyFrame, pl.LazyFrame]) -> None:
    lgd = known(real, date(2018, 1, 1))
    assert 6_400 < lgd.counted[ALL].defaults <= 6_431  # the last ones defaulted within a year of the file
    assert 1 - lgd.counted[ALL].recovered / lgd.counted[ALL].owed == pytest.approx(0.923, abs=0.001)
    low, high = np.quantile(lgd.by_segment[ALL], [0.05, 0.95])
    assert low <= 0.923 <= high
    assert high - low < 0.01
    assert len(lgd.by_segment) == 1 + 2 * 14  # all purposes of both terms, and the whole


def test_real_loans_teach_only_what_was_known(real: tuple[pl.LazyFrame, pl.LazyFrame]) -> None:
    for as_of, defaults in ((date(2008, 9, 1), 0), (date(2010, 1, 1), None), (date(2012, 1, 1), None)):
        counted = known(real, as_of).counted[ALL].defaults
        ripe = add_months(as_of, -13)
        bad = real[0].filter(pl.col("default_month") <= ripe, pl.col("vintage") < as_of)
        assert counted == bad.select(pl.len()).collect().item()
        assert defaults is None or counted == defaults


def test_what_the_file_of_the_date_could_not_tell_changes_nothing() -> None:
    as_of = date(2012, 1, 1)
    first = pl.LazyFrame(
        {"loan_id": list("abcd"), "vintage": [date(2009, 1, 1)] * 4, "term_months": [36.0] * 4,
         "purpose": ["car"] * 4, "defaulted": [True, True, True, False],
         "default_month": [date(2010, 12, 1), date(2011, 1, 1), date(2010, 1, 1), None],
         "observed_month": [date(2015, 1, 1)] * 4}
    )  # fmt: skip
    money = pl.LazyFrame(
        {"loan_id": list("abcd"), "funded_amnt": [1_000.0, 1_000.0, None, 1_000.0], "loan_amnt": [1_000.0] * 4,
         "total_rec_prncp": [400.0, 0.0, None, 0.0], "recoveries": [900.0, 10.0, None, 0.0],
         "collection_recovery_fee": [100.0, 0.0, None, 0.0]}
    )  # fmt: skip
    found = defaulted_loans(first, money, as_of)
    # b defaulted eleven months before the last month known; a got back more than it owed; c tells no payment at all.
    assert found.rows() == [("a", 36, "car", 600.0, 600.0), ("c", 36, "car", 1_000.0, 0.0)]
    young = first.with_columns(observed_month=pl.lit(date(2011, 6, 1)))
    assert defaulted_loans(young, money, as_of)["loan_id"].to_list() == ["c"]
    with pytest.raises(ValueError, match="recoveries"):
        defaulted_loans(first, money.drop("recoveries"), as_of)
