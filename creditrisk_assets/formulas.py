"""Definitions worked out of plain values, for whoever cannot wait: a query engine takes milliseconds to be asked.

A definition written over an engine, `on.col("dti").clip(0, 100)`, is an expression where the engine is polars, and
a `Formula` where it is this module: one definition, for frames and for whoever asks about a single row. A word of
polars that no definition here needs fails when a definition is written down, not when it is asked.

Numbers are floats, nan where missing; months are numbers too, counted from year 0; texts are None where missing.
That a condition does not hold is all that can be told of what is missing, so there is no "not".
"""

import math
import operator
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import reduce
from typing import Any, Literal, TypeAlias

import numpy as np

Worked: TypeAlias = Callable[[Any], Any]


def _operator(function: Callable[[Any, Any], Any], *, swapped: bool = False) -> "Callable[[Formula, Any], Formula]":
    return lambda formula, other: _both(function, *((other, formula) if swapped else (formula, other)))


@dataclass(frozen=True, eq=False)
class Formula:
    """What an expression says of values by their names, those in `reads`.

    `one`: of a mapping to plain values; `many`: (n,) of a mapping to arrays (n,), float64 or, of texts,
    objects. ArithmeticError where no value comes of it, as of a division by zero.
    """

    one: Worked
    many: Worked
    reads: frozenset[str]

    __add__, __radd__ = _operator(operator.add), _operator(operator.add, swapped=True)
    __sub__, __rsub__ = _operator(operator.sub), _operator(operator.sub, swapped=True)
    __mul__, __rmul__ = _operator(operator.mul), _operator(operator.mul, swapped=True)
    __truediv__, __rtruediv__ = _operator(operator.truediv), _operator(operator.truediv, swapped=True)
    __lt__, __le__ = _operator(operator.lt), _operator(operator.le)
    __gt__, __ge__ = _operator(operator.gt), _operator(operator.ge)
    __and__, __or__ = _operator(operator.and_), _operator(operator.or_)
    __eq__, __hash__ = _operator(operator.eq), None  # type: ignore[assignment]

    def __ne__(self, other: object) -> "Formula":  # type: ignore[override]
        sides = (side.is_not_null() for side in (self, other) if isinstance(side, Formula) and side.reads)
        return reduce(operator.and_, sides, _both(operator.ne, self, other))

    def is_null(self) -> "Formula":
        """Is it missing?"""
        return self._each(missing, lambda many: ~known(many))

    def is_not_null(self) -> "Formula":
        """Is it known?"""
        return self._each(lambda value: not missing(value), known)

    def fill_null(self, value: Literal[False]) -> "Formula":
        """A condition of which it is not known whether it holds as one that does not: here it never does."""
        assert value is False
        return self

    def fill_nan(self, value: None) -> "Formula":
        """What is not a number as missing: here it is in any case."""
        assert value is None
        return self

    def cast(self, dtype: Any) -> "Formula":
        """The same value: there is one kind of number, and a condition becomes 1 or 0."""
        return self._each(float, lambda many: np.asarray(many, np.float64)) if dtype.is_numeric() else self

    def is_between(self, low: float, high: float, closed: Literal["left"]) -> "Formula":
        """From `low` to below `high`."""
        assert closed == "left"
        return (self >= low) & (self < high)

    def is_in(self, values: Collection[Any]) -> "Formula":
        """Is it one of these?"""
        those = frozenset(values)
        return self._each(lambda value: value in those)

    def clip(self, low: float, high: float) -> "Formula":
        """The nearest value of a range."""
        least, most = float(low), float(high)
        return self._each(
            lambda value: least if value < least else most if value > most else value,
            lambda many: np.clip(many, least, most),
        )

    def log(self) -> "Formula":
        """Natural logarithm, value by value: numpy has one of its own that differs from it in the last bit."""
        return self._each(lambda value: math.log(value) if value > 0 else -math.inf if value == 0 else math.nan)

    def log1p(self) -> "Formula":
        """Natural logarithm of one more."""
        return self._each(lambda value: math.log1p(value) if value > -1 else -math.inf if value == -1 else math.nan)

    def round(self) -> "Formula":
        """The nearest whole number, of two the even one."""
        return self._each(lambda value: value if math.isnan(value) else float(round(value)), np.rint)

    def replace_strict(self, values: Mapping[Any, float], *, default: None, return_dtype: Any) -> "Formula":
        """The number that a value stands for, missing where it stands for none."""
        assert default is None
        assert return_dtype.is_numeric()
        return self._each(lambda value: values.get(value, math.nan))

    def _each(self, function: Worked, many: Worked | None = None) -> "Formula":
        one, all_ = self.one, self.many
        together = many or (lambda values: np.array([function(value) for value in values.tolist()]))
        return Formula(lambda row: function(one(row)), lambda columns: together(all_(columns)), self.reads)

    @property
    def dt(self) -> "_Months":
        """What can be asked of a month."""
        return _Months(self)

    @property
    def str(self) -> "_Texts":
        """What can be asked of a text."""
        return _Texts(self)


