"""What the credit bureau knows about the borrower on the day of the application.

Quantiles and shares of empty values follow LendingClub's published loans: FICO 662 / 670 / 690 /
715 / 745 at 10 / 25 / 50 / 75 / 90 %, utilisation 18 to 83 %, half of the borrowers never
delinquent, seven in eight without a public record.
"""

import numpy as np
import polars as pl

from creditrisk_assets.simulation.borrowers import Traits
from creditrisk_assets.simulation.draws import Flags, Reals, logistic, real, whole
from creditrisk_assets.simulation.missing import goes_missing

Columns = dict[str, pl.Series]


def draw_credit_report(
    rng: np.random.Generator, traits: Traits, application: pl.DataFrame, vintage: int
) -> pl.DataFrame:
    """Credit report under the published names; one row per loan.

    `vintage` and `earliest_cr_line` are month numbers, `revol_util` a percentage; values that do
    not exist (months since a delinquency that never was, utilisation without a line) are empty.
    `months_since_delinquency` and `revolving_utilisation` also hold the values that went missing.
    """
    income = application["annual_inc"].to_numpy().astype(np.float64)
    mortgage = (application["home_ownership"] == "MORTGAGE").to_numpy()
    accounts = _accounts(rng, traits, mortgage)
    total = accounts["total_acc"].to_numpy().astype(np.float64)
    opened = accounts["open_acc"].to_numpy().astype(np.float64)
    return pl.DataFrame(
        _score_and_history(rng, traits, vintage)
        | accounts
        | _inquiries(rng, traits)
        | _delinquencies(rng, traits, total)
        | _records(rng, traits)
        | _balances(rng, traits, np.where(mortgage, income, 0.0), opened)
    )


def _score_and_history(rng: np.random.Generator, traits: Traits, vintage: int) -> Columns:
    """FICO band of five points from 660 up, and the age of the oldest account."""
    score = np.minimum(660 + 5 * np.floor(np.maximum(5.5 + 2.85 * traits.credit, 0.0) ** 2 / 5), 845)
    months = np.minimum(36 + np.floor(np.exp(4.85 + 0.55 * traits.age)), 720)
    revolving = months * (1 - 0.3 * rng.random(len(score)) ** 2)
    return {
        "fico_range_low": whole(score),
        "fico_range_high": whole(np.where(score == 845, 850, score + 4)),
        "earliest_cr_line": whole(vintage - months),
        "mo_sin_old_rev_tl_op": whole(revolving),
    }


def _accounts(rng: np.random.Generator, traits: Traits, mortgage: Flags) -> Columns:
    """Open, past and recent accounts; the recent ones are part of all of them."""
    loans = len(mortgage)
    spread = 0.4 * traits.appetite + 0.2 * traits.age + 0.9 * rng.standard_normal(loans)
    opened = np.clip(np.round(np.exp(2.36 + 0.42 * spread)), 2, 60).astype(np.int64)
    total = opened + rng.poisson(np.exp(2.3 + 0.4 * traits.age))
    two_years = np.minimum(rng.poisson(4.2 * np.exp(0.35 * traits.appetite - 0.06)), total)
    one_year = rng.binomial(two_years, 0.5)
    luck = rng.random(loans)
    # The youngest of n accounts spread evenly over twelve months is the smallest of n uniforms.
    newest = np.select(
        [one_year > 0, two_years > 0],
        [
            np.floor(12 * (1 - luck ** (1 / np.maximum(one_year, 1)))),
            12 + np.floor(12 * (1 - luck ** (1 / np.maximum(two_years, 1)))),
        ],
        24 + np.floor(-14 * np.log1p(-luck)),
    )
    return {
        "open_acc": whole(opened),
        "total_acc": whole(total),
        "acc_open_past_24mths": whole(two_years),
        "num_tl_op_past_12m": whole(one_year),
        "mo_sin_rcnt_tl": whole(newest),
        "mort_acc": whole(mortgage + rng.poisson(np.where(mortgage, 1.3, 0.5))),
        "num_actv_rev_tl": whole(np.maximum(rng.binomial(opened, 0.5), 1)),
    }


def _inquiries(rng: np.random.Generator, traits: Traits) -> Columns:
    """Inquiries in six months and the age of the latest; empty when there was none in two years."""
    loans = len(traits.appetite)
    count = np.minimum(rng.poisson(0.65 * np.exp(0.5 * traits.appetite - 0.125)), 8)
    luck = rng.random(loans)
    months = np.where(count > 0, 6 * (1 - luck ** (1 / np.maximum(count, 1))), 6 + 18 * luck)
    return {
        "inq_last_6mths": whole(count),
        "mths_since_recent_inq": whole(months, (count > 0) | (rng.random(loans) >= 0.17)),
    }


