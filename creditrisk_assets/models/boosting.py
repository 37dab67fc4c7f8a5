"""The challenger that keeps the price of interpretability on view: gradient boosting of small trees.

Fitted by scikit-learn's histogram gradient boosting and kept as plain data: the trees are read out
into nested tuples (JSON as text), nothing is ever unpickled, and predicting needs no scikit-learn.
Vintage has no part in it. A missing value or an unseen level takes the branch which training chose
for missing values, the larger one where it met none.

Chosen by walk-forward over the eight quarters of 2009-2010 (outcomes `final`, 24 months of training),
AUC and log loss over the next three months: .6784 and .38020, with the price .6936 and .37563; the
ridge logistic .6786 and .38009, .6939 and .37605. Over the next twelve months it falls behind (.38682
against .38500; .38063 against .37899). Candidates and figures: docs/decisions/004-boosting-challenger.md.
"""

import json
import sys
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.models.binning import CATEGORIES, GROUPS, NUMERICS, refuse_unusable
from creditrisk_assets.models.outcomes import ORDER

SEED = 20_110_101
PARAMETERS = {
    "learning_rate": 0.03, "max_iter": 300, "max_leaf_nodes": 8, "min_samples_leaf": 100,
    "l2_regularization": 10.0, "max_features": 0.1, "early_stopping": False,
}  # fmt: skip
DIRECTIONS = {
    "fico": -1, "log_annual_income": -1, "loan_to_income": 1, "debt_to_income": 1, "inquiries_6m": 1,
    "revolving_utilisation": 1, "delinquencies_2y": 1, "public_records": 1, "bankruptcies": 1, "interest_rate": 1,
}  # fmt: skip
"""Undisputed credit standards: PD never falls (1) or never rises (-1) as the feature grows, all else equal."""

CATEGORICALS = (*CATEGORIES, *(name for name in GROUPS if name != "vintage"))
LEVELS = 255
"""Most levels of a categorical, which scikit-learn keeps in a byte; the rarest beyond count as missing."""

BLOCK = 65_536
Columns = list[NDArray[np.float64]]


class Feature(NamedTuple):
    """A column of features/loans; `levels` of a categorical in the order of their codes, None for a number."""

    name: str
    levels: tuple[str, ...] | None = None


class Split(NamedTuple):
    """A number of at most `at`, or a level whose code is in `at`, goes left; a leaf is a float in log-odds."""

    feature: int
    at: float | tuple[int, ...]
    missing_left: bool
    left: "Split | float"
    right: "Split | float"


