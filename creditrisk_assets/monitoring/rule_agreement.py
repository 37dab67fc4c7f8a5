"""Do the rules catch the population the models catch? Watchlist and tiers beside the posterior on the same loans.

Every measure comes with an interval of 90 %:

rates            Jeffreys, Beta(events + 1/2, others + 1/2): Brown, Cai, DasGupta, Statistical Science 16 (2001)
lift, gain of    quantiles of the same prior over the four cells they are functions of, Dirichlet(counts + 1/2):
recall           Gelman and others, Bayesian Data Analysis (2013), 3.4; draws with a fixed seed
areas            normal, with the error of DeLong, DeLong, Clarke-Pearson, Biometrics 44 (1988), ties and all

Loans count as independent of each other, which those of one vintage are not quite: intervals are on the short side.
"""

from collections.abc import Callable, Sequence
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.contracts import AGREEMENT, MONITORING_RULE_AGREEMENT, TIERS
from creditrisk_assets.monitoring.jeffreys import rate_interval
from creditrisk_assets.monitoring.paired import Difference, auc_difference

DRAWS, SEED = 20_000, 20_260_101
NORMAL = 1.6448536269514722
"""95 % quantile of the standard normal."""

FIGURES = pl.Schema(
    {"measure": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "events": pl.Int64,
     "loans": pl.Int64}
)  # fmt: skip
Vector = NDArray[np.float64]
_Figure = tuple[float | None, float | None, float | None, int, int]


def agreement(scored: pl.DataFrame, rules: pl.DataFrame, outcomes: pl.DataFrame, pd: str = "pd") -> pl.DataFrame:
    """measure, value, low, high, events, loans (FIGURES): a row for each of AGREEMENT, over all loans given.

    `rules` are rows of scores/rules; `scored` rows of scores/loans, of which `pd` ranks the loans; `outcomes` has
    loan_id and the Boolean outcome of those whose outcome is known, see `models.outcomes`. The posterior is asked
    for as many loans as the rules flag among those that are scored, the riskiest first and of equal ones those that
    come first by loan_id. `events` of `loans` make a rate; of other measures they are the defaults. A measure is
    null where there is nothing to tell it from. Polars' ComputeError where a loan is there twice.
    """
    order = pl.col("tier").replace_strict(TIERS, range(len(TIERS)), return_dtype=pl.Float64)
    flags = rules.select("loan_id", "watchlist", tier=order)
    known = outcomes.select("loan_id", pl.col("outcome").cast(pl.Boolean))
    ranked = scored.select("loan_id", pd=pl.col(pd))
    loans = flags.join(known, on="loan_id", how="left", validate="1:1").join(
        ranked, on="loan_id", how="left", validate="1:1"
    )
    matured, told = loans.filter(pl.col("outcome").is_not_null()), pl.col("pd").is_not_null()
    found = _of_rules(loans, matured) | _of_both(_riskiest(loans.filter(told)), _riskiest(matured.filter(told)))
    rows = [(measure, *found[measure]) for measure in AGREEMENT]
    return pl.DataFrame(rows, schema=FIGURES, orient="row")


def by_vintage(
    months: Sequence[date], scored: pl.DataFrame, rules: pl.DataFrame, outcomes: pl.DataFrame
) -> pl.DataFrame:
    """monitoring/rule_agreement of vintages: `agreement` of each, with the rules and the model that made the rows."""
    parts = [pl.DataFrame(schema=MONITORING_RULE_AGREEMENT.schema)]
    for month in months:
        risks, flags, known = (frame.filter(pl.col("vintage") == month) for frame in (scored, rules, outcomes))
        made = {"vintage": month, "rules": flags["rules"].max(), "model_date": risks["model_date"].max()}
        whole = agreement(risks, flags, known).with_columns(pl.lit(value).alias(name) for name, value in made.items())
        parts.append(MONITORING_RULE_AGREEMENT.conform(whole.lazy()).collect())
    return pl.concat(parts)


def _of_rules(loans: pl.DataFrame, matured: pl.DataFrame) -> dict[str, _Figure]:
    """What the rules do: shares of all loans, the rest of those whose outcome is known."""
    bad, flagged = matured["outcome"].to_numpy(), matured["watchlist"].to_numpy()
    cells = [int((one & other).sum()) for one in (flagged, ~flagged) for other in (bad, ~bad)]
    caught, defaults = cells[0], int(bad.sum())
    tiers = matured["tier"].to_numpy()
    return {
        "flagged_share": _rate(int(loans["watchlist"].sum()), loans.height),
        "bad_rate": _rate(defaults, matured.height),
        "flagged_bad_rate": _rate(caught, int(flagged.sum())),
        "lift": _lift(cells),
        "recall": _rate(caught, defaults),
        "tier_auc": _area(bad, tiers),
    }