def _delinquencies(rng: np.random.Generator, traits: Traits, total: Reals) -> Columns:
    """Missed payments of the past: the worse the standing, the more and the more recent."""
    loans = len(total)
    count = rng.poisson(0.2 * np.exp(-0.45 * traits.credit + 0.8 * rng.standard_normal(loans)))
    ever = (count > 0) | (rng.random(loans) < logistic(-0.4 - 0.6 * traits.credit))
    luck = rng.random(loans)
    months = np.floor(np.where(count > 0, 24 * luck, 24 + 60 * luck))
    major = ever & (rng.random(loans) < 0.5)
    late_accounts = np.minimum(1.0 + rng.poisson(1.2, loans), 0.6 * total)
    now = (count > 0) & (rng.random(loans) < 0.025)
    collected = rng.random(loans) < logistic(-1.9 - 0.5 * traits.credit)
    forgotten = goes_missing(rng, "mths_since_last_delinq", months_since_delinquency=months)
    return {
        "delinq_2yrs": whole(count),
        "mths_since_last_delinq": whole(months, ever & ~forgotten),
        "months_since_delinquency": whole(months, ever),
        "mths_since_last_major_derog": whole(months + 20 * rng.random(loans), major),
        "pct_tl_nvr_dlq": real(100 * (1 - np.where(ever, late_accounts / total, 0.0)), 1),
        "acc_now_delinq": whole(now.astype(np.int64)),
        "delinq_amnt": whole(np.where(now, np.exp(5 + 1.5 * rng.standard_normal(loans)), 0.0)),
        "collections_12_mths_ex_med": whole((rng.random(loans) < 0.015).astype(np.int64)),
        "chargeoff_within_12_mths": whole(((count > 0) & (rng.random(loans) < 0.04)).astype(np.int64)),
        "tot_coll_amt": whole(np.where(collected, np.exp(6 + 1.2 * rng.standard_normal(loans)), 0.0)),
    }


def _records(rng: np.random.Generator, traits: Traits) -> Columns:
    """Public records; the months since the last one are empty for those who have none."""
    loans = len(traits.credit)
    recorded = rng.random(loans) < logistic(-2.0 - 0.4 * traits.credit)
    bankrupt = recorded & (rng.random(loans) < 0.72)
    liens = np.where(recorded, rng.poisson(0.25, loans), 0)
    return {
        "mths_since_last_record": whole(3 + 115 * rng.random(loans) ** 0.8, recorded),
        "pub_rec": whole(np.where(recorded, np.maximum(bankrupt + liens, 1), 0)),
        "pub_rec_bankruptcies": whole(bankrupt.astype(np.int64)),
        "tax_liens": whole(liens),
    }


def _balances(rng: np.random.Generator, traits: Traits, mortgaged_income: Reals, opened: Reals) -> Columns:
    """Balances and limits. Weak standing goes with full lines; those who use little may have none."""
    loans = len(opened)
    standing = -0.55 * traits.credit + 0.835 * rng.standard_normal(loans)
    used = _utilisation(51 + 24 * standing)
    lineless = goes_missing(rng, "revol_util", revolving_utilisation=used)
    size = 0.45 * traits.worth + 0.25 * traits.age + 0.35 * traits.credit + 0.7 * rng.standard_normal(loans)
    limit = np.where(lineless, 0.0, 100 * np.ceil(np.exp(10.05 + 0.82 * size) / 100))
    revolving = np.round(limit * used / 100)
    loans_owed = np.exp(9.9 + 0.8 * (0.5 * traits.worth + 0.87 * rng.standard_normal(loans)))
    instalments = np.where(rng.random(loans) < 0.85, np.round(loans_owed), 0.0)
    home_owed = np.round(mortgaged_income * (1 + 2.5 * rng.random(loans)))
    owed = revolving + instalments + home_owed
    return _bank_cards(rng, limit, used, opened) | {
        "revol_bal": whole(revolving),
        "revol_util": real(used, 1, ~lineless),
        "revolving_utilisation": real(used, 1),
        "total_rev_hi_lim": whole(limit),
        "tot_cur_bal": whole(owed),
        "avg_cur_bal": whole(owed / opened),
        "total_bal_ex_mort": whole(revolving + instalments),
        "tot_hi_cred_lim": whole(np.round(limit + 1.35 * instalments + 1.12 * home_owed)),
    }


def _bank_cards(rng: np.random.Generator, limit: Reals, used: Reals, opened: Reals) -> Columns:
    """Bank cards are part of the revolving lines; about one borrower in 140 has none."""
    loans = len(limit)
    card_used = _utilisation(used + 6 + 14 * rng.standard_normal(loans))
    holds = (limit > 0) & ~goes_missing(rng, "bc_util", bank_card_utilisation=card_used)
    card_limit = np.where(holds, 100 * np.ceil(limit * (0.35 + 0.6 * rng.random(loans)) / 100), 0.0)
    cards = 1 + rng.binomial((opened - 1).astype(np.int64), 0.3)
    full = rng.binomial(cards, logistic((card_used - 64) / 8))
    return {
        "total_bc_limit": whole(card_limit),
        "bc_util": real(card_used, 1, holds),
        "bc_open_to_buy": whole(np.maximum(card_limit * (1 - card_used / 100), 0.0), holds),
        "percent_bc_gt_75": real(100 * full / cards, 1, holds),
    }


def _utilisation(wish: Reals) -> Reals:
    """Percent of the limit in use: never below 0, and hardly above 100, where issuers stop paying."""
    used: Reals = np.where(wish > 100, 100 + 0.1 * (wish - 100), np.maximum(wish, 0.0))
    return used
