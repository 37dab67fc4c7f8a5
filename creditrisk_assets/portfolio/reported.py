"""The figures of a reporting date, read from the lake: loss given default, expected loss and its sums."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from creditrisk_assets.contracts import (
    FEATURES_LOANS,
    PORTFOLIO_EXPECTED_LOSS,
    PORTFOLIO_LGD,
    PORTFOLIO_TOTALS,
    RAW_LOANS,
)
from creditrisk_assets.models.draws import Draws
from creditrisk_assets.models.outcomes import ORDER
from creditrisk_assets.portfolio import loss_given_default as losses
from creditrisk_assets.portfolio.book import RAW, on_book
from creditrisk_assets.portfolio.expected_loss import Expecting, interval
from creditrisk_assets.portfolio.loss_given_default import Counted, LossGivenDefault
from creditrisk_assets.portfolio.posteriors import Posteriors
from creditrisk_assets.resources.delta import Lake


@dataclass(frozen=True)
class Reported:
    """Rows of portfolio/expected_loss and portfolio/totals, by the posterior of a date; none without a good one."""

    expected_loss: pl.DataFrame
    totals: pl.DataFrame
    posterior_date: date | None


def learn_lgd(lake: Lake, reporting: date, policy: float) -> LossGivenDefault:
    """What recoveries known at a date say; `policy`: the lender's own figure, a share of the amount lent."""
    features = lake.scan(FEATURES_LOANS, columns=losses.FEATURES)
    raw = lake.scan(RAW_LOANS, columns=["loan_id", *losses.MONEY])
    return losses.fit_loss_given_default(losses.defaulted_loans(features, raw, reporting), losses.prior_mean(policy))


def lgd_rows(lgd: LossGivenDefault, reporting: date) -> pl.DataFrame:
    """Rows of portfolio/lgd."""
    segments = sorted(lgd.by_segment)
    whole = np.array([lgd.by_segment[segment] for segment in segments])
    parts = {"any_recovered": lgd.any_recovered, "share_recovered": lgd.share_recovered}
    columns: dict[str, object] = {
        "term_months": [term for term, _ in segments],
        "purpose": [purpose for _, purpose in segments],
        **{name: [getattr(lgd.counted[segment], name) for segment in segments]
           for name in ("defaults", "with_recovery", "owed", "recovered")},
        **{name: [float(draws[segment].mean()) for segment in segments] for name, draws in parts.items()},
        **{f"{name}_draws": [draws[segment].tolist() for segment in segments] for name, draws in parts.items()},
        **interval("loss_given_default", whole),
    }  # fmt: skip
    frame = pl.LazyFrame(columns).with_columns(model_date=pl.lit(reporting))
    return PORTFOLIO_LGD.conform(frame).collect()


def lgd_from(rows: pl.DataFrame) -> LossGivenDefault:
    """What `lgd_rows` wrote, of one reporting date; ValueError when there are no rows."""
    if rows.is_empty():
        raise ValueError("portfolio/lgd holds no rows of this reporting date: materialize portfolio/lgd first")
    found: list[dict[tuple[int, str], np.ndarray[tuple[int], np.dtype[np.float64]]]] = [{}, {}]
    counted = {}
    for row in rows.iter_rows(named=True):
        segment = (row["term_months"], row["purpose"])
        for part, name in zip(found, ("any_recovered_draws", "share_recovered_draws"), strict=True):
            part[segment] = np.asarray(row[name], np.float64)
        counted[segment] = Counted(row["defaults"], row["with_recovery"], row["owed"], row["recovered"])
    return LossGivenDefault(found[0], found[1], counted)


def posterior_for(lake: Lake, feature_set: str, reporting: date) -> tuple[date, Draws] | None:
    """Date and draws of the posterior that decides loans issued at the reporting date; None without one."""
    posteriors = Posteriors(lake, feature_set)
    model = posteriors.at(reporting)
    return None if model is None else (model.model_date, posteriors.draws(model))


def loans_on_book(lake: Lake, reporting: date) -> Iterator[pl.DataFrame]:
    """Rows of `book.on_book`, vintage by vintage in order: never the whole book at once."""
    features, raw = lake.scan(FEATURES_LOANS), lake.scan(RAW_LOANS, columns=["vintage", *RAW])
    issued = features.filter(pl.col("vintage") < reporting).select(pl.col("vintage").unique().sort()).collect()
    for vintage in issued["vintage"]:
        mine = pl.col("vintage") == vintage
        loans = on_book(features.filter(mine), raw.filter(mine), reporting).sort(ORDER).collect()
        if loans.height:
            yield loans


def report(lake: Lake, feature_set: str, reporting: date) -> Reported:
    """Expected losses of the book at a reporting date. ValueError when portfolio/lgd lacks the date."""
    found = posterior_for(lake, feature_set, reporting)
    rows = [pl.DataFrame(schema=PORTFOLIO_EXPECTED_LOSS.schema)]
    if found is None:
        return Reported(rows[0], pl.DataFrame(schema=PORTFOLIO_TOTALS.schema), None)
    expecting = Expecting(found[1], found[0], lgd_from(lake.scan(PORTFOLIO_LGD, [reporting]).collect()), reporting)
    rows += [expecting.add(loans) for loans in loans_on_book(lake, reporting)]
    return Reported(pl.concat(rows), expecting.totals(), found[0])
