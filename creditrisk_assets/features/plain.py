"""Features known at application of plain values: what `features` says, for whoever asks about a row or a thousand."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets import formulas
from creditrisk_assets.contracts import FEATURES_LOANS, RAW_LOANS
from creditrisk_assets.features.loans import at_application, at_price
from creditrisk_assets.formulas import Formula


class PlainFeatures:
    """Works out some features of columns of raw/loans, those in `reads`; values as `formulas` has them.

    KeyError for a feature that is not known at application; ArithmeticError where no value comes of a row.
    """

    def __init__(self, names: Iterable[str]) -> None:
        known = {**at_application(formulas), **at_price(formulas)}
        self._formulas: dict[str, Formula] = {name: known[name] for name in sorted(set(names))}
        self.reads: frozenset[str] = frozenset().union(*(one.reads for one in self._formulas.values()))

    def one(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Features of a row by name."""
        return {name: formula.one(row) for name, formula in self._formulas.items()}

    def many(self, columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The same of columns (n,), each (n,)."""
        with np.errstate(divide="raise", invalid="raise"):
            return {name: _of_all(name, formula, columns) for name, formula in self._formulas.items()}


_TOLD, _MADE = (
    frozenset(column.name for column in table.columns if column.dtype == pl.String)
    for table in (RAW_LOANS, FEATURES_LOANS)
)
"""Texts among what features read, and among features."""


def _of_all(name: str, formula: Formula, columns: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    read, *others = formula.reads
    if others or read not in _TOLD:
        return np.asarray(formula.many(columns))
    # Few texts stand for many rows: each is worked out once.
    texts = columns[read].tolist()
    values = {text: formula.one({read: text}) for text in set(texts)}
    return np.array([values[text] for text in texts], object if name in _MADE else np.float64)
