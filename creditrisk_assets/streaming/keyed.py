"""Numbers by text key in memory, for millions of keys: eight bytes a key, looked up by the thousand.

Runs sorted by digest, of falling size, as in `history.py`; of two entries of a key the later one counts.
At ten million keys the chance that any two share a digest is three in a million.
"""

from typing import TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

Digests: TypeAlias = NDArray[np.uint64]
Matrix: TypeAlias = NDArray[np.float64]

GROWTH = 2
"""A run is at least this many times as long as the next."""


class Keyed:
    """Rows of `width` numbers by key; not for several threads."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._runs: list[tuple[Digests, Matrix]] = []

    def __len__(self) -> int:
        """Entries held; those of one key until they meet in a merge."""
        return sum(len(digests) for digests, _ in self._runs)

    def add(self, keys: pl.Series, values: Matrix) -> None:
        """Take in entries: keys (n,), values (n, width); later ones, also of one call, replace earlier ones."""
        if not len(keys):
            return
        self._runs.append(_sorted(_digests(keys), np.asarray(values, np.float64).reshape(len(keys), self._width)))
        while len(self._runs) > 1 and len(self._runs[-2][0]) < GROWTH * len(self._runs[-1][0]):
            last, before = self._runs.pop(), self._runs.pop()
            self._runs.append(_sorted(np.concatenate([before[0], last[0]]), np.concatenate([before[1], last[1]])))

    def find(self, keys: pl.Series) -> tuple[NDArray[np.bool_], Matrix]:
        """(is there an entry (n,), its values (n, width), NaN where there is none) of keys (n,)."""
        digests = _digests(keys)
        known, values = np.zeros(len(keys), np.bool_), np.full((len(keys), self._width), np.nan)
        for run, told in self._runs:
            place = np.minimum(np.searchsorted(run, digests), len(run) - 1)
            here = run[place] == digests
            known |= here
            values[here] = told[place[here]]
        return known, values


def _digests(keys: pl.Series) -> Digests:
    return keys.cast(pl.String).hash(1).to_numpy()


def _sorted(digests: Digests, values: Matrix) -> tuple[Digests, Matrix]:
    order = np.argsort(digests, kind="stable")
    digests, values = digests[order], values[order]
    last = np.append(digests[1:] != digests[:-1], True)
    return digests[last], values[last]
