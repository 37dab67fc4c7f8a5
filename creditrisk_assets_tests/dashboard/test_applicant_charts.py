"""Charts of the applicant: plain data without colours of a theme, and nothing from outside."""

import json

import pytest

from dashboard.charts import density, history, waterfall
from dashboard.charts.look import Spec

SPECS = [
    waterfall.waterfall(10), density.density(0.05, (0.085, 0.085)), density.density(0.05, ()), density.moved(),
    density.peers(), history.pd_over_time(),
]  # fmt: skip


@pytest.mark.parametrize("spec", SPECS)
def test_a_chart_is_plain_data_without_an_address(spec: Spec) -> None:
    text = json.dumps(spec)
    assert "http" not in text
    assert spec["height"] > 0
    assert "width" not in spec  # as wide as its card, also on a phone


def test_limits_that_are_one_are_drawn_once() -> None:
    marks = density.density(0.05, (0.085, 0.085))["layer"][2]["data"]["values"]
    assert [mark["what"] for mark in marks] == ["Posterior mean", "Limit of the policy"]


def test_the_waterfall_grows_with_its_steps() -> None:
    assert waterfall.waterfall(12)["height"] > waterfall.waterfall(5)["height"]
