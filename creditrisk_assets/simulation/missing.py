"""Values that go missing because of what they are, and the rule by which they do.

A model that drops or averages such gaps is biased, and the wind tunnel can say by how much: the rule
stands in truth.json, the hidden values in truth.parquet. Other empty fields have no hidden value
(no delinquency, no second applicant).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from creditrisk_assets.simulation.draws import Flags, Reals, logistic


@dataclass(frozen=True)
class Gap:
    """Chance of an empty field: share * logistic(intercept + sum of slope * value).

    The slopes go by the name of what they multiply: the hidden value itself, in the unit of the
    truth, among the others.
    """

    share: float
    intercept: float
    slopes: Mapping[str, float]


GAPS = {
    "emp_length": Gap(1.0, 13.925, {"employment_years": -0.09, "log_annual_income": -1.5}),
    "mths_since_last_delinq": Gap(0.6, -6.0, {"months_since_delinquency": 0.08}),
    "revol_util": Gap(0.012, 1.0, {"revolving_utilisation": -0.05}),
    "bc_util": Gap(0.03, 0.5, {"bank_card_utilisation": -0.03}),
}
"""Low earners and newcomers have no job to name; bureaus forget old delinquencies; lines hardly used get closed."""


def goes_missing(rng: np.random.Generator, column: str, **values: Reals) -> Flags:
    """Which values of a column are left empty; `values` are those its slopes ask for, shape (loans,) each."""
    gap = GAPS[column]
    # From the intercept on, one by one, so that the order of addition is always the same.
    wish = sum((slope * values[name] for name, slope in gap.slopes.items()), gap.intercept)
    return np.asarray(rng.random(len(next(iter(values.values())))) < gap.share * logistic(np.asarray(wish)))


def rules() -> dict[str, dict[str, object]]:
    """The rules as they are recorded."""
    return {column: asdict(gap) for column, gap in GAPS.items()}
