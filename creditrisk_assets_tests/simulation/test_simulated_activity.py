"""Activity around known lives: what a loan did is what its events say, and stress warns before arrears."""

import json
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.contracts import RAW_EVENTS
from creditrisk_assets.features.behaviour import facts
from creditrisk_assets.simulation.activity import COLUMNS, INQUIRY, SPIKE, activity, customer_of, hidden_stress
from creditrisk_assets.simulation.history import ERROR, simulate_history
from creditrisk_assets_tests.simulation.simulated import panel_book


@cache
def panel() -> pl.DataFrame:
    """Every month of some thousand loans, as simulated."""
    frame = pl.read_parquet(panel_book().truth.with_name("life.parquet"))
    return frame.filter(pl.col("id").is_in(frame["id"].unique(maintain_order=True).gather_every(4).implode()))


def loans(months: pl.DataFrame) -> pl.DataFrame:
    return months.select("id").unique().with_columns(instalment=pl.lit(321.5))


@cache
def events() -> pl.DataFrame:
    return activity(panel(), loans(panel()), 1)


def by_month() -> pl.DataFrame:
    """The panel with its stress, and how many events of each kind happened in a month."""
    month = pl.col("event_time").dt.truncate("1mo").dt.date()
    counts = events().with_columns(month=month).pivot(
        "event_type", index=["customer_id", "month"], values="event_id", aggregate_function="len"
    )  # fmt: skip
    told = panel().with_columns(customer_id=customer_of(pl.col("id")), stress=pl.Series(hidden_stress(panel())))
    return told.join(counts, on=["customer_id", "month"], how="left").fill_null(0)


def test_events_are_as_the_stream_declares_them_and_each_has_its_own_id() -> None:
    found = events()
    assert found.columns == list(COLUMNS)
    assert not any(found.select(RAW_EVENTS.column(name).broken().any()).item() for name in COLUMNS)
    assert found["event_id"].n_unique() == found.height
    assert facts(found).height == found.height


def test_a_month_has_the_payment_its_panel_shows() -> None:
    found = by_month().filter(pl.col("month_on_book") > 0)
    late = pl.col("state").is_in(["grace", "late 16-30", "late 31-120"])
    well = pl.col("state").is_in(["current", "prepaid", "paid at term"])
    assert found.filter(late)["payment_missed"].to_list() == [1] * found.filter(late).height
    assert found.filter(well)["payment_made"].to_list() == [1] * found.filter(well).height
    assert found.filter(late | (pl.col("state") == "recovered"))["payment_made"].sum() == 0
    assert found.filter(well)["payment_missed"].sum() == 0
    lost = found.filter(pl.col("state").is_in(["default", "charged off"]))
    assert lost["payment_missed"].sum() == lost["id"].n_unique()


def test_nothing_happens_on_a_loan_that_is_over() -> None:
    over = by_month().filter(pl.col("state").is_in(["prepaid", "paid at term", "charged off", "recovered"]))
    assert over.select("utilisation_spike", "credit_inquiry", "credit_line_change").sum().row(0) == (0, 0, 0)


def test_stress_builds_up_before_arrears_and_is_whole_on_the_way_to_default() -> None:
    start = date(2020, 1, 1)
    states = ["current"] * 8 + ["late 16-30", "late 31-120", "charged off"]
    others = ["current"] * 3 + ["grace", "current", "current"]
    months = pl.DataFrame({"id": [1] * len(states) + [2] * len(others), "state": states + others}).with_columns(
        pl.col("state").cast(panel().schema["state"]), month=pl.lit(start)
    )
    sevenths = [0, 0, 1, 2, 3, 4, 5, 6, 7, 7, 7]
    halves = [2, 2.5, 3, 3.5, 0, 0]
    assert hidden_stress(months) * 7 == pytest.approx([*sevenths, *halves])


@pytest.mark.parametrize(("kind", "odds"), [("utilisation_spike", SPIKE), ("credit_inquiry", INQUIRY)])
def test_spikes_and_inquiries_follow_stress_as_stated(kind: str, odds: tuple[float, float, float]) -> None:
    found = by_month().filter(pl.col("state").is_in(["current", "grace", "late 16-30", "late 31-120"]))
    between = odds[2] * np.random.default_rng(1).logistic(size=100_000) / 1.81
    for low, high in ((0.0, 0.0), (0.4, 0.6), (0.99, 1.0)):
        some = found.filter(pl.col("stress").is_between(low, high))
        stated = 1 / (1 + np.exp(-(odds[0] + odds[1] * float(some["stress"].mean()) + between)))  # type: ignore[arg-type]
        noise = 4 * (stated.mean() / some.height) ** 0.5 + 0.004
        assert abs(some[kind].mean() - stated.mean()) < noise, (low, some[kind].mean(), stated.mean())  # type: ignore[operator]


def test_events_of_a_loan_do_not_depend_on_the_others_simulated_with_it() -> None:
    few = panel().filter(pl.col("id").is_in(panel()["id"].unique(maintain_order=True)[5:40].implode()))
    alone = activity(few, loans(few), 1).sort("event_id")
    among = events().filter(pl.col("customer_id").is_in(alone["customer_id"].unique().implode())).sort("event_id")
    assert alone.equals(among)
    assert not activity(few, loans(few), 2).sort("event_id").equals(alone)


@cache
def history(seed: int = 3) -> Path:
    return simulate_history(customers=4_000, seed=seed, out=Path(mkdtemp(prefix="history-"))).folder


def test_a_landmark_is_of_an_open_loan_and_tells_default_within_twelve_months() -> None:
    landmarks = pl.read_parquet(history() / "landmarks.parquet")
    truth = pl.read_parquet(history() / "truth" / "landmarks.parquet")
    happened = pl.read_parquet(history() / "events.parquet")
    assert landmarks["customer_id"].is_unique().all()
    assert set(truth["state"].unique()) == {"current", "grace", "late 16-30", "late 31-120"}
    lost = happened.filter(pl.col("days_past_due") > 120).select("customer_id", lost="event_time")
    joined = landmarks.join(lost, on="customer_id", how="left")
    within = (pl.col("lost") > pl.col("as_of")) & (pl.col("lost") < pl.col("as_of").dt.offset_by("12mo"))
    assert joined.select((within.fill_null(False) == pl.col("default_12m")).all()).item()
    assert joined.filter(pl.col("lost") <= pl.col("as_of")).is_empty()


def test_the_application_is_known_with_the_stated_error() -> None:
    landmarks = pl.read_parquet(history() / "landmarks.parquet")
    truth = pl.read_parquet(history() / "truth" / "landmarks.parquet")
    error = (landmarks["log_odds"] - truth["true_log_odds"]).to_numpy()
    assert error.std() == pytest.approx(ERROR, rel=0.05)
    assert landmarks["log_odds_variance"].to_list() == pytest.approx([ERROR**2] * landmarks.height)
    assert json.loads((history() / "truth" / "history.json").read_text())["seed"] == 3


def test_the_same_seed_gives_the_same_history(tmp_path: Path) -> None:
    again = simulate_history(customers=4_000, seed=3, out=tmp_path)
    for name in ("events.parquet", "landmarks.parquet"):
        assert pl.read_parquet(tmp_path / name).equals(pl.read_parquet(history() / name))
    assert again.landmarks == pl.read_parquet(tmp_path / "landmarks.parquet").height


def test_customers_too_few_for_the_vintages_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one loan per vintage, 24 or more"):
        simulate_history(customers=3, seed=1, out=tmp_path)
