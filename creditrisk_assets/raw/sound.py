"""Sound values of the contract, read without a query engine: for whoever sends one record, or a thousand.

What decides are `typed` and `broken`: they read every dialect and say what is wrong. Here only what is
plainly within the contract is read, by the same columns, bounds and dialects and to the same bits. Of
all else, what is merely unusual among it, nothing is said but that it must go there.

Numbers are floats, nan where missing; months as `formulas` count them; texts None where missing.
"""

import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.columns import Column, Parse
from creditrisk_assets.formulas import known, missing, month_number
from creditrisk_assets.raw import dialects
from creditrisk_assets.raw.typed import LONGEST_TEXT, PERCENT_DECIMALS

LONGEST = 80
"""Characters of a text that is remembered with its value."""
KEPT = 4_096
"""Texts of a column that are remembered."""
FRACTIONS_BELOW = 1.0
"""Percent: a lower rate may mean that the record is written in fractions, see `typed`."""

_SCALE = 10.0**PERCENT_DECIMALS
_SPELLED: Mapping[Parse, Callable[[str], float | None]] = {
    "number": dialects.number, "count": dialects.number, "percent": dialects.number, "term": dialects.term,
    "employment": dialects.employment,
}  # fmt: skip


class UnsoundError(ValueError):
    """A value that is not plainly sound."""


class Sound:
    """Reads records of `columns`; a text that nobody `needs` is only looked at for what cannot be stored.

    Values come as JSON has them, float, int, text or None, in the order of the columns. Beside them the month
    of issue is given, which the record has as `vintage`.
    """

    def __init__(self, columns: Iterable[Column], needs: Iterable[str]) -> None:
        needed = frozenset(needs)
        self._readers = [_reader(column, needed) for column in columns]

    def row(self, values: Sequence[Any], issued: float) -> dict[str, Any]:
        """A record by name; UnsoundError for what `typed` should look at."""
        row: dict[str, Any] = {"vintage": issued}
        for reader, value in zip(self._readers, values, strict=True):
            row[reader.name] = reader.nothing if value is None else reader.one(value)
            if reader.required and missing(row[reader.name]):
                raise UnsoundError
        if row["int_rate"] < FRACTIONS_BELOW or row["earliest_cr_line"] > issued:
            raise UnsoundError
        return row

    def rows(
        self, values: Sequence[Sequence[Any]], issued: NDArray[np.float64]
    ) -> tuple[dict[str, NDArray[Any]], NDArray[np.bool_]]:
        """Many records, n, as columns (n,) by name, and which (n,) of them are sound; of the others no value counts."""
        columns: dict[str, NDArray[Any]] = {"vintage": issued}
        sound = np.ones(issued.size, np.bool_)
        for reader, told in zip(self._readers, values, strict=True):
            if told.count(None) == len(told):
                columns[reader.name], good = np.full(len(told), reader.nothing), None
            else:
                columns[reader.name], good = reader.many(told)
            if good is not None:
                sound &= good
            if reader.required:
                sound &= known(columns[reader.name])
        sound &= ~((columns["int_rate"] < FRACTIONS_BELOW) | (columns["earliest_cr_line"] > issued))
        return columns, sound


class _Reader:
    """Reads one column by `read`, value by value; UnsoundError there."""

    nothing: float | None = math.nan

    def __init__(self, column: Column, read: Callable[[str], Any]) -> None:
        self.name, self.required = column.name, not column.nullable
        self._read = read

    def one(self, value: Any) -> Any:
        return self._read(value if value.__class__ is str else str(value))

    def many(self, told: Sequence[Any]) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """Values (n,) and which are sound, None for all: what is told again is not read again."""
        asked = self._asked(told)
        values: dict[Any, Any] = {one: _tried(self.one, one) for one in set(asked) if one is not None}
        values[None] = self.nothing
        found = [values[one] for one in asked]
        if _UNSOUND not in values.values():
            return self._array(found), None
        good = np.array([value is not _UNSOUND for value in found])
        return self._array([self.nothing if value is _UNSOUND else value for value in found]), good

    def _asked(self, told: Sequence[Any]) -> Sequence[Any]:
        """Texts only: 5 and 5.0 are equal, and spelled differently."""
        return [one if one is None or one.__class__ is str else str(one) for one in told]

    def _array(self, values: list[Any]) -> NDArray[Any]:
        return np.array(values, np.float64)


