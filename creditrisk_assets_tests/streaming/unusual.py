"""Applications as callers send them and as nobody should: every column at its edges, in every spelling."""

import json
import math
from datetime import UTC, datetime
from typing import Any

import numpy as np

from creditrisk_assets.columns import Column
from creditrisk_assets.contracts import HOMES, PURPOSES, STATES, SUB_GRADES
from creditrisk_assets.serving.api.documented import TOLD
from creditrisk_assets.serving.api.submitted import MisfitError, Submitted, one
from creditrisk_assets.streaming.envelope import APPLICATION_COLUMNS, OLD_NAMES

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
TIMES = (
    "2026-11-21T09:03:02.123456Z", "2026-11-01T00:00:00+02:00", "2026-10-31T23:59:59.999999-00:01",
    "1990-01-01T00:00:00Z", "2007-06-30T23:59:59Z", "2011-12-31T23:30:00-01:00", "2012-02-29T12:00:00Z",
)  # fmt: skip
NUMBERS: tuple[Any, ...] = (
    -0.0, 0, 1, 2, 7.5, 0.5, 1e-320, 83.7, 12.3456789, 999, 998.9999999, 1e9, 10**18, 1e15, 1e300, "7", " 7 ", "7.0",
    "1,234", "$5", "$ 1,000.50", "83.7%", "8.37 %", "0.5%", "0.837", "n/a", "NULL", "", " ", "-", "nan", "NaN", "inf",
    "1e3", "1E2", "+3", "-3", ".5", "5.", "--", "1_000", "\u0667", "7\u00a0", "\u20037", "10,65", "7" * 90, "much",
)  # fmt: skip
SPELLED: dict[str, tuple[Any, ...]] = {
    "term": (36, 60, 36.0, 36.5, "36", " 36 months", "60 MONTHS", "36.0", "0", 480, 481, "n/a", "three years", 12, 1),
    "employment": ("10+ years", "< 1 year", "<1 year", "1 year", "n/a", 3, 3.5, 60, 61, "61", " 2 years ", "", "x", 0),
    "month": (
        "Jan-1985", "Aug-65", "Aug-49", "Dec-2015", "2011-12-01", "2011-12-31", "2018/5/1", "2011-02-30", "15-Dec",
        "3-Aug", "Jan-1930", "Dec-1929", "Oct-2026", "Nov-2026", "Dec-2026", "Jan-2100", "Feb-2100", "n/a", "",
        "Foo-1999", "1999-13", 1985, 1985.5, "1999", "jan 1985", "2006-05-23 05:00", "Jan-0001", "9999-12-01",
    ),
    "text": (
        "", " ", *HOMES, "rent ", " Mortgage", "ANY", *PURPOSES, "debt consolidation", "Credit_Card", "DEBT", *STATES,
        "ca", "ZZ", "Verified", "VERIFIED - income", "VERIFIED - income source", "Source Verified", "Not Verified",
        "not verified", "NOT  verified", *SUB_GRADES, "A", "G", "H1", "a1", " B2 ", 5, 5.0, -0.0, 10**25, 0.1, "x\x00y",
        "\u00e9", "\u00df", "\ufb01", "i\u0307", "\u2003RENT", "\tRENT", "\x1fRENT", "RENT\n", "a" * 100, "a" * 2_501,
        "a" * 10_001, "\U0001f600",
    ),
}  # fmt: skip


def edges(column: Column) -> list[Any]:
    """Values of a column: at its bounds and beside them, and in every spelling."""
    found: list[Any] = [None, *SPELLED.get(column.parse, NUMBERS)]
    for limit in (column.low, column.high):
        if isinstance(limit, int | float):
            beside = [math.nextafter(limit, end) for end in (-math.inf, math.inf)]
            found += [limit, *beside, limit - 1, limit + 1, str(limit), repr(beside[0]), f"{limit:,}"]
    return found


def submitted(payload: dict[str, Any], number: int = 0) -> Submitted | None:
    """The application as the API reads it; None where the envelope refuses it already."""
    sent = {"application_id": f"a-{number}", "event_time": TIMES[number % len(TIMES)], "payload": payload}
    try:
        return one(json.dumps(sent).encode(), NOW)
    except MisfitError:
        return None


def one_edge_each() -> list[Submitted]:
    """The documented application with one column changed, for every column, every edge, and every month."""
    changed = [{column.name: value} for column in APPLICATION_COLUMNS for value in edges(column)]
    changed += [{name: old} for name, old in ((old, TOLD[new]) for new, old in OLD_NAMES.items())]
    changed += [{new: None, old: value} for new, old in OLD_NAMES.items() for value in ("Verified", "not verified", 1)]
    found = [submitted({**TOLD, **change}, number) for number, change in enumerate(changed)]
    return [sent for sent in found if sent is not None]


def many_edges(count: int, seed: int) -> list[Submitted]:
    """Applications of which each column is as documented, left out, or at some edge."""
    draw = np.random.default_rng(seed)
    pools = {column.name: edges(column) for column in APPLICATION_COLUMNS}
    found = []
    for number in range(count):
        changed = {name for name in pools if draw.random() < 0.05}
        payload = {name: pool[draw.integers(len(pool))] for name, pool in pools.items() if name in changed}
        found.append(submitted({**TOLD, **payload}, number))
    return [sent for sent in found if sent is not None]
