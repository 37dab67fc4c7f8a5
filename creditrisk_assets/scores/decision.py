"""Approve, refer or decline: a decision is taken only when the posterior is sure of it.

The share of posterior mass on the right side of a limit, not the mean PD, decides. Two loans of the
same PD may fare differently: the one we know less about goes to a person. Source of the middle
class: Chow, On Optimum Recognition Error and Reject Tradeoff, IEEE Trans. Inf. Theory 16(1), 1970.
"""

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from creditrisk_assets.scores.policy import Policy

Vector = NDArray[np.float64]

APPROVE, REFER, DECLINE = DECISIONS = ("approve", "refer", "decline")


def decide(below: Vector, above: Vector, policy: Policy) -> pl.DataFrame:
    """One row per loan: `decision` (approve, refer, decline) and `decision_probability`, 0..1.

    `below` (rows,) = P(PD < policy.approve_below) and `above` (rows,) = P(PD >= policy.decline_from)
    under the posterior. Approve when `below` reaches the confidence, decline when `above` does; when
    both do (only near a confidence of 0.5), the likelier. Everything else is referred: the posterior
    cannot tell, and an exact tie is not told apart by money either.

    `decision_probability` is the probability that the decision is right: `below` of an approval,
    `above` of a decline. Of a referral it is the larger of the two, how sure the better guess would be.

    ValueError for other shapes, and for values that are not finite or outside 0..1.
    """
    place, probability = decided(below, above, policy)
    return pl.DataFrame([in_words(place), pl.Series("decision_probability", probability)])


def decided(below: Vector, above: Vector, policy: Policy) -> tuple[NDArray[np.uint32], Vector]:
    """What `decide` says as arrays (rows,): the place of the decision among DECISIONS, and its probability."""
    below, above = _probabilities("below", below), _probabilities("above", above)
    if below.shape != above.shape:
        raise ValueError(f"below {below.shape} and above {above.shape} must have the same shape")
    approved = (below >= policy.confidence) & (below > above)
    declined = (above >= policy.confidence) & (above > below)
    place = np.where(approved, 0, np.where(declined, 2, 1)).astype(np.uint32)
    return place, np.maximum(below, above)


def in_words(place: NDArray[np.uint32]) -> pl.Series:
    """The decisions at places (rows,) among DECISIONS."""
    return pl.Series("decision", DECISIONS).gather(pl.Series(place))


def expected_profit(pd: Vector, policy: Policy) -> Vector:
    """Expected profit (rows,) over twelve months as a share of the amount lent, zero at the break-even PD.

    (1 - pd) * margin - pd * loss_given_default. Linear in the PD, so the posterior mean `pd` (rows,)
    gives the posterior mean of the profit. ValueError as in `decide`.
    """
    pd = _probabilities("pd", pd)
    return (1 - pd) * policy.margin - pd * policy.loss_given_default


def _probabilities(name: str, values: ArrayLike) -> Vector:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"{name} must have the shape (rows,), not {array.shape}")
    # Written so that nan, which no comparison holds for, is refused too.
    if array.size and not (array.min() >= 0 and array.max() <= 1):
        row = int((~((array >= 0) & (array <= 1))).argmax())
        raise ValueError(f"{name} must hold probabilities from 0 to 1, but row {row} holds {array[row]}")
    return array
