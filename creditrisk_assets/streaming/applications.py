"""Applications of the stream as rows of features/loans: the same columns, dialects and bounds as for files."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import msgspec
import polars as pl
from numpy.typing import NDArray

from creditrisk_assets.columns import Column
from creditrisk_assets.contracts import APPLICATIONS, FEATURES_LOANS, RAW_LOANS
from creditrisk_assets.contracts.parts import FIRST_DAY, LAST_DAY
from creditrisk_assets.features.loans import at_application, at_price, features, outcome
from creditrisk_assets.features.plain import PlainFeatures
from creditrisk_assets.raw.records import LINE
from creditrisk_assets.raw.sound import Sound
from creditrisk_assets.raw.typed import ISSUED, broken, numbers_in, plain_numbers, reasons, typed
from creditrisk_assets.streaming.envelope import APPLICATION_COLUMNS, OLD_NAMES, Application
from creditrisk_assets.streaming.messages import in_blocks

ASKED = tuple(replace(column, nullable=column.nullable or column.price) for column in APPLICATION_COLUMNS)
"""What is told of an application. The price may be lacking: the lender sets it after the borrower applied."""
COLUMNS = (ISSUED, *ASKED)
"""What is checked of an application."""

NUMBERS = plain_numbers(APPLICATION_COLUMNS)
_FIELDS = {name: place for place, name in enumerate(Application.__struct_fields__)}
_RENAMED = [
    (place, _FIELDS[OLD_NAMES[column.name]])
    for place, column in enumerate(APPLICATION_COLUMNS)
    if column.name in OLD_NAMES
]
FEW = 200
"""Applications up to which it is quicker not to ask the query engine."""
UNKNOWN_YET = {"loan_status": "Current", "last_pymnt_d": None}
"""Of the outcome of a loan nothing is known when it is applied for."""


@dataclass(frozen=True)
class Applications:
    """What came of n applications.

    `loans`: rows of features/loans of the good ones in their order, ready to score; `faults`: the
    reasons against the others by their position.
    """

    loans: pl.DataFrame
    faults: dict[int, list[str]]


def applications(events: pl.DataFrame) -> Applications:
    """The good rows of raw/events that are applications, as they were when their messages came.

    Reads application_id, event_time and value. There are faults only where the contract was
    narrowed since.
    """
    read, unread = in_blocks(
        APPLICATIONS, events["value"].to_list(), lambda found: payloads([message.payload for message in found])
    )
    places = [place for place in range(events.height) if place not in unread]
    identifiers, times = events["application_id"].gather(places), events["event_time"].gather(places)
    found = applied(stacked(read), identifiers, times)
    faults = {places[place]: reasons for place, reasons in found.faults.items()}
    return Applications(found.loans, faults | {place: [reason] for place, reason in unread.items()})


def booked(event: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame] | None:
    """(row of features/loans, row of raw/loans) of one good application of raw/events; None when it is good no more.

    The row of raw/loans is what the application would be booked as: `features` makes the other of it.
    """
    read, _ = in_blocks(
        APPLICATIONS, event["value"].to_list(), lambda found: payloads([message.payload for message in found])
    )
    if not read:
        return None
    told = [event["event_time"].dt.strftime("%Y-%m").alias("issue_d"), event["application_id"].alias("loan_id")]
    rows = _checked(stacked(read).with_columns(told).with_row_index(LINE))
    if rows["broken"].any():
        return None
    raw = _raw(rows).collect()
    return features(raw.lazy()).collect(), raw


def applied(sent: pl.DataFrame, identifiers: pl.Series, times: pl.Series) -> Applications:
    """Check applications: n rows of `payloads` with their identifiers (n strings) and event times (n instants).

    The vintage is the month of the event: an application is a loan that would be issued now.
    """
    if sent.height <= FEW and (loans := _plainly(sent, identifiers, times)) is not None:
        return Applications(loans, {})
    told = [times.dt.strftime("%Y-%m").alias("issue_d"), identifiers.alias("loan_id")]
    read = sent.with_columns(told).with_row_index(LINE)
    rows = _checked(read)
    if not rows["broken"].any():
        return Applications(_features(rows), {})
    return Applications(_features(rows.filter(~pl.col("broken"))), _faults(read, rows.filter("broken")[LINE]))


def _plainly(sent: pl.DataFrame, identifiers: pl.Series, times: pl.Series) -> pl.DataFrame | None:
    """Rows of features/loans, to the same bits; None where not all applications are plainly sound."""
    sound, worked_out = _plain()
    vintage = times.dt.date().dt.month_start()
    issued = (vintage.dt.year().cast(pl.Float64) * 12 + vintage.dt.month() - 1).to_numpy()
    columns, good = sound.rows([sent[column.name].to_list() for column in ASKED], issued)
    if not good.all():
        return None
    try:
        made = worked_out.many(columns)
    except (ArithmeticError, ValueError):
        return None
    told = {name: _known(values, FEATURES_LOANS.schema[name]) for name, values in made.items()}
    unknown = {name: pl.lit(value, RAW_LOANS.column(name).dtype) for name, value in UNKNOWN_YET.items()}
    rows = pl.DataFrame({"loan_id": identifiers, "vintage": vintage, "term": told["term_months"], **told})
    seen = rows.lazy().with_columns(observed_month="vintage", **unknown).with_columns(**outcome())
    return FEATURES_LOANS.conform(seen).collect()


def _known(values: NDArray[Any], dtype: Any) -> pl.Series:
    return pl.Series(values if dtype.is_numeric() else values.tolist(), dtype=dtype, nan_to_null=True)


@lru_cache(maxsize=1)
def _plain() -> tuple[Sound, PlainFeatures]:
    worked_out = PlainFeatures((*at_application(), *at_price()))
    return Sound(ASKED, worked_out.reads), worked_out


def _checked(read: pl.DataFrame) -> pl.DataFrame:
    rows = _typed(read).with_columns(_broken(numbers_in(read.lazy())))
    kept = rows.select(LINE, "vintage", "broken", *(column.name for column in COLUMNS)).collect()
    return kept.with_columns(read["loan_id"])


@lru_cache(maxsize=64)
def _broken(ready: frozenset[str]) -> pl.Expr:
    """Kept, since to write down some hundred rules takes longer than to apply them to a small micro-batch."""
    return broken(COLUMNS, ready).alias("broken")


def _typed(read: pl.DataFrame) -> pl.LazyFrame:
    return typed(read.lazy(), COLUMNS).with_columns(pl.col("issue_d").alias("vintage"))


def _faults(read: pl.DataFrame, lines: pl.Series) -> dict[int, list[str]]:
    """Why the applications at these lines are no good: told by their texts, which only they are read from."""
    texts = read.filter(pl.col(LINE).is_in(lines.implode())).with_columns(pl.col(pl.Float64).cast(pl.String))
    told = _typed(texts).select(LINE, reasons(COLUMNS, (FIRST_DAY, LAST_DAY))).collect()
    return dict(told.iter_rows())


def _features(rows: pl.DataFrame) -> pl.DataFrame:
    return features(_raw(rows)).collect()


def _raw(rows: pl.DataFrame) -> pl.LazyFrame:
    """Observed in the month of the application: nothing of its outcome is known."""
    contract = (pl.col(column.name).cast(column.dtype) for column in APPLICATION_COLUMNS)
    raw = rows.lazy().select("loan_id", "vintage", *contract, observed_month="vintage")
    outcome = (pl.lit(value, RAW_LOANS.column(name).dtype).alias(name) for name, value in UNKNOWN_YET.items())
    return raw.with_columns(outcome)


def payloads(found: Sequence[Any]) -> pl.DataFrame:
    """Payloads of applications as columns.

    Numbers where all of them came as numbers, else texts: a number reads back from its text as it was.
    """
    return pl.DataFrame(list(map(_column, APPLICATION_COLUMNS, as_told(found))))


def as_told(found: Sequence[Any]) -> list[Sequence[Any]]:
    """What n payloads tell, as it came: the values (n) of each of APPLICATION_COLUMNS."""
    values = list(zip(*map(msgspec.structs.astuple, found), strict=True)) or [()] * len(_FIELDS)
    columns: list[Sequence[Any]] = [values[_FIELDS[column.name]] for column in APPLICATION_COLUMNS]
    for place, old in _RENAMED:
        before = values[old]
        if before.count(None) < len(before):
            named = zip(columns[place], before, strict=True)
            columns[place] = [earlier if value is None else value for value, earlier in named]
    return columns


def stacked(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Several of `payloads` as one."""
    texts = {name for part in parts for name, dtype in part.schema.items() if name in NUMBERS and dtype == pl.String}
    return pl.concat(
        (part.with_columns(_texts(name, part[name].to_list()) for name in texts) for part in parts), rechunk=True
    )


def _column(column: Column, values: Sequence[Any]) -> pl.Series:
    try:
        return pl.Series(column.name, values, dtype=pl.Float64 if column.name in NUMBERS else pl.String)
    except TypeError:
        return _texts(column.name, values)


def _texts(name: str, values: Sequence[Any]) -> pl.Series:
    return pl.Series(name, [value if value is None else str(value) for value in values], dtype=pl.String)
