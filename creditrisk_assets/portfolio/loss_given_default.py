"""Loss given default: the share of the principal owed at default that never comes back, with draws.

Two parts, as recoveries are nothing or something (Gupton and Stein, LossCalc, 2005; Bellotti and Crook, 2012):

    LGD = 1 - P(anything is recovered) * share recovered where anything is

Both parts are measured in money: a defaulted loan counts by the principal it owed, so that LGD times exposure adds
up to the dollars lost. The posterior is that of a Dirichlet process over defaulted loans (Ferguson, 1973; the
Bayesian bootstrap of Rubin, 1981, with a prior): every loan has a weight drawn from Gamma(1), the prior one from
Gamma(PRIOR_DEFAULTS). No shape of the shares is assumed; regressions explain little of them (Loterman et al., 2012).
A segment, term by purpose, borrows from prior and all other segments as if they were at most BORROWED defaults of
its own: a sparse one is the pool, a rich one itself.

Recoveries are net of the cost of collection, at least nothing and at most what was owed. Files tell how much came
back, not when: recoveries are not discounted, and a loan counts once WORKOUT_MONTHS have passed between its default
and the last month known, of the date or of the file; before that, some has yet to come.
"""

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.contracts import DRAWS
from creditrisk_assets.models.draws import SEED, scores
from creditrisk_assets.models.outcomes import require_columns

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Segment = tuple[int, str]

PRIOR_DEFAULTS, BORROWED = 10.0, 100.0
WORKOUT_MONTHS = 12
OWED_AT_DEFAULT = 0.9
"""Share of the amount lent that is owed by a loan failing within a year: the policy's LGD is a share of the amount."""
ALL: Segment = (0, "all")
"""The segment of all loans: term in months, purpose."""

BLOCK = 8_192
_WEIGHTS, _PRIOR, _ORDER = 101, 102, 103
"""What is drawn; part of the seed, so that none repeats another, nor `models.draws`."""
FEATURES = ("loan_id", "term_months", "purpose", "vintage", "defaulted", "default_month", "observed_month")
MONEY = ("funded_amnt", "loan_amnt", "total_rec_prncp", "recoveries", "collection_recovery_fee")


@dataclass(frozen=True)
class Counted:
    """Behind a segment: `defaults` and, of them, those with recoveries; what they `owed` and what came back, USD."""

    defaults: int
    with_recovery: int
    owed: float
    recovered: float


@dataclass(frozen=True)
class LossGivenDefault:
    """Draws (D,) of both parts by segment of term (months) and purpose; `ALL` is always among them.

    `any_recovered`: chance that anything comes back; `share_recovered`: share of the principal owed, where anything
    does. The n-th draw is the n-th in rank of the pool's LGD at every date, see `models.draws`.
    """

    any_recovered: dict[Segment, Vector]
    share_recovered: dict[Segment, Vector]
    counted: dict[Segment, Counted]

    def of(self, term: int, purpose: str) -> Vector:
        """LGD (D,) of a segment, as a share of the principal owed at default; of the pool where it has no default."""
        return self.by_segment.get((term, purpose), self.by_segment[ALL])

    @cached_property
    def by_segment(self) -> dict[Segment, Vector]:
        """LGD (D,) of every segment with a default, and of `ALL`."""
        return {key: 1 - part * self.share_recovered[key] for key, part in self.any_recovered.items()}


def prior_mean(policy: float) -> float:
    """LGD as a share of principal owed at default, from the policy's, a share of the amount lent (0..1]."""
    return min(policy / OWED_AT_DEFAULT, 1.0)


def defaulted_loans(features: pl.LazyFrame, raw: pl.LazyFrame, as_of: date) -> pl.DataFrame:
    """Loans whose recoveries count at a date: loan_id, term (months), purpose, owed and recovered (USD), in order.

    `features` and `raw`: rows of features/loans and raw/loans. `as_of` and later is not known. A loan that owed
    nothing at default tells nothing. ValueError names a column that is absent.
    """
    require_columns(features, FEATURES)
    require_columns(raw, ("loan_id", *MONEY))
    known = pl.min_horizontal(pl.lit(as_of).dt.offset_by("-1mo"), "observed_month")
    ripe = pl.col("defaulted") & (pl.col("default_month").dt.offset_by(f"{WORKOUT_MONTHS}mo") <= known)
    owed = pl.coalesce("funded_amnt", "loan_amnt") - pl.col("total_rec_prncp").fill_null(0.0)
    net = pl.col("recoveries").fill_null(0.0) - pl.col("collection_recovery_fee").fill_null(0.0)
    return (
        features.filter(pl.col("vintage") < as_of, ripe)
        .select("loan_id", "purpose", term=pl.col("term_months").round().cast(pl.Int64))
        .join(raw.select("loan_id", *MONEY), on="loan_id")
        .with_columns(owed=owed)
        .filter(pl.col("owed") > 0)
        .select("loan_id", "term", "purpose", "owed", recovered=net.clip(0.0, pl.col("owed")))
        .sort("loan_id")
        .collect()
    )


