"""Expected credit loss of loans by IFRS 9 stage, draw by draw, weighted over scenarios.

    stage 1: within twelve months (5.5.5)     stage 2: within the remaining term (5.5.3)
    stage 3: in default, so that the PD is 1: LGD times what is owed

Each scenario moves the log-odds of default of every month by its shift; the loss is the mean over scenarios
(5.5.17(a)), discounted month by month at the effective rate (5.5.17(b), B5.5.44), see `portfolio.lifetime`. Weights are
the lender's, so an interval over the draws holds for the given weights.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from creditrisk_assets.portfolio.ifrs9 import Choices
from creditrisk_assets.portfolio.lifetime import Book, Hazards, lifetime_losses

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True)
class CreditLosses:
    """Of n loans under D draws, means over the scenarios: ECL within twelve months and the remaining term (n, D), USD.

    `pd` (n,): posterior mean of the PD within the remaining term; `pd_12m` (n,) within twelve months.
    """

    within_12m: Matrix
    lifetime: Matrix
    pd_12m: Vector
    pd: Vector


def credit_losses(
    hazards: Hazards, log_odds: Matrix, book: Book, loss_given_default: Matrix, choices: Choices
) -> CreditLosses:
    """ECL of n loans that are not in default, under D draws.

    `log_odds` (n, D) beside the baseline, `loss_given_default` (n, D) as a share of the principal owed at default.
    ValueError as `lifetime_losses`, and for a loss given default that is not a share.
    """
    _refuse(loss_given_default, log_odds.shape)
    if choices.discounting == "none":
        book = replace(book, effective=np.zeros_like(book.effective))
    lost = np.zeros((2, *log_odds.shape))
    chance = np.zeros((2, len(log_odds)))
    for scenario in choices.scenarios:
        found = lifetime_losses(hazards, log_odds + scenario.shift, book)
        for place, (exposure, pd) in enumerate(
            ((found.lost_12m, found.pd_12m), (found.lost_lifetime, found.pd_lifetime))
        ):
            lost[place] += scenario.weight * exposure
            chance[place] += scenario.weight * pd.mean(axis=1)
    lost *= loss_given_default
    return CreditLosses(lost[0], lost[1], chance[0], chance[1])


def allowance(stage: Whole, losses: CreditLosses, owed: Vector, loss_given_default: Matrix) -> Matrix:
    """ECL (n, D) in USD of loans by their stage (n,); `owed` (n,): gross carrying amount, USD.

    ValueError for a stage other than 1, 2 and 3, or an amount owed below zero.
    """
    _refuse(loss_given_default, losses.lifetime.shape)
    if not np.isin(stage, (1, 2, 3)).all():
        raise ValueError("a stage is none of 1, 2 and 3: stage every loan first, see staging.staged")
    if not (owed >= 0).all():
        raise ValueError("an amount owed is below zero or unknown: take it from schedule.balance")
    by_stage = np.stack([losses.within_12m, losses.lifetime, loss_given_default * owed[:, None]])
    return np.asarray(by_stage[stage - 1, np.arange(stage.size)], np.float64)


def _refuse(loss_given_default: Matrix, shape: tuple[int, ...]) -> None:
    if loss_given_default.shape != shape:
        raise ValueError(f"loss given default is {loss_given_default.shape}, but loans and draws are {shape}")
    if not ((loss_given_default >= 0) & (loss_given_default <= 1)).all():
        raise ValueError("a loss given default lies outside 0..1: give the share of the principal owed at default")