@dataclass(frozen=True)
class Boosting:
    """`baseline` and the leaf of every tree add up to the log-odds of default."""

    feature_set: str
    features: tuple[Feature, ...]
    baseline: float
    trees: tuple[Split | float, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of features/loans which `predict` reads."""
        return tuple(feature.name for feature in self.features)

    def log_odds(self, frame: pl.DataFrame) -> NDArray[np.float64]:
        """Log-odds of default for rows of features/loans, shape (rows,): alone or in a batch the same to the bit.

        ValueError names a column that is absent or holds an infinite value.
        """
        _require(frame, self.columns)
        total = np.full(frame.height, self.baseline)
        for start in range(0, frame.height, BLOCK):
            columns = _encode(frame[start : start + BLOCK], self.features)
            part = total[start : start + BLOCK]
            for tree in self.trees:
                _add_leaves(tree, columns, np.arange(part.size), part)
        return total

    def predict(self, frame: pl.DataFrame) -> NDArray[np.float64]:
        """PD for rows of features/loans, shape (rows,), between 0 and 1; errors as `log_odds`."""
        from scipy.special import expit

        pd: NDArray[np.float64] = expit(self.log_odds(frame))
        return pd

    def to_text(self) -> str:
        """The whole model as one line of JSON; features and splits are lists in the order of their fields."""
        return json.dumps(vars(self), separators=(",", ":"), allow_nan=False)

    @staticmethod
    def from_text(text: str) -> "Boosting":
        """The model `to_text` wrote; ValueError when `text` is anything else."""
        try:
            plain: dict[str, Any] = json.loads(text, parse_constant=int)  # int refuses NaN and Infinity
            features = tuple(Feature(str(name), levels and tuple(levels)) for name, levels in plain["features"])
            trees = tuple(_node(item, features) for item in plain["trees"])
            return Boosting(str(plain["feature_set"]), features, float(plain["baseline"]), trees)
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            raise ValueError("this is no text of a boosting model: materialise the model again") from error


def _node(item: Any, features: tuple[Feature, ...]) -> Split | float:
    if not isinstance(item, list):
        return float(item)
    feature, at, missing_left, left, right = item
    place = range(len(features))[feature]
    said = float(at) if features[place].levels is None else tuple(int(code) for code in at)
    return Split(place, said, bool(missing_left), _node(left, features), _node(right, features))


def _add_leaves(node: Split | float, columns: Columns, rows: NDArray[np.intp], total: NDArray[np.float64]) -> None:
    """Add to `total` at `rows` the leaf each of them reaches below `node`."""
    if not isinstance(node, Split):
        total[rows] += node
        return
    values = columns[node.feature][rows]
    left = np.isin(values, node.at) if isinstance(node.at, tuple) else values <= node.at
    if node.missing_left:
        left |= np.isnan(values)
    for child, reached in ((node.left, rows[left]), (node.right, rows[~left])):
        if reached.size:
            _add_leaves(child, columns, reached, total)


def _require(frame: pl.DataFrame, names: tuple[str, ...]) -> None:
    absent = [name for name in names if name not in frame.columns]
    if absent:
        raise ValueError(f"features/loans has no column {', '.join(map(repr, absent))}: materialise it again")


def _encode(frame: pl.DataFrame, features: tuple[Feature, ...]) -> Columns:
    """Per feature its numbers, or the codes of its levels, shape (rows,); NaN where missing or unseen."""
    columns = []
    for name, levels in features:
        if levels is None:
            values = frame[name].cast(pl.Float64).to_numpy()
            if np.isinf(values).any():
                raise ValueError(
                    f"features/loans.{name} holds infinite values: mend the feature and materialise it again"
                )
        else:
            codes = {level: float(code) for code, level in enumerate(levels)}
            values = frame[name].cast(pl.String).replace_strict(codes, default=None, return_dtype=pl.Float64).to_numpy()
        columns.append(values)
    return columns


def _candidates(frame: pl.DataFrame, feature_set: str) -> tuple[Feature, ...]:
    """Categoricals with the levels the window shows, then numbers."""
    found = []
    for name in CATEGORICALS:
        counts = frame[name].cast(pl.String).drop_nulls().value_counts()
        levels = counts.sort("count", name, descending=[True, False])[name].head(LEVELS)
        found.append(Feature(name, tuple(sorted(levels))))
    return (*found, *map(Feature, NUMERICS[feature_set]))


def fit_boosting(frame: pl.DataFrame, feature_set: str, seed: int = SEED) -> Boosting:
    """Fit on a training population (rows of features/loans and a Boolean `outcome`); about a second for 20,000 loans.

    The same rows in any order, feature set and seed give the same text, on any number of cores.
    ValueError for an unknown feature set, a column that is absent or infinite, an outcome with one
    value only, or no feature that varies.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    # Sums of floats depend on how many threads share them.
    with threadpool_limits(limits=1):
        estimator, features, matrix = _fitted(frame, feature_set, seed)
        stated = estimator.decision_function(matrix)
    trees = tuple(_read_out(predictor.nodes, predictor.raw_left_cat_bitsets) for (predictor,) in estimator._predictors)
    model = Boosting(feature_set, features, float(estimator._baseline_prediction.item()), trees)
    _agree(model, matrix, stated)
    return model


def _fitted(frame: pl.DataFrame, feature_set: str, seed: int) -> tuple[Any, tuple[Feature, ...], NDArray[np.float64]]:
    """scikit-learn's estimator, the features it looks at and their matrix (rows, features)."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    if feature_set not in NUMERICS:
        raise ValueError(f"feature set is {feature_set!r}: use one of {', '.join(NUMERICS)}")
    if "outcome" not in frame.columns:
        raise ValueError("the training population has no column 'outcome': take it from models.outcomes.training")
    refuse_unusable(frame, (*ORDER, *CATEGORICALS, *NUMERICS[feature_set]), ())
    frame = frame.sort(ORDER)
    outcome = frame["outcome"].to_numpy()
    if outcome.all() or not outcome.any():
        raise ValueError("the training window needs a default and a non-default: widen it or check the outcomes")
    candidates = _candidates(frame, feature_set)
    columns = _encode(frame, candidates)
    varies = [np.unique(values).size > 1 for values in columns]
    features = tuple(feature for feature, kept in zip(candidates, varies, strict=True) if kept)
    if not features:
        raise ValueError("no feature varies in the training window: widen it or check features/loans")
    matrix = np.column_stack([values for values, kept in zip(columns, varies, strict=True) if kept])
    estimator = HistGradientBoostingClassifier(
        **PARAMETERS,
        categorical_features=[feature.levels is not None for feature in features],
        monotonic_cst=[DIRECTIONS.get(feature.name, 0) for feature in features],
        random_state=seed,
    )
    return estimator.fit(matrix, outcome), features, matrix


def _read_out(nodes: Any, level_sets: Any, place: int = 0) -> Split | float:
    """A tree of scikit-learn from `place` down; `level_sets`: codes going left as bits of eight words each."""
    node = nodes[place]
    if node["is_leaf"]:
        return float(node["value"])
    at: float | tuple[int, ...] = min(float(node["num_threshold"]), sys.float_info.max)
    if node["is_categorical"]:
        words = level_sets[node["bitset_idx"]]
        at = tuple(code for code in range(32 * len(words)) if int(words[code // 32]) >> code % 32 & 1)
    left, right = (_read_out(nodes, level_sets, int(node[side])) for side in ("left", "right"))
    return Split(int(node["feature_idx"]), at, bool(node["missing_go_to_left"]), left, right)


def _agree(model: Boosting, matrix: NDArray[np.float64], stated: NDArray[np.float64]) -> None:
    """RuntimeError unless the trees read out say what the estimator `stated`: their layout is scikit-learn's affair."""
    ours = np.full(len(matrix), model.baseline)
    for tree in model.trees:
        _add_leaves(tree, list(matrix.T), np.arange(len(matrix)), ours)
    gap = float(np.abs(ours - stated).max())
    if gap > 1e-9:
        raise RuntimeError(f"trees read out differ by {gap:.1e} in log-odds: this scikit-learn keeps them otherwise")
