"""The benchmark every posterior must stand next to: ridge logistic regression on the same features.

The fitted model is plain data (design and coefficients as JSON); predicting needs numpy only and
nothing is ever unpickled. Vintage has no part in it: a new vintage has no coefficient.
"""

import json
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.models.standardised import Encoded, Standardised, fit_standardised

PENALTY = 0.03
FACTORS = ("purpose", "addr_state")


@dataclass(frozen=True)
class Logistic:
    """`coefficients` by name of the design's parameters; a parameter that is absent counts as zero."""

    design: Standardised
    coefficients: dict[str, float]

    def log_odds(self, frame: pl.DataFrame) -> NDArray[np.float64]:
        """Log-odds of default for rows of features/loans, shape (rows,); an unseen level adds nothing."""
        beta = np.array([self.coefficients.get(name, 0.0) for name in self.design.parameters])
        width, slices = 1 + len(self.design.effects), self.design.group_slices()
        result = np.empty(frame.height)
        for rows, encoded in self.design.blocks(frame):
            result[rows] = encoded.common @ beta[:width]
            for column, group in enumerate(self.design.groups):
                effect = np.append(beta[slices[group.name]], 0.0)
                result[rows] += effect[encoded.codes[:, column]]
        return result

    def predict(self, frame: pl.DataFrame) -> NDArray[np.float64]:
        """PD for rows of features/loans, shape (rows,), between 0 and 1."""
        from scipy.special import expit

        pd: NDArray[np.float64] = expit(self.log_odds(frame))
        return pd

    def to_json(self) -> str:
        """The whole model as one line of JSON."""
        return json.dumps({"design": json.loads(self.design.to_json()), "coefficients": self.coefficients})

    @staticmethod
    def from_json(text: str) -> "Logistic":
        """The model `to_json` wrote."""
        plain = json.loads(text)
        return Logistic(Standardised.from_json(json.dumps(plain["design"])), plain["coefficients"])


def _one_hot(design: Standardised, encoded: Encoded) -> tuple[NDArray[np.float64], list[str]]:
    """Common effects without the intercept, then every level of the factors; and their names."""
    matrices, names = [encoded.common[:, 1:]], list(design.effects)
    for column, group in enumerate(design.groups):
        if group.name in FACTORS:
            matrices.append((encoded.codes[:, column, None] == np.arange(len(group.levels))).astype(np.float64))
            names += [f"{group.name}[{level}]" for level in group.levels]
    return np.hstack(matrices), names


def fit_logistic(frame: pl.DataFrame, feature_set: str, penalty: float = PENALTY) -> Logistic:
    """Fit on a training population with a Boolean `outcome`.

    `penalty` is scikit-learn's C (inverse strength of the ridge), chosen by walk-forward on
    2009-2010. ValueError as `fit_standardised`, and when the outcome has one value only.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    design = fit_standardised(frame, feature_set)
    outcome = frame["outcome"].to_numpy()
    if outcome.all() or not outcome.any():
        raise ValueError("the training window needs a default and a non-default: widen it or check the outcomes")
    matrix, names = _one_hot(design, design.encode(frame))
    with threadpool_limits(limits=1):
        model = LogisticRegression(C=penalty, solver="newton-cholesky", tol=1e-8).fit(matrix, outcome)
    weights = dict(zip(names, map(float, model.coef_[0]), strict=True))
    return Logistic(design, {"intercept": float(model.intercept_[0]), **weights})
