"""How long each loan has been at risk, as far as it was known: the time axis of the hazard.

A loan is tried once for each month on book, until it defaults, is repaid or is no longer observed.
Nobody can be 120 days late before the fifth month, so the first trial covers the months up to it and
a loan enters whole when it has been observed that long. Censored loans of every age take part:
a population of resolved loans alone is never formed (Thomas, Credit Scoring and its Applications,
2002; Thompson, On the Treatment of Grouped Observations in Life Studies, 1977).

Under `final` every loan is observed to the end, and one trial covers the whole term.
"""

from datetime import date

import polars as pl

from creditrisk_assets.models.outcomes import ORDER, NothingToLearnError, Protocol, Window, final, require_columns
from creditrisk_assets.models.periods import FIRST_TRIAL, LONGEST
from creditrisk_assets.resources.environments import add_months

NEEDED = ("vintage", "defaulted", "default_month", "repaid_month", "observed_month", "term_months")


def _months(later: str | pl.Expr) -> pl.Expr:
    """Whole months from the vintage to another month."""
    first, last = pl.col("vintage"), pl.col(later) if isinstance(later, str) else later
    return (last.dt.year() - first.dt.year()) * 12 + last.dt.month().cast(pl.Int32) - first.dt.month().cast(pl.Int32)


def exposed(features: pl.LazyFrame, as_of: date | None, protocol: Protocol = "as_known") -> pl.LazyFrame:
    """Loans with `months` (trial month reached, 0: not tried yet), `outcome` and `repaid` by then.

    Nothing of the month of `as_of`, or after it, can change the result under `as_known`; `as_of`
    None takes everything the file knows. Under `final` unfinished loans are left out and `months` is 1.
    """
    require_columns(features, (*NEEDED, "term_elapsed"))
    if protocol == "final":
        return final(features).with_columns(months=pl.lit(1, pl.Int32), repaid=~pl.col("outcome"))
    if as_of is None:
        last = pl.col("observed_month")
    else:
        last = pl.min_horizontal(pl.col("observed_month"), pl.lit(as_of).dt.offset_by("-1mo"))
    known, default, repaid = _months(last), _months("default_month"), _months("repaid_month")
    # A loan that defaulted early enters with its vintage, not before: else the bad would come first.
    entered = known >= FIRST_TRIAL
    bad = (entered & (default <= known)).fill_null(False)
    good = (entered & (repaid <= known) & ~bad).fill_null(False)
    term = pl.col("term_months").cast(pl.Int32)
    # The last trial is over when the loan is: an unpaid rest after the term is no outcome yet.
    reached = (
        pl.when(bad).then(pl.min_horizontal(pl.max_horizontal(default, FIRST_TRIAL), term))
        .when(good).then(pl.min_horizontal(repaid, term))
        .otherwise(pl.min_horizontal(known, term - 1))
    )  # fmt: skip
    tried = pl.when(entered & (reached >= FIRST_TRIAL)).then(reached.clip(0, LONGEST)).otherwise(0)
    return features.with_columns(months=tried.cast(pl.Int32), outcome=bad, repaid=good)


def training_window(model_date: date, window: Window) -> tuple[date, date]:
    """First and last vintage (both included) a hazard model of `model_date` learns from: loans of every age.

    ValueError for a window of no months.
    """
    if window != "expanding" and (isinstance(window, str) or window < 1):
        raise ValueError(f"training window is {window!r}: use a number of months from 1, or 'expanding'")
    return (date.min if window == "expanding" else add_months(model_date, -window)), add_months(model_date, -1)


def learned_from(
    features: pl.LazyFrame, model_date: date, window: Window, protocol: Protocol = "as_known"
) -> pl.DataFrame:
    """The training population of a hazard model, see `exposed`, in order of vintage and loan.

    NothingToLearnError when no loan has been tried yet, or none of them defaulted, or all did.
    """
    first, last = training_window(model_date, window)
    inside = features.filter(pl.col("vintage").is_between(first, last))
    frame = exposed(inside, model_date, protocol).sort(ORDER).collect()
    place = f"training window {first:%Y-%m} to {last:%Y-%m} of model date {model_date:%Y-%m} ({protocol})"
    tried = frame.filter(pl.col("months") > 0)
    if tried.is_empty():
        raise NothingToLearnError(
            f"{place} holds no loan observed for {FIRST_TRIAL} months: load older vintages, widen the window or take a "
            "later model date"
        )
    defaults = int(tried["outcome"].sum())
    if defaults in (0, tried.height):
        only = "no default" if defaults == 0 else "nothing but defaults"
        raise NothingToLearnError(
            f"{place} holds {only} among {tried.height} loans: widen the window or check the outcomes"
        )
    return frame
