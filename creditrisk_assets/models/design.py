"""What the posterior is about: baseline hazards, effects of binned features, groups and vintages.

    logit h(loan, month) = baseline[band of month] + shape[term, band] + effects + purpose + state + vintage

Everything a model needs beside its draws stands here and is frozen with it: bins, bands of months,
the vintages of its window and the rate at which loans are repaid early.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.models.binning import Binning, Levels, Numeric, fit_binning
from creditrisk_assets.models.periods import WHOLE_TERM, Periods, Shape, fit_periods, fit_shapes
from creditrisk_assets.models.repayment import Repayment, fit_repayment
from creditrisk_assets.resources.environments import add_months

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

TERM = "term_months"


@dataclass(frozen=True)
class Columns:
    """The effects as columns: column d of a loan is `table[d, code of factor[d]]`.

    `factor` (D,) indexes the codes; `table` (D, largest bin count).
    """

    factor: NDArray[np.int64]
    table: Matrix
    names: tuple[str, ...]


@dataclass(frozen=True)
class Coded:
    """Loans as codes, n of them, in the order of their frame.

    `codes` (factors, n): bins; `vintage` (n,): position among the design's vintages, negative
    before the window, beyond the last for later ones. `months` (n,): trial month reached,
    `outcome` (n,): defaulted by then; both empty where loans are only scored.
    """

    codes: NDArray[np.uint8]
    vintage: NDArray[np.int64]
    months: NDArray[np.int64]
    outcome: NDArray[np.bool_]

    def __len__(self) -> int:
        """Number of loans."""
        return int(self.codes.shape[1])

    def rows(self, which: slice | NDArray[np.int64]) -> "Coded":
        """Some of the loans."""
        return Coded(
            np.ascontiguousarray(self.codes[:, which]), self.vintage[which], self.months[which], self.outcome[which]
        )


@dataclass(frozen=True)
class Design:
    """The coefficient order of a posterior: bands, shapes, effects, purposes, states, then vintages, p in all.

    `vintages` are consecutive months; `mix` is the share of training loans in each bin of each factor.
    """

    binning: Binning
    periods: Periods
    vintages: tuple[date, ...]
    repayment: Repayment
    mix: tuple[tuple[float, ...], ...]

    @property
    def feature_set(self) -> str:
        """Which declared set of features the model looks at."""
        return self.binning.feature_set

    @cached_property
    def columns(self) -> Columns:
        """The effects of numbers and categories as columns over the codes."""
        factors: list[int] = []
        tables: list[Vector] = []
        names: list[str] = []
        numbers_and_categories: tuple[Numeric | Levels, ...] = (*self.binning.numerics, *self.binning.categories)
        widest = max((factor.size for factor in self.binning.factors), default=1)

        def add(name: str, place: int, values: Vector) -> None:
            factors.append(place)
            tables.append(np.pad(values, (0, widest - values.size)))
            names.append(name)

        for place, factor in enumerate(numbers_and_categories):
            if isinstance(factor, Numeric):
                add(factor.name, place, np.append(factor.scores, 0.0))
                if factor.indicator:
                    add(f"{factor.name}_missing", place, np.eye(factor.size)[-1])
            else:
                for code, level in enumerate(factor.levels[1:], start=1):
                    add(f"{factor.name}[{level}]", place, np.eye(factor.size)[code])
        return Columns(np.array(factors, np.int64), np.array(tables).reshape(len(tables), widest), tuple(names))

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """Names of all coefficients."""
        bands = [f"baseline[{label}]" for label in self.periods.labels]
        bands += [f"shape[{label}]" for label in self.periods.shape_labels]
        groups = [f"{group.name}[{level}]" for group in self.binning.groups for level in group.levels]
        return (*bands, *self.columns.names, *groups, *(f"vintage[{v:%Y-%m}]" for v in self.vintages))

    @property
    def scale_names(self) -> tuple[str, ...]:
        """Groups with a scale of their own, in order."""
        return (*(group.name for group in self.binning.groups), "vintage")

    @cached_property
    def parts(self) -> dict[str, slice]:
        """Where `baseline`, `shape`, `effects`, each group and `vintage` lie among `parameters`."""
        sizes = {"baseline": len(self.periods.labels), "shape": len(self.periods.shape_labels)}
        sizes["effects"] = len(self.columns.names)
        sizes |= {group.name: len(group.levels) for group in self.binning.groups}
        sizes["vintage"] = len(self.vintages)
        ends = np.cumsum(list(sizes.values())).tolist()
        return {name: slice(end - size, end) for (name, size), end in zip(sizes.items(), ends, strict=True)}

    @property
    def first_month(self) -> int:
        """The first vintage as months since year 0: from it the positions of vintages count."""
        return self.vintages[0].year * 12 + self.vintages[0].month - 1

    @property
    def shared(self) -> int:
        """Number of coefficients that all vintages share: everything but the vintage effects."""
        return int(self.parts["vintage"].start)

    @property
    def hazard(self) -> slice:
        """Where baselines and shapes lie among `parameters`: `periods.share` makes cells of them."""
        return slice(0, self.parts["effects"].start)

    @cached_property
    def strata(self) -> tuple[int, NDArray[np.int64]]:
        """(position of the term among the factors, stratum of each of its bins): the first stratum without a shape."""
        for place, factor in enumerate(self.binning.numerics):
            if factor.name == TERM and self.periods.shapes:
                strata = np.zeros(factor.size, np.int64)
                for number, shape in enumerate(self.periods.shapes, start=1):
                    strata[np.searchsorted(factor.edges, shape.term, side="right")] = number
                return place, strata
        return 0, np.zeros(256, np.int64)

    def rows_of(self, loans: Coded) -> NDArray[np.int64]:
        """(n,): the rows of `periods.trials` that loans have come to."""
        place, strata = self.strata
        return self.periods.row(loans.months, strata[loans.codes[place]]) if self.periods.shapes else loans.months

    def code(self, frame: pl.DataFrame) -> Coded:
        """Rows of features/loans as codes; with `months` and `outcome` where the frame has them.

        ValueError as `Binning.codes`.
        """
        codes = self.binning.codes(frame)
        issued = frame["vintage"]
        months = (issued.dt.year().cast(pl.Int64) * 12 + issued.dt.month().cast(pl.Int64) - 1).to_numpy()
        known = {"months", "outcome"} <= set(frame.columns)
        return Coded(
            codes,
            months - self.first_month,
            frame["months"].cast(pl.Int64).to_numpy() if known else np.zeros(0, np.int64),
            frame["outcome"].to_numpy() if known else np.zeros(0, np.bool_),
        )

    def to_json(self) -> str:
        """The design as one line of JSON, keys sorted."""
        plain = {
            "binning": asdict(self.binning),
            "starts": self.periods.starts,
            "shapes": [asdict(shape) for shape in self.periods.shapes],
            "vintages": [f"{vintage}" for vintage in self.vintages],
            "repayment": self.repayment.plain(),
            "mix": self.mix,
        }
        return json.dumps(plain, sort_keys=True)

    @staticmethod
    def from_json(text: str) -> "Design":
        """The design `to_json` wrote."""
        plain = json.loads(text)
        return Design(
            Binning.from_plain(plain["binning"]),
            Periods(tuple(plain["starts"]), tuple(Shape(s["term"], tuple(s["starts"])) for s in plain["shapes"])),
            tuple(date.fromisoformat(vintage) for vintage in plain["vintages"]),
            Repayment.from_plain(plain["repayment"]),
            tuple(tuple(shares) for shares in plain["mix"]),
        )


def fit_design(frame: pl.DataFrame, feature_set: str, last: date, *, whole_term: bool = False) -> Design:
    """The design of a training window, its vintages running from the oldest loan's to `last`.

    `frame`: rows of features/loans with `months`, `outcome` and `repaid`, see `exposure.exposed`.
    ValueError as `fit_binning`.
    """
    binning = fit_binning(frame, feature_set)
    months, outcome = frame["months"].cast(pl.Int64).to_numpy(), frame["outcome"].to_numpy()
    periods = WHOLE_TERM if whole_term else fit_periods(months, outcome)
    if any(numeric.name == TERM for numeric in binning.numerics):
        terms = frame[TERM].fill_null(0.0).round().cast(pl.Int64).to_numpy()
        periods = fit_shapes(periods, terms, months, outcome)
    first = frame["vintage"].min()
    assert isinstance(first, date)
    mix = tuple(
        tuple((np.bincount(row, minlength=factor.size) / frame.height).tolist())
        for row, factor in zip(binning.codes(frame), binning.factors, strict=True)
    )
    return Design(binning, periods, tuple(_span(first, last)), fit_repayment(frame, periods), mix)


def _span(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first = add_months(first, 1)
