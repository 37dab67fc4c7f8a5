"""The distribution of losses of a simulated book, as the asset makes it, beside the expected losses of its loans."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from creditrisk_assets.contracts import PORTFOLIO_LGD, PORTFOLIO_LOSS_DISTRIBUTION, PORTFOLIO_TOTALS
from creditrisk_assets_tests.world import MODEL_DATES, World

BEFORE = date(2015, 10, 1)
MADE = "key:portfolio/lgd or key:portfolio/expected_loss or key:portfolio/totals or key:portfolio/loss_distribution"
QUANTILES = ["expected_loss", "value_at_risk_95", "value_at_risk_99", "value_at_risk_999"]


@pytest.fixture(scope="module")
def made(batched: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = batched.copy(tmp_path_factory.mktemp("distribution"))
    world.run(MADE, BEFORE, MODEL_DATES[-1])
    yield world


def row(world: World, day: date, factor: str) -> dict[str, float]:
    return world.only(PORTFOLIO_LOSS_DISTRIBUTION, day).row(by_predicate=pl.col("factor") == factor, named=True)


def test_its_mean_and_exposure_are_those_of_the_loans(made: World) -> None:
    totals = made.rows(PORTFOLIO_TOTALS).filter(purpose="all")
    for day in MODEL_DATES:
        loans = totals.filter(model_date=day).row(0, named=True)
        by_draw = np.array(loans["expected_loss_12m"])
        for factor in ("with", "without"):
            found = row(made, day, factor)
            assert found["loans"] == loans["loans"]
            assert found["exposure"] == pytest.approx(np.mean(loans["exposure_at_default"]), rel=1e-9)
            assert found["expected_loss"] == pytest.approx(by_draw.mean(), rel=2e-3)
            low, high = np.quantile(by_draw, [0.05, 0.95])
            assert (found["expected_loss_low"], found["expected_loss_high"]) == pytest.approx((low, high), rel=5e-3)


def test_losses_rise_with_the_level_and_the_common_factor_fattens_the_tail(made: World) -> None:
    for day in MODEL_DATES:
        found = {factor: row(made, day, factor) for factor in ("with", "without")}
        for one in found.values():
            values = [one[name] for name in QUANTILES]
            assert values == sorted(values)
            assert one["value_at_risk_99"] < one["expected_shortfall_99"] < one["exposure"]
            assert (np.diff(one["losses"]) >= 0).all()  # type: ignore[arg-type]
        assert found["with"]["value_at_risk_999"] > 1.01 * found["without"]["value_at_risk_999"]
        assert 0 < found["with"]["correlation_low"] < found["with"]["correlation"] < found["with"]["correlation_high"]
        assert 0.03 <= found["with"]["basel_correlation"] <= 0.16
        assert found["with"]["vasicek_999"] > found["with"]["expected_loss"]


def test_a_date_without_a_model_has_no_distribution(made: World) -> None:
    assert made.only(PORTFOLIO_LOSS_DISTRIBUTION, BEFORE).is_empty()


def test_without_the_loss_given_default_of_the_date_it_says_what_to_materialise(made: World, tmp_path: Path) -> None:
    world = made.copy(tmp_path)
    world.lake.overwrite(PORTFOLIO_LGD, made.only(PORTFOLIO_LGD, MODEL_DATES[0])[:0], [MODEL_DATES[0]])
    failed = world.run("key:portfolio/loss_distribution", MODEL_DATES[0], fails=True)
    assert not failed.success
    assert "materialize portfolio/lgd first" in str(failed.all_events)