class _Texts(_Reader):
    nothing = None

    def _array(self, values: list[Any]) -> NDArray[Any]:
        return np.array(values, object)


class _Numbers(_Reader):
    """Numbers within their bounds: those that come as such need not be spelled out, and many are read at once."""

    def __init__(self, column: Column, read: Callable[[str], float]) -> None:
        super().__init__(column, read)
        self._low = -sys.float_info.max if column.low is None else float(column.low)  # type: ignore[arg-type]
        self._high = sys.float_info.max if column.high is None else float(column.high)  # type: ignore[arg-type]
        self._whole, self._percent = column.dtype == pl.Int32, column.parse == "percent"
        self._spelled = column.parse in ("term", "employment")

    def one(self, value: Any) -> float:
        plain = value.__class__ is float and not self._spelled
        number: float = value if plain else super().one(value)
        if self._percent and abs(number) < _HUGE:
            number = round(number * _SCALE) / _SCALE
        if (self._low <= number <= self._high and (not self._whole or number.is_integer())) or math.isnan(number):
            return number
        raise UnsoundError

    def many(self, told: Sequence[Any]) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        if self._spelled or not set(map(type, told)) <= {float, type(None)}:
            return super().many(told)
        numbers = np.array(told, np.float64)
        if self._percent:
            numbers = np.where(np.abs(numbers) < _HUGE, np.rint(numbers * _SCALE) / _SCALE, numbers)
        bad = (numbers < self._low) | (numbers > self._high)
        if self._whole:
            bad |= np.abs(numbers - np.rint(numbers)) > 0
        return numbers, ~bad if bad.any() else None

    def _asked(self, told: Sequence[Any]) -> Sequence[Any]:
        return told


_UNSOUND = object()
_HUGE = 1e9


def _tried(read: Callable[[Any], Any], value: Any) -> Any:
    try:
        return read(value)
    except UnsoundError:
        return _UNSOUND


def _reader(column: Column, needed: frozenset[str]) -> _Reader:
    if column.parse in _SPELLED:
        return _Numbers(column, lru_cache(KEPT)(partial(_number, _SPELLED[column.parse])))
    if column.parse == "month":
        return _Reader(column, lru_cache(KEPT)(partial(_month, column)))
    if column.parse == "text":
        read = lru_cache(KEPT)(partial(_text, column.allowed))
        return _Texts(column, read if column.name in needed or column.allowed else _storable)
    raise ValueError(f"{column.name}: nothing reads a {column.parse} but a query engine")


def _value(read: Callable[[str], Any], text: str) -> Any:
    """What a text in a dialect says, nan where it says that there is nothing."""
    bare = _plain(text)
    if bare.lower() in dialects.NOTHING:
        if bare.lower() == "nan":  # a number to polars, which is not finite
            raise UnsoundError
        return math.nan
    value = read(bare)
    if value is None:
        raise UnsoundError
    return value


def _number(read: Callable[[str], float | None], text: str) -> float:
    return float(_value(read, text))


def _month(column: Column, text: str) -> float:
    day = _value(dialects.month, text)
    if missing(day):
        return math.nan
    if (column.low is not None and day < column.low) or (column.high is not None and day > column.high):
        raise UnsoundError
    return month_number(day)


def _text(allowed: tuple[str, ...], text: str) -> str | None:
    bare = _plain(text)
    if bare and allowed and bare not in allowed:
        raise UnsoundError
    return bare or None


def _plain(text: str) -> str:
    """The text without blanks around it; what is beyond ASCII is rare, and what blanks are there is left to polars."""
    if len(text) > LONGEST or not (text.isascii() and text.isprintable()):
        raise UnsoundError
    return text.strip()


def _storable(text: str) -> str:
    if 4 * len(text) > LONGEST_TEXT or "\x00" in text:
        raise UnsoundError
    return text
