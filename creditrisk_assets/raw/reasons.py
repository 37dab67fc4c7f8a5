"""Reasons for a rejection without what differs from record to record, so that they can be counted."""

import polars as pl

LONGEST = 200
_PATTERNS = (
    (r"(?s)^([\w.]+): .* is already in .*$", "${1}: … is already in …"),
    (r"(?s)^([\w.]+): .* (is not|does not belong to|cannot be read as) ", "${1}: … ${2} "),
    (r"(?s)^([\w.]+): .* is more than (.*) the broker's time .*$", "${1}: … is more than ${2} the broker's time"),
    (r"^(issue_d: outside the book .*): [-\d]+$", "${1}"),
    (r"^([\w.]+): -?\d+ (fields|bytes)", "${1}: … ${2}"),
    (r" from byte \d+", ""),
    (r"(?s)(not one JSON object) \(.*\)", "${1}"),
)


def general(reason: pl.Expr) -> pl.Expr:
    """The reason with … where the value stood."""
    for pattern, put in _PATTERNS:
        reason = reason.str.replace(pattern, put)
    return reason.str.slice(0, LONGEST)
