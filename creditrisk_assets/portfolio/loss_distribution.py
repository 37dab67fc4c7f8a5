"""What the book can lose within twelve months: the distribution with a factor common to all loans, and without.

Mixed over the draws of the posterior, so that not knowing the model is part of the loss; intervals tell how far the
draws differ when each has a distribution of its own. The factor is put beside Vasicek's: the asset correlation at
which his book would move as much, under each draw, and his 99.9 % at their mean.
"""

from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.contracts import PORTFOLIO_LGD, PORTFOLIO_LOSS_DISTRIBUTION
from creditrisk_assets.portfolio.conditional import FACTOR, Conditional, deviation, squares
from creditrisk_assets.portfolio.expected_loss import blocks, exposures, lgd_of
from creditrisk_assets.portfolio.lifetime import lifetime_losses
from creditrisk_assets.portfolio.mixture import CURVE, Mixture, of_all, of_draw, over_factor
from creditrisk_assets.portfolio.reported import lgd_from, loans_on_book, posterior_for
from creditrisk_assets.portfolio.vasicek import BASEL_LEVEL, implied_correlation, loss_quantile, retail_correlation
from creditrisk_assets.resources.delta import Lake

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

LEVELS = {"value_at_risk_95": 0.95, "value_at_risk_99": 0.99, "value_at_risk_999": BASEL_LEVEL}
SHORTFALL = 0.99


def distribution(lake: Lake, feature_set: str, reporting: date) -> pl.DataFrame:
    """Rows of portfolio/loss_distribution of a date; none without a good posterior.

    ValueError when portfolio/lgd lacks the date.
    """
    found = posterior_for(lake, feature_set, reporting)
    if found is None:
        return pl.DataFrame(schema=PORTFOLIO_LOSS_DISTRIBUTION.schema)
    posterior_date, draws = found
    lgd = lgd_from(lake.scan(PORTFOLIO_LGD, [reporting]).collect())
    mean_squares, conditional, exposure = squares(lgd), Conditional(deviation(draws)), 0.0
    for loans in loans_on_book(lake, reporting):
        for block in blocks(draws, lgd, loans):
            owed = exposures(block, lifetime_losses(block.hazards, block.log_odds, block.book))
            square = lgd_of(mean_squares, block.loans)
            conditional.add(block.hazards, block.book, block.log_odds, owed, block.lgd, square)
            exposure += float(owed.mean(axis=1).sum())
    rows = [{"factor": name, **figures} for name, figures in both(conditional).items()]
    told = {"model_date": pl.lit(reporting), "posterior_date": pl.lit(posterior_date)}
    shared = {"loans": pl.lit(conditional.loans), "exposure": pl.lit(exposure)}
    schema = {name: kind for name, kind in PORTFOLIO_LOSS_DISTRIBUTION.schema.items() if name not in told | shared}
    return PORTFOLIO_LOSS_DISTRIBUTION.conform(
        pl.LazyFrame(rows, schema=schema).with_columns(**told, **shared)
    ).collect()


def both(conditional: Conditional) -> dict[str, dict[str, object]]:
    """Figures of portfolio/loss_distribution with the factor and without, by name."""
    mean, variance = conditional.still[:, None]
    rates = mean[0] / _lent(conditional)
    return {
        "with": _figures(*over_factor(conditional), correlations(conditional), conditional.exposed),
        "without": _figures(mean, np.sqrt(variance), np.ones(1), (rates, np.zeros_like(rates)), conditional.exposed),
    }


def _figures(
    mean: Matrix, spread: Matrix, weight: Vector, moved: tuple[Vector, Vector], exposed: Vector
) -> dict[str, object]:
    """One row: of the predictive loss, with 5 and 95 % over the distributions of the draws."""
    whole = of_all(mean, spread, weight)
    each = [of_draw(mean, spread, weight, draw) for draw in range(mean.shape[1])]
    rates, correlation = moved
    rate = float(rates.mean())
    told = {**_told(whole), "correlation": float(correlation.mean())}
    by_draw = [_told(one) for one in each]
    values = {name: [one[name] for one in by_draw] for name in by_draw[0]} | {"correlation": correlation.tolist()}
    figures: dict[str, object] = {}
    for name, value in told.items():
        low, high = np.quantile(values[name], [0.05, 0.95])
        figures |= {name: value, f"{name}_low": float(low), f"{name}_high": float(high)}
    closed = exposed.mean() * loss_quantile(rate, 1.0, told["correlation"], BASEL_LEVEL)
    return figures | {
        "basel_correlation": float(retail_correlation(rate)), "vasicek_999": float(closed), "levels": CURVE.tolist(),
        "losses": [whole.quantile(float(level)) for level in CURVE],
    }  # fmt: skip


def _told(loss: Mixture) -> dict[str, float]:
    return {
        "expected_loss": loss.expected(),
        **{name: loss.quantile(level) for name, level in LEVELS.items()},
        f"expected_shortfall_{100 * SHORTFALL:.0f}": loss.shortfall(SHORTFALL),
    }


def correlations(conditional: Conditional) -> tuple[Vector, Vector]:
    """Mean PD (D,) within twelve months, by what a loan would lose, and asset correlation (D,) that its moves imply.

    0 where nothing is lent.
    """
    weight = np.exp(-(FACTOR**2) / 2)
    weight /= weight.sum()
    rates = np.clip(conditional.mean / _lent(conditional), 0.0, 1.0)
    mean = weight @ rates
    spread = np.sqrt(np.maximum(weight @ (rates - mean) ** 2, 0.0))
    most = np.sqrt(mean * (1 - mean))
    implied = [
        implied_correlation(pd, min(sd, cap))
        for pd, sd, cap in zip(mean.tolist(), spread.tolist(), most.tolist(), strict=True)
    ]
    return mean, np.minimum(np.array(implied, np.float64), 1 - 1e-9)


def _lent(conditional: Conditional) -> Vector:
    """(D,): the loss if every loan defaulted; 1 where that is nothing, so that shares of it are nothing as well."""
    return np.where(conditional.exposed > 0, conditional.exposed, 1.0)