@dataclass(frozen=True)
class _Months:
    of: Formula

    def year(self) -> Formula:
        return _both(operator.floordiv, self.of, 12.0)

    def month(self) -> Formula:
        return _both(operator.mod, self.of, 12.0) + 1.0


@dataclass(frozen=True)
class _Texts:
    of: Formula

    def to_uppercase(self) -> Formula:
        return self._text(str.upper)

    def to_lowercase(self) -> Formula:
        return self._text(str.lower)

    def replace_all(self, mark: str, put: str) -> Formula:
        assert mark.isalnum() or mark.isspace(), "polars would take it for a pattern"
        return self._text(lambda text: text.replace(mark, put))

    def starts_with(self, begin: str) -> Formula:
        return self.of._each(lambda text: text is not None and text.startswith(begin))

    def contains(self, part: str, *, literal: Literal[True]) -> Formula:
        assert literal
        return self.of._each(lambda text: text is not None and part in text)

    def _text(self, function: Callable[[str], str]) -> Formula:
        def told(text: str | None) -> str | None:
            return None if text is None else function(text)

        return self.of._each(told, lambda texts: np.array([told(text) for text in texts], object))


class _Then(Formula):
    """Cases with their values; `otherwise` is missing until it is told, and a number then."""

    _among: Callable[[Any], Formula]

    @staticmethod
    def made(among: Callable[[Any], Formula]) -> "_Then":
        whole = among(math.nan)
        then = _Then(whole.one, whole.many, whole.reads)
        object.__setattr__(then, "_among", among)
        return then

    def when(self, condition: Formula) -> "_When":
        return _When(condition, self._among)

    def otherwise(self, value: Any) -> Formula:
        return self._among(value)


@dataclass(frozen=True)
class _When:
    condition: Formula
    among: Callable[[Any], Formula]

    def then(self, value: Any) -> _Then:
        chosen = col(value) if isinstance(value, str) else value
        return _Then.made(lambda rest: self.among(_choice(self.condition, chosen, rest)))


def when(condition: Formula) -> _When:
    """The first case of a choice; `then` tells its value, `when` a further case, `otherwise` the value without one."""
    return _When(condition, lambda whole: whole)


def col(name: str) -> Formula:
    """The value of a column."""
    return Formula(operator.itemgetter(name), operator.itemgetter(name), frozenset({name}))


def lit(value: Any) -> Formula:
    """The same value in every row."""
    return Formula(lambda row: value, lambda columns: value, frozenset())


def max_horizontal(first: Formula, second: Formula) -> Formula:
    """The larger of two numbers, or the one that is known."""
    return _both(lambda a, b: b if math.isnan(a) or b > a else a, first, second, np.fmax)


def month_number(day: date) -> float:
    """A month as formulas count them: 0 is the first of year 0."""
    return 12.0 * day.year + day.month - 1


def _both(function: Callable[[Any, Any], Any], first: Any, second: Any, many: Any = None) -> Formula:
    a, b = (value if isinstance(value, Formula) else lit(value) for value in (first, second))
    one, other, left, right, together = a.one, b.one, a.many, b.many, many or function
    if not b.reads:
        fixed = other({})
        return Formula(lambda row: function(one(row), fixed), lambda columns: together(left(columns), fixed), a.reads)
    return Formula(
        lambda row: function(one(row), other(row)),
        lambda columns: together(left(columns), right(columns)),
        a.reads | b.reads,
    )


def _choice(condition: Formula, value: Any, rest: Any) -> Formula:
    yes, no = (one if isinstance(one, Formula) else lit(one) for one in (value, rest))
    test, some, other = condition.one, yes.one, no.one
    return Formula(
        lambda row: some(row) if test(row) else other(row),
        lambda columns: np.where(condition.many(columns), yes.many(columns), no.many(columns)),
        condition.reads | yes.reads | no.reads,
    )


def missing(value: Any) -> bool:
    """Is a value missing?"""
    return value is None or value != value  # noqa: PLR0124 - so is nan, and texts have no math


def known(many: Any) -> Any:
    """Which values (n,) are not missing."""
    return ~np.isnan(many) if many.dtype == np.float64 else np.array([value is not None for value in many])
