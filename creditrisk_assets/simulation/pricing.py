"""The lender's price: sub-grade, rate and instalment.

The lender sees most of the true risk, through noise, and not the fate of the vintage, so its price
ranks borrowers nearly as well as the truth does. Rates run from 5 to 31 %, like the published ones.
"""

import numpy as np
import polars as pl

from creditrisk_assets.simulation.draws import Reals, named, real, whole

GRADES = tuple(f"{grade}{step}" for grade in "ABCDEFG" for step in range(1, 6))
RISK_LEVEL, RISK_SPREAD = -1.80, 0.68
_RATES = 5.32 + 0.68 * np.arange(35) + 0.002 * np.arange(35) ** 2


def draw_price(rng: np.random.Generator, risk: Reals, amount: Reals, term: Reals, market: float) -> pl.DataFrame:
    """Rate (percent a year), instalment (USD a month), grade and sub-grade; one row per loan.

    `risk` is the true log-odds without the vintage effect, `market` the month's shift of all rates
    in percent. One sub-grade has one rate in a month, and a worse sub-grade always a higher one.
    """
    seen = 0.86 * (risk - RISK_LEVEL) / RISK_SPREAD + 0.51 * rng.standard_normal(len(risk))
    rank = np.clip(np.round(10.5 + 6.3 * seen + 0.9 * seen**2), 0, 34).astype(np.int64)
    rate = np.round(_RATES + market, 2)[rank]
    return pl.DataFrame(
        {
            "int_rate": real(rate, 2),
            "installment": real(annuity(amount, rate, term), 2),
            "grade": named("ABCDEFG", rank // 5),
            "sub_grade": named(GRADES, rank),
            "initial_list_status": named(("f", "w"), (rng.random(len(risk)) < 0.6).astype(np.int64)),
            "policy_code": whole(np.ones(len(risk), dtype=np.int64)),
        }
    )


def annuity(amount: Reals, rate: Reals, term: Reals) -> Reals:
    """Monthly instalment in USD of an amount lent for `term` months at `rate` percent a year."""
    monthly = rate / 1_200
    instalment: Reals = amount * monthly / (1 - (1 + monthly) ** -term)
    return instalment
