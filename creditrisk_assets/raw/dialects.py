"""Every way LendingClub extracts have spelled a value, read into one type.

`read` is vectorised: numbers go through polars' own cast, everything else is read once per
distinct text. A text that cannot be read becomes null; the caller compares with the input to tell
unreadable from empty.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date

import polars as pl

from creditrisk_assets.columns import Parse
from creditrisk_assets.contracts import STATUSES

NOTHING = frozenset({"", "n/a", "na", "null", "none", "nan", "-"})
POLICY_PREFIX = "does not meet the credit policy"

_MONTHS = {name: number for number, name in enumerate(
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
)}  # fmt: skip
_YEAR_FIRST = re.compile(r"(\d{4})[-/](\d{1,2})(?:[-/](\d{1,2})(?:[ T].*)?)?")
_MONTH_YEAR = re.compile(r"([A-Za-z]{3})[- ](\d{4}|\d{2})")
_YEAR_MONTH = re.compile(r"(\d{1,2})[- ]([A-Za-z]{3})")
_TERM = re.compile(r"(\d{1,3})(?:\.0+)?\s*(?:months?)?", re.IGNORECASE)
_EMPLOYMENT = re.compile(r"(\d{1,2}(?:\.\d+)?)\+?\s*(?:years?)?", re.IGNORECASE)
_UNDER_A_YEAR = re.compile(r"<\s*1\s*(?:year)?", re.IGNORECASE)
_GROUPED = re.compile(r"[-+]?\s*\$?\s*(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d*)?\s*%?")


def month(text: str) -> date | None:
    """First day of the month named by `text`.

    Reads "Oct-2015", "2011-12-01", "2018/5/1", "2006-05-23 05:00", the two-digit years of
    "Sep-19" and "Aug-89" (below 50: 2000s), and what spreadsheets make of them: "15-Dec" and
    "3-Aug" were "Dec-15" and "Aug-03".
    """
    if found := _YEAR_FIRST.fullmatch(text):
        year, number, day = int(found[1]), int(found[2]), int(found[3] or 1)
        return _first_day(year, number) if _first_day(year, number, day) else None
    if found := _MONTH_YEAR.fullmatch(text):
        return _first_day(_four_digits(int(found[2])), _MONTHS.get(found[1].lower(), 0))
    if found := _YEAR_MONTH.fullmatch(text):
        return _first_day(_four_digits(int(found[1])), _MONTHS.get(found[2].lower(), 0))
    return None


def _four_digits(year: int) -> int:
    if year >= 100:
        return year
    return year + (2000 if year < 50 else 1900)


def _first_day(year: int, number: int, day: int = 1) -> date | None:
    try:
        return date(year, number, day).replace(day=1)
    except ValueError:
        return None


def term(text: str) -> int | None:
    """Months in " 36 months" or "36"."""
    found = _TERM.fullmatch(text)
    return int(found[1]) if found else None


def employment(text: str) -> float | None:
    """Years in "< 1 year" (0), "4 years" or "10+ years" (10)."""
    if _UNDER_A_YEAR.fullmatch(text):
        return 0.0
    found = _EMPLOYMENT.fullmatch(text)
    return float(found[1]) if found else None


def status(text: str) -> str | None:
    """One of the contract's statuses, also from a truncated one ("Curren") or behind the policy prefix.

    "Issued" is a loan just paid out: current. A prefix that fits two statuses is unreadable.
    """
    bare = text.split(":", 1)[1].strip() if text.lower().startswith(POLICY_PREFIX) and ":" in text else text
    if bare.lower() == "issued":
        return "Current"
    fitting = [name for name in STATUSES if name.lower().startswith(bare.lower())]
    exact = [name for name in fitting if name.lower() == bare.lower()]
    if exact:
        return exact[0]
    return fitting[0] if len(fitting) == 1 and len(bare) >= 4 else None


def flag(text: str) -> bool | None:
    """True for y, yes, true or 1; false for n, no, false or 0."""
    return {"y": True, "yes": True, "true": True, "1": True, "n": False, "no": False, "false": False, "0": False}.get(
        text.lower()
    )


def number(text: str) -> float | None:
    """Number written with blanks, thousands separators, a dollar or a percent sign.

    A comma elsewhere than between thousands is no number: "10,65" may be meant as 10.65.
    """
    if not _GROUPED.fullmatch(text):
        return None
    try:
        return float(re.sub(r"[,$%\s]", "", text))
    except ValueError:
        return None


_READERS: dict[Parse, tuple[Callable[[str], object], type[pl.DataType]]] = {
    "month": (month, pl.Date),
    "term": (term, pl.Float64),
    "employment": (employment, pl.Float64),
    "status": (status, pl.String),
    "flag": (flag, pl.Boolean),
}


def read(texts: pl.Series, parse: Parse) -> pl.Series:
    """Read a text column (n strings or nulls) in the dialect `parse`; unreadable becomes null.

    Whole numbers come back as Float64, so that "7.5" can be told from "7"; percentages keep the
    scale they are written in (see `intake.percent`).
    """
    if parse in ("number", "count", "percent"):
        return _numbers(texts)
    bare = texts.str.strip_chars()
    if parse == "text":
        return bare.set(bare == "", None)
    reader, dtype = _READERS[parse]
    distinct = bare.unique().drop_nulls()
    known = [value for value in distinct.to_list() if value.lower() not in NOTHING]
    return bare.replace_strict(known, [reader(value) for value in known], default=None, return_dtype=dtype)


def _numbers(texts: pl.Series) -> pl.Series:
    numbers = texts.cast(pl.Float64, strict=False)
    if numbers.null_count() == texts.null_count():
        return numbers
    failed = texts.filter(numbers.is_null() & texts.is_not_null()).unique().to_list()
    mended = [number(text.strip()) for text in failed]
    return numbers.fill_null(texts.replace_strict(failed, mended, default=None, return_dtype=pl.Float64))


def unreadable(texts: pl.Expr, values: pl.Expr) -> pl.Expr:
    """Boolean expression: there was a text, it did not mean "nothing", and no value came of it."""
    return pl.map_batches([texts, values], _unreadable, return_dtype=pl.Boolean, is_elementwise=True)


def _unreadable(pair: Sequence[pl.Series]) -> pl.Series:
    texts, values = pair
    doubtful = values.is_null() & texts.is_not_null()
    if not doubtful.any():  # the usual case, and the cheap one
        return doubtful
    return doubtful & ~texts.str.strip_chars().str.to_lowercase().is_in(list(NOTHING)).fill_null(True)