def _of_both(loans: pl.DataFrame, matured: pl.DataFrame) -> dict[str, _Figure]:
    """Rules and posterior on loans that both speak of."""
    shared, flagged = int((loans["watchlist"] & loans["riskiest"]).sum()), int(loans["watchlist"].sum())
    bad = matured["outcome"].to_numpy()
    defaults = matured.filter("outcome")
    rules, posterior = defaults["watchlist"].to_numpy(), defaults["riskiest"].to_numpy()
    cells = [int((posterior & rules).sum()), int((posterior & ~rules).sum()), int((rules & ~posterior).sum()),
             int((~rules & ~posterior).sum())]  # fmt: skip
    overlap = _rate(shared, flagged)
    jaccard, low, high = (_jaccard(end) for end in overlap[:3])
    tiers, pds = matured["tier"].to_numpy(), matured["pd"].to_numpy()
    return {
        "posterior_recall": _rate(int(posterior.sum()), defaults.height),
        "recall_gain": _recall_gain(cells),
        "overlap": overlap,
        "jaccard": (jaccard, low, high, shared, 2 * flagged - shared),
        "posterior_auc": _area(bad, pds),
        "auc_gain": _within(auc_difference(bad, tiers, pds), 0.0, -1.0, bad),
    }


def _jaccard(overlap: float | None) -> float | None:
    """Of two sets of one size that share this part of it."""
    return None if overlap is None else overlap / (2 - overlap)


def _riskiest(loans: pl.DataFrame) -> pl.DataFrame:
    """Adds `riskiest`: as many loans as are on the watchlist, those with the highest PD."""
    ordered = loans.sort("pd", "loan_id", descending=[True, False])
    return ordered.with_columns(riskiest=pl.int_range(pl.len()) < pl.col("watchlist").sum())


def _rate(events: int, loans: int) -> _Figure:
    if not loans:
        return None, None, None, events, loans
    low, high = rate_interval(events, loans)
    return events / loans, float(low), float(high), events, loans


def _lift(cells: list[int]) -> _Figure:
    """Bad rate of flagged loans over that of all; cells: flagged bad, flagged good, other bad, other good."""
    bad, loans = cells[0] + cells[2], sum(cells)
    if not bad or not cells[0] + cells[1]:
        return None, None, None, bad, loans

    def lift(share: Vector) -> Vector:
        caught, wrong, missed, _ = share
        return np.asarray(caught / (caught + wrong) / (caught + missed))

    return (*_by_draws(cells, lift), bad, loans)


def _recall_gain(cells: list[int]) -> _Figure:
    """Recall of the posterior less that of the rules; cells of the defaults: both, posterior, rules, neither."""
    defaults = sum(cells)
    if not defaults:
        return None, None, None, 0, 0
    return (*_by_draws(cells, lambda share: share[1] - share[2]), defaults, defaults)


def _by_draws(cells: list[int], measure: Callable[[Vector], Vector]) -> tuple[float, float, float]:
    counts = np.array(cells, np.float64)
    value = float(measure(counts / counts.sum()))
    draws = np.random.default_rng(SEED).gamma(counts + 0.5, size=(DRAWS, counts.size))
    low, high = np.quantile(measure((draws / draws.sum(1, keepdims=True)).T), (0.05, 0.95))
    return value, min(float(low), value), max(float(high), value)


def _area(bad: NDArray[np.bool_], scores: Vector) -> _Figure:
    """Area under the ROC curve: beside a constant, whose area is 1/2 without an error, it is the difference."""
    return _within(auc_difference(bad, np.zeros(bad.size), scores), 0.5, 0.0, bad)


def _within(found: Difference | None, start: float, least: float, bad: NDArray[np.bool_]) -> _Figure:
    counts = int(bad.sum()), bad.size
    if found is None:
        return None, None, None, *counts
    value = start + found.value
    if found.error is None:
        return value, None, None, *counts
    return value, max(value - NORMAL * found.error, least), min(value + NORMAL * found.error, 1.0), *counts