def fit_loss_given_default(defaulted: pl.DataFrame, prior: float) -> LossGivenDefault:
    """The posterior given rows of `defaulted_loans`, and a prior mean of the LGD, see `prior_mean`.

    Without a default the prior says it all. ValueError for a prior mean outside (0, 1].
    """
    if not 0 < prior <= 1:
        raise ValueError(f"the prior mean of the loss given default is {prior:g}: give a share above 0, at most 1")
    typical = float(defaulted["owed"].mean() or 1.0)  # type: ignore[arg-type]
    part = np.full(DRAWS, np.sqrt(1 - prior))
    counted, own = {ALL: _counted(defaulted)}, {}
    for (term, purpose), group in defaulted.group_by("term", "purpose", maintain_order=True):
        segment = (int(str(term)), str(purpose))
        own[segment], counted[segment] = _weighted(group, segment), _counted(group)
    pool = _as_if(PRIOR_DEFAULTS, typical, part, part, ALL)
    pool = np.sum([pool, *own.values()], axis=0)
    sums = {ALL: pool}
    for segment, mine in own.items():
        others = pool - mine
        worth = min(BORROWED, PRIOR_DEFAULTS + defaulted.height - counted[segment].defaults)
        sums[segment] = mine + _as_if(worth, typical, others[1] / others[0], _ratio(others), segment)
    order = np.argsort(1 - pool[2] / pool[0], kind="stable")[np.argsort(np.argsort(scores(_ORDER)))]
    ordered = {segment: parts[:, order] for segment, parts in sums.items()}
    return LossGivenDefault(
        {segment: parts[1] / parts[0] for segment, parts in ordered.items()},
        {segment: _ratio(parts) for segment, parts in ordered.items()},
        counted,
    )


def _ratio(parts: Matrix) -> Vector:
    """(D,): share recovered where anything is; nothing where nothing ever is."""
    shares: Vector = np.divide(parts[2], parts[1], out=np.zeros(DRAWS), where=parts[1] > 0)
    return shares


def _as_if(loans: float, owed: float, chance: Vector, share: Vector, segment: Segment) -> Matrix:
    """(3, D): what `_weighted` gives, of some imagined loans that owed `owed` USD each.

    They recovered nothing, next to nothing or all, in proportions that make the two parts `chance` and `share`: Gamma
    weights of the three, so that both parts are Beta. Quantiles in even steps, see `draws.scores`.
    """
    from scipy.special import gammaincinv

    random = _random(_PRIOR, segment)
    steps = random.permuted(np.tile((np.arange(DRAWS) + 0.5) / DRAWS, (3, 1)), axis=1)
    shapes = loans * np.array([1 - chance, chance * (1 - share), chance * share])
    nothing, little, all_of_it = owed * np.where(shapes > 0, gammaincinv(np.maximum(shapes, 1e-12), steps), 0.0)
    return np.array([nothing + little + all_of_it, little + all_of_it, all_of_it])


def _weighted(group: pl.DataFrame, segment: Segment) -> Matrix:
    """(3, D): principal owed, owed by loans with recoveries, and recovered, each loan with weights from Gamma(1)."""
    random, sums = _random(_WEIGHTS, segment), np.zeros((3, DRAWS))
    owed, recovered = group["owed"].to_numpy(), group["recovered"].to_numpy()
    parts = np.array([owed, np.where(recovered > 0, owed, 0.0), recovered])
    for start in range(0, group.height, BLOCK):
        block = parts[:, start : start + BLOCK]
        sums += block @ random.standard_exponential((block.shape[1], DRAWS))
    return sums


def _random(what: int, segment: Segment) -> np.random.Generator:
    """The same for a segment in every book: what others hold cannot change its draws."""
    return np.random.default_rng([SEED, what, segment[0], *segment[1].encode()])


def _counted(group: pl.DataFrame) -> Counted:
    some = int((group["recovered"] > 0).sum())
    return Counted(group.height, some, float(group["owed"].sum()), float(group["recovered"].sum()))
