"""Outcomes as far as they are known, for every scored loan: who was tried, who has defaulted, who is matured.

Counted as `models.exposure` counts trials: nobody can be 120 days late before the fifth month on book, and a loan
enters with its vintage, not with its default. Resolved loans are told apart only to show what they would claim.
"""

from datetime import date

import polars as pl

from creditrisk_assets.features.loans import months_between
from creditrisk_assets.models.outcomes import HORIZON, NEEDED, as_known, require_columns
from creditrisk_assets.models.periods import FIRST_TRIAL, LONGEST

SCORED = ("loan_id", "model_date", "pd", "pd_term", "band")
"""Columns of scores/loans that are looked at."""
DECILES = 10
EARLY = HORIZON
"""Months on book within which a default is early: the horizon of the PD. In simulated books twice as many defaults fall
into twelve months as into eight, and a younger vintage is looked at as far as it is known anyway."""


def so_far(loans: pl.DataFrame) -> pl.DataFrame:
    """Scored loans of one vintage (features/loans with SCORED), ordered by PD, with what has become of them.

    Adds term (whole months), known (months on book observed, at most LONGEST), tried, bad and early (defaulted as far
    as observed, and within EARLY months), resolved (defaulted or repaid), decile of the PD (1 lowest), and outcome:
    default within twelve months, null unless observed for twelve. ValueError names a column that is absent, or a
    share of scores/loans outside 0 to 1.
    """
    require_columns(loans.lazy(), (*NEEDED, "repaid_month", "term_months"))
    outside = loans.select((~pl.col(name).is_between(0, 1)).fill_null(True).any() for name in ("pd", "pd_term"))
    if broken := [name for name, found in outside.row(0, named=True).items() if found]:
        raise ValueError(f"scores/loans.{broken[0]} must lie between 0 and 1 on every row: materialise scores/loans")
    matured = as_known(loans.lazy(), date.max).select("loan_id", "outcome").collect()
    ordered = loans.sort("pd", "loan_id").with_columns(
        term=pl.col("term_months").round().cast(pl.Int32), known=pl.min_horizontal("observed_months", pl.lit(LONGEST))
    )
    default = pl.max_horizontal(months_between("vintage", "default_month"), pl.lit(FIRST_TRIAL))
    tried = pl.col("known") >= FIRST_TRIAL
    bad = (tried & (months_between("vintage", "default_month") <= pl.col("observed_months"))).fill_null(False)
    good = (tried & (months_between("vintage", "repaid_month") <= pl.col("observed_months"))).fill_null(False)
    early = bad & (pl.min_horizontal(default, "term") <= pl.min_horizontal("known", pl.lit(EARLY)))
    decile = (pl.int_range(pl.len()) * DECILES // pl.len() + 1).cast(pl.Int32)
    return ordered.with_columns(tried=tried, bad=bad, early=early, resolved=bad | good, decile=decile).join(
        matured, on="loan_id", how="left", maintain_order="left"
    )
