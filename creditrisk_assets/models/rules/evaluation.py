"""The rules as polars expressions: the same for a book, a row and a micro-batch, all rows at once."""

from collections.abc import Callable
from functools import lru_cache, reduce
from operator import and_, eq, ge, gt, le, lt, ne, or_
from typing import Any, TypeVar

import polars as pl

from creditrisk_assets.contracts import MISSING_BAND, TIERS
from creditrisk_assets.models.outcomes import require_columns
from creditrisk_assets.models.rules.rule_set import (
    BANDED,
    KNOWN,
    Comparison,
    Condition,
    InBand,
    Joined,
    Reason,
    RuleSet,
)

_APPLIED: dict[str, Callable[[Any, Any], Any]] = {"<": lt, "<=": le, "=": eq, "!=": ne, ">=": ge, ">": gt}
_LOW, _ELEVATED, _WATCHLIST = TIERS

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)


def evaluate(rule_set: RuleSet, loans: Frame) -> Frame:
    """tier, watchlist, dti_band, utilisation_band, rate_band, rule_reasons and rules (the version), row by row.

    `loans` has the columns `rule_set.features()` of features/loans. Every row gets a tier and bands, whatever
    its values; `rule_reasons` are the names of all conditions that hold, with commas between, null where none does.
    ValueError names a column that is absent.
    """
    require_columns(loans.lazy(), tuple(rule_set.features()))
    cleaned, facts, told = _expressions(rule_set)
    return loans.select(cleaned).select(facts).select(told)


@lru_cache(maxsize=8)
def _expressions(rule_set: RuleSet) -> tuple[list[pl.Expr], list[pl.Expr], list[pl.Expr]]:
    """What is asked of the features, of their clean values, and of what holds.

    Three short questions take half the time of a long one, and writing them down takes longer than asking them
    of a small micro-batch.
    """
    cleaned = [_value(feature).alias(feature) for feature in rule_set.features()]
    names = [f"reason {number}" for number in range(len(rule_set.reasons))]
    asked = (*rule_set.reasons, rule_set.watchlist, rule_set.elevated)
    facts = [
        holds(rule_set, one).alias(name) for one, name in zip(asked, [*names, "watchlist", "elevated"], strict=True)
    ]
    facts += [_band(rule_set, feature).alias(column) for feature, column in BANDED.items()]
    named = [pl.when(name).then(pl.lit(one.name)) for one, name in zip(rule_set.reasons, names, strict=True)]
    reasons = pl.concat_str(named, separator=",", ignore_nulls=True)
    tier = pl.when("watchlist").then(pl.lit(_WATCHLIST)).when("elevated").then(pl.lit(_ELEVATED))
    told = [
        tier.otherwise(pl.lit(_LOW)).alias("tier"),
        pl.col("watchlist", *BANDED.values()),
        pl.when(reasons != "").then(reasons).alias("rule_reasons"),
        pl.lit(rule_set.version).alias("rules"),
    ]
    return cleaned, facts, told


def _value(feature: str) -> pl.Expr:
    """The value; what is not a number is missing, and would otherwise be above everything."""
    dtype = KNOWN[feature]
    value = pl.col(feature).cast(dtype)
    return value.fill_nan(None) if dtype.is_float() else value


def _band(rule_set: RuleSet, feature: str) -> pl.Expr:
    value, bands = pl.col(feature), rule_set.bands[feature]
    chosen: Any = pl.when(value.is_null()).then(pl.lit(MISSING_BAND))
    for band in bands[:-1]:
        chosen = chosen.when(value <= band.up_to).then(pl.lit(band.label))
    labelled: pl.Expr = chosen.otherwise(pl.lit(bands[-1].label))
    return labelled


def holds(rule_set: RuleSet, condition: Condition, on: Any = pl) -> Any:
    """Does it hold of clean values? Never null: of what is missing nothing holds. `on`: polars or `formulas`."""
    if isinstance(condition, Joined):
        parts = (holds(rule_set, part, on) for part in condition.parts)
        return reduce(and_ if condition.word == "and" else or_, parts)
    if isinstance(condition, Reason):
        return holds(rule_set, condition.condition, on)
    if isinstance(condition, Comparison):
        return _APPLIED[condition.operator](on.col(condition.feature), condition.value).fill_null(False)
    return _in_band(rule_set, condition, on.col(condition.feature)).fill_null(False)


def _in_band(rule_set: RuleSet, condition: InBand, value: Any) -> Any:
    """By the ends of the band: numbers are compared faster than labels."""
    if condition.label == MISSING_BAND:
        return value.is_null()
    band = rule_set.band(condition.feature, condition.label)
    inside = value.is_not_null()
    if condition.operator in (">=", "=") and band.above is not None:
        inside &= value > band.above
    if condition.operator in ("<=", "=") and band.up_to is not None:
        inside &= value <= band.up_to
    return inside
