"""Whose posterior values the book at a date."""

from datetime import date
from pathlib import Path

import numpy as np

from creditrisk_assets.models.registry.promoting import Proposal, promote
from creditrisk_assets.models.registry.record import Model
from creditrisk_assets.portfolio.posteriors import Posteriors
from creditrisk_assets.portfolio.reported import posterior_for
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets_tests.world import MODEL_DATES, World

LATER = date(2100, 1, 1)
PRICED = Model("application_with_price", MODEL_DATES[0])


def test_a_date_is_valued_by_the_model_promoted_before_it_and_older_ones_as_before(
    batched: World, tmp_path: Path
) -> None:
    lake = batched.copy(tmp_path).lake
    promote(lake, Settings(_env_file=None), Proposal(PRICED, "It ranks better all year", "Ada"), "run-1")
    posteriors = Posteriors(lake, "application")
    assert posteriors.at(LATER) == PRICED
    assert posteriors.at(MODEL_DATES[1]) == Model("application", MODEL_DATES[1])
    found = posterior_for(lake, "application", LATER)
    assert found is not None
    assert found[0] == PRICED.model_date
    assert np.array_equal(found[1].cells, posteriors.draws(PRICED).cells)
    assert posteriors.at_origination(date(2014, 1, 1))[0] == MODEL_DATES[0]


def test_without_a_good_posterior_by_then_nobody_values_it(batched: World, tmp_path: Path) -> None:
    assert Posteriors(batched.lake, "application").at(date(2015, 1, 1)) is None
    assert posterior_for(Lake(str(tmp_path)), "application", LATER) is None
