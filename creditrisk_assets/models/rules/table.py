"""The rules in force as rows of models/rules, for people who do not read YAML."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from creditrisk_assets.contracts import MISSING_BAND, MODELS_RULES, TIERS
from creditrisk_assets.models.rules.rule_set import BANDED, Band, RuleSet


def rows_of(rule_set: RuleSet) -> pl.DataFrame:
    """models/rules of a rule set: bands, reasons, watchlist and tiers in their order, each condition in words."""
    rows = [{"version": rule_set.version, "number": number, **row} for number, row in enumerate(_rows(rule_set), 1)]
    return pl.DataFrame(rows, schema=MODELS_RULES.schema)


def _rows(rule_set: RuleSet) -> Iterator[dict[str, Any]]:
    for feature, column in BANDED.items():
        for band in rule_set.bands[feature]:
            ends = {"lower": band.above, "upper": band.up_to}
            named = {"name": column, "feature": feature, "label": band.label}
            yield {"kind": "band", **named, **ends, "condition": _words(feature, band)}
        yield {"kind": "band", "name": column, "feature": feature, "label": MISSING_BAND, "lower": None, "upper": None,
               "condition": f"{feature} is missing"}  # fmt: skip
    for reason in rule_set.reasons:
        yield _row("reason", reason.name, None, str(reason), reason.condition.feature)
    yield _row("watchlist", "watchlist", None, str(rule_set.watchlist))
    low, elevated, watchlist = TIERS
    yield _row("tier", "tier", watchlist, "watchlist")
    yield _row("tier", "tier", elevated, f"not watchlist, and {rule_set.elevated}")
    yield _row("tier", "tier", low, "neither of these")


def _row(kind: str, name: str, label: str | None, condition: str, feature: str | None = None) -> dict[str, Any]:
    return {"kind": kind, "name": name, "feature": feature, "label": label, "lower": None, "upper": None,
            "condition": condition}  # fmt: skip


def _words(feature: str, band: Band) -> str:
    ends = [f"above {band.above:g}"] if band.above is not None else []
    ends += [f"up to {band.up_to:g}"] if band.up_to is not None else []
    return f"{feature} {' and '.join(ends) or 'of any value'}"
