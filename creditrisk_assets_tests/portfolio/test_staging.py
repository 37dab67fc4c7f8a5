"""Stages of loans: the increase since origination, the backstops, and default."""

from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.portfolio.ifrs9 import load_choices
from creditrisk_assets.portfolio.staging import REASONS, staged

CHOICES = load_choices()
SHARES = st.none() | st.floats(0, 1)


def stage(
    days: int, now: float | None = 0.1, then: float | None = 0.1, *, default: bool = False, **choices: float
) -> tuple[int, str]:
    row = {"days_past_due": days, "pd_now": now, "pd_at_origination": then, "in_default": default}
    overrides = {"pd_now": pl.Float64, "pd_at_origination": pl.Float64}
    frame = staged(pl.LazyFrame([row], schema_overrides=overrides), replace(CHOICES, **choices)).collect()
    return frame.row(0, named=True)["stage"], frame.row(0, named=True)["reason"]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (0, (1, "none")),
        (30, (1, "none")),
        (31, (2, "30 days past due")),
        (60, (2, "30 days past due")),
        (89, (2, "30 days past due")),
        (90, (3, "90 days past due")),
        (91, (3, "90 days past due")),
        (120, (3, "90 days past due")),
    ],
)
def test_backstops_hold_whatever_the_model_says(days: int, expected: tuple[int, str]) -> None:
    assert stage(days) == stage(days, 0.01, 0.9) == stage(days, None, None) == expected


@pytest.mark.parametrize(
    ("now", "then", "expected"),
    [
        (0.151, 0.10, 2),
        (0.149, 0.10, 1),
        (0.031, 0.01, 2),
        (0.029, 0.01, 1),
        (0.20, 0.18, 1),
        (0.10, 0.15, 1),
        (0.02, 0.0, 2),
        (0.0, 0.0, 1),
        (1.0, 1.0, 1),
        (1.0, 0.6, 2),
        (None, 0.1, 1),
        (0.9, None, 1),
    ],
)
def test_risk_has_risen_when_both_the_factor_and_the_points_are_reached(
    now: float | None, then: float | None, expected: int
) -> None:
    assert stage(0, now, then) == (expected, "sicr" if expected == 2 else "none")


def test_the_strongest_reason_is_told() -> None:
    assert stage(45, 0.9, 0.1) == (2, "30 days past due")
    assert stage(0, 0.9, 0.1, default=True) == (3, "default")
    assert stage(120, default=True) == (3, "default")


def test_thresholds_are_those_of_the_choices() -> None:
    assert stage(20, significant_increase_days=15)[0] == 2
    assert stage(60, default_days=60)[0] == 3
    assert stage(0, 0.11, 0.1, relative_increase=1.0, absolute_increase=0.0)[0] == 2
    assert stage(0, 0.1, 0.1, relative_increase=1.0, absolute_increase=0.0)[0] == 1


@given(st.integers(0, 400), SHARES, SHARES, st.booleans())
def test_every_loan_has_a_stage_and_a_reason_and_more_days_never_better_it(
    days: int, now: float | None, then: float | None, default: bool
) -> None:
    number, reason = stage(days, now, then, default=default)
    assert reason in REASONS
    assert number == {"none": 1, "sicr": 2, "30 days past due": 2, "90 days past due": 3, "default": 3}[reason]
    assert number >= 1 + (days >= 31) + (days >= 91)
    assert stage(days + 1, now, then, default=default)[0] >= number


def test_an_empty_book_has_no_stages() -> None:
    schema = {
        "days_past_due": pl.Int32,
        "pd_now": pl.Float64,
        "pd_at_origination": pl.Float64,
        "in_default": pl.Boolean,
    }
    assert staged(pl.LazyFrame(schema=schema), CHOICES).collect().schema["stage"] == pl.Int32
