"""Who is in the population and what counts as a default: the two protocols.

`as_known` answers as of a date with nothing learnt later; `final` uses outcomes at the end of the
term, as publications that split by issue date do. A population of resolved loans alone is never
offered: among young vintages it holds the early defaulters and few of the payers.

An as-of date is the first day of its month: nothing of that month is known yet.
"""

from datetime import date
from typing import Literal

import polars as pl

from creditrisk_assets.resources.environments import add_months

Protocol = Literal["as_known", "final"]
Window = int | Literal["expanding"]

HORIZON = 12


class NothingToLearnError(ValueError):
    """A training window without a loan, without a default, or with nothing else."""


ORDER = ("vintage", "loan_id")  # sums of floats depend on the order of rows, and draws on the last bit of sums
NEEDED = ("vintage", "default_month", "defaulted", "observed_month", "observed_months", "term_elapsed")


def require_columns(features: pl.LazyFrame, columns: tuple[str, ...]) -> None:
    """ValueError naming the first columns of features/loans which `features` lacks."""
    present = set(features.collect_schema().names())
    missing = [name for name in columns if name not in present]
    if missing:
        raise ValueError(
            f"features/loans has no column {', '.join(map(repr, missing))}: materialise features/loans again"
        )


def as_known(features: pl.LazyFrame, as_of: date, horizon: int = HORIZON) -> pl.LazyFrame:
    """Loans whose first `horizon` months were over before `as_of`; `outcome`: default within them.

    Nothing of the month of `as_of`, or after it, can change the result. Loans observed for a shorter time are left out
    whole, defaulted or not, so that a vintage enters at one time. Adds the Boolean `outcome`.
    """
    require_columns(features, NEEDED)
    end = pl.col("vintage").dt.offset_by(f"{horizon}mo")
    return features.filter(end < as_of, pl.col("observed_months") >= horizon).with_columns(
        (pl.col("default_month") <= end).fill_null(False).alias("outcome")
    )


def final(features: pl.LazyFrame) -> pl.LazyFrame:
    """Loans observed to the end of their term; `outcome`: ever defaulted. Adds the Boolean `outcome`."""
    require_columns(features, NEEDED)
    return features.filter(pl.col("term_elapsed")).with_columns(pl.col("defaulted").alias("outcome"))


def training_vintages(
    model_date: date, protocol: Protocol, window: Window, horizon: int = HORIZON
) -> tuple[date, date]:
    """First and last vintage (both included) a model of `model_date` may learn from.

    Under `as_known` the youngest vintage is the youngest one matured at the model date, so a
    window of w months is w matured vintages. `expanding` starts with the oldest vintage there is.
    """
    if protocol not in ("as_known", "final"):
        raise ValueError(f"protocol is {protocol!r}: use 'as_known' or 'final'")
    if window != "expanding" and (isinstance(window, str) or window < 1):
        raise ValueError(f"training window is {window!r}: use a number of months from 1, or 'expanding'")
    last = add_months(model_date, -1 - horizon if protocol == "as_known" else -1)
    return (date.min if window == "expanding" else add_months(last, 1 - window)), last


def training(
    features: pl.LazyFrame, model_date: date, protocol: Protocol, window: Window, horizon: int = HORIZON
) -> pl.DataFrame:
    """The training population with its `outcome`.

    ValueError when the window holds no loan, no default, or nothing but defaults.
    """
    first, last = training_vintages(model_date, protocol, window, horizon)
    population = as_known(features, model_date, horizon) if protocol == "as_known" else final(features)
    frame = population.filter(pl.col("vintage").is_between(first, last)).sort(ORDER).collect()
    place = f"training window {first:%Y-%m} to {last:%Y-%m} of model date {model_date:%Y-%m} ({protocol})"
    if frame.is_empty():
        raise NothingToLearnError(
            f"{place} holds no loan: load older vintages, widen the window or take a later model date"
        )
    defaults = int(frame["outcome"].sum())
    if defaults in (0, frame.height):
        only = "no default" if defaults == 0 else "nothing but defaults"
        raise NothingToLearnError(
            f"{place} holds {only} among {frame.height} loans: widen the window or check the outcomes"
        )
    return frame


def in_order(model_date: date, first: date, last: date) -> None:
    """ValueError unless the test vintages follow on the model date, and the last on the first."""
    if not model_date <= first <= last:
        raise ValueError(
            f"test vintages {first:%Y-%m} to {last:%Y-%m} must follow in order on model date {model_date:%Y-%m}"
        )


def out_of_time(
    features: pl.LazyFrame, model_date: date, first: date, last: date, protocol: Protocol, *, horizon: int = HORIZON
) -> pl.DataFrame:
    """Loans of the vintages `first` to `last` (included) with the `outcome` of the same protocol.

    Outcomes are as of the file's observed month. ValueError when the test vintages begin before
    the model date, or when no loan of theirs has an outcome yet.
    """
    in_order(model_date, first, last)
    population = as_known(features, date.max, horizon) if protocol == "as_known" else final(features)
    frame = population.filter(pl.col("vintage").is_between(first, last)).sort(ORDER).collect()
    if frame.is_empty():
        needs = f"observed for {horizon} months" if protocol == "as_known" else "observed to the end of its term"
        raise ValueError(
            f"test vintages {first:%Y-%m} to {last:%Y-%m} ({protocol}) hold no loan {needs}: take older test vintages"
        )
    return frame


def populations(
    features: pl.LazyFrame,
    model_date: date,
    first: date,
    last: date,
    *,
    protocol: Protocol,
    window: Window,
    horizon: int = HORIZON,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(training frame, test frame), see `training` and `out_of_time`: no loan is in both."""
    in_order(model_date, first, last)
    return (
        training(features, model_date, protocol, window, horizon),
        out_of_time(features, model_date, first, last, protocol, horizon=horizon),
    )
